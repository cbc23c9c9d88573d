//! Holds the agent's answer against the reference, and lists every difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::agent::Answer;
use super::reference::{Figures, Reference};

/// Differences that are shown for one suite; a broken suite has thousands.
const SHOWN: usize = 20;

/// One line for each difference; empty if there is none.
pub(super) fn differences(reference: &Reference, answer: &Answer) -> Vec<String> {
    let mut lines = Vec::new();
    assert!(!reference.outcomes.is_empty(), "pytest ran no test");
    lines.extend(
        answer
            .repeated
            .iter()
            .map(|nodeid| format!("{nodeid} finished twice")),
    );
    lines.extend(unequal("events", &reference.outcomes, &answer.events));
    lines.extend(unequal("state file", &reference.outcomes, &answer.stored));
    lines.extend(counts(reference, answer));
    lines.extend(exit_codes(reference, answer));
    if let Some(coverage) = &reference.coverage {
        lines.extend(unequal("coverage", coverage, &answer.coverage));
        lines.extend(percent(coverage, answer));
    }
    lines
}

/// The keys that are on one side only, or have another value there.
fn unequal<V: Debug + PartialEq>(
    what: &str,
    expected: &BTreeMap<String, V>,
    found: &BTreeMap<String, V>,
) -> Vec<String> {
    let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let mut lines: Vec<String> = keys
        .into_iter()
        .filter(|key| expected.get(*key) != found.get(*key))
        .map(|key| {
            let (pytest, agent) = (expected.get(key), found.get(key));
            format!("{what}: {key}: pytest {pytest:?}, agent {agent:?}")
        })
        .collect();
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("{what}: and {more} more"));
    }
    lines
}

/// The tallies of the summary and of the state file.
fn counts(reference: &Reference, answer: &Answer) -> Vec<String> {
    let mut lines = Vec::new();
    for outcome in ["passed", "failed", "error", "skipped", "xfailed", "xpassed"] {
        let expected = reference
            .outcomes
            .values()
            .filter(|value| *value == outcome)
            .count();
        let expected = i64::try_from(expected).unwrap();
        let printed = answer.summary[outcome].as_i64();
        let stored = answer.run_summary[outcome];
        if printed != Some(expected) || stored != expected {
            lines.push(format!(
                "{outcome}: pytest {expected}, --json {printed:?}, run_summary {stored}"
            ));
        }
    }
    let total = i64::try_from(reference.outcomes.len()).unwrap();
    if answer.run_summary["total"] != total || answer.summary["total"] != total {
        let stored = answer.run_summary["total"];
        lines.push(format!("total: pytest {total}, agent {stored}"));
    }
    lines
}

/// 0 and 1 mean the same on both sides. pytest's 2, files that could not be collected, is 6.
fn exit_codes(reference: &Reference, answer: &Answer) -> Vec<String> {
    let expected = match reference.status {
        2 => 6,
        status => status,
    };
    let stored = answer.run_summary["exit_code"];
    if answer.status == expected && stored == i64::from(expected) {
        return Vec::new();
    }
    vec![format!(
        "exit code: pytest {}, agent {}, run_summary {stored}",
        reference.status, answer.status
    )]
}

/// The total of the summary counts all lines and branches; it is no mean of the files.
fn percent(coverage: &BTreeMap<String, Figures>, answer: &Answer) -> Option<String> {
    let files = coverage.values();
    let all: u32 = files.clone().map(|of| of.statements + of.branches).sum();
    let covered: u32 = files.map(|of| of.covered + of.covered_branches).sum();
    let printed = answer.summary["coverage"].as_f64();
    let scaled = printed.map(|percent| percent * f64::from(all) / 100.0);
    let equal = scaled.is_some_and(|count| (count - f64::from(covered)).abs() < 0.01);
    (!equal).then(|| format!("coverage: {covered} of {all} are not {printed:?} %"))
}
