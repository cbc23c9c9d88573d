//! [`Verdicts`]: for each module, the way in which a test reaches it, or the kind of orphan that it
//! is.
//!
//! ```text
//!   what runs loaded ─────────► tested     in any case
//!   tests, plugins ──imports──► tested     if no run shows all that the test loads
//!          └──────mentions────► tested     if no import leads there
//!   entry points, scripts ────► untested   of the rest
//!   others with an importer ──► island
//!   others ───────────────────► unreferenced
//! ```

use super::facts::ImportKind;
use super::import_graph::{Apart, EdgeKind, ImportGraph, NodeId, Role, StartCause};
use super::observed::Observed;
use super::reach::Reach;
use crate::model::OrphanKind;

/// The result of the graph for one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Tested(Tested),
    /// No test reaches it; the kind says what else does.
    Orphan(OrphanKind),
    /// It is no module of the application: a test, a conftest, a tool, a stub.
    NoModule,
    /// No test reaches it, and it is no module of the application: an example, data of tests.
    Apart(Apart),
}

/// The strongest way in which a test reaches a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tested {
    /// Recorded coverage shows that a test ran it.
    Covered,
    /// A run shows that a test process loaded it.
    Loaded,
    /// A test reaches it through imports alone.
    Imported,
    /// Imports alone do not lead there from a test: it takes a name in a text, as `patch("a.b.c")`.
    Named,
}

/// The verdicts on all modules of a graph.
#[derive(Debug)]
pub struct Verdicts<'g> {
    pub(super) graph: &'g ImportGraph,
    pub(super) observed: &'g Observed,
    pub(super) tests: Reach,
    /// The modules that entry points, scripts and tools reach.
    pub(super) application: Reach,
    /// The modules that code for other systems reaches.
    elsewhere: Reach,
    list: Vec<Verdict>,
    is_isolated: Vec<bool>,
}

impl<'g> Verdicts<'g> {
    /// Judges every file of the graph, by its imports and by what runs were seen to load.
    pub fn new(graph: &'g ImportGraph, observed: &'g Observed) -> Self {
        let edges = |id| graph.edges(id);
        let tests = reach_of_tests(graph, observed);

        let mut application = Reach::new(graph);
        for start in graph.starts().iter().filter(|start| !tests.has(start.node)) {
            application.start(start.node);
        }
        let is_tool = |id: &NodeId| graph.node(*id).role == Role::Tool;
        (graph.ids().filter(is_tool)).for_each(|id| application.start(id));
        application.follow_imports(edges, |_| true);
        application.follow_mentions(edges, |_| true);

        let mut elsewhere = Reach::new(graph);
        for edge in graph.ids().flat_map(edges) {
            if edge.kind == EdgeKind::Import(ImportKind::Elsewhere) {
                elsewhere.start(edge.to);
            }
        }
        elsewhere.follow_imports(edges, |_| true);

        let mut verdicts = Self {
            graph,
            observed,
            tests,
            application,
            elsewhere,
            list: Vec::with_capacity(graph.nodes().len()),
            is_isolated: Vec::with_capacity(graph.nodes().len()),
        };
        for id in graph.ids() {
            let verdict = verdicts.judge(id);
            verdicts.list.push(verdict);
            let isolated = verdicts.has_no_importer(id);
            verdicts.is_isolated.push(isolated);
        }
        verdicts
    }

    pub fn verdict(&self, id: NodeId) -> Verdict {
        self.list[id.as_usize()]
    }

    /// True for a module of the application that no other file imports, unless it is a plugin, a
    /// `__main__.py`, or named by a configuration file.
    pub fn is_isolated(&self, id: NodeId) -> bool {
        self.is_isolated[id.as_usize()]
    }

    /// True if tests reach the file, whatever its role; a test file reaches itself.
    pub fn is_reached(&self, id: NodeId) -> bool {
        self.tests.has(id)
    }

    /// True for a test file of which a run shows all that it loads.
    pub fn is_shown(&self, id: NodeId) -> bool {
        self.observed.is_settled(&self.graph.node(id).module.file)
    }

    /// True for a module of the application that no test reaches.
    pub fn is_orphan(&self, id: NodeId) -> bool {
        matches!(self.verdict(id), Verdict::Orphan(_))
    }

    /// The test files that reach any of these modules, in the order of the files. What a run shows
    /// of a test outweighs the graph. Mentions count only for modules that no test reaches by imports
    /// alone.
    pub fn tests_reaching(&self, modules: &[NodeId]) -> Vec<NodeId> {
        let back = |id| self.graph.back_edges(id);
        let is_weak = |id: &&NodeId| self.tests.mark(**id).is_none_or(|mark| mark.is_weak);
        let mut strong = Reach::new(self.graph);
        let mut weak = Reach::new(self.graph);
        for id in modules {
            strong.start(*id);
        }
        strong.follow_imports(back, |_| true);
        modules
            .iter()
            .filter(is_weak)
            .for_each(|id| weak.start(*id));
        weak.follow_imports(back, |_| true);
        weak.follow_mentions(back, |_| true);
        let reaches = |id: NodeId| strong.has(id) || weak.has(id);
        // A plugin is loaded with every test.
        let mut starts = self.graph.starts().iter();
        let all =
            starts.any(|start| matches!(start.cause, StartCause::Plugin(_)) && reaches(start.node));
        let files: Vec<&str> = (modules.iter())
            .map(|id| self.graph.node(*id).module.file.as_str())
            .collect();
        let is_test = |id: &NodeId| self.graph.node(*id).role == Role::Test;
        let loads = |id: &NodeId| {
            let test = &self.graph.node(*id).module.file;
            self.observed.loads(test, &files)
        };
        let tests: Vec<NodeId> = self.graph.ids().filter(is_test).collect();
        let by_graph = |id: &NodeId| loads(id).unwrap_or(all || reaches(*id));
        let found: Vec<NodeId> = tests.iter().copied().filter(by_graph).collect();
        if !found.is_empty() || !files.iter().any(|file| self.observed.is_seen(file)) {
            return found;
        }
        // One of several tests of a process loads it, in a way that the graph does not know.
        let may_load = |id: &NodeId| {
            let test = &self.graph.node(*id).module.file;
            self.observed.is_settled(test) && loads(id) != Some(false)
        };
        tests.into_iter().filter(may_load).collect()
    }

    fn judge(&self, id: NodeId) -> Verdict {
        let file = &self.graph.node(id).module.file;
        if !matches!(self.graph.node(id).role, Role::Module | Role::EntryPoint) {
            return Verdict::NoModule;
        }
        if self.observed.is_executed(file) {
            return Verdict::Tested(Tested::Covered);
        }
        if self.observed.is_seen(file) {
            return Verdict::Tested(Tested::Loaded);
        }
        if let Some(mark) = self.tests.mark(id) {
            return Verdict::Tested(if mark.is_weak {
                Tested::Named
            } else {
                Tested::Imported
            });
        }
        if let Some(apart) = self.graph.apart(id) {
            return Verdict::Apart(apart);
        }
        if self.is_only_elsewhere(id) {
            return Verdict::Apart(Apart::Elsewhere);
        }
        Verdict::Orphan(if self.application.has(id) {
            OrphanKind::Untested
        } else if self
            .graph
            .back_edges(id)
            .iter()
            .any(|edge| edge.kind.is_followed())
        {
            OrphanKind::Island
        } else {
            OrphanKind::Unreferenced
        })
    }

    /// True if nothing leads to a module but code for other systems, and what that imports.
    fn is_only_elsewhere(&self, id: NodeId) -> bool {
        let back = self.graph.back_edges(id).iter();
        let mut followed = back.filter(|edge| edge.kind.is_followed());
        self.elsewhere.has(id)
            && !self.application.has(id)
            && followed.all(|edge| self.elsewhere.has(edge.to))
    }

    fn has_no_importer(&self, id: NodeId) -> bool {
        let is_import = |kind| {
            matches!(
                kind,
                EdgeKind::Import(_) | EdgeKind::Package | EdgeKind::Link
            )
        };
        let mut back = self.graph.back_edges(id).iter();
        self.graph.node(id).role == Role::Module
            && !self.is_main_file(id)
            && !matches!(self.list.get(id.as_usize()), Some(Verdict::Apart(_)))
            && !back.any(|edge| is_import(edge.kind) && edge.to != id)
    }

    fn is_main_file(&self, id: NodeId) -> bool {
        self.causes(id).any(|cause| *cause == StartCause::MainFile)
    }

    /// The reasons why something outside the project starts a module.
    pub(super) fn causes(&self, id: NodeId) -> impl Iterator<Item = &'g StartCause> + use<'g> {
        let starts = self.graph.starts();
        let first = starts.partition_point(|start| start.node < id);
        let here = starts[first..]
            .iter()
            .take_while(move |start| start.node == id);
        here.map(|start| &start.cause)
    }
}

/// The files that tests reach: those that no run shows in full by all their imports, the others by
/// what was loaded.
fn reach_of_tests(graph: &ImportGraph, observed: &Observed) -> Reach {
    let edges = |id| graph.edges(id);
    let file = |id: NodeId| graph.node(id).module.file.as_str();
    let seen = |id: NodeId| observed.is_seen(file(id));
    let is_test = |id: &NodeId| graph.node(*id).role == Role::Test;
    let is_settled = |id: &NodeId| observed.is_settled(file(*id));
    let (settled, others): (Vec<NodeId>, Vec<NodeId>) =
        graph.ids().filter(is_test).partition(is_settled);
    let mut tests = Reach::new(graph);
    for id in &others {
        tests.start(*id);
    }
    let causes = graph.starts().iter();
    for start in causes {
        let is_pytests = matches!(start.cause, StartCause::Plugin(_) | StartCause::Collected);
        if is_pytests && (settled.is_empty() || !others.is_empty()) {
            tests.start(start.node);
        }
    }
    let changed = graph.ids().filter(|id| observed.is_changed(file(*id)));
    changed.for_each(|id| tests.start(id));
    tests.follow_imports(edges, seen);
    for id in &settled {
        tests.start_closed(*id);
    }
    for start in graph.starts().iter().filter(|start| seen(start.node)) {
        if matches!(start.cause, StartCause::Plugin(_) | StartCause::Collected) {
            tests.start_closed(start.node);
        }
    }
    tests.follow_imports(edges, seen);
    for id in graph.ids().filter(|id| seen(*id)) {
        // What coverage saw in other processes alone may load more than they tell.
        if observed.is_loaded(file(id)) {
            tests.start_closed(id);
        } else {
            tests.start(id);
        }
    }
    tests.follow_imports(edges, seen);
    tests.follow_mentions(edges, seen);
    tests
}
