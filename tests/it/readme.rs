//! Holds README and the pages of `agent help` to the program: output, SQL, exit codes,
//! outcomes, families and links. That every command in them is one is held beside the pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use menace_agent::metrics::FAMILIES;
use menace_agent::model::{ExitCode, Outcome, RunOutcome};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

use crate::envs::{available, venv};

/// Pages for people, beside the pages of the folder of topics.
const PAGES: [&str; 5] = [
    "README.md",
    "CONTRIBUTING.md",
    "migrations/README.md",
    "offline/README.md",
    "offline/monitoring/README.md",
];

/// The folder of the sample project in README.
const SAMPLE: &str = "/home/me/sample";

/// The change of a text between the two runs of README.
const CHANGE: [&str; 2] = ["Fraction(15)", "Fraction(20)"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

fn topic(name: &str) -> String {
    read(&format!("src/cli/topics/{name}.md"))
}

/// The files of all pages.
fn pages() -> Vec<String> {
    let files = fs::read_dir(root().join("src/cli/topics")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let topics = files.filter(|file| file.extension().is_some_and(|it| it == "md"));
    let topics = topics.map(|file| {
        let file = file.strip_prefix(root()).unwrap();
        file.to_str().unwrap().to_owned()
    });
    PAGES.map(str::to_owned).into_iter().chain(topics).collect()
}

#[test]
fn readme_is_for_the_first_ten_minutes() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 150, "README has {lines} lines");
}

#[test]
fn every_exit_code_and_outcome_is_listed() {
    for page in [read("README.md"), topic("exit-codes")] {
        for code in [
            ExitCode::SUCCESS,
            ExitCode::TEST_FAILED,
            ExitCode::USAGE,
            ExitCode::ENVIRONMENT,
            ExitCode::STATE_FILE,
            ExitCode::NO_TESTS,
            ExitCode::INCOMPLETE,
            ExitCode::BUG,
        ] {
            assert!(page.contains(&format!("| {} |", code.0)), "{}", code.0);
        }
        let (interrupt, terminate) = (ExitCode::SIGINT.0, ExitCode::SIGTERM.0);
        assert!(page.contains(&format!("| {interrupt}, {terminate} |")));
    }
    let page = topic("exit-codes");
    let outcomes = Outcome::ALL.map(Outcome::as_str).into_iter();
    for outcome in outcomes.chain(RunOutcome::ALL.map(RunOutcome::as_str)) {
        assert!(page.contains(&format!("\n| `{outcome}` |")), "{outcome}");
    }
}

#[test]
fn every_family_is_listed_as_it_is_shown() {
    let page = topic("metrics");
    let listed = page
        .lines()
        .filter(|line| line.starts_with("| `menace_agent_") || line.starts_with("| `self_test_"));
    let rows = FAMILIES.iter().map(|family| {
        let label = family.label.map(|label| format!(" `{label}`"));
        let (label, kind) = (label.unwrap_or_default(), family.kind.as_str());
        format!("| `{}` | {kind} |{label} | {} |", family.name, family.help)
    });
    let listed: Vec<&str> = listed.collect();
    assert_eq!(listed, rows.collect::<Vec<_>>());
}

#[test]
fn files_that_pages_link_are_there() {
    for page in pages() {
        let folder = root().join(&page).parent().unwrap().to_owned();
        for link in read(&page).split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            let there = target.contains("://") || folder.join(target).exists();
            assert!(there, "{page} links {target}, which is not there");
        }
    }
}

/// A copy of the sample project in a repository of its own, as README has it.
struct Sample {
    folder: TempDir,
    python: PathBuf,
}

impl Sample {
    /// `None` if there is no environment with pytest, after saying so.
    fn new() -> Option<Self> {
        let python = available(venv("python3", &["pytest", "coverage", "pytest-xdist"]))?;
        let folder = TempDir::new().unwrap();
        let sample = Self { folder, python };
        copy(&root().join("tests/projects/sample"), &sample.path());
        sample.git(&["init", "--quiet"]);
        sample.git(&["add", "--all"]);
        sample.git(&["commit", "--quiet", "--message", "first"]);
        Some(sample)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    fn git(&self, args: &[&str]) {
        let git = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .current_dir(self.path())
            .output()
            .unwrap();
        assert!(git.status.success(), "{args:?}: {git:?}");
    }

    /// The standard output of `agent` with these arguments.
    fn agent(&self, args: &[String]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_agent"))
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path())
            .env("SELF_TEST_PYTHON", &self.python)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // Nothing is slow, unless the machine is busy.
        let text = text.split("\nslowest\n").next().unwrap();
        text.replace(self.path().to_str().unwrap(), SAMPLE)
    }

    /// The text that the program `sqlite3` prints for a query.
    fn query(&self, sql: &str) -> String {
        let connection = Connection::open(self.path().join("sandbox_data/agent.db")).unwrap();
        let mut statement = connection
            .prepare(sql)
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut lines = String::new();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..columns).map(|column| match row.get_ref(column).unwrap() {
                ValueRef::Null => String::new(),
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Real(number) => number.to_string(),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                    String::from_utf8_lossy(bytes).into_owned()
                }
            });
            lines += &cells.collect::<Vec<_>>().join("|");
            lines += "\n";
        }
        lines
    }

    fn change(&self) {
        let file = self.path().join("larder/units.py");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(CHANGE[0]));
        fs::write(file, text.replace(CHANGE[0], CHANGE[1])).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let left = ["sandbox_data", "__pycache__", ".pytest_cache"];
        if left.iter().any(|left| name == *left) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(&name));
        } else {
            fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}

/// The commands behind `$ ` in blocks of code, each with the output below it.
fn sessions(text: &str) -> Vec<(String, String)> {
    let mut sessions: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let Some(line) = line.strip_prefix("    ").or(line.is_empty().then_some("")) else {
            inside = false;
            continue;
        };
        if let Some(command) = line.strip_prefix("$ ") {
            inside = true;
            sessions.push((command.to_owned(), String::new()));
        } else if inside && let Some((command, output)) = sessions.last_mut() {
            // A command goes on until its quotes are closed.
            let open = command.matches('"').count() % 2 == 1;
            let part = if open { command } else { output };
            part.push('\n');
            part.push_str(line);
        }
    }
    let trimmed = sessions.into_iter();
    let trimmed = trimmed.map(|(command, output)| (command, output.trim_matches('\n').to_owned()));
    trimmed.collect()
}

/// Text without what differs from run to run: times, dates, ids of commits, and the number of
/// spaces between the columns of a table.
fn masked(text: &str) -> Vec<String> {
    let is_digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let is_like = |text: &str, shape: &str| {
        let same = |(c, s): (char, char)| if s == '0' { c.is_ascii_digit() } else { c == s };
        text.len() == shape.len() && text.chars().zip(shape.chars()).all(same)
    };
    let word = |word: &str| -> String {
        let bare = word.trim_matches(|c| "(),+".contains(c));
        let seconds = bare
            .strip_suffix('s')
            .and_then(|number| number.split_once('.'));
        let is_time = seconds.is_some_and(|(a, b)| is_digits(a) && is_digits(b));
        let is_date = ["0000-00-00", "00:00", "0000-00-00T00:00:00.000Z"]
            .iter()
            .any(|shape| is_like(bare, shape));
        let is_commit =
            [7, 40].contains(&bare.len()) && bare.chars().all(|c| c.is_ascii_hexdigit());
        if is_time || is_date || is_commit {
            word.replace(bare, "~")
        } else {
            word.to_owned()
        }
    };
    let line = |line: &str| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let cells = line.split_whitespace().map(|cell| {
            let words = cell.split('|').map(word);
            words.collect::<Vec<_>>().join("|")
        });
        format!("{indent}{}", cells.collect::<Vec<_>>().join(" "))
    };
    text.lines().map(line).collect()
}

/// True if `shown` is `output`, except that a line `…` stands for any number of lines.
fn is_shown(shown: &[String], output: &[String]) -> bool {
    match shown {
        [] => output.is_empty(),
        [first, rest @ ..] if first == "…" => {
            (0..=output.len()).any(|left_out| is_shown(rest, &output[left_out..]))
        }
        [first, rest @ ..] => output.first() == Some(first) && is_shown(rest, &output[1..]),
    }
}

#[test]
fn the_sample_output_of_readme_is_what_the_commands_print() {
    let Some(sample) = Sample::new() else { return };
    let sessions = sessions(&read("README.md"));
    assert_eq!(sessions.len(), 4);
    for (index, (command, shown)) in sessions.iter().enumerate() {
        let words = shell_words::split(command).unwrap();
        let output = match words[0].as_str() {
            "agent" => sample.agent(&words[1..]),
            "sqlite3" => sample.query(&words[2]),
            other => panic!("README shows the output of {other}"),
        };
        assert!(
            is_shown(&masked(shown), &masked(&output)),
            "`{command}` prints\n{output}\nand README shows\n{shown}"
        );
        if index == 0 {
            sample.change();
        }
    }
}

#[test]
fn every_query_of_the_pages_can_be_asked() {
    let Some(sample) = Sample::new() else { return };
    sample.agent(&["run".to_owned()]);
    let mut asked = 0;
    for page in pages() {
        let text = read(&page);
        for query in text.split("sqlite3 sandbox_data/agent.db \"").skip(1) {
            sample.query(query.split('"').next().unwrap());
            asked += 1;
        }
    }
    assert!(asked >= 6, "{asked}");
}
