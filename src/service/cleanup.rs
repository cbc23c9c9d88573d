//! `agent cleanup`: everything that interrupted runs left, in engines and in the state file.

use crate::clock::now_ms;
use crate::diag::Hint;
use crate::engine::child::Cancel;
use crate::engine::container::{Engine, EngineError};
use crate::engine::identity;
use crate::model::{ExitCode, LeaseClaim, Liveness, RunId};
use crate::plan::cleanup::{FoundLease, dead_leases};
use crate::run::{Swept, Thoroughness, recover, recovery, sweep};
use crate::settings::Settings;
use crate::store::{Counter, Leases, Reader, Store, StoreError};

use super::images::wanted;

/// The work that a cleanup did, or would do.
#[derive(Debug, Default)]
pub struct CleanupReport {
    /// For each engine that answered, its name and what was found there.
    pub engines: Vec<(&'static str, Swept)>,
    /// Engines that are installed and did not answer: nobody knows the leftovers there.
    pub silent: Vec<EngineError>,
    /// The reason for which no engine was looked at.
    pub no_engine: Option<EngineError>,
    /// Runs that were closed as interrupted.
    pub closed: Vec<RunId>,
    /// Leases that were given back.
    pub released: Vec<String>,
}

impl CleanupReport {
    /// True if something may be left that nobody could see or remove.
    pub fn has_failed(&self) -> bool {
        let mut engines = self.engines.iter();
        self.no_engine.is_some()
            || !self.silent.is_empty()
            || engines.any(|(_, swept)| !swept.failures.is_empty())
    }
}

/// The error that ended a cleanup early.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct CleanupError(#[from] StoreError);

impl Hint for CleanupError {
    fn exit_code(&self) -> ExitCode {
        self.0.exit_code()
    }

    fn hint(&self) -> Option<String> {
        self.0.hint()
    }
}

/// Removes what agents that are gone left behind. A state file is used if there is one, and not
/// made.
///
/// # Errors
///
/// A state file that cannot be used. An engine that fails is told in the report.
pub fn clean_up(settings: &Settings, how: Thoroughness) -> Result<CleanupReport, CleanupError> {
    let mut report = CleanupReport::default();
    let mut state = State::open(settings, how.dry_run)?;
    match Engine::detect_all(&wanted(settings), &Cancel::default()) {
        Err(error) => report.no_engine = Some(error),
        Ok((engines, silent)) => {
            let swept = engines
                .iter()
                .map(|engine| (engine.name(), sweep(engine, how)));
            report.engines = swept.collect();
            report.silent = silent;
        }
    }
    match &mut state {
        State::None => {}
        State::Looked(reader) => {
            let plan = recovery(reader.open_runs()?);
            report.closed = plan.close.iter().map(|(run, _)| *run).collect();
            let claims = dead(reader)?.into_iter();
            report.released = claims.map(|claim| claim.name).collect();
        }
        State::Opened(store) => {
            let swept = || report.engines.iter().map(|(_, swept)| swept);
            let failed: u64 = swept().map(|swept| swept.failed_calls).sum();
            let reaped: u64 = swept().map(Swept::reaped).sum();
            store.add_to_counter(Counter::ContainerFailures, failed)?;
            store.add_to_counter(Counter::ContainersReaped, reaped)?;
            report.closed = recover(store)?;
            report.released = release(store)?;
        }
    }
    Ok(report)
}

/// The state file, opened as far as a cleanup needs it.
enum State {
    /// There is none.
    None,
    /// For a dry run, which writes nothing.
    Looked(Reader),
    Opened(Store),
}

impl State {
    fn open(settings: &Settings, dry_run: bool) -> Result<Self, StoreError> {
        if !settings.db.exists() {
            return Ok(Self::None);
        }
        if dry_run {
            match Reader::open(&settings.db) {
                // It has to be brought up to date before anything can be read.
                Err(StoreError::Older { .. }) => {}
                opened => return opened.map(Self::Looked),
            }
        }
        let store = Store::open(&settings.db, now_ms())?;
        if dry_run {
            return store.reader().map(Self::Looked);
        }
        Ok(Self::Opened(store))
    }
}

/// The claims of holders that are gone.
fn dead(reader: &Reader) -> Result<Vec<LeaseClaim>, StoreError> {
    let found = reader.leases()?.into_iter().map(|lease| {
        let holder = lease.hold.as_ref().map(|hold| &hold.holder);
        let holder = holder.map_or(Liveness::Unknown, identity::liveness_of_holder);
        FoundLease { lease, holder }
    });
    Ok(dead_leases(found.collect(), now_ms()))
}

/// Gives back the leases whose holders are gone.
fn release(store: &Store) -> Result<Vec<String>, StoreError> {
    let leases = Leases::open(store.path())?;
    let mut released = Vec::new();
    for claim in dead(&store.reader()?)? {
        if leases.release(&claim)? {
            released.push(claim.name);
        }
    }
    Ok(released)
}
