//! Edges to the modules that names in calls and texts mean, and to the files that paths do.

use super::facts::{Evidence, Import, ImportKind, Mention};
use super::file_index::from_project;
use super::import_graph::{EdgeKind, NodeId};
use super::resolve::Resolver;
use super::tree::Place;
use super::ways::{From, Walk};

/// More modules than these are not taken from one name with a star.
const MAX_NAMED: usize = 10_000;
/// What Django imports of an application when it starts.
const APPLICATION_MODULES: [&str; 3] = ["apps", "models", "admin"];
/// The packages of an application whose modules it loads when it is asked to.
const APPLICATION_PACKAGES: [&str; 2] = ["migrations", "templatetags"];

impl<'a> Resolver<'_, 'a> {
    pub(super) fn add_mention(&mut self, from: &From<'_>, mention: &Mention<&'a str>) {
        match mention.evidence {
            Evidence::File | Evidence::Script => self.add_path(from, mention),
            Evidence::Application => self.add_application(from, mention),
            Evidence::Stub => self.add_stub(from),
            _ => match mention.name.strip_suffix('*') {
                Some(start) => self.add_modules(from, mention, start),
                None => self.add_name(from, mention),
            },
        }
    }

    fn add_name(&mut self, from: &From<'_>, mention: &Mention<&'a str>) {
        let evidence = mention.evidence;
        let (module, attribute) = match mention.name.split_once(':') {
            Some((module, attribute)) => (module, Some(attribute)),
            None => (mention.name, None),
        };
        let (level, name) = levels(module);
        if evidence == Evidence::Text && level == 0 && !mention.name.contains(['.', ':']) {
            return;
        }
        let node = match self.ways.walk_name(from, level, name) {
            Walk::Module(node, Some(Place::Folder(package)))
                if matches!(evidence, Evidence::Command | Evidence::RunModule) =>
            {
                self.tree.folder(package).main.or(node)
            }
            Walk::Module(node, _) => node,
            Walk::Broken(node) if evidence == Evidence::Patch => Some(node),
            Walk::Broken(_) if evidence == Evidence::Text && level == 0 && attribute.is_none() => {
                self.module_of_attribute(from, name)
            }
            Walk::Broken(_) | Walk::Stub | Walk::Nowhere => None,
        };
        if let Some(node) = node {
            self.add(node, EdgeKind::Mention(evidence), mention.line);
        }
    }

    /// The module of `a.b.Thing`. A text of two parts may be the name of a file, so that the second
    /// one has to look like a class.
    fn module_of_attribute(&mut self, from: &From<'_>, name: &'a str) -> Option<NodeId> {
        let (module, attribute) = name.rsplit_once('.')?;
        if !module.contains('.') && !attribute.starts_with(char::is_uppercase) {
            return None;
        }
        match self.ways.walk_from_top(from.own, module) {
            Walk::Module(node, _) => node,
            Walk::Broken(_) | Walk::Stub | Walk::Nowhere => None,
        }
    }

    /// The modules of a package: `a.b.*`, `a.b.c_*`, `a.b.**`, without the last star.
    fn add_modules(&mut self, from: &From<'_>, mention: &Mention<&'a str>, start: &'a str) {
        let (start, all_below) = match start.strip_suffix('*') {
            Some(start) => (start, true),
            None => (start, false),
        };
        let (level, name) = levels(start);
        let (package, prefix) = name.rsplit_once('.').unwrap_or(("", name));
        if level == 0 && package.is_empty() {
            return;
        }
        let Walk::Module(_, Some(place)) = self.ways.walk_name(from, level, package) else {
            return;
        };
        let draft = self.draft;
        let kind = EdgeKind::Mention(mention.evidence);
        for folder in self.ways.finder.folders(place) {
            let folder = self.tree.folder(folder).path;
            let modules = draft.index().modules_in(folder, prefix, all_below);
            modules
                .take(MAX_NAMED)
                .for_each(|node| self.add(node, kind, mention.line));
        }
    }

    /// A file, all files that match a pattern, or a folder with a `__main__.py`.
    fn add_path(&mut self, from: &From<'_>, mention: &Mention<&'a str>) {
        let draft = self.draft;
        let own = self.tree.folder(from.folder).path;
        let Some(path) = from_project(mention.name, own) else {
            return;
        };
        let found = if path.contains('*') {
            draft.index().matching(&path)
        } else {
            let file = draft.index().find(&path);
            let main = || self.tree.folder(self.tree.folder_at(&path)?).main;
            file.or_else(main).into_iter().collect()
        };
        for node in found.into_iter().take(MAX_NAMED) {
            self.add(node, EdgeKind::Mention(mention.evidence), mention.line);
        }
    }

    /// A package of `INSTALLED_APPS`, with what Django loads of it.
    fn add_application(&mut self, from: &From<'_>, mention: &Mention<&'a str>) {
        let kind = EdgeKind::Mention(mention.evidence);
        let package = match mention.name.rsplit_once(".apps.") {
            Some((package, _)) => package,
            None => mention.name,
        };
        let Walk::Module(node, Some(place)) = self.ways.walk_from_top(from.own, package) else {
            return self.add_name(from, mention);
        };
        let parts = APPLICATION_MODULES.iter();
        let parts = parts.filter_map(|part| self.ways.finder.find(place, part)?.node);
        let found: Vec<NodeId> = node.into_iter().chain(parts).collect();
        for node in found {
            self.add(node, kind, mention.line);
        }
        for part in APPLICATION_PACKAGES {
            let found = self.ways.finder.find(place, part);
            if let Some(Place::Folder(folder)) = found.and_then(|found| found.place) {
                let folder = self.tree.folder(folder).path;
                let modules = self.draft.index().modules_in(folder, "", false);
                modules
                    .take(MAX_NAMED)
                    .for_each(|node| self.add(node, kind, mention.line));
            }
        }
    }

    /// The imports of the stub beside a file, which are its own when an attribute is asked for.
    fn add_stub(&mut self, from: &From<'_>) {
        let draft = self.draft;
        let stub = draft.index().find(&format!("{}i", from.path));
        let facts = stub.map(|stub| draft.files[stub.as_usize()].reading());
        let Some(Ok(facts)) = facts else {
            return;
        };
        for import in facts.imports {
            let import = Import {
                kind: ImportKind::Lazy,
                ..import
            };
            let walk = self.ways.walk_import(from, &import);
            if let Walk::Module(node, place) = walk {
                self.add_member(from, &import, node, place);
            }
        }
    }
}

/// The number of dots before a name, and the name.
fn levels(name: &str) -> (u32, &str) {
    let rest = name.trim_start_matches('.');
    (
        u32::try_from(name.len() - rest.len()).unwrap_or(u32::MAX),
        rest,
    )
}
