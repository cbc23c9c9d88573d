//! The plan of a run: shards, their share of the workers, their deadlines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{HarnessOptions, Module, ShardIndex, digest};

/// A path of the user, resolved: it exists, and globs are expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestPath {
    /// The file or folder, absolute.
    pub file: PathBuf,
    /// The rest of a node id, from its first `::`; empty for a file or folder.
    pub selector: String,
}

impl TestPath {
    /// The argument for pytest: relative to the project if it lies inside of it.
    pub fn argument(&self, project: &Path) -> String {
        let path = match self.file.strip_prefix(project) {
            Ok(rest) if rest.as_os_str().is_empty() => Path::new("."),
            Ok(rest) => rest,
            Err(_) => &self.file,
        };
        format!("{}{}", path.display(), self.selector)
    }

    /// True if each test of `other` is a test of this path as well.
    fn holds(&self, other: &Self) -> bool {
        if self.selector.is_empty() {
            return other.file.starts_with(&self.file);
        }
        let rest = other.selector.strip_prefix(&self.selector);
        self.file == other.file
            && rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with("::") || rest.starts_with('[')
            })
    }
}

/// The time that a shard has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardLimit {
    /// From its first process to its end.
    Total(Duration),
    /// From one message of its processes to the next.
    Silence(Duration),
}

impl ShardLimit {
    /// The time itself.
    pub fn time(self) -> Duration {
        match self {
            Self::Total(time) | Self::Silence(time) => time,
        }
    }
}

/// The request of a user for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    /// The absolute path of the project folder.
    pub project: PathBuf,
    /// The paths; none for pytest's own choice.
    pub paths: Vec<TestPath>,
    /// The arguments of the user for pytest, without the paths.
    pub pytest_args: Vec<String>,
    /// What picks some of the configured tests; empty for a run of all of them.
    pub narrowed_by: Vec<String>,
    /// The total of workers, at least 1.
    pub workers: u32,
    /// The time that a shard has.
    pub limit: ShardLimit,
    /// The longest time that a test may take; `None` for no limit.
    pub test_timeout: Option<Duration>,
    /// The number of times that a failing test is tried again.
    pub reruns: u32,
    /// After how many failing tests the run stops.
    pub max_fail: Option<u32>,
    /// The options of the harness.
    pub harness: HarnessOptions,
    /// `host`, `docker` or `podman`.
    pub executor: String,
    /// Modules that no test reaches and that joined the module map: tested like any other.
    pub modules: Vec<Module>,
    /// True for a run of these modules alone, without any path.
    pub modules_only: bool,
    /// Folders, relative to the project, that Python looks for modules in.
    pub roots: Vec<String>,
}

/// One shard: one path, or several that overlap, in a process of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardPlan {
    /// Its position among the shards of the run, from 0.
    pub index: ShardIndex,
    /// Its paths as users see them; empty for pytest's own choice.
    pub label: String,
    /// pytest's arguments: options, then paths.
    pub argv: Vec<String>,
    /// The number of options at the start of `argv`.
    pub options: usize,
    /// Its share of the workers.
    pub workers: u32,
    /// Modules among its paths that are tested by importing them.
    pub modules: Vec<Module>,
    /// Folders, relative to the project, that Python looks for those in.
    pub roots: Vec<String>,
}

/// The label of the shard of [`RunRequest::modules`]: no path, because there may be many.
pub const MODULES_LABEL: &str = "(module map)";

/// The plan of a run: its shards, and the number of them that run at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPlan {
    /// The request that it answers.
    pub request: RunRequest,
    /// The shards, in the order of the paths.
    pub shards: Vec<ShardPlan>,
    /// The most shards that run at once.
    pub parallel: u32,
    /// Equal for runs that can be compared.
    pub selection_key: String,
}

impl RunPlan {
    /// Plans a run.
    ///
    /// Paths that overlap share a shard, because one pytest session runs a test once however
    /// often it is named, and two sessions would run it twice. The workers are shared out: base
    /// and remainder, at least one each, never more shards at once than workers.
    pub fn new(request: RunRequest) -> Self {
        let groups = overlapping_groups(&request.paths);
        let count = u32::try_from(groups.len().max(1)).unwrap_or(u32::MAX);
        let (base, remainder) = (request.workers / count, request.workers % count);
        let paths = if groups.is_empty() && !request.modules_only {
            vec![Vec::new()]
        } else {
            groups
        };
        let of_modules = modules_shard(&request, u32::try_from(paths.len()).unwrap_or(u32::MAX));
        let shards = (0..count).zip(paths).map(|(index, paths)| {
            let paths: Vec<String> = paths
                .iter()
                .map(|path| path.argument(&request.project))
                .collect();
            ShardPlan {
                index: ShardIndex(index),
                label: paths.join(" "),
                argv: request.pytest_args.iter().chain(&paths).cloned().collect(),
                options: request.pytest_args.len(),
                workers: (base + u32::from(index < remainder)).max(1),
                modules: Vec::new(),
                roots: Vec::new(),
            }
        });
        let selection_key = selection_key(&request);
        Self {
            parallel: request.workers.min(count),
            shards: shards.chain(of_modules).collect(),
            selection_key,
            request,
        }
    }
}

/// The modules of the module map run beside the paths of the user, in a process of their own: the
/// effects of importing them must not meet other tests. It gets none of the arguments of the user,
/// which are about the tests.
fn modules_shard(request: &RunRequest, index: u32) -> Option<ShardPlan> {
    if request.modules.is_empty() {
        return None;
    }
    let files = request.modules.iter().map(|module| module.file.clone());
    Some(ShardPlan {
        index: ShardIndex(index),
        label: MODULES_LABEL.to_owned(),
        argv: files.collect(),
        options: 0,
        workers: 1,
        modules: request.modules.clone(),
        roots: request.roots.clone(),
    })
}

/// The paths in order, those that overlap together, exact repetitions once.
fn overlapping_groups(paths: &[TestPath]) -> Vec<Vec<&TestPath>> {
    let mut groups: Vec<Vec<&TestPath>> = Vec::new();
    for path in paths {
        let touches = |group: &Vec<&TestPath>| {
            group
                .iter()
                .any(|member| member.holds(path) || path.holds(member))
        };
        let (touching, mut apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(touches);
        let mut merged: Vec<&TestPath> = touching.into_iter().flatten().collect();
        if !merged.contains(&path) {
            merged.push(path);
        }
        apart.push(merged);
        groups = apart;
    }
    groups
}

/// A digest of everything that decides which tests run and how they are counted.
fn selection_key(request: &RunRequest) -> String {
    let mut paths: Vec<String> = request
        .paths
        .iter()
        .map(|path| path.argument(&request.project))
        .collect();
    paths.sort();
    paths.dedup();
    let count = paths.len().to_string();
    let project = request.project.to_string_lossy();
    let fixed = [project.as_ref(), request.executor.as_str(), count.as_str()];
    let listed = paths.iter().chain(&request.pytest_args).map(String::as_str);
    // Of other runs they are no part: a run has those that joined until then.
    let modules = request.modules.iter().filter(|_| request.modules_only);
    let modules = modules.map(|module| module.file.as_str());
    digest::of_texts(fixed.into_iter().chain(listed).chain(modules))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(workers: u32, paths: &[&str]) -> RunRequest {
        let path = |text: &&str| {
            let (file, selector) = text.split_at(text.find("::").unwrap_or(text.len()));
            TestPath {
                file: Path::new("/p").join(file),
                selector: selector.to_owned(),
            }
        };
        RunRequest {
            project: PathBuf::from("/p"),
            paths: paths.iter().map(path).collect(),
            pytest_args: vec!["-k".to_owned(), "x".to_owned()],
            narrowed_by: Vec::new(),
            workers,
            limit: ShardLimit::Total(Duration::from_mins(5)),
            test_timeout: None,
            reruns: 0,
            max_fail: None,
            harness: HarnessOptions::default(),
            executor: "host".to_owned(),
            modules: Vec::new(),
            modules_only: false,
            roots: Vec::new(),
        }
    }

    fn labels(plan: &RunPlan) -> Vec<&str> {
        plan.shards
            .iter()
            .map(|shard| shard.label.as_str())
            .collect()
    }

    #[test]
    fn without_paths_pytest_chooses() {
        let plan = RunPlan::new(request(3, &[]));
        assert_eq!(labels(&plan), [""]);
        assert_eq!(plan.shards[0].argv, ["-k", "x"]);
        assert_eq!((plan.shards[0].workers, plan.parallel), (3, 1));
    }

    #[test]
    fn workers_are_shared_out_with_the_remainder_first() {
        let plan = RunPlan::new(request(8, &["a", "b", "c"]));
        let workers: Vec<u32> = plan.shards.iter().map(|shard| shard.workers).collect();
        assert_eq!((workers, plan.parallel), (vec![3, 3, 2], 3));
        let plan = RunPlan::new(request(2, &["a", "b", "c"]));
        let workers: Vec<u32> = plan.shards.iter().map(|shard| shard.workers).collect();
        assert_eq!((workers, plan.parallel), (vec![1, 1, 1], 2));
    }

    #[test]
    fn paths_that_overlap_share_a_shard() {
        let cases: [(&[&str], &[&str]); 7] = [
            (&["a", "a/b.py", "c"], &["a a/b.py", "c"]),
            (&["a/b.py", "c", "a"], &["c", "a/b.py a"]),
            (&["a", "a"], &["a"]),
            (&["a", "ab"], &["a", "ab"]),
            (
                &["f.py::T", "f.py::T::m", "f.py::Tx"],
                &["f.py::T f.py::T::m", "f.py::Tx"],
            ),
            (&["f.py::t", "f.py::t[1]"], &["f.py::t f.py::t[1]"]),
            (&["a", "b", ""], &["a b ."]),
        ];
        for (paths, expected) in cases {
            assert_eq!(
                labels(&RunPlan::new(request(1, paths))),
                expected,
                "{paths:?}"
            );
        }
    }

    #[test]
    fn modules_of_the_map_have_a_shard_of_their_own_that_takes_no_worker_from_the_paths() {
        let mut asked = request(2, &["a", "b"]);
        let key = RunPlan::new(asked.clone()).selection_key;
        asked.modules = vec![Module {
            file: "pkg/odd.py".to_owned(),
            name: "pkg.odd".to_owned(),
        }];
        let plan = RunPlan::new(asked);
        assert_eq!(labels(&plan), ["a", "b", MODULES_LABEL]);
        assert_eq!((plan.parallel, &plan.selection_key), (2, &key));
        let [.., shard] = plan.shards.as_slice() else {
            panic!("the shards are gone");
        };
        assert_eq!(shard.argv, ["pkg/odd.py"]);
        assert_eq!((shard.options, shard.workers), (0, 1));
    }

    #[test]
    fn a_run_of_modules_alone_has_no_shard_of_paths_and_is_compared_with_its_like() {
        let mut asked = request(2, &[]);
        let whole = RunPlan::new(asked.clone()).selection_key;
        asked.modules_only = true;
        let mut keys = vec![whole];
        for file in ["a.py", "b.py"] {
            asked.modules = vec![crate::model::sample::module(file)];
            let plan = RunPlan::new(asked.clone());
            assert_eq!(labels(&plan), [MODULES_LABEL]);
            assert_eq!((plan.shards[0].index, plan.parallel), (ShardIndex(0), 1));
            keys.push(plan.selection_key);
        }
        keys.dedup();
        assert_eq!(keys.len(), 3);
    }

    #[test]
    fn runs_are_comparable_whatever_the_order_of_paths_and_the_workers() {
        let key = |workers, paths| RunPlan::new(request(workers, paths)).selection_key;
        assert_eq!(key(1, &["a", "b"]), key(4, &["b", "a"]));
        assert_ne!(key(1, &["a", "b"]), key(1, &["a"]));
    }

    proptest! {
        #[test]
        fn no_worker_is_lost_and_none_invented(workers in 1u32..64, count in 1usize..40) {
            let names: Vec<String> = (0..count).map(|n| format!("path{n:03}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let plan = RunPlan::new(request(workers, &names));
            let total: u32 = plan.shards.iter().map(|shard| shard.workers).sum();
            let shards = u32::try_from(count).unwrap();
            prop_assert_eq!(total, workers.max(shards));
            prop_assert_eq!(plan.parallel, workers.min(shards));
        }
    }
}
