//! [`Reach`]: the modules of an [`ImportGraph`] that can be reached from given modules, and the
//! ways to them.

use super::import_graph::{Edge, ImportGraph, NodeId};

/// The modules that were reached, each with the last step of a way to it.
///
/// If imports alone lead to a module, the way is a shortest one of imports. If not, it is a way
/// with as few mentions as possible.
#[derive(Debug)]
pub(super) struct Reach {
    marks: Vec<Option<Mark>>,
    /// In the order in which they were reached.
    order: Vec<NodeId>,
    /// The number of modules, from the start of `order`, whose imports were followed.
    followed: usize,
}

/// The mark of a module that was reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// The module before this one on the way, and the edge from there; `None` at the beginning of
    /// the way.
    pub(super) before: Option<(NodeId, Edge)>,
    /// True if there is a mention on the way.
    pub(super) is_weak: bool,
    /// True if all that it imports or names counts; false if runs show what it loads.
    pub(super) is_open: bool,
}

impl Reach {
    pub(super) fn new(graph: &ImportGraph) -> Self {
        Self {
            marks: vec![None; graph.nodes().len()],
            order: Vec::new(),
            followed: 0,
        }
    }

    pub(super) fn mark(&self, id: NodeId) -> Option<Mark> {
        self.marks[id.as_usize()]
    }

    pub(super) fn has(&self, id: NodeId) -> bool {
        self.mark(id).is_some()
    }

    /// Begins a way at a module, if it was not reached before.
    pub(super) fn start(&mut self, id: NodeId) {
        self.reach(id, None, (false, true));
    }

    /// The same for a module of which runs show what it loads.
    pub(super) fn start_closed(&mut self, id: NodeId) {
        self.reach(id, None, (false, false));
    }

    fn reach(&mut self, id: NodeId, before: Option<(NodeId, Edge)>, weak_open: (bool, bool)) {
        let (is_weak, is_open) = weak_open;
        let mark = &mut self.marks[id.as_usize()];
        if mark.is_none() {
            *mark = Some(Mark {
                before,
                is_weak,
                is_open,
            });
            self.order.push(id);
        }
    }

    fn weak_open(&self, id: NodeId) -> (bool, bool) {
        let mark = self.mark(id);
        mark.map_or((false, true), |mark| (mark.is_weak, mark.is_open))
    }

    /// Follows imports as far as they lead.
    ///
    /// From a module that is not open, only those count that lead to a module that was `seen`.
    pub(super) fn follow_imports<'g>(
        &mut self,
        edges: impl Fn(NodeId) -> &'g [Edge],
        seen: impl Fn(NodeId) -> bool,
    ) {
        while let Some(&from) = self.order.get(self.followed) {
            self.followed += 1;
            let (is_weak, is_open) = self.weak_open(from);
            for edge in edges(from).iter().filter(|edge| edge.kind.is_run()) {
                if is_open || seen(edge.to) {
                    self.reach(edge.to, Some((from, *edge)), (is_weak, is_open));
                }
            }
        }
    }

    /// Follows mentions to modules that no import reaches, and imports from there. A program that
    /// a module starts is not seen in its own process, so that it counts in any case.
    pub(super) fn follow_mentions<'g>(
        &mut self,
        edges: impl Fn(NodeId) -> &'g [Edge],
        seen: impl Fn(NodeId) -> bool,
    ) {
        let mut at = 0;
        while at < self.order.len() {
            let end = self.order.len();
            for position in at..end {
                let from = self.order[position];
                let (_, is_open) = self.weak_open(from);
                for edge in edges(from).iter().filter(|edge| edge.kind.is_weak()) {
                    let is_program = edge.kind.is_program();
                    if is_open || is_program || seen(edge.to) {
                        let is_open = is_open || (is_program && !seen(edge.to));
                        self.reach(edge.to, Some((from, *edge)), (true, is_open));
                    }
                }
            }
            at = end;
            self.follow_imports(&edges, &seen);
        }
    }

    /// The way to a module: the steps before it, from the first one on.
    pub(super) fn way(&self, id: NodeId) -> Vec<(NodeId, Edge)> {
        let before = |id: NodeId| self.mark(id)?.before;
        let steps = std::iter::successors(before(id), |(from, _)| before(*from));
        let mut way: Vec<(NodeId, Edge)> = steps.collect();
        way.reverse();
        way
    }

    /// The module at which the way to a module begins; itself if nothing leads to it.
    pub(super) fn beginning(&self, id: NodeId) -> NodeId {
        let mut at = id;
        while let Some((from, _)) = self.mark(at).and_then(|mark| mark.before) {
            at = from;
        }
        at
    }
}
