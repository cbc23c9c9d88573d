//! Children that a process forks for the tests that it collected.

use super::*;
use crate::model::Isolation;
use crate::pytest::protocol::{ChildEnded, Command};

fn isolated(isolation: Isolation, workers: u32) -> Sim {
    let mut request = request();
    request.workers = workers;
    request.harness.isolate = isolation;
    Sim::new(request)
}

impl Sim {
    fn serve(&mut self, tests: &[&str]) {
        self.collect(MAIN, tests);
        self.line(MAIN, HarnessEvent::Serving);
    }

    /// The commands to the process since the last call, in a line each.
    fn orders(&mut self) -> Vec<String> {
        let log = std::mem::take(&mut self.log);
        let commands = log.iter().filter_map(|effect| match effect {
            Effect::Send { command, .. } => Some(command),
            _ => None,
        });
        let line = |command: &Command| match command {
            Command::Fork {
                child,
                worker,
                tests,
                more,
                to_come,
            } => format!("fork {child} {worker} {tests} {more:?} {to_come}"),
            Command::Give { child, tests } => format!("give {child} {tests}"),
            other => format!("{other:?}"),
        };
        let lines = commands.map(line).collect();
        self.log = log.into_iter().filter(is_record).collect();
        lines
    }

    fn child_ended(&mut self, child: u32, worker: &str, signal: Option<i32>) {
        let ended = ChildEnded {
            child,
            worker: worker.to_owned(),
            pid: 2000 + child,
            died: signal.is_some(),
            signal,
            code: None,
            sections: Vec::new(),
            stacks: String::new(),
        };
        self.line(MAIN, HarnessEvent::ChildEnded(Box::new(ended)));
    }

    fn test_in(&mut self, child: u32, worker: &str, id: &str) {
        self.start_in(MAIN, id, worker, 2000 + child);
        self.finish_in(MAIN, id, worker, Outcome::Passed);
    }
}

fn is_record(effect: &Effect) -> bool {
    matches!(effect, Effect::Write(Write::Attempt(_)))
}

#[test]
fn a_file_is_a_child_and_the_session_ends_when_all_have_ended() {
    let mut sim = isolated(Isolation::File, 1);
    sim.serve(&["a::1", "b::1", "a::2"]);
    assert_eq!(sim.orders(), ["fork 1 main 0,2 Never 1"]);
    sim.test_in(1, "main", "a::1");
    sim.test_in(1, "main", "a::2");
    sim.child_ended(1, "main", None);
    assert_eq!(sim.orders(), ["fork 2 main 1 Never 0"]);
    sim.test_in(2, "main", "b::1");
    sim.child_ended(2, "main", None);
    assert_eq!(sim.orders(), ["Done"]);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
}

#[test]
fn several_workers_begin_with_the_largest_files() {
    let mut sim = isolated(Isolation::File, 2);
    sim.serve(&["a::1", "b::1", "b::2", "c::1"]);
    assert_eq!(
        sim.orders(),
        ["fork 1 gw0 1-2 Never 2", "fork 2 gw1 0 Never 1"]
    );
}

#[test]
fn the_tests_of_a_child_that_died_go_on_before_all_others() {
    let mut sim = isolated(Isolation::File, 1);
    sim.serve(&["a::1", "a::2", "a::3", "b::1"]);
    sim.orders();
    sim.test_in(1, "main", "a::1");
    sim.start_in(MAIN, "a::2", "main", 2001);
    sim.child_ended(1, "main", Some(11));
    assert_eq!(sim.orders(), ["fork 2 main 2 Never 1"]);
    let expected = [("a::1", 1, Outcome::Passed), ("a::2", 1, Outcome::Crashed)];
    assert_eq!(sim.attempts(), expected);
}

#[test]
fn children_that_settle_nothing_are_not_replaced_for_ever() {
    let mut sim = isolated(Isolation::File, 1);
    sim.serve(&["a::1", "b::1"]);
    for child in 1..=3 {
        sim.child_ended(child, "main", Some(9));
    }
    assert_eq!(sim.orders().last().map(String::as_str), Some("Done"));
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn a_child_takes_more_until_there_is_no_more() {
    let mut sim = isolated(Isolation::Worker, 1);
    sim.serve(&["a::1", "b::1"]);
    assert_eq!(sim.orders(), ["fork 1 main 0 Always 1"]);
    sim.line(MAIN, HarnessEvent::Wants { child: 1 });
    sim.line(MAIN, HarnessEvent::Wants { child: 1 });
    assert_eq!(sim.orders(), ["give 1 1", "give 1 "]);
    sim.test_in(1, "main", "a::1");
    sim.child_ended(1, "main", Some(9));
    // It was given the other file, too, and died before that began.
    assert_eq!(sim.orders(), ["fork 2 main 1 Always 0"]);
}

#[test]
fn a_child_that_nobody_knows_gets_nothing() {
    let mut sim = isolated(Isolation::Worker, 1);
    sim.serve(&["a::1", "b::1"]);
    sim.orders();
    sim.line(MAIN, HarnessEvent::Wants { child: 7 });
    sim.child_ended(7, "main", Some(9));
    assert!(sim.notices().contains(&"refused-message"));
    assert_eq!(sim.orders(), Vec::<String>::new());
}

#[test]
fn failing_tests_are_tried_again_by_the_same_process() {
    let mut request = request();
    request.reruns = 1;
    request.harness.isolate = Isolation::File;
    let mut sim = Sim::new(request);
    sim.serve(&["a::1", "a::2"]);
    sim.orders();
    sim.test_in(1, "main", "a::1");
    sim.start_in(MAIN, "a::2", "main", 2001);
    sim.finish_in(MAIN, "a::2", "main", Outcome::Failed);
    sim.child_ended(1, "main", None);
    assert_eq!(sim.orders(), ["fork 2 main 1 Never 0"]);
    sim.test_in(2, "main", "a::2");
    sim.child_ended(2, "main", None);
    assert_eq!(sim.orders(), ["Done"]);
    sim.bye(MAIN, 1, None);
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
}

#[test]
fn a_process_that_cannot_fork_for_several_workers_is_started_again_without_that() {
    let mut sim = isolated(Isolation::Auto, 2);
    sim.collect(MAIN, &["a::1"]);
    let reason = "a thread".to_owned();
    sim.line(MAIN, HarnessEvent::Unfit { reason });
    sim.bye(MAIN, 2, Some(StopReason::Unfit));
    let isolations: Vec<_> = sim.commands().iter().map(|it| it.options.isolate).collect();
    assert_eq!(isolations, [Isolation::Auto, Isolation::None]);
    sim.collect(MAIN, &["a::1"]);
    sim.test(MAIN, "a::1", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
}
