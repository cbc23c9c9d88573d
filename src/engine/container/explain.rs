//! Explains a container that was refused or lost, or that has no pytest.
//!
//! The engine's troubles are not the tests': each is a failure that names what can be done about
//! the engine or the image.

use nix::sys::signal::Signal;

use super::executor::ContainerExecutor;
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
        failure.causes = quoted(stderr);
        failure
    }

    pub(in crate::engine) fn explain_loss(&self, stderr: &str) -> Failure {
        let engine = self.engine.name();
        let mut failure = Failure::environment(
            format!("{engine} went away while the tests ran"),
            format!("start {engine} again, then `agent cleanup`, then run again"),
        );
        failure.causes = quoted(stderr);
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

fn quoted(stderr: &str) -> Vec<String> {
    let lines = last_lines(stderr, QUOTED_LINES);
    lines.map(str::to_owned).collect()
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
