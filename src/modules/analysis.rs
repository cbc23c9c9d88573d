//! [`Analysis`]: a project's modules, the imports that lead to each, and the share that was
//! understood.
//!
//! The state file remembers what was read of each file, so that an unchanged one is not read again.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use crate::diag::Hint;
use crate::graph::{
    Draft, Health, ImportGraph, Layout, Observed, Part, Resolution, SourceFile, Verdicts,
    find_apart,
};
use crate::model::module_map::Analysed;
use crate::model::{ExitCode, Level, Loaded, Module, Notice, Orphan, RunId};
use crate::plan::OrphanWishes;
use crate::plan::orphans::is_main_file;
use crate::source::{Scan, ScanError, ScanOptions, changed_ms, layout, scan};
use crate::store::{Reader, Store, StoreError};

/// Runs whose coverage counts as evidence: enough for suites that are run in parts or fail, and few
/// enough that a test which is gone is forgotten soon.
const COVERAGE_RUNS: u32 = 5;

/// Runs whose processes count as evidence of what tests load. The latest one that shows a test
/// decides, so that these may be many.
const LOADING_RUNS: u32 = 50;

/// A thread for fewer files costs more than it saves.
const LEAST_FILES: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisRequest {
    /// The absolute path of the project folder.
    pub project: PathBuf,
    /// The data folder, absolute: it holds nothing of the project.
    pub data_dir: PathBuf,
    /// Patterns, as in `.gitignore`, of what is not looked at.
    pub exclude: Vec<String>,
}

/// The modules of a project.
#[derive(Debug)]
pub struct Analysis {
    /// The folders that hold modules and tests.
    pub layout: Layout,
    /// The modules and what leads from one to the other.
    pub graph: ImportGraph,
    /// The share of the code that was understood.
    pub health: Health,
    /// Files that work when they are imported: scripts without a main guard.
    pub scripts: BTreeSet<String>,
    /// What runs were seen to load and to execute.
    pub observed: Observed,
    /// Files that an earlier scan found, and that lie in folders which cannot be listed now.
    pub unseen: Vec<String>,
    /// Notices for the user, about files and folders that could not be used.
    pub notices: Vec<Notice>,
}

/// The reasons for a failure of the analysis.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// The project cannot be walked.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The state file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hint for AnalysisError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Scan(error) => error.exit_code(),
            Self::Store(error) => error.exit_code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Scan(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }
}

/// Looks at every Python file of a project, and remembers what it says.
pub fn analyse(request: &AnalysisRequest, store: &mut Store) -> Result<Analysis, AnalysisError> {
    let reader = store.reader()?;
    let (analysis, scan) = look_at(request, Some(&reader))?;
    store.put_known_files(&scan.changed, &scan.gone)?;
    Ok(analysis)
}

/// The same without a trace; `reader` is the state file, if there is one.
pub fn look(request: &AnalysisRequest, reader: Option<&Reader>) -> Result<Analysis, AnalysisError> {
    Ok(look_at(request, reader)?.0)
}

/// The analysis, and the scan with what is new to the state file.
fn look_at(
    request: &AnalysisRequest,
    reader: Option<&Reader>,
) -> Result<(Analysis, Scan), AnalysisError> {
    let (mut layout, problems) = layout(&request.project);
    let options = ScanOptions {
        project: &request.project,
        data_dir: &request.data_dir,
        exclude: &request.exclude,
        texts: &layout.doctest_globs,
    };
    let mut observed = Observed::default();
    let mut scan = scan(&options, || {
        let Some(reader) = reader else {
            return Ok(Vec::new());
        };
        observed = observe(&request.project, reader)?;
        reader.known_files().map_err(AnalysisError::from)
    })?;
    let unseen = take_unseen(&mut scan);
    layout.links.clone_from(&scan.links);
    let Resolution { graph, health } = resolve(&layout, &scan.files);
    let apart = find_apart(
        &graph,
        &layout,
        &nested_projects(&request.project, &scan.files),
    );
    let graph = graph.with_apart(apart);
    let unlisted = scan
        .unlisted
        .iter()
        .map(|it| format!("cannot list `{}`: {}", it.path, it.message));
    let problems = problems
        .iter()
        .map(|it| format!("cannot use `{}`: {}", it.file, it.text))
        .chain(unlisted);
    let notices = problems.map(|problem| Notice {
        level: Level::Warning,
        code: "analysis".to_owned(),
        message: problem,
        hint: None,
    });
    let analysis = Analysis {
        notices: notices.collect(),
        scripts: scripts(&graph, &scan.files),
        observed,
        unseen,
        layout,
        graph,
        health,
    };
    Ok((analysis, scan))
}

/// Takes those out of the files that are gone whose folders could not be listed: they may be there.
fn take_unseen(scan: &mut Scan) -> Vec<String> {
    let unlisted = &scan.unlisted;
    let is_unseen = |file: &mut String| unlisted.iter().any(|it| file.starts_with(&it.path));
    scan.gone.extract_if(.., is_unseen).collect()
}

/// The files that nothing imports and that would run if something did.
fn scripts(graph: &ImportGraph, files: &[SourceFile]) -> BTreeSet<String> {
    let nodes = graph.ids().zip(files).filter(|(id, file)| {
        let mut back = graph.back_edges(*id).iter();
        is_main_file(&file.path)
            || (!back.any(|edge| edge.kind.is_followed())
                && file
                    .reading()
                    .is_ok_and(|facts| facts.works && !facts.main_guard))
    });
    nodes.map(|(_, file)| file.path.clone()).collect()
}

/// The folders below the project that have settings of a project of their own.
fn nested_projects(project: &Path, files: &[SourceFile]) -> Vec<String> {
    let folders = files.iter().flat_map(|file| {
        let path = file.path.as_str();
        path.match_indices('/').map(|(at, _)| &path[..at])
    });
    let folders: BTreeSet<&str> = folders.collect();
    let is_project = |folder: &&str| {
        let folder = project.join(folder);
        let of_project = ["[project]", "[build-system]", "[tool.poetry"];
        folder.join("setup.py").is_file()
            || fs::read_to_string(folder.join("pyproject.toml"))
                .is_ok_and(|text| of_project.iter().any(|table| text.contains(table)))
    };
    let nested = folders.into_iter().filter(is_project);
    nested.map(str::to_owned).collect()
}

/// What the runs of a state file show of a project.
fn observe(project: &Path, reader: &Reader) -> Result<Observed, StoreError> {
    let executed = reader.executed_files(COVERAGE_RUNS)?.into_keys().collect();
    let mut runs: Vec<(RunId, (i64, Vec<Loaded>))> = Vec::new();
    for load in reader.loads(LOADING_RUNS)? {
        match runs.last_mut() {
            Some((run, (_, processes))) if *run == load.run => processes.push(load.loaded),
            _ => runs.push((load.run, (load.started_ms, vec![load.loaded]))),
        }
    }
    let runs = runs.into_iter().map(|(_, processes)| processes).collect();
    Ok(Observed::of_coverage(executed).with_loads(runs, |file| changed_ms(&project.join(file))))
}

/// The graph of these files, from parts that threads make.
fn resolve(layout: &Layout, files: &[SourceFile]) -> Resolution {
    let draft = &Draft::new(layout, files);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let size = files.len().div_ceil(threads).max(LEAST_FILES);
    let parts = thread::scope(|scope| {
        let mut starts = (0..files.len()).step_by(size);
        let part = move |from: usize| draft.part(from..files.len().min(from + size));
        let first = starts.next();
        let others: Vec<_> = starts
            .map(|from| {
                let builder = thread::Builder::new();
                builder
                    .spawn_scoped(scope, move || part(from))
                    .map_err(|_| from)
            })
            .collect();
        let mut parts: Vec<Part<'_>> = first.map(part).into_iter().collect();
        parts.extend(others.into_iter().map(|other| match other {
            Ok(worker) => worker.join().unwrap_or_else(|panic| resume_unwind(panic)),
            // No thread could be had for it.
            Err(from) => part(from),
        }));
        parts
    });
    draft.join(parts)
}

impl Analysis {
    /// The verdicts on all modules.
    pub fn verdicts(&self) -> Verdicts<'_> {
        Verdicts::new(&self.graph, &self.observed)
    }

    /// The number of files, those in folders that cannot be listed too, and the number of those that
    /// were understood.
    pub fn analysed(&self) -> Analysed {
        Analysed {
            files: (self.health.files + self.unseen.len()) as u64,
            analysed: self.health.analysed as u64,
        }
    }

    /// The module of a file, if the project has one.
    pub fn module_of(&self, file: &str) -> Option<Module> {
        let nodes = self.graph.nodes();
        let at = nodes.binary_search_by(|node| node.module.file.as_str().cmp(file));
        at.ok().map(|at| nodes[at].module.clone())
    }

    /// The modules that these wishes look for, by file: isolated ones first, then orphans; a module
    /// that both find is there once.
    pub fn found(&self, wishes: OrphanWishes) -> Vec<Orphan> {
        let verdicts = self.verdicts();
        let mut found = Vec::new();
        if wishes.discover_isolated {
            found = verdicts.isolated(wishes.recursive_isolated);
        }
        if wishes.discover {
            found.append(&mut verdicts.orphans(wishes.recursive));
        }
        for orphan in &mut found {
            if self.scripts.contains(&orphan.module.file) {
                orphan.reason += "; it is not tried, because its import would run it";
            }
        }
        // The order of equal files stays.
        found.sort_by(|one, other| one.module.file.cmp(&other.module.file));
        found.dedup_by(|again, first| {
            let is_same = again.module.file == first.module.file;
            if is_same {
                first.led_by.append(&mut again.led_by);
                first.led_by.sort();
                first.led_by.dedup();
            }
            is_same
        });
        found
    }
}
