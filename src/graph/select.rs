//! The lists that [`Verdicts`] are made for: orphans, isolated modules, and what their imports
//! lead to.

use super::cycles::Groups;
use super::import_graph::NodeId;
use super::verdict::{Verdict, Verdicts};
use crate::model::{Orphan, OrphanKind};

/// So many of the orphans that lead to a module are told, the first by the order of their files:
/// with all of them, the lists of a large project would be as large as the square of it.
const MAX_LEADS: usize = 64;

impl Verdicts<'_> {
    /// The modules that no test reaches, in the order of their files. Without `recursive`, islands
    /// are left out that the imports of another module of the list lead to.
    pub fn orphans(&self, recursive: bool) -> Vec<Orphan> {
        let groups = self.orphan_groups();
        let heads = self.heads(&groups);
        if !recursive {
            let heads = self.graph.ids().filter(|id| heads[id.as_usize()]);
            return heads.map(|id| self.orphan(id, Vec::new())).collect();
        }
        self.with_led(&heads, &groups)
    }

    /// The modules that no module imports, in the order of their files; with `recursive` also those
    /// without tests that their imports lead to.
    pub fn isolated(&self, recursive: bool) -> Vec<Orphan> {
        let ids = self.graph.ids();
        if !recursive {
            let isolated = ids.filter(|id| self.is_isolated(*id));
            return isolated.map(|id| self.orphan(id, Vec::new())).collect();
        }
        let isolated: Vec<bool> = ids.map(|id| self.is_isolated(id)).collect();
        self.with_led(&isolated, &self.orphan_groups())
    }

    fn orphan_groups(&self) -> Groups {
        Groups::new(self.graph, |id| self.is_orphan(id))
    }

    /// For each module, true if the walk along the imports of orphans begins at it: unreferenced
    /// and untested modules, and circles of islands that no other orphan imports.
    fn heads(&self, groups: &Groups) -> Vec<bool> {
        let mut is_led = vec![false; groups.groups.len()];
        for (from, group) in groups.groups.iter().enumerate() {
            for to in group.iter().flat_map(|id| self.led_groups(groups, *id)) {
                is_led[to] |= to != from;
            }
        }
        let is_head = |id: NodeId| match self.verdict(id) {
            Verdict::Orphan(OrphanKind::Island) => {
                groups.group_of[id.as_usize()].is_some_and(|group| !is_led[group])
            }
            Verdict::Orphan(_) => true,
            Verdict::Tested(_) | Verdict::NoModule | Verdict::Apart(_) => false,
        };
        self.graph.ids().map(is_head).collect()
    }

    fn led_groups(&self, groups: &Groups, id: NodeId) -> impl Iterator<Item = usize> {
        let edges = self
            .graph
            .edges(id)
            .iter()
            .filter(|edge| edge.kind.is_run());
        edges.filter_map(|edge| groups.group_of[edge.to.as_usize()])
    }

    /// These modules and the orphans that their imports lead to.
    fn with_led(&self, heads: &[bool], groups: &Groups) -> Vec<Orphan> {
        let mut leads: Vec<Vec<NodeId>> = vec![Vec::new(); groups.groups.len()];
        // Importers come first, so that what leads to a group is complete when its turn comes.
        for (at, group) in groups.groups.iter().enumerate() {
            let mut here = std::mem::take(&mut leads[at]);
            let own: Vec<NodeId> = (group.iter().copied())
                .filter(|id| heads[id.as_usize()])
                .collect();
            merge(&mut here, &own);
            let mut targets: Vec<usize> = (group.iter())
                .flat_map(|id| self.led_groups(groups, *id))
                .filter(|to| *to != at)
                .collect();
            targets.sort_unstable();
            targets.dedup();
            for to in targets {
                merge(&mut leads[to], &here);
            }
            leads[at] = here;
        }
        let mut list = Vec::with_capacity(heads.len());
        for id in self.graph.ids() {
            if heads[id.as_usize()] {
                list.push(self.orphan(id, Vec::new()));
                continue;
            }
            let group = groups.group_of[id.as_usize()];
            let led = group
                .map(|group| &leads[group])
                .filter(|leads| !leads.is_empty());
            if let Some(led) = led {
                let files = led
                    .iter()
                    .map(|id| self.graph.node(*id).module.file.clone());
                list.push(self.orphan(id, files.collect()));
            }
        }
        list
    }

    fn orphan(&self, id: NodeId, led_by: Vec<String>) -> Orphan {
        let kind = match self.verdict(id) {
            Verdict::Orphan(kind) => kind,
            Verdict::Tested(_) | Verdict::NoModule | Verdict::Apart(_) => OrphanKind::Isolated,
        };
        Orphan {
            module: self.graph.node(id).module.clone(),
            kind,
            isolated: self.is_isolated(id),
            reason: self.reason(id),
            led_by,
        }
    }
}

/// Adds to a sorted list, which then holds the first of both.
fn merge(leads: &mut Vec<NodeId>, more: &[NodeId]) {
    let is_full = leads.len() == MAX_LEADS;
    if more.is_empty() || (is_full && leads.last() < more.first()) {
        return;
    }
    leads.extend(more);
    // Made for lists of two sorted parts.
    leads.sort();
    leads.dedup();
    leads.truncate(MAX_LEADS);
}
