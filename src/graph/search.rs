//! [`PathChanges`]: what the files of a project change of the places that Python and pytest look at.
//!
//! They are needed before the roles and names of files are known. Only the files that change
//! something are decoded for them.

use rustc_hash::FxHashMap;

use super::facts::{PathChangeKind, SourceFile};
use super::file_index::from_project;
use super::import_graph::NodeId;
use super::tree::{FolderId, Tree};

/// The changes that all files make together.
#[derive(Debug, Default)]
pub(super) struct PathChanges {
    /// Folders that a file adds to `sys.path`.
    pub(super) search: Vec<(NodeId, FolderId)>,
    /// Folders more of a package.
    packages: Vec<(FolderId, FolderId)>,
    /// Packages that have all folders of their name.
    extended: Vec<FolderId>,
    /// Paths that a conftest leaves out.
    pub(super) ignored: Vec<String>,
    /// Patterns of such paths.
    pub(super) ignored_globs: Vec<String>,
}

impl PathChanges {
    pub(super) fn read(files: &[SourceFile], tree: &Tree<'_>) -> Self {
        let mut changes = Self::default();
        let changing = (0..).map(NodeId).zip(files);
        for (node, file) in changing.filter(|(_, file)| file.changes_paths()) {
            let Ok(facts) = file.reading() else {
                continue;
            };
            let folder = tree.folder_of[node.as_usize()];
            let own = tree.folder(folder).path;
            for change in facts.path_changes {
                let found = || tree.folder_at(&from_project(change.path, own)?);
                let of_conftest = || {
                    let is_conftest = file.path.rsplit('/').next() == Some("conftest.py");
                    from_project(&format!("./{}", change.path), own).filter(|_| is_conftest)
                };
                match change.kind {
                    PathChangeKind::Search => {
                        changes.search.extend(found().map(|found| (node, found)));
                    }
                    PathChangeKind::Package => {
                        changes
                            .packages
                            .extend(found().map(|found| (folder, found)));
                    }
                    PathChangeKind::ExtendedPackage => changes.extended.push(folder),
                    PathChangeKind::Ignored => changes.ignored.extend(of_conftest()),
                    PathChangeKind::IgnoredGlob => changes.ignored_globs.extend(of_conftest()),
                }
            }
        }
        changes
    }

    /// The folders that each package has beside its own one. `roots` are the folders that Python
    /// looks for modules in.
    pub(super) fn portions(
        &self,
        tree: &Tree<'_>,
        roots: &[FolderId],
    ) -> FxHashMap<FolderId, Vec<FolderId>> {
        let mut portions: FxHashMap<FolderId, Vec<FolderId>> = FxHashMap::default();
        for (package, folder) in &self.packages {
            portions.entry(*package).or_default().push(*folder);
        }
        for package in &self.extended {
            let path = tree.folder(*package).path;
            let inner = roots.iter().find_map(|root| {
                let root = tree.folder(*root).path;
                let inner = path.strip_prefix(root)?.trim_start_matches('/');
                (!root.is_empty() && !inner.is_empty()).then_some(inner)
            });
            let inner = inner.unwrap_or(path);
            let others = roots.iter().filter_map(|root| {
                let root = tree.folder(*root).path;
                let slash = if root.is_empty() { "" } else { "/" };
                tree.folder_at(&format!("{root}{slash}{inner}"))
            });
            let others = others.filter(|other| other != package);
            portions.entry(*package).or_default().extend(others);
        }
        portions
    }
}
