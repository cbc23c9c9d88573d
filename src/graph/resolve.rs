//! [`resolve`]: from what each file says to the [`ImportGraph`] and its [`Health`].
//!
//! ```text
//!   files ──► Tree     folders and names, as CPython's path finder sees them
//!         ──► changes  what files themselves change of where Python and pytest look
//!         ──► Suite    what pytest makes of them: tests, and files that it imports besides
//!         ──► Naming   the search path, the dotted name of each file, the root of its package
//!         ──► edges    imports, packages, conftests, mentions
//! ```
//!
//! An import leads to the module itself. The other files that Python runs for it follow from the
//! edges of that module: every module has an edge to the `__init__` of its package.

use std::ops::Range;
use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::facts::{FileFacts, Import, Reading, SourceFile};
use super::file_index::FileIndex;
use super::health::{External, Health, Problem, Unresolved};
use super::import_graph::{Edge, EdgeKind, ImportGraph, Node, NodeId, Role, Start, StartCause};
use super::layout::Layout;
use super::naming::Naming;
use super::search::PathChanges;
use super::suite::{Suite, is_tool};
use super::tree::{FolderId, Place, Tree};
use super::ways::{From, Walk, Ways};
use crate::model::Module;

/// A graph, and how much of the project is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution {
    /// The modules and what leads from one to the other.
    pub graph: ImportGraph,
    /// The files that could be analysed, and the imports that lead nowhere.
    pub health: Health,
}

/// The graph of these files. Their paths are unique; the order of the nodes is theirs.
pub fn resolve(layout: &Layout, files: &[SourceFile]) -> Resolution {
    let draft = Draft::new(layout, files);
    let part = draft.part(0..files.len());
    draft.join(vec![part])
}

/// A graph in the making: all that can be told before the imports are looked at. Those of each
/// file are found on their own, so that threads can share the work.
#[derive(Debug)]
pub struct Draft<'a> {
    layout: &'a Layout,
    pub(super) files: &'a [SourceFile],
    paths: Vec<&'a str>,
    tree: Tree<'a>,
    suite: Suite,
    roles: Vec<Role>,
    naming: Naming,
    index: OnceLock<FileIndex<'a>>,
}

/// The edges and problems of a range of the files of a [`Draft`].
#[derive(Debug, Default)]
pub struct Part<'a> {
    /// The edges of all its files, one file after the other.
    edges: Vec<Edge>,
    /// The number of edges of each file.
    counts: Vec<usize>,
    has_guard: Vec<bool>,
    external: FxHashMap<&'a str, usize>,
    problems: Vec<Problem>,
    unresolved: Vec<Unresolved>,
}

impl<'a> Draft<'a> {
    /// Begins the graph of these files.
    pub fn new(layout: &'a Layout, files: &'a [SourceFile]) -> Self {
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let mut tree = Tree::new(paths.iter().copied());
        tree.set_name(&layout.name);
        for link in &layout.links {
            tree.add_link(&link.path, &link.target);
        }
        let changes = PathChanges::read(files, &tree);
        let suite = Suite::new(layout, &tree, &paths, &changes);
        let roles: Vec<Role> = (paths.iter().zip(&tree.folder_of))
            .map(|(path, folder)| role(&tree, &suite, path, *folder))
            .collect();
        let is_run = |node: NodeId| {
            let role = roles[node.as_usize()];
            !matches!(role, Role::Tool | Role::IdleTest | Role::Stub)
        };
        let added = changes.search.iter().filter(|(node, _)| is_run(*node));
        let added: Vec<FolderId> = added.map(|(_, folder)| *folder).collect();
        let naming = Naming::new(layout, &mut tree, &roles, &added);
        let portions = changes.portions(&tree, naming.search());
        tree.set_portions(portions);
        Self {
            layout,
            files,
            paths,
            tree,
            suite,
            roles,
            naming,
            index: OnceLock::new(),
        }
    }

    pub(super) fn index(&self) -> &FileIndex<'a> {
        self.index.get_or_init(|| FileIndex::new(&self.paths))
    }

    /// Follows the imports of some of the files, by their positions.
    pub fn part(&self, range: Range<usize>) -> Part<'a> {
        let mut resolver = Resolver::new(self);
        for at in range {
            // One at a time: the facts of all files would take much memory.
            let (file, role) = (&self.files[at], self.roles[at]);
            let reading = file.reading();
            let id = NodeId(u32::try_from(at).unwrap_or(u32::MAX));
            resolver.add_edges(id, &file.path, &reading, role);
            let part = &mut resolver.part;
            part.has_guard
                .push(reading.as_ref().is_ok_and(|facts| facts.main_guard));
            if let Err(problem) = reading {
                part.problems.push(Problem {
                    file: file.path.clone(),
                    line: problem.line,
                    text: problem.message,
                });
            }
        }
        resolver.part
    }

    /// The graph, from the parts of all files in their order.
    pub fn join(&self, parts: Vec<Part<'a>>) -> Resolution {
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_default();
        for part in parts {
            all.append(part);
        }
        let starts = Resolver::new(self).starts(&all.has_guard);
        let names = self.naming.names(&self.tree, &self.paths, &self.roles);
        let mut nodes = Vec::with_capacity(self.files.len());
        for ((path, name), role) in self.paths.iter().zip(names).zip(&self.roles) {
            nodes.push(Node {
                module: Module {
                    file: (*path).to_owned(),
                    name,
                },
                role: *role,
            });
        }
        for start in &starts {
            let role = &mut nodes[start.node.as_usize()].role;
            let is_declared =
                matches!(start.cause, StartCause::Plugin(_) | StartCause::Declared(_));
            if *role == Role::Module && is_declared {
                *role = Role::EntryPoint;
            }
        }
        let edges = std::mem::take(&mut all.edges);
        Resolution {
            graph: ImportGraph::of_lists(nodes, edges, &all.counts).with_starts(starts),
            health: all.health(),
        }
    }
}

impl Part<'_> {
    fn append(&mut self, more: Self) {
        self.edges.extend(more.edges);
        self.counts.extend(more.counts);
        self.has_guard.extend(more.has_guard);
        self.problems.extend(more.problems);
        self.unresolved.extend(more.unresolved);
        #[expect(clippy::iter_over_hash_type, reason = "sums do not depend on an order")]
        for (name, imports) in more.external {
            *self.external.entry(name).or_default() += imports;
        }
    }

    fn health(self) -> Health {
        let mut external: Vec<External> = (self.external.into_iter())
            .map(|(name, imports)| External {
                name: name.to_owned(),
                imports,
            })
            .collect();
        external.sort_by(|a, b| a.name.cmp(&b.name));
        let files = self.counts.len();
        Health {
            files,
            analysed: files - self.problems.len(),
            problems: self.problems,
            unresolved: self.unresolved,
            external,
        }
    }
}

/// More leading dots than this are shown as so many.
const MAX_DOTS: u32 = 64;

fn role(tree: &Tree<'_>, suite: &Suite, path: &str, folder: FolderId) -> Role {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    if name.strip_suffix(".pyi").is_some() {
        Role::Stub
    } else if name == "conftest.py" {
        Role::Conftest
    } else if suite.is_test(path, name, folder) {
        Role::Test
    } else if is_tool(tree, name, folder) {
        Role::Tool
    } else if suite.is_named_like_a_test(path, name) || name.strip_suffix(".py").is_none() {
        Role::IdleTest
    } else {
        Role::Module
    }
}

pub(super) struct Resolver<'t, 'a> {
    pub(super) draft: &'t Draft<'a>,
    pub(super) tree: &'t Tree<'a>,
    pub(super) naming: &'t Naming,
    pub(super) ways: Ways<'t, 'a>,
    /// The names in `__all__` of packages.
    exports: FxHashMap<NodeId, Vec<&'a str>>,
    part: Part<'a>,
    /// Of the file at hand.
    edges: Vec<Edge>,
}

impl<'t, 'a> Resolver<'t, 'a> {
    fn new(draft: &'t Draft<'a>) -> Self {
        Self {
            draft,
            tree: &draft.tree,
            naming: &draft.naming,
            ways: Ways::new(&draft.tree, &draft.naming),
            exports: FxHashMap::default(),
            part: Part::default(),
            edges: Vec::new(),
        }
    }

    /// The modules that something outside starts, with the cause.
    fn starts(&mut self, has_guard: &[bool]) -> Vec<Start> {
        let mut starts = Vec::new();
        for entry in &self.draft.layout.entry_points {
            let Walk::Module(Some(node), _) = self.ways.walk_from_top(None, &entry.module) else {
                continue;
            };
            let source = entry.source.clone();
            let cause = if entry.by_pytest {
                StartCause::Plugin(source)
            } else {
                StartCause::Declared(source)
            };
            starts.push(Start { node, cause });
        }
        for (node, file) in (0..).map(NodeId).zip(self.draft.files) {
            let folder = self.tree.folder_of[node.as_usize()];
            let name = file
                .path
                .rsplit_once('/')
                .map_or(&*file.path, |(_, name)| name);
            let causes = [
                (name == "__main__.py", StartCause::MainFile),
                (has_guard[node.as_usize()], StartCause::MainGuard),
                (
                    self.draft.suite.is_imported(&file.path, name, folder),
                    StartCause::Collected,
                ),
            ];
            let holding = causes.into_iter().filter(|(holds, _)| *holds);
            starts.extend(holding.map(|(_, cause)| Start { node, cause }));
        }
        starts
    }

    fn add_edges(&mut self, at: NodeId, path: &str, reading: &Reading<&'a str>, role: Role) {
        let folder = self.tree.folder_of[at.as_usize()];
        if role == Role::Stub {
            self.part.counts.push(0);
            return;
        }
        self.add_package(at, folder, role);
        self.add_conftest(at, folder, role);
        self.add_link(at, path);
        if let Ok(FileFacts {
            imports, mentions, ..
        }) = reading
        {
            // pytest decides where tests find modules.
            let may_be_script = matches!(role, Role::Module | Role::Tool);
            let from = From {
                path,
                folder,
                own: self.naming.own_folder(folder, role),
                beside: Some(folder)
                    .filter(|id| may_be_script && self.tree.folder(*id).init.is_none()),
                outermost: self.naming.outermost(folder, role),
            };
            // A statement has an entry for each of its names, and their module is the same.
            let mut last: Option<(&Import<&str>, Walk)> = None;
            for import in imports {
                let known = last
                    .filter(|(last, _)| last.level == import.level && last.module == import.module);
                let walk = match known {
                    Some((_, walk)) => walk,
                    None => self.ways.walk_import(&from, import),
                };
                self.add_import(&from, import, walk);
                last = Some((import, walk));
            }
            for mention in mentions {
                self.add_mention(&from, mention);
            }
        }
        self.edges.retain(|edge| edge.to != at);
        // The first line that says a thing is enough.
        self.edges
            .sort_by_key(|edge| (edge.to, edge.kind, edge.line));
        self.edges.dedup_by_key(|edge| (edge.to, edge.kind));
        self.part.counts.push(self.edges.len());
        self.part.edges.append(&mut self.edges);
    }

    pub(super) fn add(&mut self, to: NodeId, kind: EdgeKind, line: u32) {
        // The names of a statement often lead to one module.
        let last = self.edges.last();
        if last.is_none_or(|last| (last.to, last.kind) != (to, kind)) {
            self.edges.push(Edge { to, kind, line });
        }
    }

    /// Adds the edge to the `__init__` that runs before a module.
    fn add_package(&mut self, at: NodeId, folder: FolderId, role: Role) {
        let depth = self.naming.first_package(self.tree, folder, role);
        if let Some(init) = self.tree.init_before(at, folder, depth) {
            self.add(init, EdgeKind::Package, 0);
        }
    }

    /// Adds the edge from a link to the file that it leads to.
    fn add_link(&mut self, at: NodeId, path: &str) {
        let draft = self.draft;
        let links = &draft.layout.links;
        let found = links.binary_search_by(|link| link.path.as_str().cmp(path));
        let target = found
            .ok()
            .and_then(|at| draft.index().find(&links[at].target));
        if let Some(target) = target.filter(|target| *target != at) {
            self.add(target, EdgeKind::Link, 0);
        }
    }

    fn add_conftest(&mut self, at: NodeId, folder: FolderId, role: Role) {
        let conftest = match role {
            Role::Test => self.tree.conftest(folder),
            Role::Conftest if folder != FolderId::PROJECT => {
                self.tree.conftest(self.tree.folder(folder).parent)
            }
            _ => None,
        };
        if let Some(conftest) = conftest.filter(|conftest| *conftest != at) {
            self.add(conftest, EdgeKind::Conftest, 0);
        }
    }

    fn add_import(&mut self, from: &From<'_>, import: &Import<&'a str>, walk: Walk) {
        match walk {
            Walk::Module(node, place) => self.add_member(from, import, node, place),
            Walk::Stub => {}
            Walk::Broken(node) => {
                self.add(node, EdgeKind::Import(import.kind), import.line);
                self.add_unresolved(from, import, false);
            }
            Walk::Nowhere if import.level == 0 => self.add_external(import),
            Walk::Nowhere => self.add_unresolved(from, import, false),
        }
    }

    /// `from module import member`, if the module was found; or `import module`.
    pub(super) fn add_member(
        &mut self,
        from: &From<'_>,
        import: &Import<&'a str>,
        node: Option<NodeId>,
        place: Option<Place>,
    ) {
        if let (Some("*"), Some(init), Some(place)) = (import.member, node, place) {
            self.add_exports(import, init, place);
        }
        let part = import.member.filter(|member| *member != "*");
        let found = part.and_then(|member| self.ways.finder.find(place?, member));
        if let Some(part) = found.and_then(|found| found.node) {
            self.add_found(import, part, node, 1);
        } else if let Some(module) = node {
            self.add_found(import, module, None, 0);
        } else if part.is_some() && found.is_none() {
            // A namespace package has no attributes. One of the first level may be another package
            // of that name in reality: every folder without `__init__.py` looks like one.
            if import.level == 0 && !import.module.contains('.') {
                self.add_external(import);
            } else {
                self.add_unresolved(from, import, true);
            }
        }
    }

    /// The modules that `from package import *` takes: those in its `__all__`.
    fn add_exports(&mut self, import: &Import<&'a str>, init: NodeId, place: Place) {
        let files = self.draft.files;
        let exports = (self.exports.entry(init)).or_insert_with(|| {
            let reading = files[init.as_usize()].reading();
            reading.map(|facts| facts.exports).unwrap_or_default()
        });
        let found: Vec<NodeId> = (exports.iter())
            .filter_map(|name| self.ways.finder.find(place, name)?.node)
            .collect();
        for module in found {
            self.add_found(import, module, Some(init), 1);
        }
    }

    /// Adds the edge to the module that was found. If it was found under another name than its own,
    /// adds the packages on the way too: they are then others than its own edges lead to.
    fn add_found(
        &mut self,
        import: &Import<&'a str>,
        to: NodeId,
        package: Option<NodeId>,
        members: usize,
    ) {
        let kind = EdgeKind::Import(import.kind);
        self.add(to, kind, import.line);
        if import.level > 0 {
            return;
        }
        let dots = import.module.bytes().filter(|byte| *byte == b'.').count();
        let steps = 1 + dots + members;
        if !self.naming.has_steps(self.tree, to, steps) {
            for at in 0..self.ways.walked.len() {
                self.add(self.ways.walked[at], kind, import.line);
            }
            if let Some(package) = package {
                self.add(package, kind, import.line);
            }
        }
    }

    fn add_external(&mut self, import: &Import<&'a str>) {
        let name = import.module.split('.').next().unwrap_or_default();
        *self.part.external.entry(name).or_default() += 1;
    }

    fn add_unresolved(&mut self, from: &From<'_>, import: &Import<&'a str>, with_member: bool) {
        let mut name = ".".repeat(import.level.min(MAX_DOTS) as usize);
        name.push_str(import.module);
        let member = import.member;
        if let Some(member) = member.filter(|_| with_member || import.module.is_empty()) {
            if !import.module.is_empty() {
                name.push('.');
            }
            name.push_str(member);
        }
        self.part.unresolved.push(Unresolved {
            file: from.path.to_owned(),
            line: import.line,
            name,
        });
    }
}
