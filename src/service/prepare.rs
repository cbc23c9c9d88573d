//! The needs of a run before its first test: paths, an executor, its turn, a plan.

use std::sync::Arc;
use std::time::Duration;

use super::attended::Attended;
use super::container::{self, Wish};
use super::error::ServiceError;
use super::orphans;
use crate::clock::now_ms;
use crate::engine::child::Cancel;
use crate::engine::managed::ManagedSpec;
use crate::engine::{Executor, HostExecutor, python};
use crate::model::{CycleId, Level, Notice, RunId};
use crate::modules::{IntegrationCallback, OrphanJob, integrated_modules, take_edits};
use crate::plan::orphans::trial_limit;
use crate::plan::{RunPlan, RunRequest, ShardLimit};
use crate::run::{Job, Mailbox, Waiting, recover};
use crate::settings::{Origin, Settings};
use crate::source::resolve;
use crate::store::Store;

/// Of a shard, where nobody says more.
const SHARD_LIMIT: Duration = Duration::from_mins(5);
/// The time that the end of a test which ran out of its own time may take.
const TEST_GRACE: Duration = Duration::from_mins(1);

/// The facts of a run that are no settings.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) trigger: String,
    pub(super) cycle: Option<CycleId>,
    pub(super) prefer_container: bool,
    pub(super) notices: Vec<Notice>,
    pub(super) integration: Option<IntegrationCallback>,
    /// True if there is a terminal that tests may get.
    pub(super) terminal: bool,
}

/// Everything that a run is carried out with.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub(super) job: Job<'a>,
    /// Its job with modules that no test reaches; `None` if there is none.
    pub(super) orphans: Option<OrphanJob>,
    pub(super) store: Store,
}

/// Checks everything that can be wrong before the first test starts, the cheapest first.
pub(super) fn prepare<'a>(
    settings: &Settings,
    given: Given,
    mailbox: &'a Mailbox,
    on_wait: impl FnMut(&Waiting),
) -> Result<Prepared<'a>, ServiceError> {
    let attended = Attended::new(settings, given.trigger == "manual", given.terminal)?;
    let paths = resolve(&settings.paths, &settings.project)?;
    let mut notices = given.notices;
    let wish = Wish::of(settings, given.prefer_container);
    let mut host = None;
    if wish == Wish::No {
        host = Some(host_executor(settings)?);
    }
    let mut store = Store::open(&settings.db, now_ms())?;
    let closed = recover(&mut store)?;
    if !closed.is_empty() {
        notices.push(recovered(&closed));
    }
    let (container, lease) =
        container::prepare(settings, wish, &mut store, mailbox, &mut notices, on_wait)?.unzip();
    let executor = match (container, host) {
        (Some(container), _) => Executor::Container(Box::new(container)),
        (None, Some(host)) => Executor::Host(host),
        (None, None) => Executor::Host(host_executor(settings)?),
    };
    let mut narrowed_by = settings.narrowed_by.clone();
    if given.trigger == "schedule" {
        narrowed_by.clear();
    }
    let orphans = (settings.orphans.include || settings.orphans.refresh)
        .then(|| orphan_job(settings, given.integration))
        .filter(|_| narrowed_by.is_empty() || asks_for_orphans(settings));
    let (mut modules, mut roots) = (Vec::new(), Vec::new());
    let wants_all = orphans.as_ref().is_some_and(|job| job.wishes.include);
    if wants_all || settings.members.is_some() {
        let request = orphans::request(settings);
        notices.extend(take_edits(&mut store, &request)?);
        let reader = store.reader()?;
        (modules, roots) = integrated_modules(&reader, &request, &settings.orphans.suppressions)?;
        modules.retain(|module| {
            let mut members = settings.members.iter();
            members.all(|members| members.contains(&module.file))
        });
    }
    let mut request = RunRequest {
        project: settings.project.clone(),
        paths,
        pytest_args: settings.pytest_args.clone(),
        narrowed_by,
        workers: settings.workers,
        limit: shard_limit(settings, executor.counts_timeouts()),
        test_timeout: settings.test_timeout,
        reruns: settings.reruns,
        max_fail: settings.max_fail,
        harness: settings.harness,
        executor: executor.name().to_owned(),
        modules_only: settings.members.is_some() && settings.paths.is_empty(),
        modules,
        roots,
    };
    attended.adapt(&mut request, &executor, &mut notices)?;
    let job = Job {
        plan: RunPlan::new(request),
        trigger: given.trigger,
        managed: managed_spec(settings, &executor, mailbox.cancel()),
        executor: Arc::new(executor),
        lease,
        cycle: given.cycle,
        notices,
        mailbox,
    };
    Ok(Prepared {
        job,
        orphans,
        store,
    })
}

fn host_executor(settings: &Settings) -> Result<HostExecutor, ServiceError> {
    let python = python::find(settings.python.as_deref(), &settings.project)?;
    Ok(HostExecutor {
        python,
        project: settings.project.clone(),
    })
}

/// True if somebody said that orphans matter now. A run of a part of the tests says nothing about
/// them otherwise.
fn asks_for_orphans(settings: &Settings) -> bool {
    let said = ["include-orphans", "refresh-orphans", "strict-orphans"];
    said.iter()
        .any(|name| settings.origin(name) != Origin::Default)
}

/// On this machine a suite may take as long as it takes, as under pytest, while it reports something
/// now and then. In a container it may not, unless the user says so.
fn shard_limit(settings: &Settings, in_containers: bool) -> ShardLimit {
    let is_said = settings.origin("timeout") != Origin::Default;
    match settings.timeout {
        Some(limit) => ShardLimit::Total(limit),
        None if in_containers && !is_said => ShardLimit::Total(SHARD_LIMIT),
        // A test that may take longer is ended by its own limit.
        None => ShardLimit::Silence(
            settings
                .test_timeout
                .map_or(SHARD_LIMIT, |limit| SHARD_LIMIT.max(limit + TEST_GRACE)),
        ),
    }
}

/// The job of the run with modules that no test reaches. A trial may take as long as a test, and
/// all of them as long as a shard in a container.
fn orphan_job(settings: &Settings, integration: Option<IntegrationCallback>) -> OrphanJob {
    let budget = settings.timeout.unwrap_or(SHARD_LIMIT);
    OrphanJob {
        request: orphans::request(settings),
        wishes: orphans::wishes(settings),
        suppressions: settings.orphans.suppressions.clone(),
        limit: trial_limit(settings.test_timeout, budget),
        budget: Some(budget),
        strict: settings.orphans.strict,
        integrate: settings.orphans.integrate,
        found_workflows: settings.orphans.found_workflows,
        integration,
    }
}

/// A private environment can be made on top of an interpreter of this machine only.
fn managed_spec(settings: &Settings, executor: &Executor, cancel: Cancel) -> Option<ManagedSpec> {
    let can_be_made = settings.managed_env && executor.explain_no_pytest().is_none();
    can_be_made.then(|| ManagedSpec {
        python: executor.python().to_owned(),
        project: settings.project.clone(),
        data_dir: settings.data_dir.clone(),
        offline: settings.offline,
        wheels: settings.wheels.clone(),
        cancel,
    })
}

fn recovered(closed: &[RunId]) -> Notice {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_container_has_a_total_that_nobody_asked_for() {
        let mut settings = Settings::for_project("/p");
        let silence = |seconds| ShardLimit::Silence(Duration::from_secs(seconds));
        let total = |seconds| ShardLimit::Total(Duration::from_secs(seconds));
        assert_eq!(shard_limit(&settings, false), silence(300));
        assert_eq!(shard_limit(&settings, true), total(300));

        settings.test_timeout = Some(Duration::from_secs(9));
        assert_eq!(shard_limit(&settings, false), silence(300));
        settings.test_timeout = Some(Duration::from_mins(15));
        assert_eq!(shard_limit(&settings, false), silence(960));

        settings.timeout = Some(Duration::from_secs(7));
        assert_eq!(shard_limit(&settings, false), total(7));
        assert_eq!(shard_limit(&settings, true), total(7));
    }
}
