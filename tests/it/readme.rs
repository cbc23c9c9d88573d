//! Holds README to the code: exit codes, outcomes, figures, links.

use std::fs;
use std::path::Path;

use menace_agent::metrics::FAMILIES;
use menace_agent::model::{ExitCode, Outcome, RunOutcome};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

#[test]
fn every_exit_code_and_outcome_is_listed() {
    let readme = readme();
    for code in [
        ExitCode::SUCCESS,
        ExitCode::TEST_FAILED,
        ExitCode::USAGE,
        ExitCode::ENVIRONMENT,
        ExitCode::STATE_FILE,
        ExitCode::NO_TESTS,
        ExitCode::INCOMPLETE,
        ExitCode::BUG,
    ] {
        assert!(
            readme.contains(&format!("| {} |", code.0)),
            "README lacks exit code {}",
            code.0
        );
    }
    let (interrupt, terminate) = (ExitCode::SIGINT.0, ExitCode::SIGTERM.0);
    assert!(readme.contains(&format!("| {interrupt}, {terminate} |")));
    let outcomes = Outcome::ALL.map(Outcome::as_str);
    for outcome in outcomes
        .into_iter()
        .chain(RunOutcome::ALL.map(RunOutcome::as_str))
    {
        assert!(
            readme.contains(&format!("`{outcome}`")),
            "README lacks `{outcome}`"
        );
    }
}

#[test]
fn every_family_is_listed_as_it_is_shown() {
    let readme = readme();
    let listed = readme
        .lines()
        .filter(|line| line.starts_with("| `menace_agent_") || line.starts_with("| `self_test_"));
    let rows = FAMILIES.iter().map(|family| {
        let label = family.label.map(|label| format!(" `{label}`"));
        let (label, kind) = (label.unwrap_or_default(), family.kind.as_str());
        format!("| `{}` | {kind} |{label} | {} |", family.name, family.help)
    });
    let listed: Vec<&str> = listed.collect();
    assert_eq!(listed, rows.collect::<Vec<_>>());
}

#[test]
fn files_that_readme_links_are_there() {
    for link in readme().split("](").skip(1) {
        let target = link.split(')').next().unwrap();
        if !target.contains("://") {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(target);
            assert!(path.exists(), "README links {target}, which is not there");
        }
    }
}
