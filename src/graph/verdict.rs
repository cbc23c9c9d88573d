//! [`Verdicts`]: for each module, the way in which a test reaches it, or the kind of orphan that it
//! is.
//!
//! ```text
//!   tests, plugins ──imports──► tested     what coverage saw is tested in any case
//!          └──────mentions────► tested     if no import leads there
//!   entry points, scripts ────► untested   of the rest
//!   others with an importer ──► island
//!   others ───────────────────► unreferenced
//! ```

use std::collections::BTreeSet;

use super::import_graph::{Apart, EdgeKind, ImportGraph, NodeId, Role, StartCause};
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
    /// A test reaches it through imports alone.
    Imported,
    /// Imports alone do not lead there from a test: it takes a name in a text, as `patch("a.b.c")`.
    Named,
}

/// The verdicts on all modules of a graph.
#[derive(Debug)]
pub struct Verdicts<'g> {
    pub(super) graph: &'g ImportGraph,
    pub(super) tests: Reach,
    /// The modules that entry points, scripts and tools reach.
    pub(super) application: Reach,
    list: Vec<Verdict>,
    is_isolated: Vec<bool>,
}

impl<'g> Verdicts<'g> {
    /// Judges every file of the graph. `covered` are the files that tests ran, by recorded
    /// coverage.
    pub fn new(graph: &'g ImportGraph, covered: &BTreeSet<String>) -> Self {
        let edges = |id| graph.edges(id);
        let mut tests = Reach::new(graph);
        let is_test = |id: &NodeId| graph.node(*id).role == Role::Test;
        graph.ids().filter(is_test).for_each(|id| tests.start(id));
        for start in graph.starts() {
            if matches!(start.cause, StartCause::Plugin(_) | StartCause::Collected) {
                tests.start(start.node);
            }
        }
        tests.follow_imports(edges);
        let is_covered =
            |id: &NodeId| !covered.is_empty() && covered.contains(&graph.node(*id).module.file);
        let covered: Vec<NodeId> = graph.ids().filter(is_covered).collect();
        for id in &covered {
            tests.start(*id);
        }
        tests.follow_imports(edges);
        tests.follow_mentions(edges);

        let mut application = Reach::new(graph);
        for start in graph.starts().iter().filter(|start| !tests.has(start.node)) {
            application.start(start.node);
        }
        let is_tool = |id: &NodeId| graph.node(*id).role == Role::Tool;
        (graph.ids().filter(is_tool)).for_each(|id| application.start(id));
        application.follow_imports(edges);
        application.follow_mentions(edges);

        let mut verdicts = Self {
            graph,
            tests,
            application,
            list: Vec::with_capacity(graph.nodes().len()),
            is_isolated: Vec::with_capacity(graph.nodes().len()),
        };
        for id in graph.ids() {
            let verdict = verdicts.judge(id, covered.binary_search(&id).is_ok());
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

    /// True for a module of the application that no test reaches.
    pub fn is_orphan(&self, id: NodeId) -> bool {
        matches!(self.verdict(id), Verdict::Orphan(_))
    }

    /// The test files that reach any of these modules, in the order of the files. Mentions count
    /// only for modules that no test reaches by imports alone.
    pub fn tests_reaching(&self, modules: &[NodeId]) -> Vec<NodeId> {
        let back = |id| self.graph.back_edges(id);
        let is_weak = |id: &&NodeId| self.tests.mark(**id).is_none_or(|mark| mark.is_weak);
        let mut strong = Reach::new(self.graph);
        let mut weak = Reach::new(self.graph);
        for id in modules {
            strong.start(*id);
        }
        strong.follow_imports(back);
        modules
            .iter()
            .filter(is_weak)
            .for_each(|id| weak.start(*id));
        weak.follow_imports(back);
        weak.follow_mentions(back);
        let reaches = |id: NodeId| strong.has(id) || weak.has(id);
        // A plugin is loaded with every test.
        let mut starts = self.graph.starts().iter();
        let all =
            starts.any(|start| matches!(start.cause, StartCause::Plugin(_)) && reaches(start.node));
        let is_test = |id: &NodeId| {
            let has_tests = self.graph.node(*id).role == Role::Test;
            has_tests && (all || reaches(*id))
        };
        self.graph.ids().filter(is_test).collect()
    }

    fn judge(&self, id: NodeId, is_covered: bool) -> Verdict {
        if !matches!(self.graph.node(id).role, Role::Module | Role::EntryPoint) {
            return Verdict::NoModule;
        }
        if is_covered {
            return Verdict::Tested(Tested::Covered);
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

    fn has_no_importer(&self, id: NodeId) -> bool {
        let is_import = |kind| matches!(kind, EdgeKind::Import(_) | EdgeKind::Package);
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
