//! The files of a project that travel to a remote engine.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{Walk, WalkBuilder};

use crate::diag::Hint;
use crate::links;

/// More is no source tree, and would fill the memory of this list.
const MAX_FILES: usize = 1_000_000;
/// More takes minutes on a good line, for every container.
const MAX_BYTES: u64 = 4 << 30;

/// The reason why the files cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A pattern of `exclude` that is none.
    #[error("`exclude` holds `{pattern}`, which is no pattern")]
    Pattern {
        pattern: String,
        /// The fault of the pattern.
        #[source]
        source: ignore::Error,
    },
    /// A folder cannot be read, or an ignore file is broken.
    #[error("cannot list the files of `{}`", .project.display())]
    Walk {
        project: PathBuf,
        /// The place that the walk failed at, and the error there.
        #[source]
        source: ignore::Error,
    },
    /// The files are too many or too large together to be sent.
    #[error("`{}` is too large to be sent to the engine: over {} files or {} GiB",
        .project.display(), MAX_FILES, MAX_BYTES >> 30)]
    TooMuch { project: PathBuf },
}

impl Hint for FilesError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Pattern { .. } => {
                "patterns are those of `.gitignore`: `exclude = ['build/', '*.bin']`".to_owned()
            }
            Self::Walk { .. } => {
                "leave it out with `exclude` in menace.toml, or make it readable".to_owned()
            }
            Self::TooMuch { .. } => {
                "leave out what the tests do not need: `exclude = ['data/']` in menace.toml"
                    .to_owned()
            }
        })
    }
}

/// The files, folders and links of `project`, as paths from there, sorted. The list leaves out
/// files that `.gitignore` and `.ignore` files or `exclude` name, `.git`, virtual environments and
/// `data_dir`. Of the ignored files, those in `tracked` are in it all the same.
pub fn files(
    project: &Path,
    data_dir: &Path,
    exclude: &[String],
    tracked: &[PathBuf],
) -> Result<Vec<PathBuf>, FilesError> {
    let failed = |source| FilesError::Walk {
        project: project.to_owned(),
        source,
    };
    let excluded = excluded(project, exclude)?;
    let walk = walk(project, data_dir, excluded.clone());
    let mut list = List::new(project);
    for entry in walk {
        let entry = entry.map_err(failed)?;
        if let Ok(path) = entry.path().strip_prefix(project) {
            list.add(path, entry.metadata().ok().as_ref())?;
        }
    }
    for path in tracked.iter().filter(|path| !names(&excluded, path)) {
        list.add_tracked(path, data_dir)?;
    }
    Ok(list.found.into_iter().collect())
}

/// A link of a project, as a path from there, and the place outside of the project that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkOut {
    pub link: PathBuf,
    pub end: PathBuf,
}

/// More files and folders than this are not looked at for links: a run waits for that before its
/// container starts. What lies behind other links is told if a test misses it.
const MOST_FOR_LINKS: usize = 10_000;

/// The links of `project` that lead to a file or folder outside of it. Those that ignore files or
/// `exclude` name are not looked at, nor what cannot be read.
pub fn links_out(project: &Path, data_dir: &Path, exclude: &[String]) -> Vec<LinkOut> {
    let excluded = excluded(project, exclude).unwrap_or_else(|_| Override::empty());
    let entries = walk(project, data_dir, excluded)
        .take(MOST_FOR_LINKS)
        .flatten();
    let links = entries.filter(|entry| entry.path_is_symlink() && entry.depth() > 0);
    let outer = links.filter_map(|entry| {
        let end = links::leads_out(entry.path(), project)?;
        let is_content = end.is_dir() || end.is_file();
        let link = entry.path().strip_prefix(project).ok()?.to_owned();
        is_content.then_some(LinkOut { link, end })
    });
    outer.collect()
}

/// What the project consists of, itself first.
fn walk(project: &Path, data_dir: &Path, excluded: Override) -> Walk {
    let data_dir = data_dir.to_owned();
    WalkBuilder::new(project)
        .hidden(false)
        .require_git(false)
        .git_global(false)
        .overrides(excluded)
        .filter_entry(move |entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            travels(entry.path(), is_folder, &data_dir)
        })
        .sort_by_file_path(Ord::cmp)
        .build()
}

/// False for what no project consists of, whoever tracks it.
fn travels(path: &Path, is_folder: bool, data_dir: &Path) -> bool {
    path.file_name() != Some(".git".as_ref())
        && path != data_dir
        && !(is_folder && path.join("pyvenv.cfg").is_file())
}

/// The files that were found, within bounds.
struct List<'a> {
    project: &'a Path,
    found: BTreeSet<PathBuf>,
    bytes: u64,
}

impl<'a> List<'a> {
    fn new(project: &'a Path) -> Self {
        Self {
            project,
            found: BTreeSet::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, path: &Path, data: Option<&Metadata>) -> Result<(), FilesError> {
        if path.as_os_str().is_empty() || !self.found.insert(path.to_owned()) {
            return Ok(());
        }
        self.bytes += data.map_or(0, Metadata::len);
        if self.found.len() > MAX_FILES || self.bytes > MAX_BYTES {
            return Err(FilesError::TooMuch {
                project: self.project.to_owned(),
            });
        }
        Ok(())
    }

    /// Adds a file or link that git tracks, with the folders that it is in. One that is gone is left
    /// out, and so is one that would be reached through a link or from outside of the project.
    fn add_tracked(&mut self, path: &Path, data_dir: &Path) -> Result<(), FilesError> {
        if !path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            return Ok(());
        }
        let mut parts: Vec<(&Path, Metadata)> = Vec::new();
        for part in path.ancestors().filter(|part| !part.as_os_str().is_empty()) {
            let place = self.project.join(part);
            let is_inner = !parts.is_empty();
            match place.symlink_metadata() {
                // A folder that is tracked is a repository of its own.
                Ok(data) if data.is_dir() == is_inner && travels(&place, is_inner, data_dir) => {
                    parts.push((part, data));
                }
                Ok(_) | Err(_) => return Ok(()),
            }
        }
        for (part, data) in parts {
            self.add(part, Some(&data))?;
        }
        Ok(())
    }
}

/// Tells of files whether one of the patterns of `exclude` matches them, or a folder that they are
/// in; a pattern that is none matches nothing.
pub fn exclusion(project: &Path, exclude: &[String]) -> impl Fn(&str) -> bool + use<> {
    let patterns = excluded(project, exclude).unwrap_or_else(|_| Override::empty());
    move |file| names(&patterns, Path::new(file))
}

/// True if one of the patterns names the file `path`, or a folder that it is in.
fn names(patterns: &Override, path: &Path) -> bool {
    let mut parts = path.ancestors().filter(|part| !part.as_os_str().is_empty());
    parts.any(|part| patterns.matched(part, part != path).is_ignore())
}

/// Compiles the patterns of `exclude`, which are written as in `.gitignore`.
pub(super) fn excluded(project: &Path, exclude: &[String]) -> Result<Override, FilesError> {
    let mut overrides = OverrideBuilder::new(project);
    for pattern in exclude {
        let added = overrides.add(&format!("!{pattern}"));
        added.map_err(|source| FilesError::Pattern {
            pattern: pattern.clone(),
            source,
        })?;
    }
    overrides.build().map_err(|source| FilesError::Walk {
        project: project.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Writes files with their folders.
    fn write(root: &Path, files: &[&str]) {
        for path in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
    }

    fn listed(root: &Path, exclude: &[&str], tracked: &[&str]) -> Vec<String> {
        let exclude: Vec<String> = exclude.iter().map(ToString::to_string).collect();
        let tracked: Vec<PathBuf> = tracked.iter().map(PathBuf::from).collect();
        let found = files(root, &root.join("sandbox_data"), &exclude, &tracked).unwrap();
        let found = found.iter().map(|path| path.to_str().unwrap().to_owned());
        found.collect()
    }

    #[test]
    fn what_is_ignored_stays_here() {
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        let all = [
            "pkg/code.py",
            "pkg/made.so",
            "tests/.hidden/test_a.py",
            "data/big.bin",
            "sandbox_data/agent.db",
            ".git/config",
            ".venv/bin/python",
            ".venv/pyvenv.cfg",
        ];
        write(root, &all);
        fs::write(root.join(".gitignore"), "*.so\n").unwrap();
        assert_eq!(
            listed(root, &["data/"], &[]),
            [
                ".gitignore",
                "pkg",
                "pkg/code.py",
                "tests",
                "tests/.hidden",
                "tests/.hidden/test_a.py"
            ]
        );
        let wrong = files(root, root, &["a[".to_owned()], &[]).unwrap_err();
        assert!(wrong.to_string().contains("`a[`"), "{wrong}");
    }

    #[test]
    fn what_is_tracked_travels_with_its_folders_though_it_is_ignored() {
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        let tracked = [
            "code.py",
            "built/deep/made.so",
            "data/big.bin",
            "sandbox_data/agent.db",
            ".venv/lib/a.py",
            "part",
            "gone.so",
            "linked/outside.so",
            "../outside.so",
            "/etc/hostname",
            "built/.git/config",
        ];
        write(
            root,
            &[&tracked[..5], &["built/other.so", ".venv/pyvenv.cfg"]].concat(),
        );
        write(root, &["part/inner.py", "built/.git/config", ".ignore"]);
        let outside = tempfile::tempdir().unwrap();
        write(outside.path(), &["outside.so"]);
        std::os::unix::fs::symlink(outside.path(), root.join("linked")).unwrap();
        let ignored = "built/\ndata/\n.venv/\npart/\n.ignore\nlinked\n";
        fs::write(root.join(".gitignore"), ignored).unwrap();
        assert_eq!(
            listed(root, &["data/"], &tracked),
            [
                ".gitignore",
                "built",
                "built/deep",
                "built/deep/made.so",
                "code.py"
            ]
        );
    }

    #[test]
    fn links_that_lead_out_are_found_with_their_ends() {
        let outside = tempfile::tempdir().unwrap();
        let outside = outside.path().canonicalize().unwrap();
        write(&outside, &["shared/test_b.py"]);
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        write(root, &["pkg/code.py"]);
        fs::write(root.join(".gitignore"), "cache\n").unwrap();
        for (link, end) in [
            ("pkg/shared", outside.join("shared")),
            ("pkg/inner", PathBuf::from("code.py")),
            ("cache", outside.clone()),
            ("gone", outside.join("gone")),
            ("device", PathBuf::from("/dev/null")),
        ] {
            std::os::unix::fs::symlink(end, root.join(link)).unwrap();
        }
        let found = links_out(root, &root.join("sandbox_data"), &[]);
        let expected = LinkOut {
            link: PathBuf::from("pkg/shared"),
            end: outside.join("shared"),
        };
        assert_eq!(found, [expected]);
        assert_eq!(
            links_out(root, &root.join("sandbox_data"), &["pkg".to_owned()]),
            []
        );
    }
}
