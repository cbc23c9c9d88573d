//! What a run does about modules that no test reaches, around their trials.
//!
//! ```text
//!   analysis ─► JSON files read in ─► a new list, where one is due ─► TrialJob ─► trials
//!                                                                                   │
//!   JSON files written ◄── module map, workflows ◄── integration ◄── those that passed
//! ```
//!
//! Whatever goes wrong here is told with the run and does not change its outcome; only a state
//! file that cannot be written does.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::analysis::{Analysis, AnalysisError, AnalysisRequest, analyse};
use super::dispatch::Verdict;
use super::integration::plan_integration;
use super::job::Job;
use super::lease::LeaseKeeper;
use super::mailbox::Mailbox;
use super::mirrors::{are_edited, read_mirrors, write_mirrors};
use super::trials::{TrialJob, try_orphans};
use crate::clock::now_ms;
use crate::diag::Hint;
use crate::mirror::Mirrors;
use crate::model::module_map::Analysed;
use crate::model::record::Level;
use crate::model::write::{NewRun, Write};
use crate::model::{Event, Integration, Module, Notice, OrphanSource, RunId, RunOutcome};
use crate::plan::orphans::{
    Listed, OrphanWishes, PresentList, Suppression, TrialPlan, scan_is_due, suppressed,
};
use crate::source::exclusion;
use crate::store::{Reader, ScanRow, Store, StoreError};

/// What a run does about orphans.
#[derive(Debug, Clone)]
pub struct OrphanJob {
    /// The project.
    pub request: AnalysisRequest,
    /// What is asked for.
    pub wishes: OrphanWishes,
    /// Modules that may be orphans.
    pub suppressions: Vec<Suppression>,
    /// The time for each trial.
    pub limit: Duration,
    /// The time for all of them, where that is limited.
    pub budget: Option<Duration>,
    /// Whether an orphan that fails makes a run that passed fail.
    pub strict: bool,
    /// Whether those that pass become part of the module map.
    pub integrate: bool,
    /// What is done with those that pass, in place of that.
    pub integration: Option<IntegrationCallback>,
}

/// Decides what becomes of modules that pass. Clones share one function.
#[derive(Clone)]
pub struct IntegrationCallback(Arc<Mutex<Decide>>);

type Decide = dyn FnMut(&[Module]) -> Integration + Send;

impl IntegrationCallback {
    /// Wraps a function.
    pub fn new(decide: impl FnMut(&[Module]) -> Integration + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(decide)))
    }

    fn call(&self, passed: &[Module]) -> Integration {
        let mut decide = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        decide(passed)
    }
}

impl fmt::Debug for IntegrationCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntegrationCallback")
    }
}

/// A run whose tests are over.
pub(super) struct OrphanStage<'a> {
    pub(super) job: &'a Job,
    pub(super) new: &'a NewRun,
    pub(super) run: RunId,
    /// The interpreter that the tests ran in.
    pub(super) python: &'a Path,
    pub(super) mailbox: &'a Mailbox,
}

impl OrphanStage<'_> {
    /// Does everything about orphans that the job asks for; returns the verdict over the run in
    /// the light of it. A run that was stopped, or could not be carried out, does nothing more.
    pub(super) fn carry_out(
        &self,
        mut store: Store,
        verdict: Verdict,
        tell: &(impl Fn(Event) + Clone + Send + 'static),
    ) -> Result<(Store, Verdict), StoreError> {
        let Some(orphans) = &self.job.orphans else {
            return Ok((store, verdict));
        };
        let is_lost = self.job.lease.as_ref().is_some_and(LeaseKeeper::is_lost);
        let ended = [RunOutcome::Interrupted, RunOutcome::Error].contains(&verdict.outcome);
        if ended || is_lost {
            return Ok((store, verdict));
        }
        let looked = look(orphans, &mut store, self.run)?;
        self.say(&mut store, &looked.notices, tell)?;
        let Some(trials) = &looked.trials else {
            return Ok((store, verdict));
        };
        let (mut store, tried) = try_orphans(self, trials, verdict.processes, store, tell.clone())?;
        let verdict = tried.weigh(verdict, trials);
        let passed = tried.passed();
        if tried.is_whole()
            && !passed.is_empty()
            && let Some(analysis) = &looked.analysis
        {
            let notices = integrate(orphans, &mut store, self.run, analysis, &passed)?;
            self.say(&mut store, &notices, tell)?;
        }
        Ok((store, verdict))
    }

    fn say(
        &self,
        store: &mut Store,
        notices: &[Notice],
        tell: &impl Fn(Event),
    ) -> Result<(), StoreError> {
        let writes: Vec<Write> = notices.iter().cloned().map(Write::Notice).collect();
        if !writes.is_empty() {
            store.write(self.run, &writes)?;
        }
        notices.iter().cloned().map(Event::Notice).for_each(tell);
        Ok(())
    }
}

/// What is known before the trials.
#[derive(Debug)]
struct Looked {
    /// What to try; `None` where nothing is to be tried.
    trials: Option<TrialJob>,
    /// The modules of the project; `None` where they could not be analysed.
    analysis: Option<Analysis>,
    /// What the user should know.
    notices: Vec<Notice>,
}

/// Brings the list of orphans up to date, and says which of them the run tries.
fn look(job: &OrphanJob, store: &mut Store, run: RunId) -> Result<Looked, StoreError> {
    let analysis = match analyse(&job.request, store) {
        Ok(analysis) => analysis,
        Err(AnalysisError::Store(error)) => return Err(error),
        Err(error @ AnalysisError::Scan(_)) => {
            return Ok(Looked {
                trials: None,
                analysis: None,
                notices: vec![not_analysed(&error)],
            });
        }
    };
    let mut notices = analysis.notices.clone();
    let mirrors = job.request.mirrors();
    let module_of = |file: &str| analysis.module_of(file);
    notices.extend(read_mirrors(
        store,
        &mirrors,
        Some(run),
        now_ms(),
        module_of,
    )?);
    let reader = store.reader()?;
    if scan_is_due(&job.wishes, &present_list(&reader, &job.request)?) {
        keep_list(store, &job.request, &analysis, &job.wishes, Some(run))?;
    }
    notices.extend(not_listed(&reader, &analysis, job)?);
    let plan = TrialPlan::new(&listed(&reader, &job.request, &job.suppressions)?);
    store.forget_orphans(&plan.gone)?;
    notices.extend(write_mirrors(store, &mirrors)?);
    let trials = job.wishes.include.then(|| TrialJob {
        roots: roots_of(&analysis.layout.roots, &plan.modules),
        modules: plan.modules,
        limit: job.limit,
        budget: job.budget,
        strict: job.strict,
    });
    Ok(Looked {
        trials,
        analysis: Some(analysis),
        notices,
    })
}

/// Makes passing orphans part of the project's modules. Returns what the user should know.
fn integrate(
    job: &OrphanJob,
    store: &mut Store,
    run: RunId,
    analysis: &Analysis,
    passed: &[Module],
) -> Result<Vec<Notice>, StoreError> {
    if let Some(callback) = &job.integration {
        let integration = callback.call(passed);
        store.write(run, &[Write::Integration(integration)])?;
        return Ok(Vec::new());
    }
    if !job.integrate {
        return Ok(Vec::new());
    }
    let reader = store.reader()?;
    let candidates = reader.passing_orphans()?;
    let graph = &analysis.graph;
    match plan_integration(&reader, graph, analysis.analysed(), &candidates)? {
        Ok(plan) if plan.is_empty() => Ok(Vec::new()),
        Ok(plan) => {
            store.integrate(&plan, Some(run), now_ms())?;
            write_mirrors(store, &job.request.mirrors())
        }
        Err(refusal) => Ok(vec![Notice {
            level: Level::Warning,
            code: "not-integrated".to_owned(),
            message: refusal.to_string(),
            hint: Some("`agent orphans scan` lists the files that could not be read".to_owned()),
        }]),
    }
}

/// Makes what was found the list that runs work with.
pub fn keep_list(
    store: &mut Store,
    request: &AnalysisRequest,
    analysis: &Analysis,
    wishes: &OrphanWishes,
    run: Option<RunId>,
) -> Result<(), StoreError> {
    let Analysed { files, analysed } = analysis.analysed();
    let discoveries = wishes.discoveries().into_iter().map(str::to_owned);
    let scan = ScanRow {
        project: request.project.to_string_lossy().into_owned(),
        scanned_ms: now_ms(),
        files,
        analysed,
        discoveries: discoveries.collect(),
    };
    store.put_scan(&scan, &analysis.found(wishes), run)
}

/// Reads the JSON files in where somebody edited them; without such an edit nothing is looked at.
pub fn take_edits(store: &mut Store, request: &AnalysisRequest) -> Result<Vec<Notice>, StoreError> {
    let mirrors = request.mirrors();
    if !are_edited(store, &mirrors)? {
        return Ok(Vec::new());
    }
    match analyse(request, store) {
        Ok(analysis) => {
            let module_of = |file: &str| analysis.module_of(file);
            read_mirrors(store, &mirrors, None, now_ms(), module_of)
        }
        Err(AnalysisError::Store(error)) => Err(error),
        Err(error @ AnalysisError::Scan(_)) => Ok(vec![not_analysed(&error)]),
    }
}

/// The modules that joined the module map and that no test reaches: runs test them like any
/// other. Besides, the folders that Python has to look for them in.
pub fn integrated_modules(
    reader: &Reader,
    request: &AnalysisRequest,
    suppressions: &[Suppression],
) -> Result<(Vec<Module>, Vec<String>), StoreError> {
    let scan = reader.last_scan()?;
    if scan.is_some_and(|scan| Path::new(&scan.project) != request.project) {
        return Ok(Default::default());
    }
    let list = listed(reader, request, suppressions)?;
    let modules = TrialPlan::new(&list).integrated;
    let roots = roots_of(&[], &modules);
    Ok((modules, roots))
}

fn present_list(reader: &Reader, request: &AnalysisRequest) -> Result<PresentList, StoreError> {
    let scan = reader.last_scan()?;
    let scan = scan.filter(|scan| Path::new(&scan.project) == request.project);
    let orphans = reader.orphans()?;
    Ok(PresentList {
        from_file: orphans.iter().any(|row| row.source == OrphanSource::File),
        scanned_for: scan.map(|scan| scan.discoveries),
    })
}

fn listed(
    reader: &Reader,
    request: &AnalysisRequest,
    suppressions: &[Suppression],
) -> Result<Vec<Listed>, StoreError> {
    let rows = reader.orphans()?.into_iter();
    let project = &request.project;
    let is_excluded = exclusion(project, &request.exclude);
    let listed = rows.map(|row| Listed {
        suppressed: suppressed(suppressions, &row.orphan.module),
        exists: project.join(&row.orphan.module.file).is_file()
            && !is_excluded(&row.orphan.module.file),
        status: row.status,
        last_tested_run: row.last_tested_run,
        module: row.orphan.module,
    });
    Ok(listed.collect())
}

/// Orphans that came since the list was made: it stays as it is until somebody wants a new one.
fn not_listed(
    reader: &Reader,
    analysis: &Analysis,
    job: &OrphanJob,
) -> Result<Option<Notice>, StoreError> {
    if reader.last_scan()?.is_none() {
        return Ok(None);
    }
    let known: BTreeSet<String> = reader.orphan_files()?.into_iter().collect();
    let found = analysis.found(&job.wishes).into_iter();
    let new: Vec<String> = found
        .map(|orphan| orphan.module.file)
        .filter(|file| !known.contains(file))
        .collect();
    let Some(first) = new.first() else {
        return Ok(None);
    };
    let more = match new.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Ok(Some(Notice {
        level: Level::Info,
        code: "orphans-new".to_owned(),
        message: format!("no test reaches `{first}`{more}, and the list of orphans lacks that"),
        hint: Some("`--refresh-orphans` makes the list anew".to_owned()),
    }))
}

/// The folders of the layout, and where else one of the modules is found under its name.
fn roots_of(layout: &[String], modules: &[Module]) -> Vec<String> {
    let known = layout.iter().map(String::as_str);
    let others: BTreeSet<&str> = modules.iter().map(root_of).collect();
    let mut roots: Vec<String> = Vec::new();
    for root in known.chain(others) {
        let root = if root.is_empty() { "." } else { root };
        if !roots.iter().any(|known| known == root) {
            roots.push(root.to_owned());
        }
    }
    roots
}

/// `src` for the module `pkg.part` in `src/pkg/part.py`.
fn root_of(module: &Module) -> &str {
    let file = module.file.trim_end_matches(".py");
    let file = file.strip_suffix("/__init__").unwrap_or(file);
    let steps = module.name.split('.').count();
    let mut root = file;
    for _ in 0..steps {
        root = root.rsplit_once('/').map_or("", |(above, _)| above);
    }
    root
}

fn not_analysed(error: &AnalysisError) -> Notice {
    Notice {
        level: Level::Warning,
        code: "not-analysed".to_owned(),
        message: format!("no module was looked for that no test reaches: {error}"),
        hint: error.hint(),
    }
}

impl AnalysisRequest {
    /// The JSON files of the data folder.
    pub fn mirrors(&self) -> Mirrors {
        Mirrors::new(&self.data_dir, &self.project)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_module_is_its_file_without_its_name() {
        let cases = [
            ("a.py", "a", ""),
            ("src/pkg/part.py", "pkg.part", "src"),
            ("src/pkg/__init__.py", "pkg", "src"),
            ("tests/helpers.py", "helpers", "tests"),
            ("x.py", "too.long.for.it", ""),
        ];
        for (file, name, root) in cases {
            let module = Module {
                file: file.to_owned(),
                name: name.to_owned(),
            };
            assert_eq!(root_of(&module), root, "{file}");
        }
        let modules = [("src/a.py", "a"), ("b.py", "b")].map(|(file, name)| Module {
            file: file.to_owned(),
            name: name.to_owned(),
        });
        let roots = roots_of(&["lib".to_owned()], &modules);
        assert_eq!(roots, ["lib", ".", "src"]);
    }
}
