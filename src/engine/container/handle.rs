//! A container that runs: the way to end it, and the meaning of its end.

use std::sync::Arc;
use std::time::Duration;

use super::call::Engine;
use super::kind::status;
use super::layer::Layer;
use super::project::Stream;
use crate::engine::child::{Exit, NotStarted};
use crate::pytest::protocol::Ended;

/// The longest time that a guardian may take to end its container, and then the engine.
pub(in crate::engine) const KILL_GRACE: Duration = Duration::from_secs(5);

/// A container by its name.
#[derive(Clone)]
pub(in crate::engine) struct Handle {
    pub(in crate::engine) engine: Arc<Engine>,
    pub(in crate::engine) name: String,
    /// The project, if it has to be sent.
    pub(in crate::engine) project: Option<Stream>,
    /// The folders of its layer over the project, if they are ours.
    pub(in crate::engine) layer: Option<Arc<Layer>>,
}

/// A container that could not be removed, and the reason.
pub(in crate::engine) struct Leftover(pub(in crate::engine) String);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("engine", &self.engine)
            .field("name", &self.name)
            .field("is_sent", &self.project.is_some())
            .field("layer", &self.layer)
            .finish()
    }
}

impl Handle {
    /// The end of the container, by the end of its process and the last word of its guardian. The
    /// container is gone when this returns, or is the `Leftover`. `stderr` is the end of what the
    /// engine, or the container, complained of.
    pub(in crate::engine) fn settle(
        &self,
        exit: Exit,
        ended: Option<Ended>,
        stderr: &str,
    ) -> (Exit, Option<Leftover>) {
        let settled = self.end(exit, ended, stderr);
        if let Some(layer) = &self.layer {
            layer.clear();
        }
        settled
    }

    fn end(&self, exit: Exit, ended: Option<Ended>, stderr: &str) -> (Exit, Option<Leftover>) {
        let told = ended.and_then(|ended| match (ended.code, ended.signal) {
            _ if ended.stopped => Some(Exit::ContainerKilled),
            (_, Some(9)) if ended.oom_kills > 0 => Some(Exit::OutOfMemory),
            (_, Some(signal)) => Some(Exit::Signal(signal)),
            (Some(code), None) => Some(Exit::Code(code)),
            (None, None) => None,
        });
        if let (Some(told), Exit::Code(_)) = (told, exit) {
            // It ended in good order, and `--rm` removes it.
            return (told, None);
        }
        let leftover = self.engine.remove(&self.name).err();
        let leftover = leftover.map(|error| Leftover(error.in_one_line()));
        (
            told.unwrap_or_else(|| without_last_word(exit, stderr)),
            leftover,
        )
    }
}

/// The end of a container whose guardian said nothing, by the end of its process.
fn without_last_word(exit: Exit, stderr: &str) -> Exit {
    match exit {
        // Before all that goes by words, which may be those of a test.
        Exit::Code(status::KILLED) => Exit::ContainerKilled,
        Exit::Code(_) if stderr.contains("exec format error") => {
            Exit::NotStarted(NotStarted::NotExecutable)
        }
        Exit::Code(status @ status::ENGINE..=status::NOT_FOUND) => {
            Exit::NotStarted(why(status, stderr))
        }
        Exit::Signal(_) => Exit::EngineLost,
        other => other,
    }
}

/// The engines use the same status for a program that is not there and for a limit that they
/// could not set.
fn why(status: i32, stderr: &str) -> NotStarted {
    let said = stderr.to_ascii_lowercase();
    let no_program = ["executable file not found", "no such file or directory"];
    if status == status::NOT_FOUND && no_program.iter().any(|words| said.contains(words)) {
        NotStarted::NotFound
    } else {
        NotStarted::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_test_do_not_say_how_a_killed_container_ended() {
        let said = "exec /usr/bin/python3: exec format error";
        let end = |status| without_last_word(Exit::Code(status), said);
        assert_eq!(end(status::KILLED), Exit::ContainerKilled);
        assert_eq!(end(1), Exit::NotStarted(NotStarted::NotExecutable));
    }
}
