//! The reason why a module counts as tested or not: the evidence in one sentence, or step by step.

use super::facts::{Evidence, ImportKind};
use super::import_graph::{Edge, EdgeKind, NodeId, Role, StartCause};
use super::verdict::{Tested, Verdict, Verdicts};
use crate::model::{Module, OrphanKind};

/// So many importers are named in a sentence.
const NAMED: usize = 2;

/// The reason why an import of a module that tests reach does not count.
const NOT_LOADED: &str = "no test loaded it when the tests ran last";

/// A verdict on a module with its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub module: Module,
    pub verdict: Verdict,
    /// The evidence in one sentence.
    pub reason: String,
    /// The shortest way from a test, or else from what the application starts; empty if neither
    /// leads to it.
    pub chain: Vec<Step>,
    /// The modules that import or name it and do not make it tested; empty for a tested module.
    pub importers: Vec<Importer>,
}

/// One step of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The module that leads on.
    pub module: Module,
    pub role: Role,
    /// The link by which it leads to the next one, or to the module in question.
    pub kind: EdgeKind,
    /// The line in it that does, from 1; 0 if no line does.
    pub line: u32,
}

/// A module that imports or names another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Importer {
    pub module: Module,
    pub kind: EdgeKind,
    pub line: u32,
    /// The reason why that does not make the other one tested, as a fragment.
    pub why_not: String,
}

impl Verdicts<'_> {
    /// The evidence for what is said of a module: a chain, or what is missing.
    pub fn why(&self, id: NodeId) -> Explanation {
        let reach = if self.tests.has(id) {
            &self.tests
        } else {
            &self.application
        };
        let step = |(from, edge): (NodeId, Edge)| Step {
            module: self.graph.node(from).module.clone(),
            role: self.graph.node(from).role,
            kind: edge.kind,
            line: edge.line,
        };
        let importers: Vec<Importer> = if self.is_orphan(id) {
            self.importers(id)
        } else {
            Vec::new()
        };
        Explanation {
            module: self.graph.node(id).module.clone(),
            verdict: self.verdict(id),
            reason: self.reason(id),
            chain: reach.way(id).into_iter().map(step).collect(),
            importers,
        }
    }

    fn importers(&self, id: NodeId) -> Vec<Importer> {
        let back = self.graph.back_edges(id).iter();
        back.map(|edge| Importer {
            module: self.graph.node(edge.to).module.clone(),
            kind: edge.kind,
            line: edge.line,
            why_not: self.why_not(edge),
        })
        .collect()
    }

    fn why_not(&self, back: &Edge) -> String {
        if !back.kind.is_followed() {
            let where_to = if back.kind == EdgeKind::Import(ImportKind::Elsewhere) {
                "for other systems or other versions of Python"
            } else {
                "that never runs, as under TYPE_CHECKING"
            };
            return format!("its import is in code {where_to}");
        }
        if self.tests.has(back.to) {
            return NOT_LOADED.to_owned();
        }
        match (self.graph.node(back.to).role, self.verdict(back.to)) {
            (Role::Conftest, _) => "pytest does not look into its folder".to_owned(),
            (Role::IdleTest, _) => "it is a test that pytest's settings leave out".to_owned(),
            (Role::Tool, _) => "it is run by a tool and not by a test".to_owned(),
            (_, Verdict::Orphan(_) | Verdict::Apart(_)) => {
                format!("no test reaches it: {}", self.reason(back.to))
            }
            _ => "no test reaches it".to_owned(),
        }
    }

    /// The evidence for what is said of a module, in one sentence.
    pub(super) fn reason(&self, id: NodeId) -> String {
        match self.verdict(id) {
            Verdict::Orphan(OrphanKind::Untested) => self.why_untested(id),
            Verdict::Orphan(_) => self.why_unreached(id),
            Verdict::Tested(tested) => {
                let how = self.how_tested(id, tested);
                if self.is_isolated(id) {
                    format!("no module imports it, but {how}")
                } else {
                    how
                }
            }
            Verdict::NoModule => self.what_it_is(id).to_owned(),
            Verdict::Apart(apart) => apart.reason().to_owned(),
        }
    }

    fn what_it_is(&self, id: NodeId) -> &'static str {
        match self.graph.node(id).role {
            Role::Test => "pytest collects tests from it",
            Role::Conftest => "pytest loads it with the tests in and below its folder",
            Role::IdleTest => "it is a test that pytest's settings leave out",
            Role::Tool => "a tool runs it",
            Role::Stub => "it is a stub, which never runs",
            Role::Module | Role::EntryPoint => "it is a module",
        }
    }

    fn how_tested(&self, id: NodeId, tested: Tested) -> String {
        if tested == Tested::Covered {
            return "coverage shows that a test runs it".to_owned();
        }
        let was_loaded = tested == Tested::Loaded;
        let way = self.tests.way(id);
        let Some((from, edge)) = way.last() else {
            return match self.causes(id).min() {
                Some(StartCause::Plugin(source)) => format!("pytest loads it ({source})"),
                Some(StartCause::Collected) => "pytest imports it for its doctests".to_owned(),
                _ if was_loaded => "a test loaded it when it ran".to_owned(),
                _ => "coverage shows that a test runs it".to_owned(),
            };
        };
        let verb = verb(edge.kind, false);
        let line = in_line(edge.line);
        let test = self.tests.beginning(id);
        let direct = format!("{} {verb} it{line}", self.called(*from));
        let is_covered = self.verdict(test) == Verdict::Tested(Tested::Covered);
        if is_covered {
            return format!("{direct}, and coverage shows that a test runs that");
        }
        if test == *from {
            return direct;
        }
        format!("{direct}, and {} reaches that", self.called(test))
    }

    /// A module that tests reach has an import of this one, which did not happen.
    fn why_not_loaded(&self, id: NodeId) -> Option<String> {
        let mut back = self.graph.back_edges(id).iter();
        let edge = back.find(|edge| edge.kind.is_followed() && self.tests.has(edge.to))?;
        let line = in_line(edge.line);
        let verb = verb(edge.kind, false);
        Some(format!(
            "{} {verb} it{line}, but {NOT_LOADED}",
            self.called(edge.to)
        ))
    }

    fn why_untested(&self, id: NodeId) -> String {
        if let Some(why) = self.why_not_loaded(id) {
            return why;
        }
        let start = self.application.beginning(id);
        let is_tool = self.graph.node(start).role == Role::Tool;
        let cause = self.causes(start).min();
        if start != id {
            let source = match cause {
                Some(StartCause::Declared(source)) => format!(" ({source})"),
                Some(StartCause::MainGuard) if !is_tool => " (a script)".to_owned(),
                _ => String::new(),
            };
            return format!("{}{source} reaches it, no test does", self.called(start));
        }
        match cause {
            Some(StartCause::Declared(source)) => format!("{source} starts it, no test reaches it"),
            Some(StartCause::MainFile) => {
                let package = self.graph.node(id).module.name.trim_end_matches("__main__");
                let package = package.trim_end_matches('.');
                format!("`python -m {package}` runs it, no test reaches it")
            }
            _ => "it can be run as a script, no test reaches it".to_owned(),
        }
    }

    fn why_unreached(&self, id: NodeId) -> String {
        if let Some(why) = self.why_not_loaded(id) {
            return why;
        }
        let back = self.graph.back_edges(id);
        let followed = back.iter().filter(|edge| edge.kind.is_followed());
        let (weak, strong): (Vec<&Edge>, Vec<&Edge>) =
            followed.partition(|edge| edge.kind.is_weak());
        if let Some(list) = self.list(&strong) {
            let is_idle = |edge: &&Edge| self.graph.node(edge.to).role == Role::IdleTest;
            return if strong.iter().all(is_idle) {
                format!("only {list} it, and pytest's settings leave that out")
            } else {
                format!("only {list} it, which no test reaches")
            };
        }
        if let Some(list) = self.list(&weak) {
            return format!("no module imports it, and only {list} it, which no test reaches");
        }
        let typing: Vec<&Edge> = back.iter().collect();
        match self.list(&typing) {
            Some(list) => {
                format!("only {list} it, in code that never runs, as under TYPE_CHECKING")
            }
            None => "no module imports it".to_owned(),
        }
    }

    /// "`a` and `b` import"; `None` without edges.
    fn list(&self, edges: &[&Edge]) -> Option<String> {
        let kind = edges.first()?.kind;
        let mut ids: Vec<NodeId> = edges.iter().map(|edge| edge.to).collect();
        ids.sort_unstable();
        ids.dedup();
        let shown = ids.iter().take(NAMED).map(|id| self.called(*id));
        let mut names: Vec<String> = shown.collect();
        match ids.len() - names.len() {
            0 => {}
            1 => names.push("1 other".to_owned()),
            more => names.push(format!("{more} others")),
        }
        let last = names.pop()?;
        let verb = verb(kind, ids.len() > 1);
        if names.is_empty() {
            return Some(format!("{last} {verb}"));
        }
        Some(format!("{} and {last} {verb}", names.join(", ")))
    }

    /// A module by its name, anything else by its file.
    fn called(&self, id: NodeId) -> String {
        let node = self.graph.node(id);
        match node.role {
            Role::Module | Role::EntryPoint => format!("`{}`", node.module.name),
            _ => format!("`{}`", node.module.file),
        }
    }
}

fn in_line(line: u32) -> String {
    if line > 0 {
        format!(" in line {line}")
    } else {
        String::new()
    }
}

fn verb(kind: EdgeKind, is_plural: bool) -> &'static str {
    match (kind, is_plural) {
        (EdgeKind::Mention(Evidence::Command | Evidence::Script), false) => "starts",
        (EdgeKind::Mention(Evidence::Command | Evidence::Script), true) => "start",
        (EdgeKind::Mention(_), false) => "names",
        (EdgeKind::Mention(_), true) => "name",
        (EdgeKind::Package, false) => "is in",
        (EdgeKind::Package, true) => "are in",
        (EdgeKind::Conftest, _) => "is loaded with",
        (EdgeKind::Link, false) => "is a link to",
        (EdgeKind::Link, true) => "are links to",
        (EdgeKind::Import(_), false) => "imports",
        (EdgeKind::Import(_), true) => "import",
    }
}
