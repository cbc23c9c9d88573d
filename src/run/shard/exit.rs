//! The end of a process: the tests to blame, the tests that are lost, and the ones that continue.

use super::deadline::Cause;
use super::{Live, NO_TESTS, Phase, Shard, Stop, TESTS_FAILED};
use crate::clock::Mono;
use crate::diag::last_lines;
use crate::engine::child::Exit;
use crate::model::{Event, ExitCode, Failure, Outcome, Write};
use crate::plan::ShardLimit;
use crate::pytest::protocol::{Bye, StopReason};
use crate::pytest::reconcile::Doom;
use crate::pytest::source::LOADER;
use crate::pytest::stacks::python_stacks;
use crate::run::accounts::Accounts;

/// The shard ends after so many deaths in a row that settled no test: a fourth process would die
/// like the others.
const MAX_DEATHS: u32 = 3;
/// The last lines of standard error that are shown with a death.
const TAIL_LINES: usize = 20;
/// The last lines of the process that a notice repeats, next to pytest's line with the counts.
const LAST_WORDS: usize = 3;

impl Shard {
    pub(super) fn exited(
        &mut self,
        exit: Exit,
        stderr: &str,
        now: Mono,
        ended_ms: i64,
        accounts: &mut Accounts,
    ) {
        let Phase::Running(live) = std::mem::replace(&mut self.phase, Phase::Waiting) else {
            return;
        };
        live.tally.tell(accounts);
        if live.process.is_some() {
            accounts.write(Write::ProcessEnded {
                serial: live.serial,
                ended_ms,
                status: exit.to_string(),
            });
        }
        if self.findings.tests > 0 {
            // If no test was collected, only imports were executed: what they cover is not the
            // coverage of tests.
            accounts.store_coverage();
        }
        let cause = live.ending.as_ref().map(|ending| ending.cause);
        let in_time = cause != Some(Cause::NoHello);
        let refusal = match live.hello {
            None => self.policy.executor.refusal(exit, in_time),
            Some(_) => None,
        };
        match (&live.bye, cause) {
            (_, Some(Cause::Stop)) => self.stopped(now, accounts),
            // A process whose tests turn SIGTERM into an exception says goodbye although we ended
            // it; our reason to end it counts, and not what it says.
            (_, Some(Cause::ShardTimeout)) => self.out_of_time(stderr, now, accounts),
            (_, Some(Cause::TestTimeout)) => self.test_out_of_time(&live, stderr, now, accounts),
            (Some(bye), _) if bye.reason == Some(StopReason::Unfit) => {
                self.settle_running(None, None, now, accounts);
                self.continue_or_finish(&live, accounts);
            }
            (Some(bye), _) if bye.reason == Some(StopReason::Stalled) => {
                self.stalled(&live, bye, now, accounts);
            }
            (Some(bye), _) => {
                self.doubt(&live, bye, exit, stderr, accounts);
                self.said_goodbye(&live, bye, now, accounts);
            }
            (None, _) if let Some(why) = refusal => {
                self.refused_to_start(why, stderr, now, accounts);
            }
            (None, _) if matches!(exit, Exit::EngineLost | Exit::NotStarted(_)) => {
                self.engine_lost(stderr, now, accounts);
            }
            (None, _) if exit == Exit::ContainerKilled => {
                self.container_killed(&live, stderr, now, accounts);
            }
            (None, Some(Cause::NoHello)) if !self.known => {
                let limit = self.policy.executor.hello_limit().as_secs();
                let limit = format!("it did not answer as a Python interpreter within {limit}s");
                self.no_python(&format!("{limit}; {exit}"), stderr, accounts);
            }
            (None, _) if live.hello.is_none() => self.silent_end(&live, exit, stderr, accounts),
            (None, _)
                if live
                    .hello
                    .as_ref()
                    .is_some_and(|hello| hello.pytest.is_none()) =>
            {
                self.no_pytest(&live, accounts);
            }
            (None, _) => self.died(&live, exit, stderr, now, accounts),
        }
        if live.bye.is_none() && self.measures(&live) {
            // Whoever stops a run knows that it did not come to its end.
            if cause == Some(Cause::Stop) {
                accounts.coverage_lost();
            } else {
                Self::partial_coverage(accounts);
            }
        }
    }

    fn stopped(&mut self, now: Mono, accounts: &mut Accounts) {
        let message = self
            .stop
            .map_or_else(|| "not run".to_owned(), Stop::message);
        self.settle_running(Some((Outcome::NotRun, &message)), None, now, accounts);
        self.findings.incomplete = true;
        self.finish(&message, accounts);
    }

    /// Marks the shard as failed or incomplete, and tells why, if its tests do not explain how the
    /// process ended: a `conftest.py` or a plug-in may change the exit status, and the interpreter
    /// may die after the last test. Plain pytest is not green in such a case, so the run must not
    /// be green either.
    fn doubt(&mut self, live: &Live, bye: &Bye, exit: Exit, stderr: &str, accounts: &mut Accounts) {
        let message = match exit {
            Exit::Signal(_) if live.ended_by_itself() => {
                self.findings.incomplete = true;
                format!("the interpreter was {exit} after its last test")
            }
            Exit::Code(code) if live.ended_by_itself() && code != bye.status => {
                self.findings.incomplete = true;
                format!("the interpreter ended with {exit} after its last test")
            }
            _ if bye.reason.is_none() && !live.explains(bye.status) => {
                self.findings.failed |= bye.status == TESTS_FAILED;
                self.findings.incomplete |= bye.status != TESTS_FAILED;
                let status = bye.status;
                format!("pytest ended with exit status {status}, which its tests do not explain")
            }
            _ => return,
        };
        tell_exit(message, stderr, accounts);
    }

    fn said_goodbye(&mut self, live: &Live, bye: &Bye, now: Mono, accounts: &mut Accounts) {
        self.exit_status = Some(bye.status);
        self.deaths_without_progress = 0;
        let said = bye.message.clone().unwrap_or_default();
        let why = match bye.reason {
            None => "collected, and never reported".to_owned(),
            Some(StopReason::MaxFail) => "not run: pytest stopped after the failures".to_owned(),
            Some(StopReason::Stop) => self.stop.map_or(said.clone(), Stop::message),
            Some(StopReason::Exit) => format!("not run: pytest.exit: {said}"),
            Some(StopReason::Interrupted) => format!("not run: KeyboardInterrupt: {said}"),
            Some(StopReason::CollectErrors) => "not run: files could not be collected".to_owned(),
            Some(StopReason::Internal) => format!("not run: pytest failed: {said}"),
            Some(StopReason::Stalled | StopReason::Unfit) => format!("not run: {said}"),
            Some(StopReason::Usage) => "not run: pytest refused its arguments".to_owned(),
        };
        self.settle_running(Some((Outcome::NotRun, &why)), None, now, accounts);
        let asked = matches!(bye.reason, Some(StopReason::MaxFail | StopReason::Stop));
        match bye.reason {
            Some(StopReason::Usage) => self.refused(&said),
            Some(StopReason::Internal) => {
                self.findings.incomplete = true;
                accounts.notice_each(
                    "pytest-internal-error",
                    format!("pytest failed: {}", last_frame(&said)),
                    None,
                );
            }
            Some(StopReason::CollectErrors | StopReason::Exit | StopReason::Interrupted) => {
                self.findings.incomplete = true;
            }
            None
            | Some(
                StopReason::MaxFail | StopReason::Stop | StopReason::Stalled | StopReason::Unfit,
            ) => {}
        }
        // Exit status 5 of pytest means "no tests"; another one above 1, if there was no test,
        // means that tests were lost.
        let silent = live.collected == 0
            && self.findings.tests == 0
            && bye.status > TESTS_FAILED
            && bye.status != NO_TESTS;
        self.findings.incomplete |= silent;
        if self.ledger.pending() > 0 && self.round == 0 {
            self.findings.incomplete |= !asked;
            self.settle_pending(&why, accounts);
        }
        self.next_round_or_finish(accounts);
    }

    /// The session ended itself because its workers had nothing to do: the tests that are left run
    /// in a new process.
    fn stalled(&mut self, live: &Live, bye: &Bye, now: Mono, accounts: &mut Accounts) {
        let said = bye.message.as_deref().unwrap_or("pytest-xdist stalled");
        let message = format!("{said}: a new process runs them");
        accounts.notice_each("xdist-stalled", message, None);
        self.settle_running(None, None, now, accounts);
        self.deaths += 1;
        self.deaths_without_progress = if live.progress {
            0
        } else {
            self.deaths_without_progress + 1
        };
        self.continue_or_finish(live, accounts);
    }

    fn refused(&mut self, said: &str) {
        let hint = if said.starts_with("not found:") {
            "a node id is `FILE.py::CLASS::TEST`; `agent run -v FILE.py` names those of a file as \
             they run"
        } else {
            "the arguments are those after `--`, of `--pytest-args`, of SELF_TEST_ARGS and of \
             `pytest-args` in settings files; `pytest --help` lists what pytest knows"
        };
        self.findings.failure.get_or_insert(Failure {
            exit_code: ExitCode::USAGE,
            message: match self.plan.label.as_str() {
                "" => "pytest refused its arguments".to_owned(),
                label => format!("pytest refused the arguments of `{label}`"),
            },
            causes: said.lines().map(str::to_owned).collect(),
            hint: Some(hint.to_owned()),
        });
    }

    fn label_quoted(&self) -> String {
        format!("`{}`", self.label())
    }

    fn out_of_time(&mut self, stderr: &str, now: Mono, accounts: &mut Accounts) {
        if self.policy.executor.counts_timeouts() {
            accounts.container_timed_out();
        }
        let (message, rest, notice, hint) = match self.policy.limit {
            ShardLimit::Total(limit) => {
                let limit = limit.as_secs_f64();
                (
                    format!("running when its shard was out of time after {limit}s (--timeout)"),
                    format!("not run: its shard was out of time after {limit}s"),
                    format!("{} ran out of its {limit}s", self.label_quoted()),
                    "give it more with `--timeout SECONDS` or SELF_TEST_TIMEOUT",
                )
            }
            ShardLimit::Silence(limit) => {
                let limit = limit.as_secs_f64();
                (
                    format!("running when its shard had reported nothing for {limit}s"),
                    format!("not run: its shard reported nothing for {limit}s"),
                    format!("{} reported nothing for {limit}s", self.label_quoted()),
                    "a test that needs longer is given more with `--test-timeout SECONDS`, \
                     a shard with `--timeout SECONDS`",
                )
            }
        };
        let stacks = python_stacks(stderr);
        self.settle_running(
            Some((Outcome::TimedOut, &message)),
            stacks.as_deref(),
            now,
            accounts,
        );
        accounts.notice_each("shard-timeout", notice, Some(hint.to_owned()));
        self.findings.incomplete = true;
        self.finish(&rest, accounts);
    }

    fn test_out_of_time(&mut self, live: &Live, stderr: &str, now: Mono, accounts: &mut Accounts) {
        let stacks = python_stacks(stderr);
        self.settle_running(None, stacks.as_deref(), now, accounts);
        self.deaths += 1;
        self.continue_or_finish(live, accounts);
    }

    /// The process ended before its hello: its Python is too old, it died although an earlier
    /// process of the shard had worked, or it is no Python that can be used.
    fn silent_end(&mut self, live: &Live, exit: Exit, stderr: &str, accounts: &mut Accounts) {
        if let Some(version) = &live.unsupported {
            self.findings.failure.get_or_insert(Failure::environment(
                format!("the interpreter is Python {version}, and 3.8 is the oldest that will do"),
                "pass `--python` a newer one",
            ));
            self.finish("not run: the interpreter is too old", accounts);
        } else if self.known {
            self.deaths += 1;
            self.deaths_without_progress += 1;
            self.findings.incomplete = true;
            self.tell_death(exit, stderr, accounts);
            self.continue_or_finish(live, accounts);
        } else {
            self.no_python(&exit.to_string(), stderr, accounts);
        }
    }

    fn no_python(&mut self, how: &str, stderr: &str, accounts: &mut Accounts) {
        let mut failure = Failure::environment(
            "the interpreter did not start as a Python",
            "pass `--python` the interpreter of the project; `agent config` shows the present one",
        );
        failure.causes.push(how.to_owned());
        let said = without_loader(stderr);
        failure
            .causes
            .extend(last_lines(&said, 5).map(str::to_owned));
        self.findings.failure.get_or_insert(failure);
        self.finish("not run: there is no interpreter", accounts);
    }

    fn no_pytest(&mut self, live: &Live, accounts: &mut Accounts) {
        let executable = live
            .hello
            .as_ref()
            .map_or("", |hello| hello.executable.as_str());
        if let Some(failure) = self.policy.executor.explain_no_pytest() {
            self.findings.failure.get_or_insert(failure);
            self.finish("not run: there is no pytest", accounts);
        } else if self.provisioned {
            self.findings.failure.get_or_insert(Failure::environment(
                format!("`{executable}` has no pytest although it was just installed there"),
                "remove the folder `env` of the data folder and try again",
            ));
            self.finish("not run: there is no pytest", accounts);
        } else if self.stop.is_some() {
            self.finish("", accounts);
        } else {
            self.phase = Phase::Provisioning;
        }
    }

    pub(super) fn tell_death(&self, exit: Exit, stderr: &str, accounts: &mut Accounts) {
        let mut running = self.ledger.running().iter();
        accounts.announce(Event::ProcessDied {
            shard: self.index(),
            status: exit.to_string(),
            nodeid: running.next().map(|running| running.nodeid.to_string()),
            stderr_tail: last_lines(stderr, TAIL_LINES)
                .collect::<Vec<_>>()
                .join("\n"),
        });
    }

    fn died(&mut self, live: &Live, exit: Exit, stderr: &str, now: Mono, accounts: &mut Accounts) {
        self.tell_death(exit, stderr, accounts);
        let how = match exit {
            Exit::Code(code) => format!("the interpreter exited with status {code} in this test"),
            Exit::OutOfMemory => self.policy.executor.explain_out_of_memory(),
            _ => {
                let hint = self.policy.executor.hint_at_death(exit).unwrap_or_default();
                format!("the interpreter was {exit} in this test{hint}")
            }
        };
        // If a test ran in another process than the one that died (an xdist worker), that test did
        // not cause the death: nobody is blamed.
        let alone = !self.ledger.running().iter().any(|test| live.outlives(test));
        let blame = alone.then_some((Outcome::Crashed, how.as_str()));
        let detail = python_stacks(stderr).unwrap_or_else(|| {
            last_lines(stderr, TAIL_LINES)
                .collect::<Vec<_>>()
                .join("\n")
        });
        let settled = self.settle_running(blame, Some(&detail), now, accounts);
        self.deaths += 1;
        // A test that was settled keeps the run from being green by its own verdict, unless it
        // passes when it is tried again. Without such a test the shard has to say so.
        self.findings.incomplete |= settled == 0;
        if settled == 0 && live.collected > 0 && self.ledger.pending() == 0 {
            let message = format!("the interpreter ended ({exit}) before pytest did");
            tell_exit(message, stderr, accounts);
        }
        let progress = settled > 0 || live.progress;
        self.deaths_without_progress = if progress {
            0
        } else {
            self.deaths_without_progress + 1
        };
        if let (false, Some(file)) = (progress, &live.collecting) {
            let message = format!("the interpreter ended ({exit}) while `{file}` was collected");
            accounts.notice_each("death-in-collection", message, None);
        }
        self.continue_or_finish(live, accounts);
    }

    /// True if that process measured coverage.
    pub(super) fn measures(&self, live: &Live) -> bool {
        let found = live.hello.as_ref();
        self.policy.harness.coverage
            && !self.holds_modules()
            && found.is_some_and(|hello| hello.pytest.is_some() && hello.coverage.is_some())
    }

    pub(super) fn partial_coverage(accounts: &mut Accounts) {
        accounts.coverage_lost();
        accounts.notice(
            "coverage-partial",
            "coverage is partial: a process ended before it could report all of its".to_owned(),
            None,
        );
    }

    /// Gives running tests their verdict: the one decided earlier, else `blame`; without either the
    /// test is innocent and runs again. Returns the number of tests that were settled.
    pub(super) fn settle_running(
        &mut self,
        blame: Option<(Outcome, &str)>,
        detail: Option<&str>,
        now: Mono,
        accounts: &mut Accounts,
    ) -> usize {
        let doom = blame.map(|(outcome, message)| Doom {
            outcome,
            message: message.to_owned(),
            longrepr: detail.map(str::to_owned),
        });
        let settled = self.ledger.process_ended(doom.as_ref(), detail, now);
        let count = settled.len();
        for settled in settled {
            accounts.settle(settled, self.is_last_round());
        }
        count
    }

    pub(super) fn settle_pending(&mut self, message: &str, accounts: &mut Accounts) {
        for settled in self.ledger.settle_not_run(message) {
            accounts.settle(settled, true);
        }
    }

    pub(super) fn continue_or_finish(&mut self, live: &Live, accounts: &mut Accounts) {
        if let Some(stop) = self.stop {
            self.settle_pending(&stop.message(), accounts);
            self.next_round_or_finish(accounts);
        } else if self.deaths_without_progress >= MAX_DEATHS {
            let message = format!(
                "not run: {MAX_DEATHS} interpreters in a row ended before they settled a test"
            );
            self.findings.incomplete = true;
            self.finish(&message, accounts);
        } else if self.ledger.pending() > 0 || (live.collected == 0 && self.ledger.is_empty()) {
            self.phase = Phase::Waiting;
        } else {
            self.next_round_or_finish(accounts);
        }
    }

    fn next_round_or_finish(&mut self, accounts: &mut Accounts) {
        let signalled = matches!(
            self.stop,
            Some(Stop::Signal(_) | Stop::Drain | Stop::Abandoned)
        );
        let failed = self.findings.failure.is_some();
        if !signalled && !failed && !self.is_last_round() && self.ledger.next_round() > 0 {
            self.round += 1;
            self.deaths_without_progress = 0;
            self.phase = Phase::Waiting;
        } else {
            self.finish("not run", accounts);
        }
    }

    /// Ends the shard: tests of the first round without a verdict become `not_run`, with `message`,
    /// or with that of the stop if `message` is empty.
    pub(super) fn finish(&mut self, message: &str, accounts: &mut Accounts) {
        let message = match self.stop {
            Some(stop) if message.is_empty() => stop.message(),
            _ => message.to_owned(),
        };
        self.settle_pending(&message, accounts);
        self.phase = Phase::Over;
    }

    /// The record of the shard that the store keeps when it is over.
    pub(in crate::run) fn end_record(&self, finished_ms: i64) -> Write {
        Write::ShardEnded {
            shard: self.index(),
            finished_ms,
            exit_status: self.exit_status,
            deaths: self.deaths,
        }
    }
}

/// What a program that is no Python said, up to where it repeats the text that it was to run.
fn without_loader(stderr: &str) -> String {
    let first = LOADER.lines().next().unwrap_or_default();
    let first = first.trim_matches('"');
    let Some((before, _)) = stderr.split_once(first) else {
        return stderr.to_owned();
    };
    let quotes = ['\'', '"', '`', '$', ' '];
    format!("{} …", before.trim_end_matches(quotes))
}

/// The end of a traceback in one line: the error, and the place that raised it.
fn last_frame(traceback: &str) -> String {
    let lines = || traceback.lines().rev().map(str::trim);
    let error = lines().find(|line| !line.is_empty()).unwrap_or_default();
    match lines().find(|line| line.starts_with("File \"")) {
        Some(place) => format!("{error} ({place})"),
        None => error.to_owned(),
    }
}

fn tell_exit(message: String, stderr: &str, accounts: &mut Accounts) {
    // pytest's last line (`=== 3 passed in 0.1s ===`) is left out: the counts are known.
    let said = last_lines(stderr, LAST_WORDS + 1).filter(|line| !line.starts_with("==="));
    let said: Vec<&str> = said.collect();
    let said = &said[said.len().saturating_sub(LAST_WORDS)..];
    let hint = (!said.is_empty()).then(|| format!("it said last: {}", said.join(" · ")));
    accounts.notice_each("unexplained-exit", message, hint);
}
