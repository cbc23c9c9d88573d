//! Ends that only containers have: refused, killed from outside, lost with their engine.
//!
//! The engine's troubles are not the tests': a container that did not start is tried again, and a
//! test that was in a container which somebody killed runs again.

use std::time::Duration;

use super::exit::last_lines;
use super::{ContainerPolicy, Live, Phase, Shard};
use crate::clock::Mono;
use crate::engine::child::{Exit, NotStarted};
use crate::model::Outcome;
use crate::run::books::Books;
use crate::run::effect::Failure;

/// The pause before the first new try; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Lines of what an engine says that a message quotes.
const QUOTED_LINES: usize = 5;

impl ContainerPolicy {
    pub(super) fn no_pytest(&self) -> Failure {
        Failure::environment(
            format!("the image `{}` has no pytest", self.image),
            "make an image that has it with `offline/build-image.sh`, or name another one with \
             `--container-image`",
        )
    }

    fn refusal(&self, why: NotStarted, stderr: &str) -> Failure {
        let (engine, image, python) = (self.engine, &self.image, &self.python);
        let mut failure = match why {
            NotStarted::NotFound => Failure::environment(
                format!("the image `{image}` has no `{python}`"),
                "name an image with Python by `--container-image`, or the interpreter of this one \
                 by `--python NAME`",
            ),
            NotStarted::NotExecutable => Failure::environment(
                format!("`{python}` of the image `{image}` cannot be executed here"),
                "the image is for another kind of machine: make one here with \
                 `offline/build-image.sh`",
            ),
            NotStarted::Refused => Failure::environment(
                format!("{engine} did not start a container of the image `{image}`"),
                hint(engine, stderr),
            ),
        };
        let said = last_lines(stderr, QUOTED_LINES);
        failure.causes.extend(said.map(str::to_owned));
        failure
    }
}

/// What can be done about a refusal, by what the engine says.
fn hint(engine: &str, said: &str) -> String {
    let said = said.to_ascii_lowercase();
    if said.contains("no space left") {
        "make room on the disk of the engine; `agent cleanup` removes what runs left".to_owned()
    } else if said.contains("no such image") || said.contains("image not known") {
        "the image was removed: load it again with `agent image load FILE`".to_owned()
    } else {
        format!("see whether `{engine} ps` answers; `--no-container` runs on the host")
    }
}

/// A container that could not be removed.
pub(super) fn leftover(problem: String, books: &mut Books) {
    books.container_left();
    let hint = "`agent cleanup` removes what is left";
    books.notice_each("container-left", problem, Some(hint.to_owned()));
}

impl Shard {
    /// A container that did not come to its first words.
    pub(super) fn not_started(
        &mut self,
        why: NotStarted,
        stderr: &str,
        now: Mono,
        books: &mut Books,
    ) {
        let Some(policy) = &self.policy.container else {
            return;
        };
        let failure = policy.refusal(why, stderr);
        if why == NotStarted::Refused && self.refusals < policy.retries && self.stop.is_none() {
            let pause = FIRST_PAUSE * 2u32.saturating_pow(self.refusals);
            self.refusals += 1;
            self.not_before = Some(now.plus(pause.min(LONGEST_PAUSE)));
            self.phase = Phase::Waiting;
            let message = format!("{}; tried again", failure.message);
            books.notice_each("container-refused", message, failure.causes.last().cloned());
            return;
        }
        self.findings.failure.get_or_insert(failure);
        self.finish("not run: its container did not start", books);
    }

    /// The engine went away under the tests: what they reported stays.
    pub(super) fn engine_lost(&mut self, stderr: &str, now: Mono, books: &mut Books) {
        let engine = self
            .policy
            .container
            .as_ref()
            .map_or("", |policy| policy.engine);
        let mut failure = Failure::environment(
            format!("{engine} went away while the tests ran"),
            format!("start {engine} again, then `agent cleanup`, then run again"),
        );
        let said = last_lines(stderr, QUOTED_LINES);
        failure.causes.extend(said.map(str::to_owned));
        let message = "not run: the container engine went away";
        self.settle_running(Some((Outcome::NotRun, message)), None, now, books);
        self.findings.failure.get_or_insert(failure);
        self.findings.incomplete = true;
        self.deaths += 1;
        self.partial_coverage(books);
        self.finish(message, books);
    }

    /// Somebody killed the container: its tests are innocent, and run again.
    pub(super) fn container_killed(
        &mut self,
        live: &Live,
        stderr: &str,
        now: Mono,
        books: &mut Books,
    ) {
        self.tell_death(Exit::ContainerKilled, stderr, books);
        books.notice_each(
            "container-killed",
            format!("a container of `{}` was killed from outside", self.label()),
            Some("its tests went on in another one".to_owned()),
        );
        self.settle_running(None, None, now, books);
        self.deaths += 1;
        self.deaths_without_progress = if live.progress {
            0
        } else {
            self.deaths_without_progress + 1
        };
        self.partial_coverage(books);
        self.continue_or_finish(live, books);
    }

    pub(super) fn out_of_memory(&self) -> String {
        let policy = self.policy.container.as_ref();
        match policy.and_then(|policy| policy.memory.as_deref()) {
            Some(limit) => format!("the container ran out of its {limit} of memory in this test"),
            None => "the container ran out of memory in this test".to_owned(),
        }
    }
}
