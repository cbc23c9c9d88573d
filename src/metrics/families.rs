//! The families: names, helps, and the functions that read each from a [`Snapshot`].

use super::snapshot::Snapshot;
use crate::model::{CycleOutcome, OrphanKind, Outcome, RunOutcome, RunRecord};

/// The leases that are shown, held or not.
pub const LEASES: [&str; 2] = ["containers", "schedule"];

/// A family of samples, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    /// The meaning of its values, in one sentence.
    pub help: &'static str,
    /// Its samples, at least one and at most ten.
    pub samples: Vec<Sample>,
}

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; kept in the state file, whatever else is removed from it.
    Counter,
    /// Rises and falls, as the number of cycles since a success.
    Gauge,
}

impl Kind {
    /// The name in the exposition format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// One value of a family, for one value of its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name and value of its label, if it has one.
    pub label: Option<(&'static str, String)>,
    pub value: f64,
}

/// A family before anything is known of its samples.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    pub name: &'static str,
    pub kind: Kind,
    /// The name of its label, if it has one.
    pub label: Option<&'static str>,
    /// The meaning of its values, in one sentence.
    pub help: &'static str,
    samples: Samples,
}

/// The source of the samples of a family.
#[derive(Debug, Clone, Copy)]
enum Samples {
    /// The version of the agent.
    Version,
    /// 1 if there is a snapshot, else 0.
    Readable,
    /// The snapshot, for a value without a label; `None` for no sample.
    One(fn(&Snapshot) -> Option<f64>),
    /// The snapshot, for a value of each label.
    Each(fn(&Snapshot) -> Vec<(&'static str, f64)>),
}

/// Fills all families from a snapshot of the state; `None` stands for a state that cannot be read.
pub fn families(version: &str, state: Option<&Snapshot>) -> Vec<Family> {
    let filled = FAMILIES.iter().map(|definition| Family {
        name: definition.name,
        kind: definition.kind,
        help: definition.help,
        samples: definition.fill(version, state),
    });
    filled.filter(|family| !family.samples.is_empty()).collect()
}

impl Definition {
    fn fill(&self, version: &str, state: Option<&Snapshot>) -> Vec<Sample> {
        let labelled = |label: &str, value| Sample {
            label: self.label.map(|name| (name, label.to_owned())),
            value,
        };
        match (self.samples, state) {
            (Samples::Version, _) => vec![labelled(version, 1.0)],
            (Samples::Readable, state) => vec![labelled("", flag(state.is_some()))],
            (Samples::One(_) | Samples::Each(_), None) => Vec::new(),
            (Samples::One(read), Some(state)) => {
                let value = read(state);
                value.map(|value| labelled("", value)).into_iter().collect()
            }
            (Samples::Each(read), Some(state)) => {
                let values = read(state).into_iter();
                values
                    .map(|(label, value)| labelled(label, value))
                    .collect()
            }
        }
    }
}

/// All families, in the order in which they are shown.
pub const FAMILIES: [Definition; 28] = [
    gauge(
        "self_test_passed_total",
        "Tests that passed in the last whole run.",
        |state| Some(last(state, |run| number(run.counts.passed))),
    ),
    gauge(
        "self_test_failed_total",
        "Tests that failed, broke, crashed or ran out of time in the last whole run.",
        |state| Some(last(state, |run| number(run.counts.failures()))),
    ),
    gauge(
        "self_test_average_runtime_seconds",
        "Mean run time of the paths of the last whole run.",
        |state| Some(mean_seconds(&state.path_durations_ms)),
    ),
    gauge(
        "self_test_average_coverage",
        "Executed statements, and branches if they were measured, in percent, united over the last whole run.",
        |state| state.last_run.as_ref()?.coverage_percent(),
    ),
    gauge(
        "self_test_container_failures_total",
        "Containers that could not be listed or removed.",
        |state| Some(number(state.container_failures)),
    ),
    gauge(
        "self_test_container_timeouts_total",
        "Containers that were ended because their time was over.",
        |state| Some(number(state.container_timeouts)),
    ),
    Definition {
        name: "menace_agent_build_info",
        kind: Kind::Gauge,
        label: Some("version"),
        help: "Always 1; the label is the version of the agent.",
        samples: Samples::Version,
    },
    Definition {
        name: "menace_agent_state_readable",
        kind: Kind::Gauge,
        label: None,
        help: "1 if the state file can be read; if not, only this and the version are shown.",
        samples: Samples::Readable,
    },
    each(
        "menace_agent_runs_total",
        Kind::Counter,
        "outcome",
        "Runs that ended.",
        |state| {
            let outcomes = RunOutcome::ALL.into_iter();
            outcomes
                .map(|outcome| (outcome.as_str(), number(find(&state.runs, &outcome))))
                .collect()
        },
    ),
    each(
        "menace_agent_tests_total",
        Kind::Counter,
        "outcome",
        "Tests of the runs that ended, by their last attempt.",
        |state| by_outcome(|outcome| number(state.tests.get(outcome))),
    ),
    each(
        "menace_agent_cycles_total",
        Kind::Counter,
        "outcome",
        "Cycles of the schedule that ended.",
        |state| {
            let outcomes = CycleOutcome::ALL.into_iter();
            outcomes
                .map(|outcome| (outcome.as_str(), number(find(&state.cycles, &outcome))))
                .collect()
        },
    ),
    Definition {
        kind: Kind::Counter,
        ..gauge(
            "menace_agent_containers_reaped_total",
            "Containers of agents that were gone, removed by a later run or cleanup.",
            |state| Some(number(state.containers_reaped)),
        )
    },
    gauge(
        "menace_agent_last_run_timestamp_seconds",
        "When the last whole run ended; 0 before the first one.",
        |state| {
            let ended = |run: &RunRecord| run.end.as_ref().map_or(0, |end| end.finished_ms);
            Some(last(state, |run| seconds(ended(run))))
        },
    ),
    gauge(
        "menace_agent_last_success_timestamp_seconds",
        "When the last whole run that passed ended; 0 before the first one.",
        |state| Some(state.last_success_ms.map_or(0.0, seconds)),
    ),
    gauge(
        "menace_agent_last_run_duration_seconds",
        "Wall time of the last whole run.",
        |state| Some(last(state, |run| run.duration_s().unwrap_or_default())),
    ),
    each(
        "menace_agent_last_run_outcome",
        Kind::Gauge,
        "outcome",
        "1 for the outcome of the last whole run, 0 for the others.",
        |state| {
            let is_last = |outcome| last(state, |run| flag(run.outcome() == Some(outcome)));
            let outcomes = RunOutcome::ALL.into_iter();
            outcomes
                .map(|outcome| (outcome.as_str(), is_last(outcome)))
                .collect()
        },
    ),
    each(
        "menace_agent_last_run_tests",
        Kind::Gauge,
        "outcome",
        "Tests of the last whole run, by their last attempt.",
        |state| by_outcome(|outcome| last(state, |run| number(run.counts.get(outcome)))),
    ),
    gauge(
        "menace_agent_last_run_coverage_ratio",
        "Executed statements, and branches if they were measured, of all of them, united over the last whole run.",
        |state| Some(state.last_run.as_ref()?.coverage_percent()? / 100.0),
    ),
    gauge(
        "menace_agent_flaky_tests",
        "Tests of the last whole run that passed after an attempt that had failed.",
        |state| Some(last(state, |run| number(run.counts.flaky))),
    ),
    each(
        "menace_agent_orphans",
        Kind::Gauge,
        "kind",
        "Modules that no test reaches and that have not joined the module map.",
        |state| {
            let kinds = OrphanKind::ALL.into_iter();
            kinds
                .map(|kind| (kind.as_str(), number(find(&state.orphans, &kind))))
                .collect()
        },
    ),
    each(
        "menace_agent_lease_held",
        Kind::Gauge,
        "name",
        "1 if somebody has the lease and renewed it in time.",
        |state| {
            let is_held = |name| state.held_leases.iter().any(|held| held == name);
            LEASES.map(|name| (name, flag(is_held(name)))).to_vec()
        },
    ),
    gauge(
        "menace_agent_cycle_in_progress",
        "1 if a cycle of the schedule has begun and its process has not ended.",
        |state| Some(flag(state.cycle_in_progress)),
    ),
    gauge(
        "menace_agent_cycles_since_success",
        "Cycles, and due times without one, since the last whole run that passed, in the last 1000 cycles.",
        |state| Some(number(state.cycles_since_success)),
    ),
    gauge(
        "menace_agent_cycle_failures",
        "Cycles in a row that could not be carried out.",
        |state| Some(state.schedule.map_or(0.0, |it| number(it.failures))),
    ),
    gauge(
        "menace_agent_next_cycle_timestamp_seconds",
        "When the next cycle is due.",
        |state| Some(seconds(state.schedule?.due_ms)),
    ),
    gauge(
        "menace_agent_schedule_period_seconds",
        "The longest time from one due time to the next.",
        |state| Some(number(state.schedule?.period_ms?) / 1000.0),
    ),
    gauge(
        "menace_agent_state_file_bytes",
        "Size of the state file.",
        |state| Some(number(state.state_file_bytes)),
    ),
    gauge(
        "menace_agent_wal_bytes",
        "Size of the write-ahead log beside the state file.",
        |state| Some(number(state.wal_bytes)),
    ),
];

const fn gauge(
    name: &'static str,
    help: &'static str,
    read: fn(&Snapshot) -> Option<f64>,
) -> Definition {
    Definition {
        name,
        kind: Kind::Gauge,
        label: None,
        help,
        samples: Samples::One(read),
    }
}

const fn each(
    name: &'static str,
    kind: Kind,
    label: &'static str,
    help: &'static str,
    read: fn(&Snapshot) -> Vec<(&'static str, f64)>,
) -> Definition {
    Definition {
        name,
        kind,
        label: Some(label),
        help,
        samples: Samples::Each(read),
    }
}

/// A figure of the last run; 0 before the first one.
fn last(state: &Snapshot, read: impl Fn(&RunRecord) -> f64) -> f64 {
    state.last_run.as_ref().map_or(0.0, read)
}

fn by_outcome(value: impl Fn(Outcome) -> f64) -> Vec<(&'static str, f64)> {
    let outcomes = Outcome::ALL.into_iter();
    outcomes
        .map(|outcome| (outcome.as_str(), value(outcome)))
        .collect()
}

fn find<K: PartialEq>(pairs: &[(K, u64)], key: &K) -> u64 {
    let found = pairs.iter().find(|(known, _)| known == key);
    found.map_or(0, |(_, value)| *value)
}

/// Nothing was begun: nothing took any time.
fn mean_seconds(durations_ms: &[u64]) -> f64 {
    let sum: u64 = durations_ms.iter().sum();
    number(sum) / 1000.0 / number(durations_ms.len().max(1) as u64)
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus knows no other numbers; counts and milliseconds are far below 2^52"
)]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "as in `number`")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CoverageTotals;
    use crate::model::sample::ended;

    fn sample(families: &[Family], name: &str) -> Option<f64> {
        let family = families.iter().find(|family| family.name == name)?;
        let [sample] = family.samples.as_slice() else {
            panic!("{name} has labels");
        };
        Some(sample.value)
    }

    #[test]
    fn names_are_of_one_kind_and_helps_are_sentences() {
        for family in &FAMILIES {
            let name = family.name;
            assert!(
                name.starts_with("menace_agent_") || name.starts_with("self_test_"),
                "{name}"
            );
            assert!(family.help.ends_with('.'), "{name}");
            let counts = family.kind == Kind::Counter;
            assert!(
                name.ends_with("_total") == counts || name.starts_with("self_test_"),
                "{name}"
            );
        }
        let mut names: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAMILIES.len());
    }

    #[test]
    fn before_the_first_run_everything_is_there_but_what_cannot_be_known() {
        let shown = families("1.2.3", Some(&Snapshot::default()));
        let missing: Vec<&str> = FAMILIES
            .iter()
            .map(|family| family.name)
            .filter(|name| shown.iter().all(|family| family.name != *name))
            .collect();
        assert_eq!(
            missing,
            [
                "self_test_average_coverage",
                "menace_agent_last_run_coverage_ratio",
                "menace_agent_next_cycle_timestamp_seconds",
                "menace_agent_schedule_period_seconds",
            ]
        );
        for family in &shown {
            let name = family.name;
            let always_one = ["menace_agent_build_info", "menace_agent_state_readable"];
            let value = f64::from(u8::from(always_one.contains(&name)));
            assert!(
                !family.samples.is_empty() && family.samples.len() < 10,
                "{name}"
            );
            for sample in &family.samples {
                assert!((sample.value - value).abs() < f64::EPSILON, "{name}");
            }
        }
    }

    #[test]
    fn without_a_state_only_the_version_and_that_are_shown() {
        let shown = families("1.2.3", None);
        let names: Vec<&str> = shown.iter().map(|family| family.name).collect();
        assert_eq!(
            names,
            ["menace_agent_build_info", "menace_agent_state_readable"]
        );
        assert_eq!(
            shown[0].samples[0].label,
            Some(("version", "1.2.3".to_owned()))
        );
        assert_eq!(sample(&shown, "menace_agent_state_readable"), Some(0.0));
    }

    #[test]
    fn a_run_without_coverage_has_no_figure_for_it() {
        let mut state = Snapshot {
            last_run: Some(ended(1, RunOutcome::Failed, 1_200)),
            ..Snapshot::default()
        };
        let name = "self_test_average_coverage";
        assert_eq!(sample(&families("1", Some(&state)), name), None);
        for (statements, percent) in [(0, None), (8, Some(75.0))] {
            let covered = statements * 3 / 4;
            state.last_run.as_mut().unwrap().coverage = Some(CoverageTotals {
                statements,
                covered,
                ..CoverageTotals::default()
            });
            let shown = families("1", Some(&state));
            assert_eq!(sample(&shown, name), percent);
            let ratio = sample(&shown, "menace_agent_last_run_coverage_ratio");
            assert_eq!(ratio, percent.map(|percent: f64| percent / 100.0));
        }
    }

    #[test]
    fn the_average_run_time_is_that_of_the_paths_that_were_begun() {
        let name = "self_test_average_runtime_seconds";
        for (durations, mean) in [(vec![1_000, 2_000], 1.5), (vec![], 0.0)] {
            let state = Snapshot {
                last_run: Some(ended(1, RunOutcome::Failed, 1_200)),
                path_durations_ms: durations,
                ..Snapshot::default()
            };
            assert_eq!(sample(&families("1", Some(&state)), name), Some(mean));
        }
    }
}
