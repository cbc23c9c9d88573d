//! [`SelfTestService`]: settings in, runs out.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use tokio::task::{JoinError, spawn_blocking};

use super::container::{self, ContainerError, Wish};
use super::orphans;
use super::records::{MetricsSink, ResultRecord};
use crate::clock::now_ms;
use crate::diag::Hint;
use crate::engine::child::Cancel;
use crate::engine::managed::ManagedSpec;
use crate::engine::python::{self, PythonError};
use crate::model::record::Level;
use crate::model::{CycleId, Event, EventLine, ExitCode, Integration, Module, Notice};
use crate::plan::{RunPlan, RunRequest, TestPath};
use crate::run::orphans::{integrated_modules, take_edits};
use crate::run::{
    IntegrationCallback, Job, Mailbox, OrphanJob, RunError, RunReport, StopHandle, StopSignal,
    Waiting, carry_out, recover,
};
use crate::settings::{Origin, Settings};
use crate::source::{PathError, resolve};
use crate::store::{Store, StoreError};

/// How long a module may take to be imported and tested, unless the settings have a limit for tests.
const TRIAL_LIMIT: Duration = Duration::from_mins(1);
/// Events that wait for slow listeners before the run waits for them.
const WAITING: usize = 1024;

type Listener = Box<dyn FnMut(&EventLine) + Send>;
type Waiter = Box<dyn FnMut(&Waiting) + Send>;

/// Watches over one project.
///
/// ```no_run
/// use menace_agent::service::{MetricsSink, ResultRecord, SelfTestService};
/// use menace_agent::settings::Settings;
///
/// struct Bot;
///
/// impl MetricsSink for Bot {
///     fn record(&mut self, coverage_percent: Option<f64>, runtime_s: f64) {
///         println!("coverage {coverage_percent:?} %, {runtime_s} s");
///     }
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut settings = Settings::for_project("/srv/project");
/// settings.paths = vec!["tests/unit".to_owned()];
/// settings.workers = 4;
/// let mut service = SelfTestService::new(settings)
///     .result_callback(|record| match record {
///         ResultRecord::File(file) => println!("{}: {} passed", file.file, file.counts.passed),
///         ResultRecord::Summary(run) => println!("{} failed", run.counts.failed),
///     })
///     .metrics_sink(Bot);
/// let report = service.run_once().await?;
/// assert_eq!(report.summary.exit_code, 0);
/// # Ok(())
/// # }
/// ```
pub struct SelfTestService {
    settings: Settings,
    given: Given,
    mailbox: Mailbox,
    listeners: Vec<Listener>,
    waiters: Vec<Waiter>,
    metrics: Vec<Box<dyn MetricsSink>>,
}

/// What a run is given besides the settings.
#[derive(Debug, Clone)]
struct Given {
    trigger: String,
    cycle: Option<CycleId>,
    prefer_container: bool,
    notices: Vec<Notice>,
    integration: Option<IntegrationCallback>,
}

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A path of the settings cannot be run.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There is no interpreter.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// Nothing can run in a container.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A signal came while the run was prepared.
    #[error("{} before the run began", match .0 { StopSignal::Interrupt => "interrupted", StopSignal::Terminate => "terminated" })]
    Stopped(StopSignal),
    /// The state file cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run could not be recorded to its end.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Threads or signal handlers cannot be had.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// A thread of the run failed: a bug.
    #[error("a part of the run failed")]
    Thread(#[from] JoinError),
}

impl ServiceError {
    /// The exit code that a command returns for it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Path(_) => ExitCode::USAGE,
            Self::Stopped(signal) => signal.exit_code(),
            Self::Container(error) => error.exit_code(),
            Self::Python(_) | Self::Runtime(_) => ExitCode::ENVIRONMENT,
            Self::Store(_) | Self::Run(_) => ExitCode::STATE_FILE,
            Self::Thread(_) => ExitCode::BUG,
        }
    }
}

impl Hint for ServiceError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Path(error) => error.hint(),
            Self::Python(error) => error.hint(),
            Self::Container(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Run(error) => error.hint(),
            Self::Stopped(_) | Self::Runtime(_) | Self::Thread(_) => None,
        }
    }
}

impl SelfTestService {
    /// A service for the project of `settings`.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            given: Given {
                trigger: "library".to_owned(),
                cycle: None,
                prefer_container: false,
                notices: Vec::new(),
                integration: None,
            },
            mailbox: Mailbox::new(),
            listeners: Vec::new(),
            waiters: Vec::new(),
            metrics: Vec::new(),
        }
    }

    /// What the state file gives as the reason of the runs: `library` unless set.
    #[must_use]
    pub fn trigger(mut self, trigger: &str) -> Self {
        trigger.clone_into(&mut self.given.trigger);
        self
    }

    /// The cycle of a schedule that the next run is the run of; its row must be there.
    #[must_use]
    pub fn cycle(mut self, cycle: CycleId) -> Self {
        self.given.cycle = Some(cycle);
        self
    }

    /// Where nobody said whether to run in containers, runs do so if an image is named, and an
    /// engine answers and has that image. A tarball is loaded, nothing is fetched.
    #[must_use]
    pub fn prefer_container(mut self) -> Self {
        self.given.prefer_container = true;
        self
    }

    /// Notices that are told and stored with the next run.
    #[must_use]
    pub fn notices(mut self, notices: Vec<Notice>) -> Self {
        self.given.notices = notices;
        self
    }

    /// Adds a listener for every event of the runs, in order, each after what it says is stored.
    /// While a listener is busy, tests that are far ahead of it wait.
    #[must_use]
    pub fn on_event(mut self, listener: impl FnMut(&EventLine) + Send + 'static) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// Adds a listener for what a run in containers has to wait for before it begins: the run of
    /// another process. Called once for each holder.
    #[must_use]
    pub fn on_wait(mut self, listener: impl FnMut(&Waiting) + Send + 'static) -> Self {
        self.waiters.push(Box::new(listener));
        self
    }

    /// Adds a callback for a record after each file and for the summary at the end.
    #[must_use]
    pub fn result_callback(self, mut callback: impl FnMut(ResultRecord) + Send + 'static) -> Self {
        self.on_event(move |line| match &line.event {
            Event::FileFinished(file) => callback(ResultRecord::File(file.clone())),
            Event::RunFinished(summary) => callback(ResultRecord::Summary(summary.clone())),
            _ => {}
        })
    }

    /// Adds a sink for the figures of each run.
    #[must_use]
    pub fn metrics_sink(mut self, sink: impl MetricsSink + 'static) -> Self {
        self.metrics.push(Box::new(sink));
        self
    }

    /// Decides what becomes of modules that no test reaches and that passed their trials, in place
    /// of the module map and the workflows. It is asked once a run, where any passed, and its
    /// answer is stored with the run.
    #[must_use]
    pub fn integration_callback(
        mut self,
        callback: impl FnMut(&[Module]) -> Integration + Send + 'static,
    ) -> Self {
        self.given.integration = Some(IntegrationCallback::new(callback));
        self
    }

    /// The handle that ends a run of this service, from a signal or another thread.
    pub fn stop_handle(&self) -> StopHandle {
        self.mailbox.stop_handle()
    }

    /// Runs the suites once. A failing suite is a result; an error means that nothing could be
    /// run, or not recorded.
    ///
    /// # Errors
    ///
    /// A path that is not there, no interpreter, or a state file that cannot be used.
    pub async fn run_once(&mut self) -> Result<RunReport, ServiceError> {
        let settings = self.settings.clone();
        let given = self.given.clone();
        // Neither is of a later run.
        self.given.notices.clear();
        self.given.cycle = None;
        let mailbox = std::mem::take(&mut self.mailbox);
        let (events, queue) = sync_channel(WAITING);
        let listeners = std::mem::take(&mut self.listeners);
        let mut waiters = std::mem::take(&mut self.waiters);
        let listening = spawn_blocking(move || listen(listeners, &queue));
        let running = spawn_blocking(move || {
            let on_wait = |waiting: &Waiting| waiters.iter_mut().for_each(|tell| tell(waiting));
            let prepared = prepare(&settings, given, &mailbox, on_wait);
            let prepared = prepared.map_err(|error| match mailbox.asked_to_stop() {
                Some(signal) => ServiceError::Stopped(signal),
                None => error,
            });
            let outcome = prepared.and_then(|(job, store)| {
                let announce = move |line| {
                    // The listeners outlive the run; without them there is nobody to tell.
                    let _ = events.send(line);
                };
                Ok(carry_out(&job, store, &mailbox, announce)?)
            });
            (outcome, mailbox, waiters)
        });
        let (outcome, mailbox, waiters) = running.await?;
        self.mailbox = mailbox;
        self.waiters = waiters;
        self.listeners = listening.await?;
        let report = outcome?;
        for sink in &mut self.metrics {
            sink.record(report.summary.coverage, report.summary.runtime);
        }
        Ok(report)
    }
}

fn listen(mut listeners: Vec<Listener>, queue: &Receiver<EventLine>) -> Vec<Listener> {
    while let Ok(line) = queue.recv() {
        for listener in &mut listeners {
            listener(&line);
        }
    }
    listeners
}

/// Everything that can be wrong before the first test starts, the cheapest first.
fn prepare(
    settings: &Settings,
    given: Given,
    mailbox: &Mailbox,
    on_wait: impl FnMut(&Waiting),
) -> Result<(Job, Store), ServiceError> {
    let paths = resolve(&settings.paths, &settings.project)?;
    let mut notices = given.notices;
    let wish = Wish::of(settings, given.prefer_container);
    let mut python = None;
    if wish == Wish::No {
        python = Some(python::find(settings.python.as_deref(), &settings.project)?);
    }
    let mut store = Store::open(&settings.db, now_ms())?;
    let closed = recover(&mut store)?;
    if !closed.is_empty() {
        notices.push(recovered(&closed));
    }
    let (container, lease) =
        container::prepare(settings, wish, &mut store, mailbox, &mut notices, on_wait)?.unzip();
    let python = match (&container, python) {
        (_, Some(python)) => python,
        (Some(container), None) => PathBuf::from(&container.spec.python),
        (None, None) => python::find(settings.python.as_deref(), &settings.project)?,
    };
    let executor = container
        .as_ref()
        .map_or("host", |container| container.policy.engine);
    let orphans = (settings.orphans.include || settings.orphans.refresh)
        .then(|| orphan_job(settings, given.integration))
        .filter(|_| !is_aimed(settings, &paths));
    let (mut modules, mut roots) = (Vec::new(), Vec::new());
    if let Some(orphans) = orphans.as_ref().filter(|orphans| orphans.wishes.include) {
        notices.extend(take_edits(&mut store, &orphans.request)?);
        let reader = store.reader()?;
        (modules, roots) = integrated_modules(&reader, &orphans.request, &orphans.suppressions)?;
    }
    let plan = RunPlan::new(RunRequest {
        project: settings.project.clone(),
        paths,
        pytest_args: settings.pytest_args.clone(),
        workers: settings.workers,
        timeout: settings.timeout,
        test_timeout: settings.test_timeout,
        reruns: settings.reruns,
        max_fail: settings.max_fail,
        coverage: settings.coverage,
        executor: executor.to_owned(),
        modules,
        roots,
    });
    let managed = (settings.managed_env && container.is_none())
        .then(|| managed_spec(settings, python.clone(), mailbox.cancel()));
    Ok((
        Job {
            plan,
            trigger: given.trigger,
            python,
            managed,
            container,
            lease,
            orphans,
            cycle: given.cycle,
            notices,
        },
        store,
    ))
}

/// Whether somebody is after certain tests - names them, or picks them by `-k` or `-m` - and has
/// not said that orphans matter now.
fn is_aimed(settings: &Settings, paths: &[TestPath]) -> bool {
    let picks = |word: &String| ["-k", "-m", "--lf", "--last-failed"].contains(&word.as_str());
    let aimed = paths.iter().any(|path| !path.selector.is_empty())
        || settings.pytest_args.iter().any(picks);
    let said = ["include-orphans", "refresh-orphans", "strict-orphans"];
    aimed
        && said
            .iter()
            .all(|name| settings.origin(name) == Origin::Default)
}

/// What the run does about modules that no test reaches. A trial may take as long as a test, and
/// all of them as long as a shard.
fn orphan_job(settings: &Settings, integration: Option<IntegrationCallback>) -> OrphanJob {
    OrphanJob {
        request: orphans::request(settings),
        wishes: orphans::wishes(settings),
        suppressions: settings.orphans.suppressions.clone(),
        limit: settings
            .test_timeout
            .unwrap_or(TRIAL_LIMIT)
            .min(settings.timeout),
        budget: Some(settings.timeout),
        strict: settings.orphans.strict,
        integrate: settings.orphans.integrate,
        integration,
    }
}

fn managed_spec(settings: &Settings, python: PathBuf, cancel: Cancel) -> ManagedSpec {
    ManagedSpec {
        python,
        project: settings.project.clone(),
        data_dir: settings.data_dir.clone(),
        offline: settings.offline,
        wheels: settings.wheels.clone(),
        cancel,
    }
}

fn recovered(closed: &[crate::model::RunId]) -> Notice {
    let runs: Vec<String> = closed.iter().map(ToString::to_string).collect();
    let (noun, verb) = if closed.len() == 1 {
        ("run", "was")
    } else {
        ("runs", "were")
    };
    Notice {
        level: Level::Info,
        code: "recovered".to_owned(),
        message: format!(
            "{noun} {} {verb} left open by an agent that is gone; closed as interrupted",
            runs.join(", ")
        ),
        hint: None,
    }
}
