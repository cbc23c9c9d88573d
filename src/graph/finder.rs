//! [`Finder`]: finds the file that a dotted name means, part by part, in a [`Tree`].

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::tree::{FolderId, Meaning, Place, Tree};

/// Finds names in a tree, and remembers those that take more than one look.
#[derive(Debug)]
pub(super) struct Finder<'t, 'a> {
    tree: &'t Tree<'a>,
    top_memo: FxHashMap<&'a str, Meaning>,
    /// The folders of namespace packages.
    portions: Vec<Vec<FolderId>>,
    portion_memo: FxHashMap<(u32, &'a str), Option<Meaning>>,
}

impl<'t, 'a> Finder<'t, 'a> {
    pub(super) fn new(tree: &'t Tree<'a>) -> Self {
        Self {
            tree,
            top_memo: FxHashMap::default(),
            portions: Vec::new(),
            portion_memo: FxHashMap::default(),
        }
    }

    /// Finds the first part of a name. A module or package in `own`, a folder of the search path,
    /// goes before all others.
    pub(super) fn find_top(&mut self, own: Option<FolderId>, name: &'a str) -> Option<Meaning> {
        let Some(folders) = self.tree.top_folders(name) else {
            return self.tree.find_project(name);
        };
        if let [only] = folders {
            return self.tree.find_in(*only, name);
        }
        let found = own.and_then(|own| self.tree.find_in(own, name));
        if let Some(found) = found.filter(|found| found.node.is_some()) {
            return Some(found);
        }
        if let Some(known) = self.top_memo.get(name) {
            return Some(*known);
        }
        let found = self.find_along(folders, name)?;
        self.top_memo.insert(name, found);
        Some(found)
    }

    /// Finds a part of a package; `None` if the package has no such part.
    pub(super) fn find(&mut self, place: Place, name: &'a str) -> Option<Meaning> {
        let index = match place {
            Place::Folder(folder) => return self.tree.find_part(folder, name),
            Place::Portions(index) => index,
        };
        if let Entry::Occupied(known) = self.portion_memo.entry((index, name)) {
            return *known.get();
        }
        let path = self.portions[index as usize].clone();
        let found = self.find_along(&path, name);
        self.portion_memo.insert((index, name), found);
        found
    }

    /// The folders of a package.
    pub(super) fn folders(&self, place: Place) -> Vec<FolderId> {
        match place {
            Place::Folder(folder) => {
                let others = self.tree.portions(folder).iter().copied();
                std::iter::once(folder).chain(others).collect()
            }
            Place::Portions(index) => self.portions[index as usize].clone(),
        }
    }

    fn find_along(&mut self, path: &[FolderId], name: &'a str) -> Option<Meaning> {
        let mut portions = Vec::new();
        let mut stub = None;
        for &folder in path {
            match self.tree.find_in(folder, name) {
                Some(found) if found.node.is_some() => return Some(found),
                Some(found) if found.has_stub => stub = stub.or(Some(found)),
                Some(Meaning {
                    place: Some(Place::Folder(portion)),
                    ..
                }) => portions.push(portion),
                _ => {}
            }
        }
        if stub.is_some() {
            return stub;
        }
        let place = match portions.as_slice() {
            [] => return None,
            [only] => Place::Folder(*only),
            _ => {
                self.portions.push(portions);
                Place::Portions(u32::try_from(self.portions.len() - 1).unwrap_or(u32::MAX))
            }
        };
        Some(Meaning {
            node: None,
            place: Some(place),
            has_stub: false,
        })
    }

    /// True if the place is this folder, or has it as a portion.
    pub(super) fn holds(&self, place: Place, folder: FolderId) -> bool {
        match place {
            Place::Folder(found) => found == folder,
            Place::Portions(index) => self.portions[index as usize].contains(&folder),
        }
    }
}
