//! Messages that are out of order or that come in any number: a test can write to the channel of
//! its process.

use super::{MAIN, SIGSEGV, Sim, WORD, request};
use crate::engine::EngineEvent;
use crate::engine::child::Exit;
use crate::model::{Event, Outcome, RunOutcome, Write};
use crate::pytest::protocol::{Bye, CollectReport, Fixture, HarnessEvent, Subtest, Warning};
use crate::run::effect::Effect;

/// What a test has its process say.
type Say = fn(&mut Sim);

fn bye(word: &str) -> HarnessEvent {
    HarnessEvent::Bye(Bye {
        status: 0,
        reason: None,
        message: None,
        word: word.to_owned(),
    })
}

/// Two tests, of which the first one runs.
fn first_of_two() -> Sim {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.start(MAIN, "t.py::a");
    sim
}

fn told(sim: &Sim, code: &str) -> Vec<String> {
    let notices = sim.log.iter().filter_map(|effect| match effect {
        Effect::Write(Write::Notice(notice)) if notice.code == code => Some(notice),
        _ => None,
    });
    notices.map(|notice| notice.message.clone()).collect()
}

fn count(sim: &Sim, is_one: impl Fn(&Effect) -> bool) -> usize {
    sim.log.iter().filter(|effect| is_one(effect)).count()
}

#[test]
fn a_verdict_that_is_out_of_order_changes_nothing_and_shows() {
    let skipped = |id: &str| {
        HarnessEvent::CollectReport(CollectReport {
            id: id.to_owned(),
            file: None,
            outcome: Outcome::Skipped,
            message: None,
            longrepr: None,
        })
    };
    let cases: [(Say, &str); 5] = [
        (
            |sim| sim.finish(MAIN, "t.py::b", Outcome::Passed),
            "`passed` for `t.py::b` does not count: the test was not running (told while \
             `t.py::a` ran)",
        ),
        (
            |sim| sim.finish_in(MAIN, "t.py::a", "gw0", Outcome::Passed),
            "`passed` for `t.py::a` does not count: the test was not running (told while \
             `t.py::a` ran)",
        ),
        (
            |sim| sim.finish(MAIN, "t.py::c", Outcome::Passed),
            "`passed` for `t.py::c` does not count: no such test was collected (told while \
             `t.py::a` ran)",
        ),
        (
            |sim| sim.start(MAIN, "t.py::b"),
            "the start of `t.py::b` does not count: `t.py::a` was running in the same process \
             (told while `t.py::a` ran)",
        ),
        (
            |sim| sim.drop_test(MAIN, "t.py::b"),
            "the end of `t.py::b` does not count: the test was not running (told while \
             `t.py::a` ran)",
        ),
    ];
    for (forge, message) in cases {
        let mut sim = first_of_two();
        forge(&mut sim);
        assert_eq!(sim.attempts(), [], "{message}");
        sim.finish(MAIN, "t.py::a", Outcome::Passed);
        sim.test(MAIN, "t.py::b", Outcome::Passed);
        sim.bye(MAIN, 0, None);
        assert_eq!(told(&sim, "refused-message"), [message]);
        assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6), "{message}");
    }
    let mut sim = first_of_two();
    sim.line(MAIN, skipped("t.py::b"));
    let said = "a report on `t.py::b` does not count: only a file is reported in that way (told \
                while `t.py::a` ran)";
    assert_eq!(told(&sim, "refused-message"), [said]);
    assert_eq!(sim.attempts(), []);
}

#[test]
fn a_start_has_one_verdict() {
    let mut sim = first_of_two();
    sim.finish(MAIN, "t.py::a", Outcome::Failed);
    sim.finish(MAIN, "t.py::a", Outcome::Passed);
    sim.test(MAIN, "t.py::b", Outcome::Passed);
    sim.bye(MAIN, 1, None);
    let attempts = [
        ("t.py::a", 1, Outcome::Failed),
        ("t.py::b", 1, Outcome::Passed),
    ];
    assert_eq!(sim.attempts(), attempts);
    let message = "`passed` for `t.py::a` does not count: the test was not running";
    assert_eq!(told(&sim, "refused-message"), [message]);
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn only_a_bye_that_repeats_the_word_of_the_agent_is_an_orderly_end() {
    let message = "the `bye` of the test process does not count: the agent has sent no such word \
                   for it";
    for ask in [false, true] {
        for word in ["", "guess"] {
            let mut sim = first_of_two();
            sim.finish(MAIN, "t.py::a", Outcome::Passed);
            sim.test(MAIN, "t.py::b", Outcome::Passed);
            if ask {
                sim.line(MAIN, HarnessEvent::Ending);
            }
            sim.line(MAIN, bye(word));
            sim.exit(MAIN, Exit::Code(0), "");
            assert_eq!(told(&sim, "refused-message"), [message]);
            assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6), "{ask} {word}");
        }
    }
    // Before it was asked for, the right word is no word.
    let mut sim = first_of_two();
    sim.line(MAIN, bye(WORD));
    assert_eq!(told(&sim, "refused-message").len(), 1);
}

#[test]
fn an_end_while_a_test_runs_and_words_after_the_end_are_not_green() {
    let mut sim = first_of_two();
    sim.line(MAIN, HarnessEvent::Ending);
    sim.line(MAIN, bye(WORD));
    sim.exit(MAIN, Exit::Code(0), "");
    let message = "the end of pytest does not count: `t.py::a` was running (told while `t.py::a` \
                   ran)";
    assert_eq!(told(&sim, "refused-message"), [message]);
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));

    let words: [Say; 3] = [
        |sim| sim.start(MAIN, "t.py::a"),
        |sim| sim.line(MAIN, bye(WORD)),
        |sim| sim.engine(MAIN, EngineEvent::BadLine("nothing".to_owned())),
    ];
    for say in words {
        let mut sim = Sim::new(request());
        sim.collect(MAIN, &["t.py::a"]);
        sim.test(MAIN, "t.py::a", Outcome::Passed);
        sim.line(MAIN, HarnessEvent::Ending);
        sim.line(MAIN, bye(WORD));
        say(&mut sim);
        sim.exit(MAIN, Exit::Code(0), "");
        assert_eq!(sim.attempts(), [("t.py::a", 1, Outcome::Passed)]);
        assert_eq!(told(&sim, "refused-message").len(), 1);
        assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
    }
}

#[test]
fn a_process_introduces_itself_once() {
    let mut sim = first_of_two();
    sim.hello_with(MAIN, Some("9.0"));
    assert_eq!(
        told(&sim, "refused-message"),
        ["a second `hello` does not count: one has come (told while `t.py::a` ran)"]
    );
}

/// One of everything that may come in any number.
fn flood(sim: &mut Sim, number: u32) {
    let name = format!("forged-{number}");
    let text = || name.clone();
    sim.line(
        MAIN,
        HarnessEvent::Notice {
            code: text(),
            message: text(),
        },
    );
    sim.line(
        MAIN,
        HarnessEvent::Warning(Warning {
            category: text(),
            message: "x".repeat(if number == 0 { 1 << 20 } else { 1 }),
            file: text(),
            line: 1,
            id: text(),
        }),
    );
    sim.line(
        MAIN,
        HarnessEvent::Fixture(Fixture {
            scope: text(),
            name: text(),
            seconds: 1.0,
            id: text(),
        }),
    );
    sim.line(
        MAIN,
        HarnessEvent::Subtest(Subtest {
            id: "t.py::a".to_owned(),
            description: text(),
            outcome: Outcome::Failed,
            message: None,
        }),
    );
    sim.line(
        MAIN,
        HarnessEvent::WorkerDied {
            worker: text(),
            id: Some(text()),
        },
    );
    sim.tell_tests(MAIN, &[&name]);
    sim.start_in(MAIN, &format!("unknown-{number}"), &name, 1);
}

#[test]
fn of_a_flood_a_part_is_kept_and_the_rest_is_counted() {
    let mut sim = first_of_two();
    for number in 0..20_000 {
        flood(&mut sim, number);
    }
    let is_warning = |effect: &Effect| match effect {
        Effect::Write(Write::Warning { warning, .. }) => {
            assert!(warning.message.len() < 20_000);
            true
        }
        _ => false,
    };
    assert_eq!(count(&sim, is_warning), 1_000);
    let is = |is_one: fn(&Event) -> bool| {
        count(
            &sim,
            |effect| matches!(effect, Effect::Announce(event) if is_one(event)),
        )
    };
    assert_eq!(is(|it| matches!(it, Event::SlowFixture { .. })), 10_000);
    assert_eq!(is(|it| matches!(it, Event::Subtest { .. })), 10_000);
    assert_eq!(is(|it| matches!(it, Event::ProcessDied { .. })), 10_000);
    assert_eq!(is(|it| matches!(it, Event::TestStarted { .. })), 1);
    let collected = sim.log.iter().filter_map(|effect| match effect {
        Effect::Write(Write::Collected { tests, .. }) => Some(tests.len()),
        _ => None,
    });
    assert_eq!(collected.sum::<usize>(), 2 + 1_000);
    assert!(is(|it| matches!(it, Event::Notice(_))) <= 110);
    assert_eq!(told(&sim, "refused-message").len(), 5);
    sim.exit(MAIN, SIGSEGV, "");
    assert_eq!(
        told(&sim, "refused-messages"),
        ["39000 messages of a test process do not count, as they were out of order"]
    );
    let left_out = told(&sim, "left-out").concat();
    for part in [
        "notices",
        "19000 warnings",
        "10000 subtests",
        "10000 slow fixtures",
        "10000 deaths of workers",
    ] {
        assert!(left_out.contains(part), "{left_out}");
    }
}
