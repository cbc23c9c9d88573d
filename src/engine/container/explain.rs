//! Explains a container that was refused or lost, or that has no pytest.
//!
//! The engine's troubles are not the tests': each is a failure that names what can be done about
//! the engine or the image.

use nix::sys::signal::Signal;

use super::executor::ContainerExecutor;
use super::kind::EngineKind;
use crate::diag::last_lines;
use crate::engine::child::NotStarted;
use crate::model::Failure;

/// Lines of what an engine says that a message quotes.
const QUOTED_LINES: usize = 5;

impl ContainerExecutor {
    pub(in crate::engine) fn explain_no_pytest(&self) -> Failure {
        Failure::environment(
            format!("the image `{}` has no pytest", self.image_name),
            "make an image that has it with `offline/build-image.sh`, or name another one with \
             `--container-image`",
        )
    }

    pub(in crate::engine) fn explain_refusal(&self, why: NotStarted, stderr: &str) -> Failure {
        let (engine, image, python) = (self.engine.name(), &self.image_name, &self.python);
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
        // No program of the container has spoken yet.
        failure.causes = last_lines(stderr, QUOTED_LINES)
            .map(str::to_owned)
            .collect();
        failure
    }

    pub(in crate::engine) fn explain_loss(&self, stderr: &str) -> Failure {
        let engine = self.engine.name();
        let mut failure = Failure::environment(
            format!("{engine} went away while the tests ran"),
            format!("start {engine} again, then `agent cleanup`, then run again"),
        );
        failure.causes = words_of_engine(self.engine.facts.kind, stderr);
        failure
    }

    /// A process that writes to shared memory beyond its end is killed like this.
    pub(in crate::engine) fn hint_at_death(&self, signal: i32) -> Option<String> {
        let size = self.limits.shm.as_deref().unwrap_or("64m");
        (signal == Signal::SIGBUS as i32).then(|| {
            format!("; shared memory beyond the {size} of the container may be why: `--shm-size`")
        })
    }

    pub(in crate::engine) fn explain_out_of_memory(&self) -> String {
        match &self.limits.memory {
            Some(limit) => format!("the container ran out of its {limit} of memory in this test"),
            None => "the container ran out of memory in this test".to_owned(),
        }
    }
}

/// Words of an engine's command line, or of a tool that it calls, up to the end of their line. They
/// may come after a line of the tests that has no end yet.
const WORDS: [&str; 6] = [
    "time=\"",
    "Error response from daemon: ",
    "Cannot connect to the Docker daemon",
    "error during connect: ",
    "error waiting for container: ",
    "client_loop: send disconnect",
];
/// Words that mean it only at the start of a line.
const STARTS: [&str; 4] = ["docker: ", "unexpected EOF", "write unix ", "ssh: "];

/// The last lines that are the engine's own. It writes to the stream that the tests write to, and
/// when it goes away, their words stand there before its own.
fn words_of_engine(kind: EngineKind, stderr: &str) -> Vec<String> {
    let own = |line| words_in(kind, line);
    let lines: Vec<&str> = stderr.lines().filter_map(own).collect();
    let from = lines.len().saturating_sub(QUOTED_LINES);
    lines[from..].iter().map(ToString::to_string).collect()
}

fn words_in(kind: EngineKind, line: &str) -> Option<&str> {
    let starts = STARTS.iter().any(|start| line.starts_with(start))
        || (kind == EngineKind::Podman && line.starts_with("Error: "));
    if starts {
        return Some(line);
    }
    let from = WORDS.iter().filter_map(|words| line.find(words)).min()?;
    let words = &line[from..];
    // The log of both.
    (!words.starts_with(WORDS[0]) || words.contains(" level=")).then_some(words)
}

/// The next step after a refusal, by the words of the engine.
fn hint(engine: &str, said: &str) -> String {
    let said = said.to_ascii_lowercase();
    if said.contains("no space left") {
        "make room on the disk of the engine; `agent cleanup` removes what runs left".to_owned()
    } else if said.contains("mount") && said.contains("overlay") {
        "the disk takes no layer over the project: `--project-mount copy` sends a copy to each \
         container, `--project-mount ro` mounts it read-only"
            .to_owned()
    } else if said.contains("no such image") || said.contains("image not known") {
        "the image was removed: load it again with `agent image load FILE`".to_owned()
    } else {
        format!("see whether `{engine} ps` answers; `--no-container` runs on the host")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_tests_are_no_cause_of_an_engine_that_goes_away() {
        let of_tests = "============ test session starts ============\n\
            platform linux -- Python 3.11.2, pytest-7.2.1, pluggy-1.0.0\n\
            rootdir: /home/lab/project\n\
            error: one of the project's tools complains\n";
        let of_docker = "time=\"2026-11-29T09:06:08Z\" level=error msg=\"error waiting for \
            container: unexpected EOF\"\n";
        let of_test = "E   AssertionError: time=\"12:00\" of a test\n";
        let of_podman = "Error: unable to connect to Podman socket\n";
        let words = |kind, ends: &str| words_of_engine(kind, &format!("{of_tests}{ends}"));
        for kind in [EngineKind::Docker, EngineKind::Podman] {
            assert_eq!(words(kind, of_test), [""; 0]);
            assert_eq!(words(kind, of_docker), [of_docker.trim_end()]);
            let after_a_dot = format!("test_a.py .{of_docker}");
            assert_eq!(words(kind, &after_a_dot), [of_docker.trim_end()]);
        }
        assert_eq!(words(EngineKind::Podman, of_podman), [of_podman.trim_end()]);
        assert_eq!(words(EngineKind::Docker, of_podman), [""; 0]);
        let many = of_docker.repeat(QUOTED_LINES + 1);
        assert_eq!(words(EngineKind::Docker, &many).len(), QUOTED_LINES);
    }
}
