//! [`Naming`]: under which root each file is imported, which gives its dotted name, and in which
//! folders names are looked for.

use super::import_graph::{NodeId, Role};
use super::layout::{ImportMode, Layout};
use super::tree::{FolderId, Tree};

/// The folders at which the dotted names of files begin. All lists are by folder.
#[derive(Debug)]
pub(super) struct Naming {
    /// The root that the modules of a folder are named from.
    roots: Vec<FolderId>,
    /// The same among the roots of the layout alone.
    fixed: Vec<FolderId>,
    /// The folder that pytest puts on `sys.path` for a test in a folder.
    added: Vec<Option<FolderId>>,
    is_fixed: Vec<bool>,
    /// The name of the project's folder, if its modules are imported as parts of it.
    package: Option<String>,
    /// The folders that names are looked for in, in order.
    search: Vec<FolderId>,
    mode: ImportMode,
}

impl Naming {
    /// The naming of a project; the search path of its tree is set. `more` are folders that the
    /// files themselves add.
    pub(super) fn new(
        layout: &Layout,
        tree: &mut Tree<'_>,
        roles: &[Role],
        more: &[FolderId],
    ) -> Self {
        let count = tree.folders.len();
        let fixed_roots: Vec<FolderId> = (layout.roots.iter())
            .filter_map(|root| tree.folder_at(root))
            .collect();
        let mut is_fixed = vec![false; count];
        for root in &fixed_roots {
            is_fixed[root.as_usize()] = true;
        }
        let adds_folders = layout.import_mode != ImportMode::Importlib;
        let added: Vec<Option<FolderId>> = (tree.folder_ids())
            .map(|folder| tree.outside(folder).filter(|_| adds_folders))
            .collect();
        let mut is_added = vec![false; count];
        for (folder, role) in tree.folder_of.iter().zip(roles) {
            if let Some(root) = added[folder.as_usize()]
                && matches!(role, Role::Test | Role::Conftest)
            {
                is_added[root.as_usize()] = !is_fixed[root.as_usize()];
            }
        }
        let mut roots = vec![FolderId::PROJECT; count];
        let mut fixed = vec![FolderId::PROJECT; count];
        let mut in_package = vec![false; count];
        for id in tree.folder_ids().skip(1) {
            let (at, folder) = (id.as_usize(), tree.folder(id));
            let parent = folder.parent.as_usize();
            // A folder of tests within a package, and no package itself, is both: pytest puts it on
            // `sys.path`, and it belongs to the package. Its modules have the name in the package.
            let is_root = is_fixed[at] || (is_added[at] && !in_package[parent]);
            roots[at] = if is_root { id } else { roots[parent] };
            fixed[at] = if is_fixed[at] { id } else { fixed[parent] };
            in_package[at] = !is_root && (in_package[parent] || folder.init.is_some());
        }
        let extra = tree.folder_ids().filter(|id| is_added[id.as_usize()]);
        let mut search: Vec<FolderId> = match layout.import_mode {
            // The folder that was added last is the first one.
            ImportMode::Prepend => {
                let mut front: Vec<FolderId> = extra.collect();
                front.sort_by(|a, b| tree.folder(*b).path.cmp(tree.folder(*a).path));
                front.into_iter().chain(fixed_roots).collect()
            }
            ImportMode::Append => fixed_roots.into_iter().chain(extra).collect(),
            ImportMode::Importlib => fixed_roots,
        };
        let package = tree.package_name().filter(|_| !layout.is_root_added);
        let package = package.map(str::to_owned);
        search.extend(more);
        tree.set_search_path(&search);
        Self {
            roots,
            fixed,
            added,
            is_fixed,
            package,
            search,
            mode: layout.import_mode,
        }
    }

    /// The folders that names are looked for in, in order.
    pub(super) fn search(&self) -> &[FolderId] {
        &self.search
    }

    /// The root that the modules of a folder are named from.
    pub(super) fn root(&self, folder: FolderId) -> FolderId {
        self.roots[folder.as_usize()]
    }

    /// The depth from which on the `__init__` files above a module run with it.
    pub(super) fn first_package(&self, tree: &Tree<'_>, folder: FolderId, role: Role) -> u32 {
        let root = self.root(folder);
        let is_part = root == FolderId::PROJECT && self.package.is_some();
        // For a test, pytest also runs those outside of the folder that it puts on `sys.path`.
        if role == Role::Test || is_part {
            return 0;
        }
        tree.folder(root).depth + 1
    }

    /// The folder that a file finds modules in before all others.
    pub(super) fn own_folder(&self, folder: FolderId, role: Role) -> Option<FolderId> {
        if self.mode != ImportMode::Prepend {
            return None;
        }
        let own = self.root_of_file(folder, role);
        (!self.is_fixed[own.as_usize()]).then_some(own)
    }

    /// The folder that the outermost package of a file lies in. A module beside tests may also be
    /// imported as part of a namespace package.
    pub(super) fn outermost(&self, folder: FolderId, role: Role) -> FolderId {
        if is_pytests(role) {
            return self.root_of_file(folder, role);
        }
        self.fixed[folder.as_usize()]
    }

    /// True if the own name of a module has so many parts.
    pub(super) fn has_steps(&self, tree: &Tree<'_>, node: NodeId, steps: usize) -> bool {
        let id = tree.folder_of[node.as_usize()];
        let folder = tree.folder(id);
        let root = self.root(id);
        let outer = u32::from(root == FolderId::PROJECT && self.package.is_some());
        let below = folder.depth - tree.folder(root).depth + outer;
        let is_init = folder.init == Some(node);
        below as usize + usize::from(!is_init) == steps
    }

    /// The dotted name of each file.
    pub(super) fn names(&self, tree: &Tree<'_>, files: &[&str], roles: &[Role]) -> Vec<String> {
        let mut names = Vec::with_capacity(files.len());
        for ((path, id), role) in files.iter().zip(&tree.folder_of).zip(roles) {
            let folder = tree.folder(*id);
            let root = tree.folder(self.root_of_file(*id, *role));
            let file = path.rsplit_once('/').map_or(*path, |(_, name)| name);
            let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
            let packages = folder.path[root.path.len()..].trim_start_matches('/');
            let mut name = packages.replace('/', ".");
            if let Some(package) = self.package.as_ref().filter(|_| root.depth == 0) {
                let dot = if name.is_empty() { "" } else { "." };
                name = format!("{package}{dot}{name}");
            }
            if stem != "__init__" {
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(stem);
            } else if name.is_empty() {
                let own = if folder.depth == 0 { stem } else { folder.name };
                name.push_str(own);
            }
            names.push(name);
        }
        names
    }

    fn root_of_file(&self, folder: FolderId, role: Role) -> FolderId {
        let added = self.added[folder.as_usize()].filter(|_| is_pytests(role));
        let imported = match self.mode {
            // pytest names a file outside of `sys.path` from the project on.
            ImportMode::Importlib if is_pytests(role) => Some(self.fixed[folder.as_usize()]),
            _ => added,
        };
        imported.unwrap_or(self.roots[folder.as_usize()])
    }
}

fn is_pytests(role: Role) -> bool {
    matches!(role, Role::Test | Role::Conftest)
}
