//! The table of small projects: the agent's verdicts against what a run loads, and beside those of
//! `ruff analyze graph` and grimp.

use std::collections::BTreeSet;
use std::fs;

use super::rivals::{grimp, ruff};
use super::rules::{RULES, Rules, reached, run_with_agent};
use crate::envs::{available, venv};

/// The least share of projects that the agent is right about.
const GOAL_BEFORE: f64 = 0.85;
const GOAL_AFTER: f64 = 0.95;

const PACKAGES: [&str; 5] = ["pytest", "coverage", "pytest-xdist", "ruff", "grimp"];

#[track_caller]
fn check(name: &str) {
    let rules = RULES.iter().find(|rules| rules.name == name).unwrap();
    let Some(python) = available(venv("python3", &PACKAGES)) else {
        return;
    };
    let (mut before, mut after) = (Vec::new(), Vec::new());
    // What each of the others is right about.
    let mut rivals = [0, 0];
    for rule in rules.all() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("proj");
        fs::create_dir_all(root.join(".git")).unwrap();
        rule.write(&root);
        let (judged, loaded) = (rule.judged(), rule.loaded(&python, &root));
        let hold = |when: &str, wrong: &mut Vec<&'static str>, reached: &BTreeSet<String>| {
            let reached = &judged & reached;
            if reached != loaded {
                wrong.push(rule.name);
                let (missed, more) = (&loaded - &reached, &reached - &loaded);
                println!(
                    "{when} {}: missed {missed:?}, and too many {more:?}",
                    rule.name
                );
            }
        };
        hold("before", &mut before, &reached(&root, None));
        let others = [ruff(&python, &rule, &root), grimp(&python, &rule, &root)];
        for (right, reached) in rivals.iter_mut().zip(others) {
            *right += usize::from(reached == loaded);
        }
        let state = run_with_agent(&rule, &python, &root);
        hold("after", &mut after, &reached(&root, Some(&state)));
    }
    let all = rules.all().len();
    let [ruff, grimp] = rivals;
    let (right_before, right_after) = (all - before.len(), all - after.len());
    println!(
        "{name}: of {all} projects right before a run {right_before}, after it {right_after}; \
         ruff {ruff}, grimp {grimp}"
    );
    assert_eq!((before, after), (rules.wrong_before(), rules.wrong_after()));
    assert!(right_before >= ruff.max(grimp));
}

#[test]
fn imports_of_all_forms() {
    check("imports");
}

#[test]
fn packages_of_all_forms() {
    check("packages");
}

#[test]
fn names_in_texts() {
    check("names");
}

#[test]
fn programs_that_tests_start() {
    check("programs");
}

#[test]
fn folders_on_the_path() {
    check("paths");
}

#[test]
fn files_that_pytest_collects() {
    check("suite");
}

#[test]
fn modules_that_nothing_loads() {
    check("not_loaded");
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "a share of a hundred projects")]
fn the_agent_is_right_about_most_projects() {
    let sum = |count: fn(&Rules) -> usize| RULES.iter().map(count).sum::<usize>() as f64;
    let all = sum(|rules| rules.all().len());
    assert!(all >= 60.0);
    assert!(sum(|rules| rules.wrong_before().len()) <= all * (1.0 - GOAL_BEFORE));
    assert!(sum(|rules| rules.wrong_after().len()) <= all * (1.0 - GOAL_AFTER));
}
