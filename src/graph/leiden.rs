//! Community detection: the Leiden algorithm (Traag, Waltman, van Eck 2019) for modularity, on any
//! weighted graph.
//!
//! ```text
//!   partition ──► move nodes while modularity grows ──► refine: split what hangs together badly
//!       ▲                                                   │
//!       └── each refined part becomes a node ◄──────────────┘   until nothing can be merged
//! ```
//!
//! Leiden and not Louvain, because Louvain can leave communities that are not even connected, and
//! because only Leiden can split a community of the partition that it starts from.
//!
//! **Invariant:** the same network and the same start give the same partition. Nodes are visited in
//! their order, nothing is random, and gains are whole numbers, so that no rounding decides.

use std::collections::VecDeque;

/// Each visit that moves a node makes modularity grow, so that the visits end by themselves; this
/// many for each node are far more than real graphs need and keep a made-up one from taking long.
const MAX_VISITS: usize = 64;

/// Whole passes until a pass changes nothing. Real graphs need two or three.
const MAX_PASSES: usize = 16;

/// An undirected graph with whole-numbered weights.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    /// The links of node `n` are `links[starts[n]..starts[n + 1]]`, by the other end.
    starts: Vec<usize>,
    links: Vec<(u32, u64)>,
    /// The weights of all links of a node; of links to itself twice.
    strengths: Vec<u64>,
    /// All strengths together: twice the weight of the network.
    total: u64,
}

impl Network {
    /// A network of `count` nodes. Repeated links add up, and their direction does not matter.
    pub(super) fn new(count: usize, links: impl IntoIterator<Item = (u32, u32, u64)>) -> Self {
        let mut strengths = vec![0; count];
        let mut both: Vec<(u32, u32, u64)> = Vec::new();
        for (a, b, weight) in links {
            strengths[a as usize] += weight;
            strengths[b as usize] += weight;
            if a != b {
                both.push((a, b, weight));
                both.push((b, a, weight));
            }
        }
        both.sort_unstable();
        both.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            kept.2 += if same { next.2 } else { 0 };
            same
        });
        let mut starts = vec![0; count + 1];
        for (from, ..) in &both {
            starts[*from as usize + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        Self {
            starts,
            links: both
                .into_iter()
                .map(|(_, to, weight)| (to, weight))
                .collect(),
            total: strengths.iter().sum(),
            strengths,
        }
    }

    fn len(&self) -> usize {
        self.strengths.len()
    }

    fn links(&self, node: usize) -> &[(u32, u64)] {
        &self.links[self.starts[node]..self.starts[node + 1]]
    }

    /// True if a node has a link to another one.
    pub(super) fn is_linked(&self, node: usize) -> bool {
        !self.links(node).is_empty()
    }

    /// The community of each node. It starts from `start`, whose numbers are below the number of
    /// nodes, and changes only what makes modularity grow; the result is numbered in the order in
    /// which communities first occur.
    pub(super) fn communities(&self, start: Vec<u32>) -> Vec<u32> {
        let mut partition = numbered(start);
        for _ in 0..MAX_PASSES {
            let next = numbered(self.pass(partition.clone()));
            if next == partition {
                break;
            }
            partition = next;
        }
        partition
    }

    fn pass(&self, mut partition: Vec<u32>) -> Vec<u32> {
        self.move_nodes(&mut partition);
        partition = numbered(partition);
        let mut result = partition.clone();
        // For each node of this network, the node of the present level that it is in.
        let mut place: Vec<u32> = (0..).take(self.len()).collect();
        let mut parts = self.refine(&partition);
        let mut level = self.merged(&parts);
        let mut count = self.len();
        while level.len() < count {
            count = level.len();
            let mut upper = vec![0; count];
            for (part, community) in parts.iter().zip(&partition) {
                upper[*part as usize] = *community;
            }
            level.move_nodes(&mut upper);
            partition = numbered(upper);
            for (place, result) in place.iter_mut().zip(&mut result) {
                *place = parts[*place as usize];
                *result = partition[*place as usize];
            }
            parts = level.refine(&partition);
            level = level.merged(&parts);
        }
        result
    }

    /// Moves single nodes to the neighbouring community that makes modularity grow most, until no
    /// move makes it grow; the neighbours of a moved node are looked at again.
    fn move_nodes(&self, partition: &mut [u32]) {
        let count = self.len();
        let mut tally = Tally::new(count);
        let mut totals = vec![0_u64; count];
        let mut sizes = vec![0_usize; count];
        for (node, community) in partition.iter().enumerate() {
            totals[*community as usize] += self.strengths[node];
            sizes[*community as usize] += 1;
        }
        let mut free: Vec<u32> = (0..)
            .take(count)
            .filter(|at| sizes[*at as usize] == 0)
            .collect();
        free.reverse();
        let mut queue: VecDeque<usize> = (0..count).collect();
        let mut queued = vec![true; count];
        let mut visits = count.saturating_mul(MAX_VISITS);
        while let Some(node) = queue.pop_front() {
            queued[node] = false;
            if visits == 0 {
                break;
            }
            visits -= 1;
            let own = partition[node];
            let strength = self.strengths[node];
            totals[own as usize] -= strength;
            sizes[own as usize] -= 1;
            for (other, weight) in self.links(node) {
                tally.add(partition[*other as usize], *weight);
            }
            let gain =
                |community: u32, weight| self.gain(strength, weight, totals[community as usize]);
            let mut best = (gain(own, tally.get(own)), own);
            for community in tally.seen() {
                let found = gain(*community, tally.get(*community));
                // Of equal gains the smaller number; nobody moves for an equal gain.
                if found > best.0 || (found == best.0 && *community < best.1 && best.1 != own) {
                    best = (found, *community);
                }
            }
            // A node without links changes no modularity, wherever it is; it belongs to nobody.
            let is_stray = strength == 0 && sizes[own as usize] > 0;
            if (best.0 < 0 || is_stray)
                && let Some(empty) = free.pop()
            {
                best = (0, empty);
            }
            tally.clear();
            let target = best.1;
            totals[target as usize] += strength;
            sizes[target as usize] += 1;
            if target == own {
                continue;
            }
            partition[node] = target;
            if sizes[own as usize] == 0 {
                free.push(own);
            }
            for (other, _) in self.links(node) {
                let other = *other as usize;
                if partition[other] != target && !queued[other] {
                    queued[other] = true;
                    queue.push_back(other);
                }
            }
        }
    }

    /// Splits each community into parts that hang together: nodes that start alone and join the
    /// part of their community that makes modularity grow most.
    fn refine(&self, partition: &[u32]) -> Vec<u32> {
        let count = self.len();
        let mut tally = Tally::new(count);
        let mut community_totals = vec![0_u64; count];
        for (node, community) in partition.iter().enumerate() {
            community_totals[*community as usize] += self.strengths[node];
        }
        let inside = |node: usize| -> u64 {
            let links = self.links(node).iter();
            let inside = links.filter(|(other, _)| partition[*other as usize] == partition[node]);
            inside.map(|(_, weight)| weight).sum()
        };
        let mut parts: Vec<u32> = (0..).take(count).collect();
        let mut sizes = vec![1_usize; count];
        let mut totals = self.strengths.clone();
        // The weight of the links of a part to the rest of its community.
        let mut cuts: Vec<u64> = (0..count).map(inside).collect();
        for node in 0..count {
            if sizes[parts[node] as usize] > 1 {
                continue;
            }
            let all = community_totals[partition[node] as usize];
            let hangs = |cut, total| self.gain(total, cut, all - total) >= 0;
            let strength = self.strengths[node];
            let own_cut = cuts[node];
            if !hangs(own_cut, strength) {
                continue;
            }
            for (other, weight) in self.links(node) {
                if partition[*other as usize] == partition[node] {
                    tally.add(parts[*other as usize], *weight);
                }
            }
            let mut best: Option<(i128, u32)> = None;
            for part in tally.seen() {
                let at = *part as usize;
                let found = self.gain(strength, tally.get(*part), totals[at]);
                let better = best.is_none_or(|(gain, known)| (found, known) > (gain, *part));
                if found > 0 && better && hangs(cuts[at], totals[at]) {
                    best = Some((found, *part));
                }
            }
            if let Some((_, part)) = best {
                let at = part as usize;
                cuts[at] = cuts[at] + own_cut - 2 * tally.get(part);
                totals[at] += strength;
                sizes[at] += 1;
                sizes[node] = 0;
                parts[node] = part;
            }
            tally.clear();
        }
        numbered(parts)
    }

    /// The network of the parts.
    fn merged(&self, parts: &[u32]) -> Self {
        let count = parts.iter().max().map_or(0, |last| *last as usize + 1);
        let mut strengths = vec![0; count];
        for (part, strength) in parts.iter().zip(&self.strengths) {
            strengths[*part as usize] += strength;
        }
        let ends = (0..self.len()).flat_map(|from| {
            let links = self.links(from).iter();
            links.map(move |(to, weight)| (parts[from], parts[*to as usize], *weight))
        });
        // Both directions of a link are in it: one of them is enough.
        let links = ends.filter(|(from, to, _)| from < to);
        Self {
            strengths,
            total: self.total,
            ..Self::new(count, links)
        }
    }

    /// The growth of modularity when something of that strength joins a community, with which it is
    /// linked by `weight` and whose strengths are `total`; times the square of the network's total,
    /// halved, which makes it a whole number.
    fn gain(&self, strength: u64, weight: u64, total: u64) -> i128 {
        i128::from(self.total) * i128::from(weight) - i128::from(strength) * i128::from(total)
    }

    /// The modularity of a partition: from -0.5 to 1, 0 for one community of everything.
    #[cfg(test)]
    #[expect(clippy::cast_precision_loss, reason = "the tests compare three digits")]
    pub(super) fn modularity(&self, partition: &[u32]) -> f64 {
        let total = self.total as f64;
        let (mut inside, mut totals) = (0, vec![0; self.len()]);
        for node in 0..self.len() {
            totals[partition[node] as usize] += self.strengths[node];
            let linked: u64 = self.links(node).iter().map(|(_, weight)| weight).sum();
            let links = self.links(node).iter();
            let same = links.filter(|(other, _)| partition[*other as usize] == partition[node]);
            inside += same.map(|(_, weight)| weight).sum::<u64>() + self.strengths[node] - linked;
        }
        let expected: f64 = totals.iter().map(|of| (*of as f64 / total).powi(2)).sum();
        inside as f64 / total - expected
    }
}

/// Weights by community, reused from node to node without being made again.
struct Tally {
    weights: Vec<u64>,
    seen: Vec<u32>,
}

impl Tally {
    fn new(count: usize) -> Self {
        Self {
            weights: vec![0; count],
            seen: Vec::new(),
        }
    }

    fn add(&mut self, community: u32, weight: u64) {
        let sum = &mut self.weights[community as usize];
        if *sum == 0 {
            self.seen.push(community);
        }
        *sum += weight;
    }

    fn get(&self, community: u32) -> u64 {
        self.weights[community as usize]
    }

    fn seen(&self) -> &[u32] {
        &self.seen
    }

    fn clear(&mut self) {
        for community in self.seen.drain(..) {
            self.weights[community as usize] = 0;
        }
    }
}

/// The same partition, its communities numbered in the order in which they first occur.
fn numbered(mut partition: Vec<u32>) -> Vec<u32> {
    let mut names = vec![u32::MAX; partition.len()];
    let mut next = 0;
    for community in &mut partition {
        let name = &mut names[*community as usize];
        if *name == u32::MAX {
            *name = next;
            next += 1;
        }
        *community = *name;
    }
    partition
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alone(count: usize) -> Vec<u32> {
        (0..).take(count).collect()
    }

    fn found(network: &Network) -> Vec<u32> {
        network.communities(alone(network.len()))
    }

    #[test]
    fn two_cliques_with_one_link_between_them_are_two_communities() {
        let mut links = vec![(0, 5, 1)];
        for clique in [0..5, 5..10] {
            for a in clique.clone() {
                links.extend((a + 1..clique.end).map(|b| (a, b, 1)));
            }
        }
        let network = Network::new(10, links);
        assert_eq!(found(&network), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
        let lumped = network.communities(vec![0; 10]);
        assert_eq!(lumped, found(&network), "a bad start is mended");
    }

    /// The ring of 30 cliques of 5 (Fortunato and Barthélemy 2007).
    #[test]
    fn every_community_hangs_together() {
        let links = (0..30).flat_map(|clique| {
            let first = clique * 5;
            let inner = (0..5).flat_map(move |a| (0..a).map(move |b| (first + a, first + b, 1)));
            inner.chain([(first, (first + 5) % 150, 1)])
        });
        let network = Network::new(150, links);
        let communities = found(&network);
        for clique in communities.chunks(5) {
            assert!(clique.iter().all(|community| *community == clique[0]));
        }
        assert!(network.modularity(&communities) > 0.88);
    }

    /// Zachary 1977, as the edges are commonly numbered from 1.
    const KARATE: &[(u32, &[u32])] = &[
        (1, &[2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 20, 22, 32]),
        (2, &[3, 4, 8, 14, 18, 20, 22, 31]),
        (3, &[4, 8, 9, 10, 14, 28, 29, 33]),
        (4, &[8, 13, 14]),
        (5, &[7, 11]),
        (6, &[7, 11, 17]),
        (7, &[17]),
        (9, &[31, 33, 34]),
        (10, &[34]),
        (14, &[34]),
        (15, &[33, 34]),
        (16, &[33, 34]),
        (19, &[33, 34]),
        (20, &[34]),
        (21, &[33, 34]),
        (23, &[33, 34]),
        (24, &[26, 28, 30, 33, 34]),
        (25, &[26, 28, 32]),
        (26, &[32]),
        (27, &[30, 34]),
        (28, &[34]),
        (29, &[32, 34]),
        (30, &[33, 34]),
        (31, &[33, 34]),
        (32, &[33, 34]),
        (33, &[34]),
    ];

    #[test]
    fn the_karate_club_falls_into_its_known_communities() {
        let links = KARATE
            .iter()
            .flat_map(|(a, others)| others.iter().map(|b| (*a - 1, b - 1, 1)));
        let network = Network::new(34, links);
        assert_eq!(network.total, 2 * 78);
        let communities = found(&network);
        // 0.4198 is the largest that there is.
        assert!(network.modularity(&communities) > 0.4150);
        assert_eq!(communities.iter().max(), Some(&3));
    }

    #[test]
    fn nothing_is_not_a_problem() {
        assert_eq!(found(&Network::new(0, [])), [0; 0]);
        assert_eq!(found(&Network::new(2, [])), [0, 1]);
        assert_eq!(found(&Network::new(1, [(0, 0, 5)])), [0]);
    }

    fn networks() -> impl Strategy<Value = (usize, Vec<(u32, u32, u64)>)> {
        (1_u32..40).prop_flat_map(|count| {
            let links = prop::collection::vec((0..count, 0..count, 1_u64..5), 0..120);
            (Just(count as usize), links)
        })
    }

    fn is_connected(network: &Network, communities: &[u32], community: u32) -> bool {
        let members = communities.iter().filter(|of| **of == community).count();
        let Some(first) = communities.iter().position(|of| *of == community) else {
            return true;
        };
        let mut seen = vec![first];
        let mut next = 0;
        while next < seen.len() {
            for (other, _) in network.links(seen[next]) {
                let other = *other as usize;
                if communities[other] == community && !seen.contains(&other) {
                    seen.push(other);
                }
            }
            next += 1;
        }
        seen.len() == members
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn communities_are_connected_better_than_none_and_final(
            (count, links) in networks(), start in prop::collection::vec(0..u32::MAX, 40),
        ) {
            let network = Network::new(count, links);
            let single = alone(count);
            let numbers = u32::try_from(count).unwrap();
            let start: Vec<u32> = start.iter().take(count).map(|of| of % numbers).collect();
            for start in [single.clone(), vec![0; count], start] {
                let communities = network.communities(start.clone());
                if network.total > 0 {
                    let reached = network.modularity(&communities);
                    prop_assert!(reached >= network.modularity(&start) - 1e-9);
                }
                prop_assert_eq!(&network.communities(communities.clone()), &communities);
                for community in 0..numbers {
                    let linked = (0..count).any(|node| communities[node] == community && network.is_linked(node));
                    prop_assert!(!linked || is_connected(&network, &communities, community));
                }
            }
            if network.total > 0 {
                let reached = network.modularity(&found(&network));
                prop_assert!(reached >= network.modularity(&single) - 1e-9);
            }
        }

        #[test]
        fn the_order_of_links_does_not_matter((count, links) in networks(), seed in 0_usize..99) {
            let mut shuffled: Vec<_> = links.iter().map(|(a, b, weight)| (*b, *a, *weight)).collect();
            let middle = seed % (links.len() + 1);
            shuffled.rotate_left(middle.min(links.len()));
            shuffled.reverse();
            let network = Network::new(count, links);
            prop_assert_eq!(found(&Network::new(count, shuffled)), found(&network));
        }
    }
}
