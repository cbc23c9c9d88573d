//! [`Groups`]: modules that import each other in circles, in an order in which importers come first.

use super::import_graph::{ImportGraph, NodeId};

/// The strongly connected parts of some modules of a graph.
#[derive(Debug)]
pub(super) struct Groups {
    /// Importers before what they import; the members of each in the order of the modules.
    pub(super) groups: Vec<Vec<NodeId>>,
    /// The position in `groups` of each module; `None` for the modules that were left out.
    pub(super) group_of: Vec<Option<usize>>,
}

const UNSEEN: u32 = u32::MAX;

impl Groups {
    /// The groups among the modules that `is_part` of it. Only imports count, not mentions.
    ///
    /// Tarjan's algorithm with a stack of its own, because a chain of imports may be longer than
    /// the one of the thread.
    pub(super) fn new(graph: &ImportGraph, is_part: impl Fn(NodeId) -> bool) -> Self {
        let count = graph.nodes().len();
        let mut index = vec![UNSEEN; count];
        let mut low = vec![UNSEEN; count];
        let mut group_of = vec![None; count];
        let mut groups: Vec<Vec<NodeId>> = Vec::new();
        let mut open: Vec<NodeId> = Vec::new();
        let mut next = 0;
        for start in graph.ids().filter(|id| is_part(*id)) {
            if index[start.as_usize()] != UNSEEN {
                continue;
            }
            let mut path = vec![(start, 0_usize)];
            while let Some((at, edge)) = path.last_mut() {
                let here = at.as_usize();
                if *edge == 0 && index[here] == UNSEEN {
                    (index[here], low[here]) = (next, next);
                    next += 1;
                    open.push(*at);
                }
                if let Some(found) = graph.edges(*at).get(*edge) {
                    *edge += 1;
                    let there = found.to.as_usize();
                    if !found.kind.is_run() || !is_part(found.to) || group_of[there].is_some() {
                        continue;
                    }
                    if index[there] == UNSEEN {
                        path.push((found.to, 0));
                    } else {
                        low[here] = low[here].min(index[there]);
                    }
                    continue;
                }
                let done = *at;
                path.pop();
                if let Some((above, _)) = path.last() {
                    let above = above.as_usize();
                    low[above] = low[above].min(low[here]);
                }
                if low[here] == index[here] {
                    let first = open.iter().rposition(|id| *id == done).unwrap_or_default();
                    let mut members = open.split_off(first);
                    members.sort_unstable();
                    for member in &members {
                        group_of[member.as_usize()] = Some(groups.len());
                    }
                    groups.push(members);
                }
            }
        }
        // A group is complete when all that it imports is.
        groups.reverse();
        let last = groups.len().wrapping_sub(1);
        for group in group_of.iter_mut().flatten() {
            *group = last - *group;
        }
        Self { groups, group_of }
    }
}
