//! A run from its first row to its last: opened, driven, closed, summed up.

use std::path::PathBuf;

use uuid::Uuid;

use super::drive::Driver;
use super::effect::Failure;
use super::lease::LeaseKeeper;
use super::mailbox::Mailbox;
use super::orphans::{OrphanJob, OrphanStage};
use super::report;
use super::shard::ContainerPolicy;
use crate::clock::now_ms;
use crate::diag::Hint;
use crate::engine::managed::ManagedSpec;
use crate::engine::{ContainerSpec, identity};
use crate::model::event::EVENTS_VERSION;
use crate::model::write::{NewRun, RunEnd, Write};
use crate::model::{
    CycleId, Event, EventLine, ExitCode, LeaseClaim, Notice, RunId, RunOutcome, RunSummary,
};
use crate::plan::RunPlan;
use crate::plan::cleanup::Owner;
use crate::store::{Counter, Store, StoreError, Writer};

/// A plan and what it is carried out with.
#[derive(Debug)]
pub struct Job {
    /// The plan.
    pub plan: RunPlan,
    /// What started the run: `manual`, `schedule` or `library`.
    pub trigger: String,
    /// The project's interpreter.
    pub python: PathBuf,
    /// How to make a private environment, where that is allowed.
    pub managed: Option<ManagedSpec>,
    /// What the shards run in, unless it is the host.
    pub container: Option<ContainerJob>,
    /// The lease that the run needs, where it needs one; given back when the job is dropped.
    pub lease: Option<LeaseKeeper>,
    /// What it does about modules that no test reaches; `None` for nothing.
    pub orphans: Option<OrphanJob>,
    /// The cycle of the schedule that it is the run of.
    pub cycle: Option<CycleId>,
    /// What to say at the start, about settings and recovered runs.
    pub notices: Vec<Notice>,
}

/// The containers of a run.
#[derive(Debug)]
pub struct ContainerJob {
    /// What each is started with, but for its name and labels.
    pub spec: ContainerSpec,
    /// How their ends are judged.
    pub policy: ContainerPolicy,
}

impl ContainerJob {
    /// One container of a run, with the labels by which `agent cleanup` knows it.
    pub(super) fn named(
        &self,
        name: String,
        run: RunId,
        lease: Option<&LeaseClaim>,
    ) -> ContainerSpec {
        let owner = Owner {
            run: Some(run),
            lease: lease.map(|claim| claim.token),
            holder: Some(identity::holder()),
        };
        ContainerSpec {
            name,
            labels: owner.to_labels().into_iter().collect(),
            ..self.spec.clone()
        }
    }
}

/// How a run went.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// The summary, as it is stored.
    pub summary: RunSummary,
    /// Why the run could not be carried out, where it could not.
    pub failure: Option<Failure>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state file could not be used; a run that was open is closed by the next start.
    #[error("cannot record the run")]
    Store(#[from] StoreError),
    /// A run that was just closed is not there.
    #[error("run {0} has gone from the state file")]
    Gone(RunId),
}

impl Hint for RunError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Gone(_) => Some("something else writes to the state file".to_owned()),
        }
    }
}

/// Carries out a job, and blocks until it is over. `announce` is called with every event, each
/// after what it says is stored; while it blocks, the tests wait.
pub fn carry_out(
    job: &Job,
    mut store: Store,
    mailbox: &Mailbox,
    announce: impl Fn(EventLine) + Clone + Send + 'static,
) -> Result<RunReport, RunError> {
    let baseline = store.baseline(&job.plan.selection_key)?;
    let started_ms = now_ms();
    let new = new_run(job, started_ms);
    let run_id = store.open_run(&new)?;
    let tell = move |event| {
        announce(EventLine {
            v: EVENTS_VERSION,
            run_id,
            event,
        });
    };
    let writer = Writer::spawn(store, run_id, tell.clone())?;
    let (store, verdict, python) =
        Driver::new(job, (&new, run_id), mailbox, writer, baseline).drive()?;
    let stage = OrphanStage {
        job,
        new: &new,
        run: run_id,
        python: &python,
        mailbox,
    };
    let (mut store, verdict) = stage.carry_out(store, verdict, &tell)?;
    let end = RunEnd {
        finished_ms: now_ms(),
        outcome: verdict.outcome,
        exit_code: verdict.exit_code.0,
    };
    for (counter, times) in [
        (Counter::ContainerFailures, verdict.troubles.failures),
        (Counter::ContainerTimeouts, verdict.troubles.timeouts),
    ] {
        store.add_to_counter(counter, times)?;
    }
    let cut_short = verdict.outcome == RunOutcome::Incomplete;
    let lost = cut_short.then(|| lost_lease(job)).flatten();
    let failure = verdict.failure.or(lost);
    let notice = failure.as_ref().map(Failure::notice);
    let mut writes: Vec<Write> = notice.into_iter().map(Write::Notice).collect();
    writes.push(Write::RunEnded(end));
    store.write(run_id, &writes)?;
    let summary = report::summary(&store.reader()?, run_id)?.ok_or(RunError::Gone(run_id))?;
    tell(Event::RunFinished(Box::new(summary.clone())));
    Ok(RunReport { summary, failure })
}

/// A lease that could not be renewed, and that nobody took so far: the run was ended, and what it
/// had is stored.
fn lost_lease(job: &Job) -> Option<Failure> {
    let lease = job.lease.as_ref().filter(|lease| lease.is_lost())?;
    let name = &lease.claim().name;
    Some(Failure {
        exit_code: ExitCode::INCOMPLETE,
        message: format!("the lease `{name}` could not be renewed, and the run was ended"),
        causes: Vec::new(),
        hint: Some("`agent lease list` shows who has it; `agent run` starts anew".to_owned()),
    })
}

fn new_run(job: &Job, started_ms: i64) -> NewRun {
    let request = &job.plan.request;
    NewRun {
        uuid: Uuid::now_v7().to_string(),
        trigger: job.trigger.clone(),
        project: request.project.to_string_lossy().into_owned(),
        started_ms,
        executor: request.executor.clone(),
        image: job.container.as_ref().map(|it| it.spec.image.clone()),
        workers: request.workers,
        shards: job
            .plan
            .shards
            .iter()
            .map(|shard| shard.label.clone())
            .collect(),
        pytest_args: request.pytest_args.clone(),
        selection_key: job.plan.selection_key.clone(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        holder: identity::of_self(),
        lease: job.lease.as_ref().map(|lease| lease.claim().clone()),
        cycle: job.cycle,
    }
}
