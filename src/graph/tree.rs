//! [`Tree`]: the folders and files of a project, and what a name means in one of the folders, as
//! CPython's path finder decides it.
//!
//! A name is looked up in a list of folders. In each, in this order: a package (a folder with
//! `__init__.py`), a module (`name.py`). The first hit wins. A folder without `__init__.py` only
//! counts if no folder of the list has a hit; then all folders of that name together are a
//! namespace package (PEP 420).

use rustc_hash::FxHashMap;

use super::import_graph::NodeId;
use super::mentions::is_identifier;

/// The position of a folder in a [`Tree`]. The project itself is 0, and a folder comes after the
/// one that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FolderId(pub(super) u32);

impl FolderId {
    pub(super) const PROJECT: Self = Self(0);

    pub(super) fn as_usize(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
pub(super) struct Folder<'a> {
    pub(super) parent: FolderId,
    /// Its own name; empty for the project.
    pub(super) name: &'a str,
    /// Its path from the project.
    pub(super) path: &'a str,
    /// The number of folders that it lies in; 0 for the project.
    pub(super) depth: u32,
    pub(super) init: Option<NodeId>,
    pub(super) main: Option<NodeId>,
    conftest: Option<NodeId>,
    /// The nearest folder with an `__init__.py`: this one, or one that it lies in.
    package: Option<FolderId>,
    /// The nearest folder without one.
    outside: Option<FolderId>,
    /// True if it has an `__init__.pyi`.
    has_stub: bool,
}

/// The files and the folder that have one name in one folder.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    module: Option<NodeId>,
    has_stub: bool,
    folder: Option<FolderId>,
}

/// The folders in which the parts of a package are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Folder(FolderId),
    /// A position in the list of the [`Finder`](super::finder::Finder) that found them.
    Portions(u32),
}

/// The module and the place that a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The module, or the `__init__` of the package. A namespace package has none.
    pub(super) node: Option<NodeId>,
    /// The place of its parts; a plain module has none.
    pub(super) place: Option<Place>,
    /// There is a stub of it, so that it may be a module in C.
    pub(super) has_stub: bool,
}

/// The folders and files of a project.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) folders: Vec<Folder<'a>>,
    slots: FxHashMap<(FolderId, &'a str), Slot>,
    /// The folder of each file.
    pub(super) folder_of: Vec<FolderId>,
    /// The name of the project if its folder is a package.
    package_name: Option<&'a str>,
    /// The folders that packages have beside their own.
    portions: FxHashMap<FolderId, Vec<FolderId>>,
    /// The package that a folder is a further part of.
    first_portion: FxHashMap<FolderId, FolderId>,
    /// For each name of the first level: the folders of the search path that have it, in order.
    tops: FxHashMap<&'a str, Vec<FolderId>>,
}

impl<'a> Tree<'a> {
    /// The tree of these files.
    pub(super) fn new(files: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let project = Folder {
            parent: FolderId::PROJECT,
            name: "",
            path: "",
            depth: 0,
            init: None,
            main: None,
            conftest: None,
            package: None,
            outside: None,
            has_stub: false,
        };
        // Folders have slots too, and are far fewer.
        let slots = files.len() + files.len() / 2;
        let mut tree = Self {
            folders: vec![project],
            slots: FxHashMap::with_capacity_and_hasher(slots, rustc_hash::FxBuildHasher),
            folder_of: Vec::with_capacity(files.len()),
            package_name: None,
            portions: FxHashMap::default(),
            first_portion: FxHashMap::default(),
            tops: FxHashMap::default(),
        };
        let mut last = ("", FolderId::PROJECT);
        for (node, path) in (0..).map(NodeId).zip(files) {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if folder != last.0 {
                last = (folder, tree.add_folder(folder));
            }
            tree.folder_of.push(last.1);
            tree.add_file(last.1, name, node);
        }
        tree.hand_down();
        tree
    }

    /// Sets the name by which the project's folder can be imported, if it is a package.
    pub(super) fn set_name(&mut self, name: &'a str) {
        let is_package = self.folder(FolderId::PROJECT).init.is_some();
        self.package_name = Some(name).filter(|name| is_package && is_identifier(name));
    }

    /// The name of the project if its folder is a package.
    pub(super) fn package_name(&self) -> Option<&'a str> {
        self.package_name
    }

    /// The project as a package, if it is one of this name.
    pub(super) fn find_project(&self, name: &str) -> Option<Meaning> {
        (self.package_name == Some(name)).then(|| Meaning {
            node: self.folder(FolderId::PROJECT).init,
            place: Some(Place::Folder(FolderId::PROJECT)),
            has_stub: false,
        })
    }

    /// Adds a link to a folder: what is in the folder can be found by the name of the link too.
    pub(super) fn add_link(&mut self, path: &'a str, target: &str) {
        let Some(target) = self.folder_at(target) else {
            return;
        };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = self.add_folder(folder);
        let slot = self.slots.entry((folder, name)).or_default();
        slot.folder.get_or_insert(target);
    }

    /// Tells every folder what it has from the ones that it lies in.
    fn hand_down(&mut self) {
        for id in self.folder_ids() {
            let parent = self.folder(self.folder(id).parent);
            let (conftest, package, outside) = (parent.conftest, parent.package, parent.outside);
            let folder = &mut self.folders[id.as_usize()];
            folder.conftest = folder.conftest.or(conftest);
            if folder.init.is_some() {
                (folder.package, folder.outside) = (Some(id), outside);
            } else {
                (folder.package, folder.outside) = (package, Some(id));
            }
        }
    }

    /// The conftest nearest to the files of a folder.
    pub(super) fn conftest(&self, folder: FolderId) -> Option<NodeId> {
        self.folder(folder).conftest
    }

    /// The first folder upwards without `__init__.py`.
    pub(super) fn outside(&self, folder: FolderId) -> Option<FolderId> {
        self.folder(folder).outside
    }

    /// The `__init__` that runs before a module in a folder; those in folders that lie above this
    /// depth do not count.
    pub(super) fn init_before(&self, node: NodeId, folder: FolderId, depth: u32) -> Option<NodeId> {
        let mut at = folder;
        if self.folder(at).init == Some(node) {
            at = self.folder(at).parent;
        }
        let package = self.folder(at).package?;
        let package = self.first_portion.get(&package).unwrap_or(&package);
        let package = self.folder(*package);
        package
            .init
            .filter(|init| package.depth >= depth && *init != node)
    }

    fn add_folder(&mut self, path: &'a str) -> FolderId {
        let mut at = FolderId::PROJECT;
        let mut end = 0;
        for name in path.split('/').filter(|_| !path.is_empty()) {
            end += name.len();
            let next = FolderId(u32::try_from(self.folders.len()).unwrap_or(u32::MAX));
            let slot = self.slots.entry((at, name)).or_default();
            at = if let Some(known) = slot.folder {
                known
            } else {
                slot.folder = Some(next);
                self.folders.push(Folder {
                    parent: at,
                    name,
                    path: &path[..end],
                    depth: self.folders[at.as_usize()].depth + 1,
                    init: None,
                    main: None,
                    conftest: None,
                    package: None,
                    outside: None,
                    has_stub: false,
                });
                next
            };
            end += 1;
        }
        at
    }

    fn add_file(&mut self, at: FolderId, name: &'a str, node: NodeId) {
        let folder = &mut self.folders[at.as_usize()];
        if let Some(stem) = name.strip_suffix(".pyi") {
            if stem == "__init__" {
                folder.has_stub = true;
            } else {
                self.slots.entry((at, stem)).or_default().has_stub = true;
            }
            return;
        }
        let Some(stem) = name.strip_suffix(".py") else {
            return;
        };
        match stem {
            "__init__" => folder.init = Some(node),
            "__main__" => folder.main = Some(node),
            "conftest" => folder.conftest = Some(node),
            _ => {}
        }
        self.slots.entry((at, stem)).or_default().module = Some(node);
    }

    pub(super) fn folder(&self, id: FolderId) -> &Folder<'a> {
        &self.folders[id.as_usize()]
    }

    /// The ids of all folders, outer ones first.
    pub(super) fn folder_ids(&self) -> impl Iterator<Item = FolderId> + use<> {
        (0..u32::try_from(self.folders.len()).unwrap_or(u32::MAX)).map(FolderId)
    }

    /// The folder of a path; `None` if no file is in or below it.
    pub(super) fn folder_at(&self, path: &str) -> Option<FolderId> {
        let mut at = FolderId::PROJECT;
        for name in path.split('/').filter(|name| !["", "."].contains(name)) {
            at = self.slots.get(&(at, name))?.folder?;
        }
        Some(at)
    }

    /// The folder and those that it lies in, up to the project.
    pub(super) fn ancestors(&self, id: FolderId) -> impl Iterator<Item = FolderId> + use<'_> {
        let up = |at: &FolderId| (*at != FolderId::PROJECT).then(|| self.folder(*at).parent);
        std::iter::successors(Some(id), up)
    }

    /// Sets the folders in which the first part of a name is looked for, in this order.
    pub(super) fn set_search_path(&mut self, roots: &[FolderId]) {
        let mut order = vec![None; self.folders.len()];
        for (position, root) in roots.iter().enumerate() {
            order[root.as_usize()].get_or_insert(position);
        }
        let mut tops: FxHashMap<&'a str, Vec<FolderId>> = FxHashMap::default();
        #[expect(
            clippy::iter_over_hash_type,
            reason = "the folders of each name are sorted below"
        )]
        for &(folder, name) in self.slots.keys() {
            if order[folder.as_usize()].is_some() {
                tops.entry(name).or_default().push(folder);
            }
        }
        #[expect(clippy::iter_over_hash_type, reason = "each entry is sorted by itself")]
        for folders in tops.values_mut() {
            folders.sort_by_key(|folder| order[folder.as_usize()]);
        }
        self.tops = tops;
    }

    /// Sets the folders that packages have beside their own.
    pub(super) fn set_portions(&mut self, portions: FxHashMap<FolderId, Vec<FolderId>>) {
        let mut pairs: Vec<(FolderId, FolderId)> = Vec::new();
        #[expect(clippy::iter_over_hash_type, reason = "the pairs are sorted below")]
        for (package, folders) in &portions {
            pairs.extend(folders.iter().map(|folder| (*package, *folder)));
        }
        pairs.sort_unstable();
        for (package, folder) in pairs {
            // Of two packages that have each other's folder, the name finds the first.
            if !self.first_portion.contains_key(&package) {
                self.first_portion.entry(folder).or_insert(package);
            }
        }
        self.portions = portions;
    }

    /// The meaning of a name in a package: in its own folder, or in the others that it has.
    pub(super) fn find_part(&self, package: FolderId, name: &str) -> Option<Meaning> {
        let own = self.find_in(package, name);
        let others = self.portions.get(&package);
        own.or_else(|| {
            others?
                .iter()
                .find_map(|folder| self.find_in(*folder, name))
        })
    }

    /// The folders that a package has beside its own.
    pub(super) fn portions(&self, package: FolderId) -> &[FolderId] {
        self.portions.get(&package).map_or(&[], Vec::as_slice)
    }

    /// The folders of the search path that have a name, in order.
    pub(super) fn top_folders(&self, name: &str) -> Option<&[FolderId]> {
        self.tops.get(name).map(Vec::as_slice)
    }

    /// The meaning of a name in one folder; `None` if nothing there has it.
    pub(super) fn find_in(&self, at: FolderId, name: &str) -> Option<Meaning> {
        let slot = self.slots.get(&(at, name))?;
        let folder = slot.folder.map(|id| (id, self.folder(id)));
        if let Some((id, Folder { init, has_stub, .. })) = folder
            && (init.is_some() || *has_stub)
        {
            return Some(Meaning {
                node: *init,
                place: Some(Place::Folder(id)),
                has_stub: *has_stub,
            });
        }
        if slot.module.is_some() || slot.has_stub {
            return Some(Meaning {
                node: slot.module,
                place: None,
                has_stub: slot.has_stub,
            });
        }
        let (id, _) = folder?;
        Some(Meaning {
            node: None,
            place: Some(Place::Folder(id)),
            has_stub: false,
        })
    }
}
