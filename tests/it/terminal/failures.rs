//! Failures as they are shown when they happen.

use menace_agent::model::{AttemptRecord, Event, Outcome};

use super::script::{attempt, finished, report, run_started, section};

fn shown(record: AttemptRecord) -> String {
    report(&[run_started(), finished(record)])
}

#[test]
fn a_failure_has_its_source_its_message_and_its_output() {
    let mut record = attempt("tests/test_sum.py::test_sum", Outcome::Failed);
    record.message = Some("assert 3 == 4".to_owned());
    record.longrepr = Some(
        r"    def test_sum():
        values = [1, 2]
>       assert total(values) == 4
E       assert 3 == 4
E        +  where 3 = total([1, 2])

tests/test_sum.py:6: AssertionError"
            .to_owned(),
    );
    let lines: Vec<String> = (1..=34).map(|line| format!("line {line}")).collect();
    record.sections = vec![
        section("Captured stdout call", &lines.join("\n")),
        section("Captured log call", "INFO root:a.py:3 hello\n"),
        section("Captured stderr call", "\n"),
    ];
    insta::assert_snapshot!(shown(record), @"
    FAIL tests/test_sum.py::test_sum (0.02s)
            def test_sum():
                values = [1, 2]
        >       assert total(values) == 4
        E       assert 3 == 4
        E        +  where 3 = total([1, 2])
        tests/test_sum.py:6: AssertionError
        --- Captured stdout call, last 10 of 34 lines ---
        line 25
        line 26
        line 27
        line 28
        line 29
        line 30
        line 31
        line 32
        line 33
        line 34
        --- Captured log call ---
        INFO root:a.py:3 hello
    ");
}

#[test]
fn a_failure_without_a_report_has_its_message() {
    let mut record = attempt("tests/test_a.py::test_exit", Outcome::Crashed);
    record.duration_s = None;
    record.message = Some("the process ended with exit status 3 while the test ran".to_owned());
    insta::assert_snapshot!(shown(record), @"
    CRASH tests/test_a.py::test_exit
        the process ended with exit status 3 while the test ran
    ");
}

#[test]
fn a_time_out_shows_the_stacks_and_nothing_else_of_stderr() {
    let mut record = attempt("tests/test_a.py::test_hang", Outcome::TimedOut);
    record.duration_s = Some(300.1);
    record.message = Some("no end after 300 s".to_owned());
    record.longrepr = Some(
        "no end after 300 s\nnoise\nThread 0x01 [pump] (most recent call first):\n  File \"/p/a.py\", \
         line 3 in wait\nnoise\n\nCurrent thread 0x02 (most recent call first):\n  File \
         \"/p/tests/test_a.py\", line 9 in test_hang\n"
            .to_owned(),
    );
    insta::assert_snapshot!(shown(record), @r#"
    TIMEOUT tests/test_a.py::test_hang (5m 00s)
        no end after 300 s
        Current thread 0x02 (most recent call first):
          File "/p/tests/test_a.py", line 9 in test_hang

        Thread 0x01 [pump] (most recent call first):
          File "/p/a.py", line 3 in wait
    "#);
}

#[test]
fn a_rerun_that_fails_is_short_and_one_that_passes_is_flaky() {
    let mut first = attempt("tests/test_a.py::test_net", Outcome::Failed);
    first.message = Some("ConnectionError: refused".to_owned());
    let mut second = first.clone();
    second.attempt = 2;
    second.longrepr = Some("a long\nreport".to_owned());
    let mut third = attempt("tests/test_a.py::test_net", Outcome::Passed);
    third.attempt = 3;
    third.flaky = true;
    let events = [first, second, third].map(finished);
    insta::assert_snapshot!(report(&events), @"
    FAIL tests/test_a.py::test_net (0.02s)
        ConnectionError: refused
    FAIL tests/test_a.py::test_net (attempt 2, 0.02s)
        ConnectionError: refused
    FLAKY tests/test_a.py::test_net (passed on attempt 3, 0.02s)
    ");
}

#[test]
fn a_rerun_that_fails_in_another_way_is_shown_in_full() {
    let mut first = attempt("t.py::test_net", Outcome::Failed);
    first.message = Some("refused".to_owned());
    let mut second = first.clone();
    second.attempt = 2;
    second.message = Some("assert 1 == 2".to_owned());
    second.longrepr = Some(">   assert 1 == 2\nE   assert 1 == 2".to_owned());
    let events = [first, second].map(finished);
    insta::assert_snapshot!(report(&events), @"
    FAIL t.py::test_net (0.02s)
        refused
    FAIL t.py::test_net (attempt 2, 0.02s)
        >   assert 1 == 2
        E   assert 1 == 2
    ");
}

#[test]
fn a_thousand_lost_tests_do_not_flood_the_terminal() {
    let lost = |number: usize| finished(attempt(&format!("t.py::test_{number}"), Outcome::NotRun));
    let events: Vec<Event> = (0..1000).map(lost).collect();
    let text = report(&events);
    assert_eq!(text.lines().count(), 10, "{text}");
    assert!(text.starts_with("LOST t.py::test_0\n"), "{text}");
}

#[test]
fn every_verdict_has_its_word() {
    let bad = [
        Outcome::Failed,
        Outcome::Error,
        Outcome::Crashed,
        Outcome::TimedOut,
        Outcome::NotRun,
    ];
    let events = bad.map(|outcome| finished(attempt("t.py::t", outcome)));
    insta::assert_snapshot!(report(&events), @"
    FAIL t.py::t (0.02s)
    ERROR t.py::t (0.02s)
    CRASH t.py::t (0.02s)
    TIMEOUT t.py::t (0.02s)
    LOST t.py::t
    ");
}

#[test]
fn a_test_cannot_send_escapes_to_the_terminal() {
    let mut record = attempt("t.py::test[\x1b[2J\u{202e}\n日本]", Outcome::Failed);
    record.message = Some("\x1b]0;title\x07boom\x08".to_owned());
    record.sections = vec![section(
        "Captured stdout call\x1b",
        "\x1b[31mred\x1b[0m\r\nbell\x07",
    )];
    insta::assert_snapshot!(shown(record), @r"
    FAIL t.py::test[\x1b[2J\u202e\n日本] (0.02s)
        boom\x08
        --- Captured stdout call\x1b ---
        red
        bell\x07
    ");
}

#[test]
fn a_long_line_stays_whole_and_one_that_nobody_reads_to_its_end_is_cut() {
    let shown_line = |length| {
        let mut record = attempt("t.py::test_huge", Outcome::Failed);
        record.longrepr = Some(format!("E   {}", "x".repeat(length)));
        let text = shown(record);
        text.lines().nth(1).unwrap().trim_start().to_owned()
    };
    assert_eq!(shown_line(3000), format!("E   {}", "x".repeat(3000)));
    assert_eq!(shown_line(1_000_000), format!("E   {}…", "x".repeat(3995)));
}

#[test]
fn of_a_long_report_the_number_of_lines_left_out_is_told() {
    let mut record = attempt("t.py::test_long", Outcome::Failed);
    let diff: Vec<String> = (0..100).map(|line| format!("E     - {line}\n")).collect();
    let diff = diff.concat();
    record.longrepr = Some(format!(
        ">       assert a == b\nE       assert False\n{diff}\nt.py:3: AssertionError"
    ));
    insta::assert_snapshot!(shown(record), @"
    FAIL t.py::test_long (0.02s)
        >       assert a == b
        E       assert False
        E     - 0
        E     - 1
        E     - 2
        E     - 3
        E     - 4
        E     - 5
        E     - 6
        E     - 7
        E     - 8
        E     - 9
        E     - 10
        E     - 11
        E     - 12
        E     - 13
        E     - 14
        E     - 15
        E     - 16
        E     - 17
        E   … 80 lines left out
        E     - 98
        E     - 99
        t.py:3: AssertionError
        … 80 more lines: agent show 12
    ");
}
