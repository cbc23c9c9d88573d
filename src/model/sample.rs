//! Records for tests, each to be changed if a test has something to say about it. Tests of the
//! library's public face include this file.

use crate::model::summary::SUMMARY_VERSION;
use crate::model::{
    AttemptRecord, ExitCode, Module, Outcome, RunEnd, RunFacts, RunId, RunOutcome, RunRecord,
    RunSummary, ShardIndex, Trial, TrialOutcome,
};

/// 2026-11-24 at 3 o'clock in UTC.
const STARTED_MS: i64 = 1_795_489_200_000;

/// Run `id`, which goes on and has no test yet.
pub(crate) fn run(id: i64) -> RunRecord {
    RunRecord {
        run_id: RunId(id),
        facts: RunFacts {
            uuid: format!("0193-{id}"),
            trigger: "manual".to_owned(),
            project: "/home/me/project".to_owned(),
            paths: vec![String::new()],
            started_ms: STARTED_MS,
            executor: "host".to_owned(),
            workers: 1,
            agent_version: "0.1.0".to_owned(),
            ..RunFacts::default()
        },
        ..RunRecord::default()
    }
}

/// Run `id`, which took `duration_ms` and ended like this.
pub(crate) fn ended(id: i64, outcome: RunOutcome, duration_ms: i64) -> RunRecord {
    let open = run(id);
    RunRecord {
        end: Some(RunEnd {
            finished_ms: open.facts.started_ms + duration_ms,
            outcome,
            exit_code: ExitCode::of_outcome(outcome),
            failure: None,
        }),
        ..open
    }
}

/// The summary of a run that has ended, with nothing beside it.
pub(crate) fn summary(run: RunRecord) -> RunSummary {
    RunSummary {
        v: SUMMARY_VERSION,
        runtime: run.duration_s().unwrap_or_default(),
        total: run.counts.total(),
        coverage: run.coverage_percent(),
        failures: Vec::new(),
        flaky_tests: Vec::new(),
        slowest: Vec::new(),
        orphan_failures: Vec::new(),
        comparison: None,
        notices: Vec::new(),
        run,
    }
}

/// The first attempt of a test in the first shard, of which only its end is known.
pub(crate) fn attempt(nodeid: &str, outcome: Outcome) -> AttemptRecord {
    let file = nodeid.split("::").next().unwrap_or_default();
    AttemptRecord {
        shard: ShardIndex(0),
        root: String::new(),
        nodeid: nodeid.to_owned(),
        file: file.to_owned(),
        line: None,
        attempt: 1,
        outcome,
        flaky: false,
        started_ms: None,
        duration_s: None,
        setup_s: None,
        call_s: None,
        teardown_s: None,
        worker: None,
        peak_rss_bytes: None,
        cpu_s: None,
        message: None,
        longrepr: None,
        sections: Vec::new(),
    }
}

/// The module of a file, `pkg.mod` for `pkg/mod.py`.
pub(crate) fn module(file: &str) -> Module {
    let name = file.trim_end_matches(".py").replace('/', ".");
    Module {
        file: file.to_owned(),
        name: name.trim_end_matches(".__init__").to_owned(),
    }
}

/// The trial of the module of a file, of which only its end is known.
pub(crate) fn trial(file: &str, outcome: TrialOutcome) -> Trial {
    Trial {
        outcome,
        message: None,
        ..Trial::not_run(module(file), "")
    }
}
