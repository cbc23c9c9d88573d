//! The plan for orphans that pass: they join the module map and the workflows of their groups.
//!
//! | a passing orphan | becomes |
//! |---|---|
//! | was taken back by hand, or tried to touch what it may not, and is not named now | held back |
//! | is on the map already: a test reached it once | tested like those that joined, in its group |
//! | has the content of another module | redundant |
//! | anything else | a module of the map, in the group that it is most connected to |
//!
//! Modules join one after the other, the one with the strongest connection to the map first, so
//! that an orphan that only other orphans import follows these into their group. An orphan without
//! any connection goes where its package is, else it founds a group.
//!
//! If it may, an orphan whose group has no module in any workflow founds a workflow.
//!
//! If there is no map yet, it is built first, from all modules of the application that are not on
//! the list of orphans. It is not built from the tested modules alone: that a test reaches a module
//! does not say where it belongs, and the map would lack most of an untested project.
//!
//! **Invariant:** nothing joins if less than [`ENOUGH_PERCENT`] percent of the files could be
//! analysed: a file that was not read may import what looks like an orphan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;

use super::groups::{Joined, Places, groups, is_grouped, neighbours};
use super::import_graph::{ImportGraph, NodeId};
use crate::model::module_map::{Analysed, Workflow};
use crate::model::{GroupId, Groups, Integration, Module, OrphanRecord, OrphanStatus};

/// The share of the files, in percent, that has to be analysed.
pub const ENOUGH_PERCENT: u64 = 95;

/// Everything that an integration depends on.
#[derive(Debug)]
pub struct IntegrationSnapshot<'a> {
    /// The modules of the project.
    pub graph: &'a ImportGraph,
    /// The number of files of the project, and how many of them the graph stands for.
    pub analysed: Analysed,
    /// The list of orphans. Those that passed their last trial are the candidates.
    pub orphans: &'a [OrphanRecord],
    /// The files of the only candidates, if somebody names them: that lifts their hold.
    pub named: Option<&'a BTreeSet<String>>,
    /// The module map so far; empty if there is none yet.
    pub map: &'a Groups,
    pub workflows: &'a [Workflow],
    /// True if modules that fit no workflow found one.
    pub found_workflows: bool,
    /// Size and hash of each file.
    pub contents: &'a BTreeMap<String, Content>,
}

impl IntegrationSnapshot<'_> {
    /// The candidates by file, and whether they are held back.
    ///
    /// One that was taken back by hand is, and so is one that was kept from something in its trial,
    /// or used what the guard of trials cannot see: somebody should look at it first.
    fn candidates(&self) -> BTreeMap<&str, bool> {
        let passed = self
            .orphans
            .iter()
            .filter(|record| record.status == OrphanStatus::Passed);
        let by_file = passed.map(|record| {
            let is_held = record.held_back || record.touched > 0;
            (record.orphan.module.file.as_str(), is_held)
        });
        match self.named {
            None => by_file.collect(),
            Some(named) => by_file
                .filter(|(file, _)| named.contains(*file))
                .map(|(file, _)| (file, false))
                .collect(),
        }
    }

    fn orphan_files(&self) -> BTreeSet<String> {
        let files = self.orphans.iter();
        files
            .map(|record| record.orphan.module.file.clone())
            .collect()
    }
}

/// The size and hash of a file, which tell a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    pub size_bytes: u64,
    pub hash: [u8; 16],
}

/// The changes that orphans that passed bring to the map and the workflows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegrationPlan {
    /// The map that is built first, sorted; empty if there is one already.
    pub built: Vec<(Module, GroupId)>,
    /// The modules that join the map, by file.
    pub additions: Vec<Addition>,
    /// The steps that are appended to workflows, in this order.
    pub steps: Vec<AddedStep>,
    /// The names of workflows among these that are made for them.
    pub founded: Vec<String>,
    /// Candidates with the content of another module, which do not join.
    pub redundant: Vec<Redundant>,
    /// Candidates that stay away until somebody names them.
    pub held_back: Vec<Module>,
    /// Files that the project does not have any more, or that are not of the application.
    pub strangers: Vec<String>,
}

/// A module that joins the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    pub module: Module,
    pub group: GroupId,
    pub reason: Reason,
}

/// The reason why a module joins a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is connected to it most.
    Connected,
    /// Most of its package are in it.
    Package,
    /// It founds it: nothing connects it to the map.
    New,
    /// It was in it before it was an orphan.
    Kept,
}

/// A module that is appended to a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedStep {
    pub workflow: String,
    pub module: Module,
}

/// A module that repeats another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redundant {
    pub module: Module,
    /// The file with the same content.
    pub same_as: String,
}

/// The refusal to plan: too few files could be analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub analysed: Analysed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Analysed { files, analysed } = self.analysed;
        let percent = analysed
            .saturating_mul(100)
            .checked_div(files)
            .unwrap_or(100);
        write!(
            f,
            "only {} could be analysed ({percent} %); modules join the map from {ENOUGH_PERCENT} % on",
            self.analysed
        )
    }
}

impl std::error::Error for Refusal {}

impl IntegrationPlan {
    /// Plans what becomes of the candidates, or says why nothing may.
    pub fn new(snapshot: &IntegrationSnapshot<'_>) -> Result<Self, Refusal> {
        let analysed = snapshot.analysed;
        if u128::from(analysed.analysed) * 100
            < u128::from(analysed.files) * u128::from(ENOUGH_PERCENT)
        {
            return Err(Refusal { analysed });
        }
        let mut plan = Self::default();
        let candidates = plan.admit(snapshot);
        let mut map = snapshot.map.clone();
        if map.is_empty() && !candidates.is_empty() {
            map = first_map(snapshot.graph, &snapshot.orphan_files());
            plan.built = entries(snapshot.graph, &map);
        }
        let joining = plan.sort_out(snapshot, &map, candidates);
        plan.place(snapshot.graph, map, &joining);
        plan.extend_workflows(snapshot);
        if snapshot.found_workflows {
            plan.found_workflows(snapshot.workflows);
        }
        Ok(plan)
    }

    /// The files of what joins and of what is redundant, as a run tells them.
    pub fn outcome(&self) -> Integration {
        let joining = self.additions.iter().map(|of| of.module.file.clone());
        let redundant = self.redundant.iter().map(|of| of.module.file.clone());
        Integration {
            integrated: joining.collect(),
            redundant: redundant.collect(),
        }
    }

    /// True if there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.built.is_empty() && self.additions.is_empty() && self.redundant.is_empty()
    }

    /// The candidates that may join, by file.
    fn admit(&mut self, snapshot: &IntegrationSnapshot<'_>) -> Vec<NodeId> {
        let ids: BTreeMap<&str, NodeId> = snapshot
            .graph
            .ids()
            .map(|id| (snapshot.graph.node(id).module.file.as_str(), id))
            .collect();
        let mut admitted = Vec::new();
        for (file, held_back) in snapshot.candidates() {
            let id = ids.get(file).copied();
            let is_module = |id: &NodeId| is_grouped(snapshot.graph.node(*id).role);
            let Some(id) = id.filter(is_module) else {
                self.strangers.push(file.to_owned());
                continue;
            };
            if held_back {
                self.held_back.push(snapshot.graph.node(id).module.clone());
            } else {
                admitted.push(id);
            }
        }
        admitted
    }

    /// Sets those aside that repeat a module of the map, or a candidate before them.
    fn sort_out(
        &mut self,
        snapshot: &IntegrationSnapshot<'_>,
        map: &Groups,
        candidates: Vec<NodeId>,
    ) -> Vec<NodeId> {
        let mut known: BTreeMap<[u8; 16], &str> = BTreeMap::new();
        for node in snapshot.graph.nodes().iter().rev() {
            if map.contains_key(&node.module.file)
                && let Some(hash) = telling_hash(snapshot.contents, &node.module)
            {
                known.insert(hash, &node.module.file);
            }
        }
        let mut joining = Vec::new();
        for id in candidates {
            let module = &snapshot.graph.node(id).module;
            let hash = telling_hash(snapshot.contents, module);
            if let Some(first) = hash.and_then(|hash| known.get(&hash))
                && !map.contains_key(&module.file)
            {
                self.redundant.push(Redundant {
                    module: module.clone(),
                    same_as: (*first).to_owned(),
                });
                continue;
            }
            known.extend(hash.map(|hash| (hash, module.file.as_str())));
            joining.push(id);
        }
        joining
    }

    /// Gives each a group: always the one next whose connection to the map is strongest.
    fn place(&mut self, graph: &ImportGraph, map: Groups, joining: &[NodeId]) {
        let mut waiting: BTreeSet<NodeId> = joining.iter().copied().collect();
        for id in joining {
            let module = &graph.node(*id).module;
            if let Some(group) = map.get(&module.file) {
                waiting.remove(id);
                self.additions.push(Addition {
                    module: module.clone(),
                    group: *group,
                    reason: Reason::Kept,
                });
            }
        }
        let mut places = Places::new(graph, map);
        // A connection only grows. Each time the module is queued again, and an entry that is out
        // of date is skipped.
        let mut queue: BinaryHeap<(u64, Reverse<NodeId>)> = BinaryHeap::new();
        let look = |queue: &mut BinaryHeap<_>, places: &Places<'_>, id: NodeId| {
            queue.extend(
                places
                    .strongest(id)
                    .map(|(weight, _)| (weight, Reverse(id))),
            );
        };
        for id in joining {
            look(&mut queue, &places, *id);
        }
        let mut left = joining.iter();
        loop {
            let next = queue.pop().map(|(_, Reverse(id))| id);
            // With nothing next to the map any more the first that waits goes on its own.
            let next = next.or_else(|| left.find(|id| waiting.contains(id)).copied());
            let Some(id) = next else {
                break;
            };
            if !waiting.remove(&id) {
                continue;
            }
            let (group, reason) = match places.join(id) {
                Joined::Connected(group) => (group, Reason::Connected),
                Joined::Package(group) => (group, Reason::Package),
                Joined::Nowhere => (places.found(), Reason::New),
            };
            places.put(id, group);
            self.additions.push(Addition {
                module: graph.node(id).module.clone(),
                group,
                reason,
            });
            for (other, _) in neighbours(graph, id) {
                if waiting.contains(&other) {
                    look(&mut queue, &places, other);
                }
            }
        }
        self.additions
            .sort_by(|a, b| a.module.file.cmp(&b.module.file));
    }

    /// Appends each addition to the workflows that hold modules of its group.
    fn extend_workflows(&mut self, snapshot: &IntegrationSnapshot<'_>) {
        let built = self
            .built
            .iter()
            .map(|(module, group)| (module.file.as_str(), *group));
        let known = snapshot
            .map
            .iter()
            .map(|(file, group)| (file.as_str(), *group));
        let map: BTreeMap<&str, GroupId> = known.chain(built).collect();
        for workflow in snapshot.workflows {
            let files = workflow.steps.iter().map(|step| step.module.file.as_str());
            let held: BTreeSet<GroupId> = files.filter_map(|file| map.get(file).copied()).collect();
            for addition in &self.additions {
                if held.contains(&addition.group) && !workflow.has(&addition.module.file) {
                    self.steps.push(AddedStep {
                        workflow: workflow.name.clone(),
                        module: addition.module.clone(),
                    });
                }
            }
        }
    }
}

impl IntegrationPlan {
    /// Makes a workflow for each group whose additions fit none, called after the first of them.
    fn found_workflows(&mut self, workflows: &[Workflow]) {
        let mut homeless: BTreeMap<GroupId, Vec<&Module>> = BTreeMap::new();
        for Addition { module, group, .. } in &self.additions {
            let has_one = self.steps.iter().any(|step| step.module == *module)
                || workflows.iter().any(|workflow| workflow.has(&module.file));
            if !has_one {
                homeless.entry(*group).or_default().push(module);
            }
        }
        let taken: BTreeSet<&str> = workflows.iter().map(|it| it.name.as_str()).collect();
        let mut names = Vec::new();
        let mut steps = Vec::new();
        for modules in homeless.values() {
            let Some(first) = modules.first() else {
                continue;
            };
            let mut names_for_it = (2u32..).map(|at| format!("{}-{at}", first.name));
            let mut name = first.name.clone();
            while taken.contains(name.as_str()) || names.contains(&name) {
                name = names_for_it.next().unwrap_or(name);
            }
            steps.extend(modules.iter().map(|module| AddedStep {
                workflow: name.clone(),
                module: (*module).clone(),
            }));
            names.push(name);
        }
        self.steps.extend(steps);
        self.founded = names;
    }
}

/// The module map of a project that has none: the groups of all its modules but the orphans.
pub fn first_map(graph: &ImportGraph, orphans: &BTreeSet<String>) -> Groups {
    built_map(graph, orphans, &Groups::new())
}

/// The module map built again: of all modules but the orphans that are not on it, with the numbers
/// of the previous one.
pub fn built_map(graph: &ImportGraph, orphans: &BTreeSet<String>, previous: &Groups) -> Groups {
    let members = graph.ids().filter(|id| {
        let file = &graph.node(*id).module.file;
        let is_member = !orphans.contains(file) && graph.apart(*id).is_none();
        is_member || previous.contains_key(file)
    });
    groups(graph, &members.collect::<Vec<_>>(), previous)
}

/// A map with the modules' names, by file.
pub fn entries(graph: &ImportGraph, map: &Groups) -> Vec<(Module, GroupId)> {
    let nodes = graph.nodes().iter();
    let found = nodes.filter_map(|node| Some((node.module.clone(), *map.get(&node.module.file)?)));
    let mut entries: Vec<_> = found.collect();
    entries.sort();
    entries
}

/// The hash of a module, if equal hashes tell a copy. An empty file says nothing, and an `__init__`
/// makes its folder a package, whatever else is in it: neither repeats another.
fn telling_hash(contents: &BTreeMap<String, Content>, module: &Module) -> Option<[u8; 16]> {
    let is_init = module.file == "__init__.py" || module.file.ends_with("/__init__.py");
    let content = contents.get(&module.file)?;
    (content.size_bytes > 0 && !is_init).then_some(content.hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Edge, EdgeKind, Evidence, ImportKind, Node, Role};
    use crate::model::sample::module;
    use crate::model::{Source, Step};

    const EAGER: EdgeKind = EdgeKind::Import(ImportKind::Eager);
    const TEXT: EdgeKind = EdgeKind::Mention(Evidence::Text);

    /// A project and what is known of it.
    struct Case {
        graph: ImportGraph,
        analysed: Analysed,
        orphans: Vec<OrphanRecord>,
        named: Option<BTreeSet<String>>,
        map: Groups,
        workflows: Vec<Workflow>,
        found_workflows: bool,
        contents: BTreeMap<String, Content>,
    }

    impl Case {
        fn new(files: &[&str], edges: &[(u32, u32, EdgeKind)], map: &[(&str, u32)]) -> Self {
            let mut lists = vec![Vec::new(); files.len()];
            for (from, to, kind) in edges {
                let (to, kind) = (NodeId(*to), *kind);
                lists[*from as usize].push(Edge { to, kind, line: 1 });
            }
            let nodes = files.iter().map(|file| Node {
                module: module(file),
                role: if file.starts_with("test_") {
                    Role::Test
                } else {
                    Role::Module
                },
            });
            let map: Groups = map
                .iter()
                .map(|(file, group)| ((*file).to_owned(), GroupId(*group)))
                .collect();
            let contents = files.iter().enumerate().map(|(at, file)| {
                let hash = [u8::try_from(at).unwrap(); 16];
                (
                    (*file).to_owned(),
                    Content {
                        size_bytes: 9,
                        hash,
                    },
                )
            });
            Self {
                graph: ImportGraph::new(nodes.collect(), lists),
                analysed: Analysed {
                    files: 100,
                    analysed: 95,
                },
                orphans: Vec::new(),
                named: None,
                map,
                workflows: Vec::new(),
                found_workflows: false,
                contents: contents.collect(),
            }
        }

        fn passing(mut self, files: &[&str]) -> Self {
            for file in files {
                self.orphans
                    .push(OrphanRecord::sample(file, OrphanStatus::Passed));
            }
            self
        }

        fn workflow(mut self, name: &str, files: &[&str]) -> Self {
            let steps = files.iter().map(|file| Step {
                module: module(file),
                source: Source::Command,
                run: None,
            });
            self.workflows.push(Workflow {
                name: name.to_owned(),
                steps: steps.collect(),
            });
            self
        }

        fn same_content(mut self, file: &str, as_file: &str) -> Self {
            let content = self.contents[as_file];
            self.contents.insert(file.to_owned(), content);
            self
        }

        fn plan(&self) -> Result<IntegrationPlan, Refusal> {
            IntegrationPlan::new(&IntegrationSnapshot {
                graph: &self.graph,
                analysed: self.analysed,
                orphans: &self.orphans,
                named: self.named.as_ref(),
                map: &self.map,
                workflows: &self.workflows,
                found_workflows: self.found_workflows,
                contents: &self.contents,
            })
        }
    }

    fn additions(plan: &IntegrationPlan) -> Vec<(&str, u32, Reason)> {
        let additions = plan.additions.iter();
        additions
            .map(|of| (of.module.file.as_str(), of.group.0, of.reason))
            .collect()
    }

    fn redundant(plan: &IntegrationPlan) -> Vec<(&str, &str)> {
        let redundant = plan.redundant.iter();
        redundant
            .map(|of| (of.module.file.as_str(), of.same_as.as_str()))
            .collect()
    }

    #[test]
    fn an_orphan_joins_the_group_that_it_imports_and_the_workflows_of_that() {
        let case = Case::new(
            &["a.py", "b.py", "new.py"],
            &[(2, 0, EAGER)],
            &[("a.py", 1), ("b.py", 2)],
        )
        .passing(&["new.py"])
        .workflow("holds it already", &["new.py", "a.py"])
        .workflow("first", &["a.py", "b.py"])
        .workflow("other", &["b.py"]);
        let plan = case.plan().unwrap();
        assert_eq!(additions(&plan), [("new.py", 1, Reason::Connected)]);
        let step = AddedStep {
            workflow: "first".to_owned(),
            module: module("new.py"),
        };
        assert_eq!(plan.steps, [step]);
        assert_eq!(plan.built, []);
    }

    #[test]
    fn modules_that_fit_no_workflow_found_one_for_their_group_if_they_may() {
        let files = ["a.py", "fits.py", "has.py", "x.py", "y.py", "z.py"];
        let edges = [(1, 0, EAGER), (3, 4, EAGER), (2, 5, EAGER)];
        let mut case = Case::new(&files, &edges, &[("a.py", 1)])
            .passing(&["fits.py", "has.py", "x.py", "y.py", "z.py"])
            .workflow("w", &["a.py"])
            .workflow("x", &["has.py"]);
        let steps = |plan: &IntegrationPlan| -> Vec<String> {
            let steps = plan.steps.iter();
            steps
                .map(|step| format!("{} {}", step.workflow, step.module.file))
                .collect()
        };
        let plan = case.plan().unwrap();
        assert_eq!(
            (steps(&plan), plan.founded),
            (vec!["w fits.py".to_owned()], vec![])
        );
        case.found_workflows = true;
        let plan = case.plan().unwrap();
        assert_eq!(
            steps(&plan),
            ["w fits.py", "z z.py", "x-2 x.py", "x-2 y.py"]
        );
        assert_eq!(plan.founded, ["z", "x-2"]);
    }

    #[test]
    fn orphans_that_only_orphans_import_follow_them() {
        let files = ["a.py", "o1.py", "o2.py", "o3.py", "z1.py", "z2.py"];
        let edges = [(3, 0, EAGER), (2, 3, EAGER), (1, 2, EAGER), (4, 5, EAGER)];
        let case = Case::new(&files, &edges, &[("a.py", 4)])
            .passing(&["o1.py", "o2.py", "o3.py", "z1.py", "z2.py"]);
        let expected = [
            ("o1.py", 4, Reason::Connected),
            ("o2.py", 4, Reason::Connected),
            ("o3.py", 4, Reason::Connected),
            ("z1.py", 5, Reason::New),
            ("z2.py", 5, Reason::Connected),
        ];
        assert_eq!(additions(&case.plan().unwrap()), expected);
    }

    #[test]
    fn a_strong_connection_through_another_orphan_beats_a_weak_one() {
        let files = ["a.py", "b.py", "o1.py", "o2.py"];
        let edges = [(2, 1, TEXT), (2, 3, EAGER), (3, 0, EAGER)];
        let case =
            Case::new(&files, &edges, &[("a.py", 1), ("b.py", 2)]).passing(&["o1.py", "o2.py"]);
        let expected = [
            ("o1.py", 1, Reason::Connected),
            ("o2.py", 1, Reason::Connected),
        ];
        assert_eq!(additions(&case.plan().unwrap()), expected);
    }

    #[test]
    fn without_connections_the_package_decides() {
        let case = Case::new(&["p/a.py", "p/o.py", "q/o.py"], &[], &[("p/a.py", 3)])
            .passing(&["p/o.py", "q/o.py"]);
        let expected = [("p/o.py", 3, Reason::Package), ("q/o.py", 4, Reason::New)];
        assert_eq!(additions(&case.plan().unwrap()), expected);
    }

    #[test]
    fn without_a_map_one_is_built_of_what_is_no_orphan() {
        let files = ["a.py", "b.py", "bad.py", "o.py", "test_a.py"];
        let edges = [(0, 1, EAGER), (3, 1, EAGER), (2, 0, EAGER), (4, 0, EAGER)];
        let mut case = Case::new(&files, &edges, &[])
            .passing(&["o.py"])
            .workflow("w", &["a.py"]);
        case.orphans
            .push(OrphanRecord::sample("bad.py", OrphanStatus::Failed));
        let plan = case.plan().unwrap();
        let built = [(module("a.py"), GroupId(1)), (module("b.py"), GroupId(1))];
        assert_eq!(plan.built, built);
        assert_eq!(additions(&plan), [("o.py", 1, Reason::Connected)]);
        assert_eq!(plan.steps.len(), 1);
        case.orphans.clear();
        assert!(
            case.plan().unwrap().is_empty(),
            "nothing joins, and so nothing is built"
        );
    }

    #[test]
    fn what_repeats_another_module_is_redundant() {
        let files = ["a.py", "bad.py", "c1.py", "c2.py", "copy.py", "lone.py"];
        let mut case = Case::new(&files, &[], &[("a.py", 1)])
            .passing(&["c1.py", "c2.py", "copy.py", "lone.py"])
            .same_content("copy.py", "a.py")
            .same_content("c2.py", "c1.py")
            .same_content("lone.py", "bad.py");
        case.orphans
            .push(OrphanRecord::sample("bad.py", OrphanStatus::Failed));
        let plan = case.plan().unwrap();
        assert_eq!(redundant(&plan), [("c2.py", "c1.py"), ("copy.py", "a.py")]);
        assert_eq!(
            plan.additions.len(),
            2,
            "an orphan that does not pass is no original"
        );
    }

    #[test]
    fn empty_files_and_packages_repeat_nothing() {
        let files = ["a.py", "e1.py", "e2.py", "p/__init__.py", "q/__init__.py"];
        let mut case = Case::new(&files, &[], &[("a.py", 1)])
            .passing(&["e1.py", "e2.py", "p/__init__.py", "q/__init__.py"])
            .same_content("e2.py", "e1.py")
            .same_content("q/__init__.py", "p/__init__.py");
        for file in ["e1.py", "e2.py"] {
            case.contents.get_mut(file).unwrap().size_bytes = 0;
        }
        let plan = case.plan().unwrap();
        assert_eq!((plan.redundant.len(), plan.additions.len()), (0, 4));
    }

    #[test]
    fn what_is_held_back_gone_or_a_test_is_left() {
        let mut case = Case::new(&["a.py", "o.py", "test_o.py"], &[], &[("a.py", 1)]).passing(&[
            "o.py",
            "gone.py",
            "test_o.py",
        ]);
        case.orphans[0].held_back = true;
        let plan = case.plan().unwrap();
        assert!(plan.is_empty());
        assert_eq!(plan.held_back, [module("o.py")]);
        assert_eq!(plan.strangers, ["gone.py", "test_o.py"]);
    }

    #[test]
    fn what_is_on_the_map_when_it_becomes_an_orphan_stays_in_its_group() {
        let case = Case::new(
            &["a.py", "copy.py", "new.py"],
            &[(1, 0, EAGER), (2, 1, EAGER)],
            &[("a.py", 1), ("copy.py", 2)],
        )
        .passing(&["copy.py", "new.py"])
        .same_content("copy.py", "a.py");
        let expected = [
            ("copy.py", 2, Reason::Kept),
            ("new.py", 2, Reason::Connected),
        ];
        assert_eq!(additions(&case.plan().unwrap()), expected);
    }

    #[test]
    fn what_was_kept_from_something_joins_by_name_only() {
        let files = ["a.py", "o.py", "p.py"];
        let mut case = Case::new(&files, &[], &[("a.py", 1)]).passing(&["o.py", "p.py"]);
        case.orphans[0].touched = 1;
        let plan = case.plan().unwrap();
        assert_eq!(plan.held_back, [module("o.py")]);
        assert_eq!(additions(&plan), [("p.py", 2, Reason::New)]);
        case.named = Some(BTreeSet::from(["o.py".to_owned()]));
        let plan = case.plan().unwrap();
        assert_eq!(plan.held_back, []);
        assert_eq!(additions(&plan), [("o.py", 2, Reason::New)]);
    }

    #[test]
    fn nothing_joins_where_too_little_was_analysed() {
        let mut case = Case::new(&["a.py", "o.py"], &[], &[("a.py", 1)]).passing(&["o.py"]);
        let cases = [
            (95, 100, true),
            (94, 100, false),
            (0, 0, true),
            (19, 20, true),
            (18, 19, false),
        ];
        for (analysed, files, joins) in cases {
            case.analysed = Analysed { files, analysed };
            assert_eq!(case.plan().is_ok(), joins, "{analysed} of {files}");
        }
        insta::assert_snapshot!(case.plan().unwrap_err(), @"only 18 of 19 files could be analysed (94 %); modules join the map from 95 % on");
    }
}
