//! [`after_tests`]: the work of a run on orphans when its tests are over.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::analysis::{Analysis, AnalysisError, AnalysisRequest, analyse};
use super::integration::plan_integration;
use super::list::{forget_gone, keep_list, not_analysed, present_list, roots_of, trial_plan};
use super::mirrors::{read_mirrors, write_mirrors};
use super::trials::{TrialJob, Trials};
use crate::clock::now_ms;
use crate::diag::and_more;
use crate::graph::IntegrationPlan;
use crate::model::{Integration, Level, Module, Notice, RunId, RunOutcome, Write};
use crate::plan::orphans::{OrphanWishes, Suppression, scan_is_due};
use crate::run::{Job, Recorder, Verdict, carry_out};
use crate::store::{Store, StoreError};

/// So many modules that joined are named.
const NAMED: usize = 3;

/// The orders of a run about orphans.
#[derive(Debug, Clone)]
pub struct OrphanJob {
    /// The project to analyse.
    pub request: AnalysisRequest,
    /// The trials and scans that the user asked for.
    pub wishes: OrphanWishes,
    /// Modules that may be orphans.
    pub suppressions: Vec<Suppression>,
    /// The time for each trial.
    pub limit: Duration,
    /// The time for all of them; `None` for no limit.
    pub budget: Option<Duration>,
    /// True if an orphan that fails makes a run fail that passed.
    pub strict: bool,
    /// True if those that pass become part of the module map.
    pub integrate: bool,
    /// True if those that fit no workflow get one.
    pub found_workflows: bool,
    /// The function that decides about those that pass, in place of that.
    pub integration: Option<IntegrationCallback>,
}

/// Decides what becomes of modules that pass. Clones share one function.
#[derive(Clone)]
pub struct IntegrationCallback(Arc<Mutex<Decide>>);

type Decide = dyn FnMut(&[Module]) -> Integration + Send;

impl IntegrationCallback {
    /// Wraps a function, which may be called from any thread, one call at a time.
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

/// Does everything about orphans that is asked for, after the tests of a run; returns the verdict
/// over the run in the light of it. A run that was stopped, or could not be carried out, does
/// nothing more.
pub fn after_tests(
    job: &Job<'_>,
    orphans: Option<&OrphanJob>,
    recorder: &mut Recorder<'_>,
    verdict: Verdict,
) -> Result<Verdict, StoreError> {
    let ended = [RunOutcome::Interrupted, RunOutcome::Error].contains(&verdict.outcome);
    let Some(orphans) = orphans.filter(|_| !ended && !recorder.has_failed()) else {
        return Ok(verdict);
    };
    let run = recorder.run();
    let looked = look(orphans, recorder.store()?, run)?;
    for notice in &looked.notices {
        recorder.notice(notice.clone());
    }
    let Some(trials) = &looked.trials else {
        return Ok(verdict);
    };
    let mut phase = Trials::new(
        trials,
        job.plan.request.workers,
        job.executor.hello_limit(),
        &verdict,
    );
    carry_out(&mut phase, job, recorder)?;
    let tried = phase.into_tried();
    let passed = tried.passed();
    if tried.is_whole()
        && !passed.is_empty()
        && let Some(analysis) = &looked.analysis
    {
        let notices = integrate(orphans, recorder.store()?, run, analysis, &passed)?;
        for notice in notices {
            recorder.notice(notice);
        }
    }
    if tried.is_whole() {
        let store = recorder.store()?;
        for notice in write_mirrors(store, &orphans.request.mirrors())? {
            // The same trouble with a file is not news.
            if !looked.notices.contains(&notice) {
                recorder.notice(notice);
            }
        }
    }
    Ok(tried.weigh(verdict, orphans.strict))
}

/// The results of the look at the orphans, before the trials.
#[derive(Debug)]
struct Looked {
    /// The modules to try; `None` if the run tries no orphans.
    trials: Option<TrialJob>,
    /// The modules of the project; `None` if they could not be analysed.
    analysis: Option<Analysis>,
    /// Notices for the user, about the analysis, the JSON files and the list.
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
    notices.extend(forget_gone(store, &job.request, &analysis)?);
    let list = present_list(&reader, &job.request)?;
    if scan_is_due(job.wishes, &list) {
        let wishes = job.wishes.with_searches_of(&list);
        notices.extend(keep_list(
            store,
            &job.request,
            &analysis,
            wishes,
            Some(run),
        )?);
    }
    let scripts = &analysis.scripts;
    let plan = trial_plan(&reader, &job.request, &job.suppressions, scripts)?;
    store.forget_orphans(&plan.gone)?;
    notices.extend(write_mirrors(store, &mirrors)?);
    let trials = job.wishes.include.then(|| TrialJob {
        roots: roots_of(&analysis.layout.roots, &plan.modules),
        modules: plan.modules,
        limit: job.limit,
        budget: job.budget,
    });
    Ok(Looked {
        trials,
        analysis: Some(analysis),
        notices,
    })
}

/// Makes passing orphans part of the project's modules. Returns notices for the user.
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
    let graph = &analysis.graph;
    match plan_integration(
        &reader,
        graph,
        analysis.analysed(),
        None,
        job.found_workflows,
    )? {
        Ok(plan) if plan.is_empty() => Ok(Vec::new()),
        Ok(plan) => {
            store.integrate(&plan, Some(run), now_ms())?;
            Ok(joined(&plan, run).into_iter().collect())
        }
        Err(refusal) => Ok(vec![Notice {
            level: Level::Warning,
            code: "not-integrated".to_owned(),
            message: refusal.to_string(),
            hint: Some("`agent orphans scan` lists the files that could not be read".to_owned()),
        }]),
    }
}

/// Says which modules joined, and how to undo that.
fn joined(plan: &IntegrationPlan, run: RunId) -> Option<Notice> {
    let files = plan.outcome().integrated;
    let quoted = |names: &[String]| {
        let named = names.iter().take(NAMED).map(|name| format!("`{name}`"));
        let more = and_more(names.len().saturating_sub(NAMED));
        format!("{}{more}", named.collect::<Vec<_>>().join(", "))
    };
    let named = quoted(&files);
    let founded = match plan.founded.as_slice() {
        [] => String::new(),
        [name] => format!("; the workflow `{name}` was made for it"),
        names => format!("; the workflows {} were made for them", quoted(names)),
    };
    (!files.is_empty()).then(|| Notice {
        level: Level::Info,
        code: "integrated".to_owned(),
        message: format!(
            "from now on every whole run tests {named}, which no test reaches{founded}"
        ),
        hint: Some(format!("`agent module-map undo {run}` undoes that")),
    })
}
