//! `systemd-analyze verify` and `plutil -lint` find no fault with what `agent service print` writes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::envs::{Skip, available};

/// Projects and arguments that need every kind of quoting.
const CASES: [(&str, &[&str]); 5] = [
    ("plain", &["--interval", "60"]),
    (
        "a b%c$d",
        &["--no-container", "tests/x.py", "--", "-k", "a or %h $HOME"],
    ),
    (
        "it's \"odd\"",
        &["--pytest-args", "a \"b\" 'c' \\d ; e", "--junit", "/%n.xml"],
    ),
    (
        "back\\slash\\",
        &["--use-container", "--", ";", "$$", "${X}", "\\"],
    ),
    (
        "höhe & <breite> ",
        &["--cron", "*/5 * * * *", "--", "", " ", "#"],
    ),
];

/// The file of a service, in the folder of its project.
fn written(folder: &Path, manager: &str, args: &[&str]) -> Vec<u8> {
    fs::create_dir_all(folder.join(".git")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    let head = ["service", "print", "--manager", manager, "--"];
    command
        .args(head)
        .args(args)
        .current_dir(folder)
        .env_clear();
    command
        .env("HOME", folder)
        .env("SELF_TEST_ARGS", "-p \"a b%c\" \\\\$d");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    output.stdout
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A program that may not be there; `--version` is not known to all.
fn program(name: &str) -> Option<Command> {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {name}")])
        .output();
    let found = found.unwrap().status.success();
    available(
        found
            .then(|| Command::new(name))
            .ok_or_else(|| Skip(format!("no {name}"))),
    )
}

fn check(manager: &str, suffix: &str, verify: impl Fn(&Path, &Path) -> Option<Output>) {
    let root = TempDir::new().unwrap();
    for (name, args) in CASES {
        let folder = root.path().join(name);
        let unit = written(&folder, manager, args);
        let file = root.path().join(format!("menace-agent.{suffix}"));
        fs::write(&file, &unit).unwrap();
        let Some(output) = verify(root.path(), &file) else {
            return;
        };
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{name}: {said}\n{}", text(&unit));
        // A key that it does not know is only a warning.
        assert!(!said.contains("menace-agent.service:"), "{name}: {said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn systemd_finds_no_fault_with_a_unit() {
    check("systemd", "service", |root, file| {
        let mut verify = program("systemd-analyze")?;
        verify.args(["verify", "--user"]).arg(file);
        // It looks for other units of the user.
        let output = verify
            .env("HOME", root)
            .env("XDG_RUNTIME_DIR", root)
            .output();
        Some(output.unwrap())
    });
}

#[cfg(target_os = "macos")]
#[test]
fn macos_finds_no_fault_with_a_property_list() {
    check("launchd", "plist", |_, file| {
        let mut lint = program("plutil")?;
        Some(lint.arg("-lint").arg(file).output().unwrap())
    });
}

#[test]
fn a_parser_reads_the_command_of_a_property_list() {
    let root = TempDir::new().unwrap();
    for (name, args) in CASES {
        let folder = root.path().join(name);
        let list = plist::Value::from_reader_xml(&*written(&folder, "launchd", args)).unwrap();
        let list = list.into_dictionary().unwrap();
        let folder = folder.canonicalize().unwrap();
        let command = list["ProgramArguments"].as_array().unwrap();
        let command: Vec<&str> = command
            .iter()
            .map(|word| word.as_string().unwrap())
            .collect();
        assert_eq!(
            command[1..4],
            ["--project", folder.to_str().unwrap(), "run-scheduled"]
        );
        assert_eq!(command[4..], *args);
        let variables = list["EnvironmentVariables"].as_dictionary().unwrap();
        let given = variables["SELF_TEST_ARGS"].as_string();
        assert_eq!(given, Some("-p \"a b%c\" \\\\$d"));
    }
}
