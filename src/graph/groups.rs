//! Groups of modules: the modules of the application that belong together.
//!
//! Two modules are linked by what leads from one to the other, whichever way it leads. An import
//! weighs `IMPORT`. Evidence that is no import, an import in code that never runs, and lying
//! in a package (the link of a module with its package's `__init__`) weigh `HINT`: they decide if
//! imports leave it open and never against an import. Only a module's own package counts: the
//! packages above hold everything, and what holds for everything tells nothing apart.
//!
//! A module without any link goes where most modules of its package are, or into a group with the
//! others of it that have no link; without a package it is a group of its own.
//!
//! **Stability.** The search starts from the previous groups, so that a small change moves what it
//! touches and leaves the rest; a search without them would find other groups of about the same
//! worth each time. Groups that come out keep the number of the previous group that they have most
//! modules of. New numbers are larger than all previous ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::facts::ImportKind;
use super::import_graph::{Edge, EdgeKind, ImportGraph, NodeId, Role};
use super::leiden::Network;
use crate::model::{GroupId, Groups};

/// The weight of an import.
const IMPORT: u64 = 4;

/// The weight of evidence that is no import, such as a mention.
const HINT: u64 = 1;

/// The group that a module belongs to, and the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// To the group that it is most connected to.
    Connected(GroupId),
    /// To the group that most modules of its package have: it has no connection to the map.
    Package(GroupId),
    /// To no group of the map.
    Nowhere,
}

/// True for the modules of the application: the map has groups for them alone.
pub fn is_grouped(role: Role) -> bool {
    matches!(role, Role::Module | Role::EntryPoint)
}

/// The groups of `members`, by file. Modules that are not of the application are left out.
pub fn groups(graph: &ImportGraph, members: &[NodeId], previous: &Groups) -> Groups {
    let members = in_order(graph, members);
    let mut place = vec![u32::MAX; graph.nodes().len()];
    for (at, member) in (0..).zip(&members) {
        place[member.as_usize()] = at;
    }
    let links = members.iter().flat_map(|from| {
        let edges = graph.edges(*from).iter();
        edges.map(|edge| (*from, edge.to, weight(graph, *from, edge)))
    });
    let links =
        links.map(|(from, to, weight)| (place[from.as_usize()], place[to.as_usize()], weight));
    let links = links.filter(|(from, to, weight)| *to != u32::MAX && from != to && *weight > 0);
    let network = Network::new(members.len(), links);

    let old: Vec<Option<GroupId>> = members
        .iter()
        .map(|id| previous.get(&graph.node(*id).module.file).copied())
        .collect();
    let mut communities = network.communities(start(&network, &old));
    place_unlinked(graph, &members, &network, &mut communities);
    let names = names(&communities, &old, previous);
    let files = members.iter().map(|id| graph.node(*id).module.file.clone());
    let numbers = communities.iter().map(|community| names[community]);
    files.zip(numbers).collect()
}

/// A module map that modules join one after the other.
#[derive(Debug)]
pub struct Places<'g> {
    graph: &'g ImportGraph,
    map: Groups,
    next: GroupId,
    /// For each package, the number of its modules in each group.
    packages: BTreeMap<&'g str, BTreeMap<GroupId, u64>>,
}

impl<'g> Places<'g> {
    /// The places of a map.
    pub fn new(graph: &'g ImportGraph, map: Groups) -> Self {
        let mut packages: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for node in graph.nodes() {
            if let (Some(package), Some(group)) =
                (package(&node.module.name), map.get(&node.module.file))
            {
                *packages
                    .entry(package)
                    .or_default()
                    .entry(*group)
                    .or_default() += 1;
            }
        }
        Self {
            graph,
            next: next_group(&map),
            map,
            packages,
        }
    }

    /// The group that a module that is not on the map should join.
    pub fn join(&self, id: NodeId) -> Joined {
        if let Some((_, group)) = self.strongest(id) {
            return Joined::Connected(group);
        }
        let package = package(&self.graph.node(id).module.name);
        let counts = package.and_then(|package| self.packages.get(package));
        let most = counts.and_then(heaviest);
        most.map_or(Joined::Nowhere, Joined::Package)
    }

    /// The group that a module is most connected to, with the weight of that; of equal groups the
    /// one with the smaller number.
    pub fn strongest(&self, id: NodeId) -> Option<(u64, GroupId)> {
        let mut weights: BTreeMap<GroupId, u64> = BTreeMap::new();
        for (other, weight) in neighbours(self.graph, id) {
            if let Some(group) = self.map.get(&self.graph.node(other).module.file) {
                *weights.entry(*group).or_default() += weight;
            }
        }
        heaviest(&weights).map(|group| (weights[&group], group))
    }

    /// Puts a module that is not on the map into a group.
    pub fn put(&mut self, id: NodeId, group: GroupId) {
        let module = &self.graph.node(id).module;
        self.map.insert(module.file.clone(), group);
        if let Some(package) = package(&module.name) {
            *self
                .packages
                .entry(package)
                .or_default()
                .entry(group)
                .or_default() += 1;
        }
    }

    /// A group that was not there before.
    pub fn found(&mut self) -> GroupId {
        let found = self.next;
        self.next = GroupId(found.0.saturating_add(1));
        found
    }

    /// The map with everything that was put on it.
    pub fn map(&self) -> &Groups {
        &self.map
    }
}

/// The modules that are linked with a module, with the weight of each link; one module may come
/// several times.
pub fn neighbours(graph: &ImportGraph, id: NodeId) -> impl Iterator<Item = (NodeId, u64)> {
    let there = graph.edges(id).iter();
    let there = there.map(move |edge| (edge.to, weight(graph, id, edge)));
    let back = graph.back_edges(id).iter().map(move |edge| {
        let forward = Edge { to: id, ..*edge };
        (edge.to, weight(graph, edge.to, &forward))
    });
    there
        .chain(back)
        .filter(move |(other, weight)| *weight > 0 && *other != id)
}

/// The number after all numbers of a map. Numbers of groups that are gone stay unused as long as a
/// larger one is there; more is not needed, because nothing refers to a group without modules.
pub fn next_group(map: &Groups) -> GroupId {
    let last = map.values().max();
    GroupId(last.map_or(1, |last| last.0.saturating_add(1)))
}

/// The package of a module, by their dotted names; `None` at the top.
fn package(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(package, _)| package)
}

fn weight(graph: &ImportGraph, from: NodeId, edge: &Edge) -> u64 {
    match edge.kind {
        EdgeKind::Import(ImportKind::Never | ImportKind::Elsewhere) | EdgeKind::Mention(_) => HINT,
        EdgeKind::Import(_) | EdgeKind::Link => IMPORT,
        EdgeKind::Package => {
            let [from, to] = [from, edge.to].map(|id| graph.node(id).module.name.as_str());
            if package(from) == Some(to) { HINT } else { 0 }
        }
        EdgeKind::Conftest => 0,
    }
}

fn heaviest(weights: &BTreeMap<GroupId, u64>) -> Option<GroupId> {
    let best = weights
        .iter()
        .max_by_key(|(group, weight)| (**weight, Reverse(**group)));
    best.map(|(group, _)| *group)
}

/// Modules of the application by file: the order in which the search visits them.
fn in_order(graph: &ImportGraph, members: &[NodeId]) -> Vec<NodeId> {
    let mut members = members.to_vec();
    members.retain(|id| is_grouped(graph.node(*id).role));
    members.sort_by(|a, b| graph.node(*a).module.file.cmp(&graph.node(*b).module.file));
    members.dedup();
    members
}

/// The previous groups as communities; modules that had none, or have no links, start alone.
fn start(network: &Network, old: &[Option<GroupId>]) -> Vec<u32> {
    let mut first: BTreeMap<GroupId, u32> = BTreeMap::new();
    let together = (0..).zip(old).map(|(at, group): (u32, _)| match group {
        Some(group) if network.is_linked(at as usize) => *first.entry(*group).or_insert(at),
        _ => at,
    });
    together.collect()
}

/// Gives modules without links the community that most of their package have, or a common one.
fn place_unlinked(
    graph: &ImportGraph,
    members: &[NodeId],
    network: &Network,
    communities: &mut [u32],
) {
    let name_of = |at: usize| package(&graph.node(members[at]).module.name);
    let mut counts: BTreeMap<&str, BTreeMap<GroupId, u64>> = BTreeMap::new();
    for (at, community) in communities.iter().enumerate() {
        if let (true, Some(package)) = (network.is_linked(at), name_of(at)) {
            let counts = counts.entry(package).or_default();
            *counts.entry(GroupId(*community)).or_default() += 1;
        }
    }
    let mut homes: BTreeMap<&str, u32> = BTreeMap::new();
    for (at, community) in communities.iter_mut().enumerate() {
        if let (false, Some(package)) = (network.is_linked(at), name_of(at)) {
            let most = counts.get(package).and_then(heaviest);
            let home = most.map_or(*community, |group| group.0);
            *community = *homes.entry(package).or_insert(home);
        }
    }
}

/// Gives each community the number of the previous group that it shares most modules with.
fn names(
    communities: &[u32],
    old: &[Option<GroupId>],
    previous: &Groups,
) -> BTreeMap<u32, GroupId> {
    let mut shared: BTreeMap<(GroupId, u32), u64> = BTreeMap::new();
    for (community, group) in communities.iter().zip(old) {
        if let Some(group) = group {
            *shared.entry((*group, *community)).or_default() += 1;
        }
    }
    let mut claims: Vec<_> = shared.into_iter().collect();
    // The sort is stable: of equal claims the smaller number, then the community that comes first.
    claims.sort_by_key(|(_, modules)| Reverse(*modules));
    let mut names = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for ((group, community), _) in claims {
        if !names.contains_key(&community) && taken.insert(group) {
            names.insert(community, group);
        }
    }
    let mut next = next_group(previous);
    for community in communities {
        names.entry(*community).or_insert_with(|| {
            let name = next;
            next = GroupId(next.0.saturating_add(1));
            name
        });
    }
    names
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::graph::{Evidence, Node};
    use crate::model::Module;

    fn graph(files: &[&str], edges: &[(usize, usize, EdgeKind)]) -> ImportGraph {
        let node = |file: &&str| {
            let name = file.trim_end_matches(".py").replace('/', ".");
            Node {
                module: Module {
                    file: (*file).to_owned(),
                    name: name.trim_end_matches(".__init__").to_owned(),
                },
                role: if file.starts_with("test_") {
                    Role::Test
                } else {
                    Role::Module
                },
            }
        };
        let mut lists = vec![Vec::new(); files.len()];
        for (from, to, kind) in edges {
            let to = NodeId(u32::try_from(*to).unwrap());
            lists[*from].push(Edge {
                to,
                kind: *kind,
                line: 1,
            });
        }
        ImportGraph::new(files.iter().map(node).collect(), lists)
    }

    const EAGER: EdgeKind = EdgeKind::Import(ImportKind::Eager);
    const TEXT: EdgeKind = EdgeKind::Mention(Evidence::Text);

    fn numbers(groups: &Groups) -> Vec<(&str, u32)> {
        groups
            .iter()
            .map(|(file, group)| (file.as_str(), group.0))
            .collect()
    }

    fn all(graph: &ImportGraph) -> Vec<NodeId> {
        graph.ids().collect()
    }

    fn map(entries: &[(&str, u32)]) -> Groups {
        entries
            .iter()
            .map(|(file, group)| ((*file).to_owned(), GroupId(*group)))
            .collect()
    }

    /// Two rings of three that one import joins, a test that imports everything.
    fn two_rings() -> ImportGraph {
        let files = [
            "a.py",
            "b.py",
            "c.py",
            "test_all.py",
            "x.py",
            "y.py",
            "z.py",
        ];
        let rings = [(0, 1), (1, 2), (2, 0), (4, 5), (5, 6), (6, 4), (2, 4)];
        let tests = [0, 1, 2, 4, 5, 6].map(|to| (3, to, EAGER));
        let edges: Vec<_> = rings
            .map(|(a, b)| (a, b, EAGER))
            .into_iter()
            .chain(tests)
            .collect();
        graph(&files, &edges)
    }

    #[test]
    fn modules_that_import_each_other_are_a_group_and_tests_are_in_none() {
        let graph = two_rings();
        let groups = groups(&graph, &all(&graph), &Groups::new());
        let expected = [
            ("a.py", 1),
            ("b.py", 1),
            ("c.py", 1),
            ("x.py", 2),
            ("y.py", 2),
            ("z.py", 2),
        ];
        assert_eq!(numbers(&groups), expected);
    }

    #[test]
    fn groups_keep_their_numbers_and_new_ones_get_new_numbers() {
        let graph = two_rings();
        let previous = map(&[("a.py", 7), ("b.py", 7), ("x.py", 3), ("gone.py", 9)]);
        let kept = groups(&graph, &all(&graph), &previous);
        let expected = [
            ("a.py", 7),
            ("b.py", 7),
            ("c.py", 7),
            ("x.py", 3),
            ("y.py", 3),
            ("z.py", 3),
        ];
        assert_eq!(numbers(&kept), expected);
        let previous = map(&[("a.py", 4), ("b.py", 4), ("x.py", 4)]);
        let split = groups(&graph, &all(&graph), &previous);
        let expected = [
            ("a.py", 4),
            ("b.py", 4),
            ("c.py", 4),
            ("x.py", 5),
            ("y.py", 5),
            ("z.py", 5),
        ];
        assert_eq!(
            numbers(&split),
            expected,
            "the larger part keeps the number"
        );
    }

    #[test]
    fn imports_weigh_more_than_all_hints_of_one_module() {
        let edges = [(0, 1, EAGER), (2, 3, EAGER), (0, 2, TEXT), (0, 3, TEXT)];
        let graph = graph(&["a.py", "b.py", "c.py", "d.py"], &edges);
        let found = groups(&graph, &all(&graph), &Groups::new());
        assert_eq!(
            numbers(&found),
            [("a.py", 1), ("b.py", 1), ("c.py", 2), ("d.py", 2)]
        );
    }

    #[test]
    fn a_module_without_links_goes_with_its_package() {
        let files = [
            "lone.py", "lost.py", "p/a.py", "p/b.py", "p/c.py", "q/a.py", "q/b.py",
        ];
        let graph = graph(&files, &[(2, 3, EAGER)]);
        let found = groups(&graph, &all(&graph), &Groups::new());
        let expected = [
            ("lone.py", 1),
            ("lost.py", 2),
            ("p/a.py", 3),
            ("p/b.py", 3),
            ("p/c.py", 3),
            ("q/a.py", 4),
            ("q/b.py", 4),
        ];
        assert_eq!(numbers(&found), expected);
    }

    #[test]
    fn only_the_innermost_package_is_a_link() {
        let files = ["p/__init__.py", "p/q/__init__.py", "p/q/a.py"];
        let graph = graph(
            &files,
            &[(2, 0, EdgeKind::Package), (2, 1, EdgeKind::Package)],
        );
        let links: Vec<_> = neighbours(&graph, NodeId(2)).collect();
        assert_eq!(links, [(NodeId(1), HINT)]);
        let back: Vec<_> = neighbours(&graph, NodeId(1)).collect();
        assert_eq!(back, [(NodeId(2), HINT)]);
    }

    #[test]
    fn a_module_joins_the_group_that_it_is_most_connected_to() {
        let files = [
            "a.py", "b.py", "c.py", "new.py", "p/a.py", "p/new.py", "q/new.py",
        ];
        let edges = [(3, 0, EAGER), (1, 3, EAGER), (3, 2, TEXT)];
        let graph = graph(&files, &edges);
        let cases = [
            (
                map(&[("a.py", 2), ("b.py", 1)]),
                3,
                Joined::Connected(GroupId(1)),
            ),
            (
                map(&[("a.py", 2), ("b.py", 1), ("c.py", 2)]),
                3,
                Joined::Connected(GroupId(2)),
            ),
            (
                map(&[("c.py", 5), ("p/a.py", 1)]),
                3,
                Joined::Connected(GroupId(5)),
            ),
            (map(&[("p/a.py", 1)]), 3, Joined::Nowhere),
            (map(&[("p/a.py", 1)]), 5, Joined::Package(GroupId(1))),
            (map(&[("p/a.py", 1)]), 6, Joined::Nowhere),
        ];
        for (map, id, expected) in cases {
            let places = Places::new(&graph, map.clone());
            assert_eq!(places.join(NodeId(id)), expected, "{map:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn neither_the_order_of_members_nor_a_second_search_changes_anything(
            edges in prop::collection::vec((0_usize..12, 0_usize..12), 0..40), turn in 0_usize..12,
        ) {
            let files: Vec<String> = (0..12).map(|at| format!("p{}/m{at:02}.py", at % 3)).collect();
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            let edges: Vec<_> = edges.into_iter().map(|(from, to)| (from, to, EAGER)).collect();
            let graph = graph(&files, &edges);
            let first = groups(&graph, &all(&graph), &Groups::new());
            let mut turned = all(&graph);
            turned.rotate_left(turn);
            prop_assert_eq!(&groups(&graph, &turned, &Groups::new()), &first);
            prop_assert_eq!(&groups(&graph, &turned, &first), &first);
            prop_assert_eq!(first.len(), 12);
        }

        #[test]
        fn a_new_module_moves_nobody_between_groups_that_have_nothing_to_do_with_it(
            size in 3_usize..8,
        ) {
            let files: Vec<String> = (0..3 * size).map(|at| format!("m{at:02}.py")).collect();
            let mut files: Vec<&str> = files.iter().map(String::as_str).collect();
            let mut edges = Vec::new();
            for clique in 0..3 {
                for a in 0..size {
                    edges.extend((0..a).map(|b| (clique * size + a, clique * size + b, EAGER)));
                }
            }
            let before = graph(&files, &edges);
            let old = groups(&before, &all(&before), &Groups::new());
            files.push("new.py");
            edges.push((3 * size, 0, EAGER));
            let after = graph(&files, &edges);
            let mut new = groups(&after, &all(&after), &old);
            prop_assert_eq!(new.remove("new.py"), Some(GroupId(1)));
            prop_assert_eq!(new, old);
        }
    }
}
