//! Hints about what many people meet once, from the message of a failure.

use std::path::Path;

use super::job::Job;
use super::recorder::Recorder;
use crate::links;
use crate::model::{Level, Notice};
use crate::store::StoreError;

/// The failures that are looked at: what many people meet, most of their tests meet.
const LOOKED_AT: u32 = 20;

/// Adds the hint that the failures of a run ask for, if one does.
pub(super) fn add(job: &Job<'_>, recorder: &mut Recorder<'_>) -> Result<(), StoreError> {
    let run = recorder.run();
    let failures = recorder.store()?.reader()?.failures(run, LOOKED_AT)?;
    let project = &job.plan.request.project;
    let place = Place {
        project,
        image: job.executor.image_name(),
    };
    let mut found = failures.iter().filter_map(|test| {
        let message = test.message.as_deref()?;
        let of_test = Path::new(&test.file).parent().unwrap_or(Path::new(""));
        place
            .missing_module(of_test, message)
            .or_else(|| place.missing_file(message))
            .or_else(|| debugger_without_terminal(message))
    });
    if let Some(notice) = found.next() {
        recorder.notice(notice);
    }
    Ok(())
}

/// The place that tests ran in.
struct Place<'a> {
    project: &'a Path,
    /// The image; `None` on the host.
    image: Option<&'a str>,
}

/// Folders in which a project has its modules.
const FOLDERS: [&str; 4] = ["", "src", "tests", "test"];

impl Place<'_> {
    /// What a test in the folder `of_test` needs that could not import a module: one of the
    /// project's folder, because `python -m pytest` puts that folder on `sys.path` and the command
    /// `pytest` does not, or one that the image lacks.
    fn missing_module(&self, of_test: &Path, message: &str) -> Option<Notice> {
        let top = module_of(message)?;
        let there = |folder: &Path| {
            let folder = self.project.join(folder);
            let places = [folder.join(top), folder.join(format!("{top}.py"))];
            places.into_iter().find(|path| path.exists())
        };
        if let (Some(place), Some(_)) = (there(Path::new("")), self.image)
            && let Some(end) = links::leads_out(&place, self.project)
        {
            return Some(self.link_out(&place, &end));
        }
        if let Some(place) = there(Path::new("")) {
            let is_module = place.is_dir() || place.is_file();
            return is_module.then(|| folder_not_on_path(top));
        }
        let image = self.image?;
        let mut folders = FOLDERS.iter().map(Path::new).chain([of_test]);
        if folders.any(|folder| there(folder).is_some()) {
            return None;
        }
        Some(Notice {
            level: Level::Warning,
            code: "image-lacks-module".to_owned(),
            message: format!("the image `{image}` has no module `{top}`"),
            hint: Some(
                "make an image that has what the project needs: `offline/build-image.sh --wheels \
                 DIR`, or `agent image pack --rootfs FILE --wheels DIR`"
                    .to_owned(),
            ),
        })
    }

    /// What a test in a container needs that looked for a file which this machine has, but which is
    /// not in the project.
    fn missing_file(&self, message: &str) -> Option<Notice> {
        self.image?;
        let (_, path) = message.split_once("No such file or directory: '")?;
        let (path, _) = path.split_once('\'')?;
        let path = self.project.join(path);
        let end = links::leads_out(&path, self.project).filter(|end| end.exists())?;
        Some(self.link_out(&path, &end))
    }

    fn link_out(&self, path: &Path, end: &Path) -> Notice {
        let message = match path.strip_prefix(self.project) {
            Ok(link) => format!(
                "`{}` leads to `{}`, and a container has only the project",
                link.display(),
                end.display()
            ),
            Err(_) => format!(
                "`{}` is not in the project, and a container has nothing else",
                path.display()
            ),
        };
        let end = end.display();
        Notice {
            level: Level::Warning,
            code: "outside-of-project".to_owned(),
            message,
            hint: Some(format!(
                "put a copy into the project, or let an engine of this machine mount it: \
                 `--container-arg=--volume={end}:{end}:ro`"
            )),
        }
    }
}

/// The first part of the name of the module that could not be found.
fn module_of(message: &str) -> Option<&str> {
    let (_, name) = message.split_once("No module named ")?;
    let name = name.trim().strip_prefix('\'')?;
    let (name, _) = name.split_once('\'')?;
    name.split('.').next().filter(|top| is_identifier(top))
}

fn folder_not_on_path(top: &str) -> Notice {
    let hint = "put `pythonpath = [\".\"]` into pytest's settings; `python -m pytest` adds the folder \
                by itself, `pytest` and the agent do not";
    Notice {
        level: Level::Warning,
        code: "folder-not-on-path".to_owned(),
        message: format!("`{top}` is in the project's folder, and that is not on `sys.path`"),
        hint: Some(hint.to_owned()),
    }
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
            let host = Place {
                project: folder.path(),
                image: None,
            };
            let notice = host.missing_module(Path::new(""), message);
            let said = notice.map(|notice| notice.message);
            let expected = found.map(|name| {
                format!("`{name}` is in the project's folder, and that is not on `sys.path`")
            });
            assert_eq!(said, expected, "{message}");
        }
    }

    #[test]
    fn what_an_image_lacks_and_what_is_of_the_project_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["src/pkg", "checks/unit"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        fs::write(folder.path().join("checks/unit/near.py"), "").unwrap();
        let outside = tempfile::tempdir().unwrap();
        let outside = outside.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(&outside, folder.path().join("linked")).unwrap();
        let container = Place {
            project: folder.path(),
            image: Some("lab:1"),
        };
        let of_test = Path::new("checks/unit");
        let said = |name: &str| {
            let message = format!("ModuleNotFoundError: No module named '{name}'");
            let notice = container.missing_module(of_test, &message);
            notice.map(|notice| notice.message)
        };
        let lacking = "the image `lab:1` has no module `requests`";
        assert_eq!(said("requests.adapters").as_deref(), Some(lacking));
        assert_eq!((said("pkg"), said("near")), (None, None));
        let end = outside.display();
        let leads = format!("`linked` leads to `{end}`, and a container has only the project");
        assert_eq!(said("linked"), Some(leads));
    }

    #[test]
    fn a_file_is_missed_in_a_container_only_if_this_machine_has_it_elsewhere() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let outside = outside.path().canonicalize().unwrap();
        fs::write(outside.join("data"), "").unwrap();
        fs::write(folder.path().join("inner"), "").unwrap();
        std::os::unix::fs::symlink(&outside, folder.path().join("linked")).unwrap();
        let said = |image, path: &str| {
            let project = folder.path();
            let message =
                format!("FileNotFoundError: [Errno 2] No such file or directory: '{path}'");
            let notice = Place { project, image }.missing_file(&message);
            notice.map(|notice| notice.message)
        };
        let data = outside.join("data").display().to_string();
        let absolute = format!("`{data}` is not in the project, and a container has nothing else");
        assert_eq!(said(Some("lab:1"), &data), Some(absolute));
        let linked =
            format!("`linked/data` leads to `{data}`, and a container has only the project");
        assert_eq!(said(Some("lab:1"), "linked/data"), Some(linked));
        for path in ["inner", "gone", "/nowhere/gone"] {
            assert_eq!(said(Some("lab:1"), path), None, "{path}");
        }
        assert_eq!(said(None, &data), None);
    }
}
