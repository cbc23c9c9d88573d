//! Holds the sources to the layers, sizes and docs that `src/lib.rs` promises.

mod circles;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use menace_agent::pytest::source::{GUARDIAN, HARNESS, LOADER, MEMBERS, TRIAL};

/// The layer of each top-level module; a file may import lower layers and its own module.
const LAYERS: [(&str, u32); 24] = [
    ("cli", 5),
    ("service", 4),
    ("run", 3),
    ("modules", 3),
    ("settings", 2),
    ("store", 2),
    ("mirror", 2),
    ("engine", 2),
    ("source", 2),
    ("archive", 2),
    ("exporter", 2),
    ("plan", 1),
    ("schedule", 1),
    ("metrics", 1),
    ("pytest", 1),
    ("graph", 1),
    ("image", 1),
    ("unit", 1),
    ("insight", 1),
    ("model", 0),
    ("clock", 0),
    ("diag", 0),
    ("replacement", 0),
    ("links", 0),
];

/// Modules that stand on a sibling, and on which.
const STANDS_ON: [(&str, &str); 1] = [("modules", "run")];

/// Libraries that have one home.
const EXCLUSIVE: [(&str, &[&str]); 17] = [
    ("rusqlite", &["src/store/"]),
    ("refinery_core", &["src/store/"]),
    ("duct", &["src/engine/"]),
    ("ignore", &["src/source/"]),
    ("tokio", &["src/service/"]),
    ("sd_notify", &["src/service/"]),
    ("prometheus_exporter", &["src/exporter/"]),
    ("clap", &["src/cli/"]),
    ("indicatif", &["src/cli/"]),
    ("quick_junit", &["src/cli/"]),
    ("toml", &["src/settings/", "src/source/"]),
    ("tar", &["src/archive/"]),
    ("flate2", &["src/archive/"]),
    ("zip", &["src/archive/"]),
    ("ruff_python_parser", &["src/graph/"]),
    ("ruff_python_ast", &["src/graph/"]),
    ("encoding_rs", &["src/source/"]),
];

/// The words for input and output, which pure code does not have.
const IMPURE: [&str; 8] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "Stopwatch",
    "now_ms",
];

const MAX_CODE_LINES: usize = 800;
const EXPLAINED_CODE_LINES: usize = 500;
const MAX_PYTHON_LINES: usize = 300;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &str, suffix: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == suffix) {
                let name = path
                    .strip_prefix(root())
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing to check in {folder}");
    found
}

/// The part of a source file that is neither its tests nor a comment.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let end = text.find("\n#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].lines().filter(|line| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with("//")
    })
}

fn module_of(file: &str) -> &str {
    let rest = file.strip_prefix("src/").unwrap();
    rest.split('/').next().unwrap().trim_end_matches(".rs")
}

fn layer_of(module: &str) -> Option<u32> {
    LAYERS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, layer)| *layer)
}

/// Top-level modules that a file names as `crate::module`, also inside braces.
fn imported_modules(text: &str) -> BTreeSet<String> {
    let source: String = code(text).collect::<Vec<_>>().join("\n");
    let mut modules = BTreeSet::new();
    for (at, _) in source.match_indices("crate::") {
        let rest = &source[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap().split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let word: String = name
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            modules.insert(word);
        }
    }
    modules
}

#[test]
fn a_file_imports_lower_layers_and_its_own_folder_only() {
    let mut wrong = Vec::new();
    for (file, text) in files_below("src", "rs") {
        let module = module_of(&file);
        if ["lib", "main"].contains(&module) {
            continue;
        }
        let layer = layer_of(module).unwrap_or_else(|| panic!("{file} is in no layer"));
        for used in imported_modules(&text) {
            let allowed = used == module || layer_of(&used).is_some_and(|other| other < layer);
            let both_lowest = layer == 0 && layer_of(&used) == Some(0);
            let stands_on = STANDS_ON.contains(&(module, used.as_str()));
            if !allowed && !both_lowest && !stands_on {
                wrong.push(format!("{file} (L{layer}) imports crate::{used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_layer_exists_and_every_module_has_a_layer() {
    let listed: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    let files = files_below("src", "rs");
    let present: BTreeSet<&str> = files
        .iter()
        .map(|(file, _)| module_of(file))
        .filter(|m| !["lib", "main"].contains(m))
        .collect();
    assert_eq!(present, listed);
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for module in listed {
        assert!(
            map.contains(&format!("`{module}`")),
            "src/lib.rs does not mention {module}"
        );
    }
}

#[test]
fn an_outside_library_has_one_home() {
    let mut wrong = Vec::new();
    for (file, text) in files_below("src", "rs") {
        for (library, homes) in EXCLUSIVE {
            let uses = code(&text).any(|line| {
                line.contains(&format!("{library}::")) && !line.contains(&format!("_{library}::"))
            });
            if uses && !homes.iter().any(|home| file.starts_with(home)) {
                wrong.push(format!("{file} uses {library}, which lives in {homes:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_layers_do_no_io() {
    let mut wrong = Vec::new();
    for (file, text) in files_below("src", "rs") {
        if layer_of(module_of(&file)) != Some(1) {
            continue;
        }
        for word in IMPURE {
            if code(&text).any(|line| line.contains(word)) {
                wrong.push(format!("{file} mentions {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_begin_with_their_purpose_and_stay_small() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests/it", "benches"] {
        for (file, text) in files_below(folder, "rs") {
            if !text.starts_with("//!") {
                wrong.push(format!("{file} does not begin with //!"));
            }
            let lines = code(&text).count();
            if lines > MAX_CODE_LINES {
                wrong.push(format!(
                    "{file} has {lines} lines of code, {MAX_CODE_LINES} at most"
                ));
            }
            let doc: String = text
                .lines()
                .take_while(|line| line.starts_with("//!"))
                .collect();
            if file.starts_with("src") && lines > EXPLAINED_CODE_LINES && !doc.contains("lines") {
                wrong.push(format!(
                    "{file} has {lines} lines of code and does not say why"
                ));
            }
        }
    }
    let main = fs::read_to_string(root().join("src/main.rs")).unwrap();
    if main.lines().count() > 15 {
        wrong.push("src/main.rs has more than 15 lines".to_owned());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn python_files_begin_with_their_purpose_and_are_part_of_a_program() {
    let mut wrong = Vec::new();
    let parts: BTreeSet<&str> = [HARNESS, TRIAL, MEMBERS]
        .iter()
        .flat_map(|program| program.sources)
        .map(|(_, text)| *text)
        .chain([LOADER, GUARDIAN])
        .collect();
    for (file, text) in files_below("src", "py") {
        if !text.starts_with("\"\"\"") {
            wrong.push(format!("{file} does not begin with a docstring"));
        }
        if !parts.contains(text.as_str()) {
            wrong.push(format!("{file} is in no program"));
        }
        let lines = text.lines().count();
        if lines > MAX_PYTHON_LINES {
            wrong.push(format!(
                "{file} has {lines} lines, {MAX_PYTHON_LINES} at most"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_is_forgotten() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests/it"] {
        for (file, _) in files_below(folder, "rs") {
            if !is_declared(Path::new(&file)) {
                wrong.push(file);
            }
        }
    }
    assert!(wrong.is_empty(), "no `mod` names {wrong:#?}");
}

/// True if the module file next to, or above, a file declares it.
fn is_declared(file: &Path) -> bool {
    let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
    let folder = file.parent().unwrap();
    if ["lib", "main"].contains(&stem.as_str()) {
        return true;
    }
    let (name, home) = if stem == "mod" {
        (
            folder.file_name().unwrap().to_string_lossy().into_owned(),
            folder.parent().unwrap(),
        )
    } else {
        (stem, folder)
    };
    let beside = root().join(home).with_extension("rs");
    let candidates = ["mod.rs", "lib.rs", "main.rs"].map(|owner| root().join(home).join(owner));
    candidates.iter().chain([&beside]).any(|owner| {
        fs::read_to_string(owner).is_ok_and(|text| {
            text.lines()
                .any(|line| line.trim_end().ends_with(&format!("mod {name};")))
        })
    })
}

#[test]
fn sources_speak_of_the_project_alone() {
    let home = format!("/{}/", "root");
    let mut wrong = Vec::new();
    for (folder, suffix) in [
        ("src", "rs"),
        ("src", "py"),
        ("src", "md"),
        ("tests/it", "rs"),
        ("migrations", "sql"),
        ("migrations", "md"),
        ("offline", "sh"),
        ("offline", "md"),
    ] {
        for (file, text) in files_below(folder, suffix) {
            if text.contains(&home) {
                wrong.push(format!("{file} holds a path of one machine"));
            }
            for word in ["TODO", "FIXME", "XXX"] {
                let word = format!(" {word}");
                if text.contains(&word) && file != "tests/it/layout/mod.rs" {
                    wrong.push(format!("{file} holds{word}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
