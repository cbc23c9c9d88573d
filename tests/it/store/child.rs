//! A test that runs itself again as another process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) const VARIABLE: &str = "AGENT_TEST_CHILD";

/// The path that was given to this process, if it shall play the child; `None` in the test's own
/// process.
pub(crate) fn role() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).map(PathBuf::from)
}

/// Starts this binary with the one test `name`, which finds `path` as its [`role`].
pub(crate) fn spawn(name: &str, path: &Path) -> Child {
    command(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(VARIABLE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs a child to its end, which must be a good one.
pub(crate) fn run(name: &str, path: &Path) {
    let output = spawn(name, path).wait_with_output().unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("1 passed"), "no test is called {name}: {out}");
}

/// A program of the system.
#[expect(
    clippy::disallowed_methods,
    reason = "tests start processes of their own, outside of the engine"
)]
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}
