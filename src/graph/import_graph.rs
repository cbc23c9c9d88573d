//! [`ImportGraph`]: the modules of a project and what leads from one to the other.

use std::collections::BTreeMap;

use super::facts::{Evidence, ImportKind};
use crate::model::Module;

/// The position of a module in an [`ImportGraph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The position in a slice.
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// A file of the project and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub module: Module,
    pub role: Role,
}

/// The purpose of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A module of the application.
    Module,
    /// A module of the application that something outside starts.
    EntryPoint,
    /// pytest collects tests from it.
    Test,
    /// A test file that pytest's settings leave out: `testpaths`, `norecursedirs`, `--ignore`.
    IdleTest,
    /// pytest loads it with the tests beside and below it.
    Conftest,
    /// A tool runs it, and importing it would be a mistake: `setup.py`, `noxfile.py`.
    Tool,
    /// A stub: Python never runs it.
    Stub,
}

/// What a file is that is no module of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Apart {
    /// It lies below a folder of tests, and no test loads it.
    TestData,
    /// A project in the project, with settings of its own and without tests that run here.
    Nested,
    Example,
    Docs,
    Template,
    /// A script that people or tools start.
    Script,
    /// A part of its name is none that an import statement can have.
    NoName,
    /// The standard library has a module of its name, which comes first.
    Shadowed,
    /// Only code for other systems or other versions of Python imports it.
    Elsewhere,
}

impl Apart {
    /// The evidence in one sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TestData => "it lies below a folder of tests, and no test loads it",
            Self::Nested => "it belongs to a project in this one that has settings of its own",
            Self::Example => "it is an example, a tutorial or a benchmark",
            Self::Docs => "it belongs to the documentation",
            Self::Template => "it is a template of files",
            Self::Script => "it is a script that people or tools start",
            Self::NoName => "a part of its name is none that an import can have",
            Self::Elsewhere => "only code for other systems or other versions of Python imports it",
            Self::Shadowed => "the standard library has a module of its name, which comes first",
        }
    }
}

/// A module that something outside of the project starts, and what that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    pub node: NodeId,
    pub cause: StartCause,
}

/// The reason why something outside starts a module, the most telling one first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StartCause {
    /// pytest loads it with every test, as a plugin: `pytest.ini, addopts, -p`.
    Plugin(String),
    /// pytest comes across it: a conftest, or a module that may have doctests.
    Collected,
    /// A configuration file names it: `pyproject.toml, [project.scripts], larder`.
    Declared(String),
    /// `python -m PACKAGE` runs it.
    MainFile,
    /// It has code under `if __name__ == "__main__"`.
    MainGuard,
}

/// A link from one module to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The module that it leads to; in a backward list the one that it comes from.
    pub to: NodeId,
    pub kind: EdgeKind,
    /// The line that says so, from 1; 0 if no line does.
    pub line: u32,
}

/// The kind of a link between modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// An import statement.
    Import(ImportKind),
    /// Python runs the `__init__` of a package before anything in it.
    Package,
    /// pytest loads the conftest files of a test's folders before it.
    Conftest,
    /// A link to the file: Python runs its text under the name of the link.
    Link,
    /// A name in a text: weak evidence.
    Mention(Evidence),
}

impl EdgeKind {
    /// True unless it is an import in code that never runs.
    pub fn is_followed(self) -> bool {
        !matches!(
            self,
            Self::Import(ImportKind::Never | ImportKind::Elsewhere)
        )
    }

    /// True if Python or pytest follows it: neither evidence nor an import that never runs.
    pub fn is_run(self) -> bool {
        self.is_followed() && !self.is_weak()
    }

    /// True for a name of a program that a process of its own may run.
    pub fn is_program(self) -> bool {
        matches!(self, Self::Mention(Evidence::Command | Evidence::Script))
    }

    /// True for evidence that is no import.
    pub fn is_weak(self) -> bool {
        matches!(self, Self::Mention(_))
    }
}

/// The modules of a project and what leads from one to the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportGraph {
    nodes: Vec<Node>,
    /// The edges of node `n` are `edges[starts[n]..starts[n + 1]]`; likewise backwards.
    starts: Vec<usize>,
    edges: Vec<Edge>,
    back_starts: Vec<usize>,
    back_edges: Vec<Edge>,
    /// In the order of the modules.
    starts_by_others: Vec<Start>,
    /// Files that are no modules of the application unless a test reaches them.
    apart: BTreeMap<NodeId, Apart>,
}

impl ImportGraph {
    /// A graph of these nodes; the edges of each node at its position.
    pub fn new(nodes: Vec<Node>, edges: Vec<Vec<Edge>>) -> Self {
        let counts: Vec<usize> = edges.iter().map(Vec::len).collect();
        Self::of_lists(nodes, edges.into_iter().flatten().collect(), &counts)
    }

    /// The same, with the edges of all nodes in one list: `counts` has the number of each node.
    pub(super) fn of_lists(nodes: Vec<Node>, edges: Vec<Edge>, counts: &[usize]) -> Self {
        let count = nodes.len();
        let mut back_starts = vec![0; count + 1];
        for edge in &edges {
            back_starts[edge.to.as_usize() + 1] += 1;
        }
        for at in 0..count {
            back_starts[at + 1] += back_starts[at];
        }
        let mut starts = Vec::with_capacity(count + 1);
        starts.push(0);
        let unset = Edge {
            to: NodeId(0),
            kind: EdgeKind::Package,
            line: 0,
        };
        let mut back_edges = vec![unset; edges.len()];
        let mut next = back_starts.clone();
        let mut end = 0;
        for (from, count) in (0..).map(NodeId).zip(counts) {
            for edge in &edges[end..end + count] {
                let slot = &mut next[edge.to.as_usize()];
                back_edges[*slot] = Edge { to: from, ..*edge };
                *slot += 1;
            }
            end += count;
            starts.push(end);
        }
        Self {
            nodes,
            starts,
            edges,
            back_starts,
            back_edges,
            starts_by_others: Vec::new(),
            apart: BTreeMap::new(),
        }
    }

    /// The same graph, with the modules that something outside starts.
    #[must_use]
    pub fn with_starts(mut self, mut starts: Vec<Start>) -> Self {
        starts.sort_by(|a, b| (a.node, &a.cause).cmp(&(b.node, &b.cause)));
        starts.dedup();
        self.starts_by_others = starts;
        self
    }

    /// The same graph, with the files that are no modules of the application.
    #[must_use]
    pub fn with_apart(mut self, apart: BTreeMap<NodeId, Apart>) -> Self {
        self.apart = apart;
        self
    }

    /// What a file is that is no module of the application; `None` for a module.
    pub fn apart(&self, id: NodeId) -> Option<Apart> {
        self.apart.get(&id).copied()
    }

    /// The modules that something outside starts, in the order of the modules.
    pub fn starts(&self) -> &[Start] {
        &self.starts_by_others
    }

    /// Every module, in the order of their files.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The ids of all modules.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(NodeId)
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.as_usize()]
    }

    /// The edges that lead away from a module.
    pub fn edges(&self, id: NodeId) -> &[Edge] {
        let at = id.as_usize();
        &self.edges[self.starts[at]..self.starts[at + 1]]
    }

    /// The edges that lead to a module: `to` is the module that each comes from.
    pub fn back_edges(&self, id: NodeId) -> &[Edge] {
        let at = id.as_usize();
        &self.back_edges[self.back_starts[at]..self.back_starts[at + 1]]
    }

    /// The modules that a file or a dotted name means; two files may have one name.
    pub fn find(&self, text: &str) -> Vec<NodeId> {
        let file = text.strip_prefix("./").unwrap_or(text);
        let is_meant = |id: &NodeId| {
            let module = &self.node(*id).module;
            module.file == file || module.name == text
        };
        self.ids().filter(is_meant).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_can_be_followed_both_ways() {
        let node = |name: &str| Node {
            module: Module {
                file: format!("{name}.py"),
                name: name.to_owned(),
            },
            role: Role::Module,
        };
        let edge = |to, line| Edge {
            to: NodeId(to),
            kind: EdgeKind::Import(ImportKind::Eager),
            line,
        };
        let graph = ImportGraph::new(
            vec![node("a"), node("b"), node("c")],
            vec![vec![edge(1, 1), edge(2, 2)], vec![], vec![edge(1, 3)]],
        );
        assert_eq!(graph.edges(NodeId(0)), [edge(1, 1), edge(2, 2)]);
        assert_eq!(graph.edges(NodeId(1)), []);
        assert_eq!(graph.back_edges(NodeId(1)), [edge(0, 1), edge(2, 3)]);
        assert_eq!(graph.back_edges(NodeId(0)), []);
        assert_eq!(graph.find("b"), [NodeId(1)]);
        assert_eq!(graph.find("./c.py"), [NodeId(2)]);
    }
}
