//! `agent lease list` and `agent lease release NAME`: the agents that may run now, and the way to
//! end the hold of one that is stuck.

use anyhow::anyhow;
use jiff::tz::TimeZone;

use super::args::{LeaseArgs, LeaseCommand, LeaseListArgs, LeaseReleaseArgs};
use super::failure::Failure;
use super::streams::Streams;
use super::terminal::{LeaseLine, lease_list};
use super::{json, reader};
use crate::clock::{now_ms, rfc3339};
use crate::diag::printable;
use crate::engine::identity;
use crate::model::lease::{LEASES_VERSION, LeaseEntry, LeaseReport};
use crate::model::{ExitCode, Lease, LeaseClaim, LeaseState, Liveness};
use crate::settings::Settings;
use crate::store::Leases;

pub(super) fn run(
    args: &LeaseArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let text = match &args.command {
        LeaseCommand::List(args) => list(args, settings, output)?,
        LeaseCommand::Release(args) => release(args, settings)?,
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

fn list(args: &LeaseListArgs, settings: &Settings, output: &Streams) -> Result<String, Failure> {
    let leases = reader(settings)?.leases()?;
    let lines = leases.into_iter().map(|lease| LeaseLine {
        state: state(&lease),
        lease,
    });
    if args.json {
        let report = LeaseReport {
            v: LEASES_VERSION,
            leases: lines.map(entry).collect(),
        };
        return json(&report);
    }
    let lines: Vec<_> = lines.collect();
    Ok(lease_list(
        &lines,
        &TimeZone::system(),
        &output.data_palette,
    ))
}

fn release(args: &LeaseReleaseArgs, settings: &Settings) -> Result<String, Failure> {
    // The reader brings an older file up to date, and makes none.
    let path = reader(settings)?.path().to_owned();
    let leases = Leases::open(&path)?;
    let lease = leases.find(&args.name)?;
    let lease = lease.ok_or_else(|| not_there(&args.name))?;
    let name = printable(&lease.name);
    let Some(hold) = &lease.hold else {
        return Ok(format!("the lease `{name}` is free already\n"));
    };
    let holder = printable(&hold.holder.to_string());
    let state = state(&lease);
    if state == LeaseState::Held && !args.force {
        return Err(in_use(&name, &holder));
    }
    let claim = LeaseClaim {
        name: lease.name.clone(),
        token: lease.token,
    };
    if !leases.release(&claim)? {
        return Ok(format!(
            "the lease `{name}` was given back by {holder} in this moment\n"
        ));
    }
    let reason = match state {
        LeaseState::Abandoned => format!("{holder}, which had it, is gone"),
        LeaseState::Expired => format!("{holder} did not renew it in time"),
        LeaseState::Held | LeaseState::Free => format!("{holder} stores nothing more under it"),
    };
    Ok(format!("released the lease `{name}`: {reason}\n"))
}

fn not_there(name: &str) -> Failure {
    Failure {
        hint: Some("`agent lease list` lists them; runs in containers make them".to_owned()),
        ..Failure::usage(anyhow!("there is no lease `{name}`"))
    }
}

fn in_use(name: &str, holder: &str) -> Failure {
    let hint =
        "wait for its end, or release it with `--force`: what runs under it stores nothing more";
    Failure {
        hint: Some(hint.to_owned()),
        ..Failure::usage(anyhow!("the lease `{name}` is in use by {holder}"))
    }
}

pub(super) fn state(lease: &Lease) -> LeaseState {
    let holder = lease.hold.as_ref().map(|hold| &hold.holder);
    let liveness = holder.map_or(Liveness::Unknown, identity::liveness_of_holder);
    lease.state(liveness, now_ms())
}

pub(super) fn entry(line: LeaseLine) -> LeaseEntry {
    let LeaseLine { lease, state } = line;
    let hold = lease.hold.as_ref();
    LeaseEntry {
        state,
        host: hold.map(|hold| hold.holder.host.clone()),
        pid: hold.map(|hold| hold.holder.process.pid),
        run_id: hold.and_then(|hold| hold.run),
        acquired_at: hold.map(|hold| rfc3339(hold.acquired_ms)),
        heartbeat_at: hold.map(|hold| rfc3339(hold.heartbeat_ms)),
        expires_at: hold.map(|hold| rfc3339(hold.expires_ms)),
        name: lease.name,
        token: lease.token,
    }
}
