//! Hints about what many people meet once, from the message of a failure.

use std::path::Path;

use super::recorder::Recorder;
use crate::model::{Level, Notice};
use crate::store::StoreError;

/// The failures that are looked at: what many people meet, most of their tests meet.
const LOOKED_AT: u32 = 20;

/// Adds the hint that the failures of a run ask for, if one does.
pub(super) fn add(project: &Path, recorder: &mut Recorder<'_>) -> Result<(), StoreError> {
    let run = recorder.run();
    let failures = recorder.store()?.reader()?.failures(run, LOOKED_AT)?;
    let messages = failures.iter().filter_map(|test| test.message.as_deref());
    let mut found = messages.filter_map(|message| {
        missing_module(project, message).or_else(|| debugger_without_terminal(message))
    });
    if let Some(notice) = found.next() {
        recorder.notice(notice);
    }
    Ok(())
}

/// What a test that could not import a module of the project's folder needs: `python -m pytest` puts
/// that folder on `sys.path`, and the command `pytest` does not.
fn missing_module(project: &Path, message: &str) -> Option<Notice> {
    let (_, name) = message.split_once("No module named ")?;
    let name = name.trim().strip_prefix('\'')?;
    let (name, _) = name.split_once('\'')?;
    let top = name.split('.').next().filter(|top| is_identifier(top))?;
    let is_there = project.join(top).is_dir() || project.join(format!("{top}.py")).is_file();
    let hint = "put `pythonpath = [\".\"]` into pytest's settings; `python -m pytest` adds the folder \
                by itself, `pytest` and the agent do not";
    is_there.then(|| Notice {
        level: Level::Warning,
        code: "folder-not-on-path".to_owned(),
        message: format!("`{top}` is in the project's folder, and that is not on `sys.path`"),
        hint: Some(hint.to_owned()),
    })
}

/// What a test needs that came to a `breakpoint()`, where a debugger found nobody to ask.
fn debugger_without_terminal(message: &str) -> Option<Notice> {
    let marks = ["BdbQuit", "Quitting debugger"];
    marks
        .iter()
        .any(|mark| message.contains(mark))
        .then(|| Notice {
            level: Level::Warning,
            code: "no-terminal".to_owned(),
            message: "a test asked for a debugger, which has no terminal here".to_owned(),
            hint: Some("`agent run --pdb TEST` gives the terminal to the test".to_owned()),
        })
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_a_module_of_the_folder_gets_the_hint() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("app")).unwrap();
        fs::write(folder.path().join("tool.py"), "").unwrap();
        for (message, found) in [
            ("ModuleNotFoundError: No module named 'app'", Some("app")),
            (
                "E   ModuleNotFoundError: No module named 'app.core'",
                Some("app"),
            ),
            ("ModuleNotFoundError: No module named 'tool'", Some("tool")),
            ("ModuleNotFoundError: No module named 'requests'", None),
            ("ModuleNotFoundError: No module named '..'", None),
            ("assert 'app' == 1", None),
        ] {
            let notice = missing_module(folder.path(), message);
            let said = notice.map(|notice| notice.message);
            let expected = found.map(|name| {
                format!("`{name}` is in the project's folder, and that is not on `sys.path`")
            });
            assert_eq!(said, expected, "{message}");
        }
    }
}
