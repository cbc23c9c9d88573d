//! The `agent` command: wiring, messages and exit codes.

mod cleanup;
mod config;
mod cycle;
mod graph;
mod help;
mod history;
mod image;
mod lease;
mod module_map;
mod orphans;
mod run;
mod run_scheduled;
mod schema;
mod security;
mod service;
mod status;
mod usage;
mod why;
mod workflow;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A project folder to call `agent` in, with an environment of its own.
struct Project {
    root: TempDir,
}

/// The exit code and output of one call of `agent`.
#[derive(Debug)]
struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Project {
    fn new() -> Self {
        let project = Self {
            root: TempDir::new().unwrap(),
        };
        fs::create_dir(project.path().join(".git")).unwrap();
        project
    }

    fn with(file: &str, text: &str) -> Self {
        let project = Self::new();
        fs::write(project.path().join(file), text).unwrap();
        project
    }

    fn path(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        bare_command(args, &self.path(), &self.path())
    }

    fn call(&self, args: &[&str]) -> Answer {
        self.answer(&mut self.command(args))
    }

    fn answer(&self, command: &mut Command) -> Answer {
        answer_of(command, &self.path(), "[PROJECT]")
    }
}

/// The binary under test, as its users call it, with a home and no other variable.
#[expect(
    clippy::disallowed_methods,
    reason = "the binary under test is called as its users call it"
)]
fn bare_command(args: &[&str], folder: &Path, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null());
    command
}

/// The answer, in which `shown` stands for `root`.
fn answer_of(command: &mut Command, root: &Path, shown: &str) -> Answer {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        text.replace(root.to_str().unwrap(), shown)
    };
    Answer {
        code: output.status.code().expect("no signal ended it"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit {}", self.code)?;
        writeln!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}
