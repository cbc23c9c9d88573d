//! `agent status`: the schedule, the last cycles, the open runs and the leases.
//!
//! All of it comes from the state file; the system only tells which of the processes still run.

use jiff::tz::TimeZone;

use super::args::StatusArgs;
use super::failure::Failure;
use super::lease;
use super::streams::Streams;
use super::terminal::{LeaseLine, status_lines};
use super::{json, reader};
use crate::clock::rfc3339;
use crate::engine::identity;
use crate::model::status::{
    CycleStatus, RunStatus, STATUS_VERSION, ScheduleState, ScheduleStatus, StatusReport,
};
use crate::model::{ExitCode, Lease, LeaseState, Liveness, OpenRun};
use crate::service::scheduler::SCHEDULE;
use crate::settings::Settings;
use crate::store::{CycleRow, Reader, ScheduleRow, StoreError};

pub(super) fn run(
    args: &StatusArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let report = report(&reader(settings)?)?;
    let text = if args.json {
        json(&report)?
    } else {
        status_lines(&report, &TimeZone::system(), &output.data_palette)
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

fn report(reader: &Reader) -> Result<StatusReport, StoreError> {
    let leases: Vec<LeaseLine> = reader
        .leases()?
        .into_iter()
        .map(|lease| LeaseLine {
            state: lease::state(&lease),
            lease,
        })
        .collect();
    let keeper = leases
        .iter()
        .find(|line| line.lease.name == SCHEDULE && is_at_work(line))
        .map(|line| &line.lease);
    let schedule = reader.schedule()?;
    let cycles = reader.cycles(2)?;
    let (open, ended): (Vec<_>, Vec<_>) =
        cycles.iter().partition(|cycle| cycle.finished_ms.is_none());
    Ok(StatusReport {
        v: STATUS_VERSION,
        schedule: schedule.map(|row| schedule_status(row, keeper)),
        cycle: open.first().map(|row| cycle_status(row)),
        last_cycle: ended.first().map(|row| cycle_status(row)),
        runs: reader.open_runs()?.into_iter().map(run_status).collect(),
        leases: leases.into_iter().map(lease::entry).collect(),
    })
}

/// True if the holder of a lease is at work. A lease may expire while its holder lives: the state
/// file could not be written to, or the machine has slept.
fn is_at_work(line: &LeaseLine) -> bool {
    match (&line.lease.hold, line.state) {
        (_, LeaseState::Held) => true,
        (Some(hold), LeaseState::Expired) => {
            identity::liveness(&hold.holder.process) == Liveness::Alive
        }
        _ => false,
    }
}

fn schedule_status(row: ScheduleRow, keeper: Option<&Lease>) -> ScheduleStatus {
    let holder = keeper
        .and_then(|lease| lease.hold.as_ref())
        .map(|hold| &hold.holder);
    let state = match (holder, row.stopped_ms) {
        (Some(_), _) => ScheduleState::Live,
        (None, Some(_)) => ScheduleState::Stopped,
        (None, None) => ScheduleState::Gone,
    };
    ScheduleStatus {
        state,
        spec: row.spec,
        due_at: rfc3339(row.due_ms),
        failures: row.failures,
        host: holder.map(|holder| holder.host.clone()),
        pid: holder.map(|holder| holder.process.pid),
        started_at: rfc3339(row.started_ms),
        stopped_at: row.stopped_ms.map(rfc3339),
        listen: row.listen.filter(|_| state == ScheduleState::Live),
        agent_version: row.agent_version,
    }
}

fn cycle_status(row: &CycleRow) -> CycleStatus {
    CycleStatus {
        cycle_id: row.cycle,
        reason: row.reason,
        due_at: rfc3339(row.due_ms),
        missed: row.missed,
        started_at: rfc3339(row.started_ms),
        finished_at: row.finished_ms.map(rfc3339),
        outcome: row.outcome.map(|outcome| outcome.as_str().to_owned()),
        exit_code: row.exit_code,
        run_id: row.run,
        gone: row.finished_ms.is_none() && is_gone(row),
        message: row.message.clone(),
    }
}

fn is_gone(cycle: &CycleRow) -> bool {
    let process = cycle.process.as_ref();
    process.is_some_and(|process| identity::liveness(process) == Liveness::Gone)
}

fn run_status(run: OpenRun) -> RunStatus {
    let OpenRun { record, holder, .. } = run;
    let counts = record.counts;
    RunStatus {
        run_id: record.run_id,
        trigger: record.facts.trigger,
        executor: record.facts.executor,
        pid: holder.pid,
        gone: identity::liveness(&holder) == Liveness::Gone,
        started_at: rfc3339(record.facts.started_ms),
        tests: counts.total(),
        reported: counts.total() - counts.not_run,
        failed: counts.failures(),
    }
}
