//! [`Ways`] along names: from a name in a file to the module that it means there.

use super::facts::Import;
use super::finder::Finder;
use super::import_graph::NodeId;
use super::library::is_taken;
use super::naming::Naming;
use super::tree::{FolderId, Meaning, Place, Tree};

/// The file that names stand in.
pub(super) struct From<'a> {
    pub(super) path: &'a str,
    pub(super) folder: FolderId,
    /// The folder that it finds modules in before all others.
    pub(super) own: Option<FolderId>,
    /// Its folder, if that is no package: a program finds modules there.
    pub(super) beside: Option<FolderId>,
    /// The folder that its outermost package lies in.
    pub(super) outermost: FolderId,
}

/// The end of a walk along a dotted name.
#[derive(Clone, Copy)]
pub(super) enum Walk {
    /// To a module; a namespace package has none.
    Module(Option<NodeId>, Option<Place>),
    /// To a module in C, of which there is only a stub.
    Stub,
    /// To this module, which has no part of the next name.
    Broken(NodeId),
    /// The name leads out of the project.
    Nowhere,
}

/// Finds the modules that names mean.
pub(super) struct Ways<'t, 'a> {
    tree: &'t Tree<'a>,
    naming: &'t Naming,
    pub(super) finder: Finder<'t, 'a>,
    /// The package, by folder, at which the relative imports of its files begin.
    places: Vec<Option<Place>>,
    /// The modules on the way of the name at hand.
    pub(super) walked: Vec<NodeId>,
}

impl<'t, 'a> Ways<'t, 'a> {
    pub(super) fn new(tree: &'t Tree<'a>, naming: &'t Naming) -> Self {
        Self {
            tree,
            naming,
            finder: Finder::new(tree),
            places: vec![None; tree.folders.len()],
            walked: Vec::new(),
        }
    }

    pub(super) fn walk_name(&mut self, from: &From<'_>, level: u32, name: &'a str) -> Walk {
        if level == 0 {
            return self.walk_from_top(from.own, name);
        }
        match self.place_above(from, level) {
            Some(place) => self.walk_in(place, name),
            None => Walk::Nowhere,
        }
    }

    pub(super) fn walk_import(&mut self, from: &From<'_>, import: &Import<&'a str>) -> Walk {
        let walk = self.walk_name(from, import.level, import.module);
        match (walk, from.beside) {
            // A script finds the files beside itself.
            (Walk::Nowhere, Some(folder)) if import.level == 0 => {
                self.walk_beside(folder, import.module)
            }
            _ => walk,
        }
    }

    fn walk_beside(&mut self, folder: FolderId, name: &'a str) -> Walk {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        match self.tree.find_in(folder, first) {
            Some(found) if found.node.is_some() && !is_taken(first) => self.walk(found, rest),
            _ => Walk::Nowhere,
        }
    }

    pub(super) fn walk_from_top(&mut self, own: Option<FolderId>, name: &'a str) -> Walk {
        self.walked.clear();
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        match self.finder.find_top(own, first) {
            Some(found) if !is_taken(first) => self.walk(found, rest),
            _ => Walk::Nowhere,
        }
    }

    /// From a package, as a relative import does.
    pub(super) fn walk_in(&mut self, place: Place, name: &'a str) -> Walk {
        self.walked.clear();
        let node = match place {
            Place::Folder(folder) => self.tree.folder(folder).init,
            Place::Portions(_) => None,
        };
        let found = Meaning {
            node,
            place: Some(place),
            has_stub: false,
        };
        self.walk(found, name)
    }

    fn walk(&mut self, start: Meaning, rest: &'a str) -> Walk {
        let mut at = start;
        let mut last = at.node;
        for name in rest.split('.').filter(|_| !rest.is_empty()) {
            self.walked.extend(at.node);
            let next = at.place.and_then(|place| self.finder.find(place, name));
            let Some(next) = next else {
                return match last {
                    _ if at.node.is_none() && at.has_stub => Walk::Stub,
                    Some(node) => Walk::Broken(node),
                    None => Walk::Nowhere,
                };
            };
            at = next;
            last = at.node.or(last);
        }
        if at.node.is_none() && at.has_stub {
            return Walk::Stub;
        }
        Walk::Module(at.node, at.place)
    }

    /// The package that `level` leading dots mean; `None` if they lead out of the outermost one.
    pub(super) fn place_above(&mut self, from: &From<'_>, level: u32) -> Option<Place> {
        let depth = self.tree.folder(from.folder).depth;
        let wanted = depth.checked_sub(level - 1)?;
        let outermost = self.tree.folder(from.outermost).depth;
        let is_project = wanted == 0 && self.tree.package_name().is_some();
        if wanted < outermost || (wanted == outermost && !is_project) {
            return None;
        }
        let above = (depth - wanted) as usize;
        let package = self.tree.ancestors(from.folder).nth(above)?;
        Some(self.place_of(package))
    }

    /// A package as its name is found: a folder alone, or all portions of a namespace package.
    fn place_of(&mut self, package: FolderId) -> Place {
        if let Some(known) = self.places[package.as_usize()] {
            return known;
        }
        let root = self.tree.folder(self.naming.root(package)).depth;
        let chain: Vec<FolderId> = (self.tree.ancestors(package))
            .take_while(|id| self.tree.folder(*id).depth > root)
            .collect();
        let mut place = None;
        for id in chain.into_iter().rev() {
            let name = self.tree.folder(id).name;
            let found = match place {
                None => self.finder.find_top(None, name),
                Some(outer) => self.finder.find(outer, name),
            };
            let found = found.and_then(|found| found.place);
            place = found
                .filter(|found| self.finder.holds(*found, id))
                .or(Some(Place::Folder(id)));
        }
        let place = place.unwrap_or(Place::Folder(package));
        self.places[package.as_usize()] = Some(place);
        place
    }
}
