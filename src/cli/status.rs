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
use crate::clock::{now_ms, rfc3339};
use crate::engine::identity;
use crate::model::status::{
    CycleStatus, RunStatus, STATUS_VERSION, ScheduleState, ScheduleStatus, StatusReport,
};
use crate::model::{ExitCode, Lease, LeaseState, Liveness, OpenRun, SCHEDULE_LEASE};
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
        .find(|line| line.lease.name == SCHEDULE_LEASE && line.state == LeaseState::Held)
        .map(|line| &line.lease);
    let schedule = reader.schedule()?;
    let cycles = reader.cycles(2)?;
    let (open, ended): (Vec<_>, Vec<_>) =
        cycles.iter().partition(|cycle| cycle.finished_ms.is_none());
    Ok(StatusReport {
        v: STATUS_VERSION,
        schedule: schedule.map(|row| schedule_status(row, keeper)),
        cycle: open.first().map(|row| cycle_status(row, keeper.is_some())),
        last_cycle: ended.first().map(|row| cycle_status(row, keeper.is_some())),
        runs: reader.open_runs()?.into_iter().map(run_status).collect(),
        leases: leases.into_iter().map(lease::entry).collect(),
    })
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

fn cycle_status(row: &CycleRow, is_kept: bool) -> CycleStatus {
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
        gone: row.finished_ms.is_none() && is_gone(row, is_kept),
        message: row.message.clone(),
    }
}

/// True if the process of a cycle is gone; if nobody here can see it, the lease of the schedule
/// counts.
fn is_gone(cycle: &CycleRow, is_kept: bool) -> bool {
    match cycle.process.as_ref().map(identity::liveness) {
        None | Some(Liveness::Alive) => false,
        Some(Liveness::Gone) => true,
        Some(Liveness::Unknown) => !is_kept,
    }
}

fn run_status(run: OpenRun) -> RunStatus {
    let OpenRun {
        record,
        holder,
        active_ms,
        ..
    } = run;
    let liveness = identity::liveness(&holder).or_by_sign(active_ms, now_ms());
    let counts = record.counts;
    RunStatus {
        run_id: record.run_id,
        trigger: record.facts.trigger,
        executor: record.facts.executor,
        pid: holder.pid,
        gone: liveness == Liveness::Gone,
        started_at: rfc3339(record.facts.started_ms),
        tests: counts.total(),
        reported: counts.total() - counts.not_run,
        failed: counts.failures(),
    }
}
