//! [`SelfTestService`]: settings in, runs out.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::task::spawn_blocking;

use super::error::ServiceError;
use super::prepare::{Given, Prepared, prepare};
use super::records::{MetricsSink, ResultRecord};
use crate::model::{CycleId, Event, EventLine, Integration, Module, Notice, RunSummary};
use crate::modules::{self, IntegrationCallback};
use crate::run::{self, Mailbox, Recorder, RunError, StopHandle, Waiting};
use crate::settings::Settings;

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
///         ResultRecord::Summary(summary) => println!("{} failed", summary.run.counts.failed),
///     })
///     .metrics_sink(Bot);
/// let summary = service.run_once().await?;
/// assert_eq!(summary.total, summary.run.counts.passed);
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
                terminal: false,
            },
            mailbox: Mailbox::new(),
            listeners: Vec::new(),
            waiters: Vec::new(),
            metrics: Vec::new(),
        }
    }

    /// The trigger that the state file keeps with the runs: `library` unless set.
    #[must_use]
    pub fn trigger(mut self, trigger: &str) -> Self {
        trigger.clone_into(&mut self.given.trigger);
        self
    }

    /// The cycle of a schedule that the next run belongs to; its row must be there.
    #[must_use]
    pub fn cycle(mut self, cycle: CycleId) -> Self {
        self.given.cycle = Some(cycle);
        self
    }

    /// If nobody said whether to run in containers, runs do so if an image is named, and an engine
    /// answers and has that image. A tarball is loaded, nothing is fetched.
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

    /// Tests may get the terminal of this process, if they ask for a debugger or print without
    /// capture.
    #[must_use]
    pub fn lend_terminal(mut self) -> Self {
        self.given.terminal = true;
        self
    }

    /// Adds a listener for every event of the runs, in order, each after its facts are stored.
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
    /// of the module map and the workflows. It is asked once a run, if any passed, and its answer
    /// is stored with the run.
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
    /// A path that is not there, no interpreter or container, a signal while the run is prepared,
    /// or a state file that cannot be used.
    pub async fn run_once(&mut self) -> Result<RunSummary, ServiceError> {
        let settings = self.settings.clone();
        let given = self.given.clone();
        // Neither belongs to a later run.
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
            let outcome = prepared.and_then(|prepared| Ok(carry_out(prepared, events)?));
            (outcome, mailbox, waiters)
        });
        let (outcome, mailbox, waiters) = running.await?;
        self.mailbox = mailbox;
        self.waiters = waiters;
        self.listeners = listening.await?;
        let summary = outcome?;
        for sink in &mut self.metrics {
            sink.record(summary.coverage, summary.runtime);
        }
        Ok(summary)
    }
}

/// A run, from its first row to its last.
fn carry_out(
    prepared: Prepared<'_>,
    listeners: SyncSender<EventLine>,
) -> Result<RunSummary, RunError> {
    let Prepared {
        job,
        orphans,
        store,
    } = prepared;
    let mut recorder = Recorder::open(store, &job, move |line| {
        // The listeners outlive the run; without them there is nobody to tell.
        let _ = listeners.send(line);
    })?;
    let verdict = run::tests(&job, &mut recorder)?;
    let verdict = modules::after_tests(&job, orphans.as_ref(), &mut recorder, verdict)?;
    recorder.close(verdict)
}

fn listen(mut listeners: Vec<Listener>, queue: &Receiver<EventLine>) -> Vec<Listener> {
    while let Ok(line) = queue.recv() {
        for listener in &mut listeners {
            listener(&line);
        }
    }
    listeners
}
