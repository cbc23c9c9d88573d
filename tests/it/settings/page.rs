//! The page of settings, `src/cli/topics/settings.md`: its tables are made from the rows.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use menace_agent::settings::{Flag, SETTINGS, Section, Setting, UsedBy};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/topics/settings.md");

/// People write the page down to this heading; a program makes the rest.
const MADE_BELOW: &str = "\n## All settings\n";

#[test]
fn the_tables_of_the_page_are_the_rows() {
    let page = fs::read_to_string(PAGE).unwrap();
    let head = page.find(MADE_BELOW).expect("the page has its heading") + MADE_BELOW.len();
    let made = page[..head].to_owned() + &tables();
    // The same variable makes insta write its snapshots.
    if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        fs::write(PAGE, &made).unwrap();
    } else if page != made {
        let differs = page.lines().zip(made.lines()).find(|(is, be)| is != be);
        let (is, be) = differs.unwrap_or(("the end of the page", "more or fewer lines"));
        let name = Path::new(PAGE).strip_prefix(env!("CARGO_MANIFEST_DIR"));
        panic!(
            "{} is not what the rows of SETTINGS say\n  it says:  {is}\n  it is to: {be}\n\
             `INSTA_UPDATE=always cargo test --test it -- settings:: cli::` writes it, and the \
             snapshots of settings; then read the difference",
            name.unwrap().display()
        );
    }
}

/// A table for each section.
fn tables() -> String {
    let mut text = String::new();
    for section in Section::ALL {
        let title = section.title();
        writeln!(text, "\n### {title}\n").unwrap();
        text += "| key | flags | variables | default | meaning |\n|---|---|---|---|---|\n";
        for setting in SETTINGS.iter().filter(|row| row.section == section) {
            let cells = cells(setting).map(|cell| cell.replace('|', "\\|"));
            let row = format!("| {} |\n", cells.join(" | "));
            text += &row.replace("|  |", "| |").replace("|  |", "| |");
        }
    }
    text
}

fn cells(setting: &Setting) -> [String; 5] {
    let key = if setting.in_files { setting.name } else { "" };
    let flags: Vec<String> = setting.flags.iter().map(of_flag).collect();
    let variable = |name: &&str| {
        let opposite = setting.opposite == Some(*name);
        quoted(name) + if opposite { " (says the opposite)" } else { "" }
    };
    let variables: Vec<String> = setting.variables.iter().map(variable).collect();
    [
        quoted(key),
        flags.join(", "),
        variables.join(", "),
        setting.default_text(),
        setting.description(),
    ]
}

/// A flag, and its command if that is none that runs the tests.
fn of_flag(flag: &Flag) -> String {
    let quoted = quoted(flag.name);
    match flag.used_by {
        [UsedBy::RunScheduled] => format!("{quoted} of `agent run-scheduled`"),
        [UsedBy::OrphansScan] => format!("{quoted} of `agent orphans scan`"),
        _ => quoted,
    }
}

fn quoted(word: &str) -> String {
    if word.is_empty() {
        return String::new();
    }
    format!("`{word}`")
}
