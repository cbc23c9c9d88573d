//! The JUnit report of scripted runs.

use std::fs;

use menace_agent::cli::junit::JunitSink;
use menace_agent::model::{Counts, Event, Outcome, RunOutcome, RunSummary};
use quick_junit::Report;

use super::script::{attempt, failed_test, finished, run_finished, run_started, section, summary};

/// Writes the report of a run with these attempts, and gives the XML.
fn written(mut events: Vec<Event>, end: RunSummary) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("junit.xml");
    fs::write(&path, "an older report").unwrap();
    let mut sink = JunitSink::new(&path).unwrap();
    events.insert(0, run_started());
    for event in &events {
        sink.handle(event).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "an older report");
    sink.handle(&run_finished(end)).unwrap();
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["junit.xml"], "no temporary file is left");
    fs::read_to_string(&path).unwrap()
}

fn parsed(xml: &str) -> Report {
    Report::deserialize_from_str(xml).unwrap()
}

fn of_all(outcomes: &[Outcome]) -> (Vec<Event>, Counts) {
    let mut counts = Counts::default();
    let events = outcomes
        .iter()
        .map(|outcome| {
            *counts.get_mut(*outcome) += 1;
            finished(attempt(
                &format!("tests/test_a.py::test_{outcome}"),
                *outcome,
            ))
        })
        .collect();
    (events, counts)
}

#[test]
fn suites_are_files_and_names_are_those_of_pytest() {
    let mut failed = attempt(
        "tests/unit/test_a.py::TestX::test_y[a::b/c.py-1]",
        Outcome::Failed,
    );
    failed.message = Some("assert 1 == 2".to_owned());
    failed.longrepr = Some(">   assert 1 == 2\nE   assert 1 == 2".to_owned());
    failed.sections = vec![
        section("Captured stdout call", "out"),
        section("Captured stderr call", "err"),
    ];
    let mut skipped = attempt("tests/test_b.py::test_s", Outcome::Skipped);
    skipped.message = Some("no network".to_owned());
    let mut broken = attempt("tests/test_c.py", Outcome::Error);
    broken.message = Some("ImportError".to_owned());
    let counts = Counts {
        failed: 1,
        skipped: 1,
        error: 1,
        ..Counts::default()
    };
    let events = [failed, skipped, broken].map(finished).to_vec();
    let xml = written(events, summary(RunOutcome::Incomplete, counts));
    insta::assert_snapshot!(xml, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="agent" tests="3" skipped="1" failures="1" errors="1" timestamp="2026-11-24T03:00:00.000+00:00" time="12.340">
        <testsuite name="tests/test_b.py" tests="1" skipped="1" errors="0" failures="0" time="0.020">
            <testcase name="test_s" classname="tests.test_b" time="0.020">
                <skipped message="no network" type="pytest.skip"/>
            </testcase>
        </testsuite>
        <testsuite name="tests/test_c.py" tests="1" skipped="0" errors="1" failures="0" time="0.020">
            <testcase name="tests.test_c" classname="" time="0.020">
                <error message="ImportError" type="error"/>
            </testcase>
        </testsuite>
        <testsuite name="tests/unit/test_a.py" tests="1" skipped="0" errors="0" failures="1" time="0.020">
            <testcase name="test_y[a::b/c.py-1]" classname="tests.unit.test_a.TestX" time="0.020">
                <failure message="assert 1 == 2" type="failed">&gt;   assert 1 == 2
    E   assert 1 == 2</failure>
                <system-out>--- Captured stdout call ---
    out
    </system-out>
                <system-err>--- Captured stderr call ---
    err
    </system-err>
            </testcase>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn a_flaky_test_is_a_success_that_names_its_failures() {
    let mut first = attempt("t.py::test_net", Outcome::Failed);
    first.message = Some("refused".to_owned());
    let mut second = attempt("t.py::test_net", Outcome::Passed);
    second.attempt = 2;
    second.flaky = true;
    let mut third = attempt("t.py::test_bad", Outcome::Failed);
    third.attempt = 2;
    let events = vec![
        finished(first),
        finished(second),
        finished(attempt("t.py::test_bad", Outcome::Crashed)),
        finished(third),
    ];
    let counts = Counts {
        passed: 1,
        failed: 1,
        flaky: 1,
        ..Counts::default()
    };
    let xml = written(events, summary(RunOutcome::Failed, counts));
    insta::assert_snapshot!(xml, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="agent" tests="2" skipped="0" failures="1" errors="0" timestamp="2026-11-24T03:00:00.000+00:00" time="12.340">
        <testsuite name="t.py" tests="2" skipped="0" errors="0" failures="1" time="0.040">
            <testcase name="test_net" classname="t" time="0.020">
                <flakyFailure time="0.020" message="refused" type="failed">
                </flakyFailure>
            </testcase>
            <testcase name="test_bad" classname="t" time="0.020">
                <failure type="failed"/>
                <rerunError time="0.020" type="crashed">
                </rerunError>
            </testcase>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn every_outcome_is_counted_as_what_it_is() {
    let (events, counts) = of_all(&Outcome::ALL);
    let report = parsed(&written(events, summary(RunOutcome::Incomplete, counts)));
    assert_eq!(report.tests, 9);
    assert_eq!(report.failures, 1);
    assert_eq!(report.errors, 4, "error, crashed, timed_out, not_run");
    assert_eq!(report.skipped, 2, "skipped, xfailed");
}

#[test]
fn what_xml_cannot_hold_is_spelled_out() {
    let mut record = attempt("t.py::test[\x1b\0\u{ffff}<&\"]", Outcome::Failed);
    record.message = Some("\x1b[31mred\x07 ]]> \u{85}\u{fffe}".to_owned());
    record.longrepr = Some("]]>\r\n\x0b\u{1f600}".to_owned());
    let counts = Counts {
        failed: 1,
        ..Counts::default()
    };
    let xml = written(vec![finished(record)], summary(RunOutcome::Failed, counts));
    let report = parsed(&xml);
    let case = &report.test_suites[0].test_cases[0];
    assert_eq!(case.name.as_str(), "test[#x1B#x00#xFFFF<&\"]");
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{85}' | ' '..='\u{fffd}' | '\u{10000}'..);
    assert!(xml.chars().all(allowed), "{xml:?}");
    assert!(xml.contains("#x1B[31mred#x07 ]]&gt;"), "{xml}");
}

#[test]
fn a_report_is_green_only_when_the_run_is() {
    let passed = || of_all(&[Outcome::Passed]);
    for outcome in RunOutcome::ALL {
        let (events, counts) = passed();
        let report = parsed(&written(events, summary(outcome, counts)));
        let green = report.failures + report.errors == 0;
        assert_eq!(green, outcome == RunOutcome::Passed, "{outcome}");
    }
    let (events, mut counts) = passed();
    counts.not_run = 3;
    let mut lost = summary(RunOutcome::Incomplete, counts);
    lost.failures = vec![failed_test(
        "tests/test_a.py::test_lost",
        Outcome::NotRun,
        "",
    )];
    let report = parsed(&written(events, lost));
    assert_eq!(
        report.errors, 2,
        "the named test, and the two that nobody named"
    );
}

#[test]
fn a_missing_folder_is_named_at_the_start() {
    let error = JunitSink::new("/dev/null/junit.xml".as_ref()).unwrap_err();
    insta::assert_snapshot!(error, @"cannot write JUnit XML to `/dev/null/junit.xml`");
}

#[test]
fn a_folder_in_the_place_of_the_file_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = JunitSink::new(folder.path()).unwrap();
    let end = run_finished(summary(RunOutcome::Passed, Counts::default()));
    let error = sink.handle(&end).unwrap_err().to_string();
    let path = folder.path().display().to_string();
    assert_eq!(error, format!("cannot write JUnit XML to `{path}`"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
