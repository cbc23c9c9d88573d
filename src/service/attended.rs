//! [`Attended`]: what a run needs that somebody sits before, by the words for pytest.

use std::time::Duration;

use super::error::ServiceError;
use crate::engine::Executor;
use crate::model::{Isolation, Level, Notice};
use crate::plan::{PytestWords, RunRequest, ShardLimit};
use crate::settings::Settings;

/// The longest that a person sits at a debugger.
const A_PERSONS_TIME: Duration = Duration::from_hours(24 * 7);

/// The words for pytest that are meant for a person at a terminal.
#[derive(Debug)]
pub(super) struct Attended {
    words: PytestWords,
    /// True if the tests want the terminal, and there is one.
    has_terminal: bool,
}

impl Attended {
    /// Refuses what runs no test, and a debugger that would end at its first question.
    pub(super) fn new(
        settings: &Settings,
        is_manual: bool,
        there_is_terminal: bool,
    ) -> Result<Self, ServiceError> {
        let words = PytestWords::new(&settings.pytest_args, |_| false);
        if let Some(option) = words.listing() {
            return Err(ServiceError::NoTest(option.to_owned()));
        }
        let refused = words
            .debugging()
            .filter(|_| is_manual && !there_is_terminal);
        if let Some(option) = refused {
            return Err(no_terminal(option, "this command has none"));
        }
        Ok(Self {
            has_terminal: there_is_terminal && words.needs_terminal(),
            words,
        })
    }

    /// One process gets the terminal, for as long as a person takes.
    pub(super) fn adapt(
        &self,
        request: &mut RunRequest,
        executor: &Executor,
        notices: &mut Vec<Notice>,
    ) -> Result<(), ServiceError> {
        notices.extend(self.words.reporting().map(printed_output));
        if matches!(executor, Executor::Container(_)) {
            let refused = self.words.debugging().map_or(Ok(()), |option| {
                Err(no_terminal(option, "the tests run in a container"))
            });
            return refused;
        }
        if !self.has_terminal {
            return Ok(());
        }
        if request.workers > 1 {
            notices.push(note(
                "one-process",
                "one process runs all tests, because it has the terminal".to_owned(),
                None,
            ));
        }
        request.workers = 1;
        request.limit = ShardLimit::Silence(A_PERSONS_TIME);
        request.test_timeout = None;
        request.harness.terminal = true;
        request.harness.isolate = Isolation::None;
        Ok(())
    }
}

fn no_terminal(option: &str, why: &'static str) -> ServiceError {
    ServiceError::NoTerminal {
        option: option.to_owned(),
        why,
    }
}

fn printed_output(option: &str) -> Notice {
    note(
        "printed-output",
        format!("pytest's own summary is not shown, so that `{option}` prints nothing"),
        Some("`agent show latest TEST` shows what a test printed"),
    )
}

fn note(code: &str, message: String, hint: Option<&str>) -> Notice {
    Notice {
        level: Level::Info,
        code: code.to_owned(),
        message,
        hint: hint.map(str::to_owned),
    }
}
