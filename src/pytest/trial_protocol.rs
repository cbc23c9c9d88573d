//! The lines that the agent and the trial exchange, one JSON object a line, as in
//! [`super::protocol`].
//!
//! ```text
//!   agent: try ──► trial: started, finished │ started, finished │ … bye
//! ```
//!
//! A module that is `started` is `finished`, unless the process dies; modules that were neither
//! wait.

use serde::{Deserialize, Serialize};

use crate::model::{Module, Trial};

/// From the agent to the trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum TrialCommand {
    /// Try these modules. The first command, sent once.
    Try(TryCommand),
    /// Kill what runs, and end.
    Stop,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TryCommand {
    /// Folders that go first on `sys.path`, in this order; relative to the project.
    pub roots: Vec<String>,
    /// The modules, in the order in which they begin.
    pub modules: Vec<Module>,
    /// Seconds that one module may take.
    pub limit_s: f64,
    /// The most modules that are tried at the same time.
    pub at_once: u32,
}

/// From the trial to the agent.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum TrialEvent {
    /// The interpreter is older than is supported. Nothing follows.
    Unsupported {
        /// The version of the interpreter.
        python: String,
    },
    /// The trial runs, and waits for its command.
    Hello {
        /// The process id of the trial.
        pid: u32,
        /// The Python version, such as `3.11.7`.
        python: String,
    },
    /// A module begins, in a process of its own.
    Started {
        #[serde(flatten)]
        module: Module,
        /// The id of that process, which leads a session.
        pid: u32,
    },
    /// A module was tried, or could not be tried.
    Finished(Box<Trial>),
    /// Everything was tried, or the process was told to stop. Always last.
    Bye,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_trial_is_read_without_what_it_leaves_out() {
        let line = r#"{"v":1,"t":"finished","module":"a.b","file":"a/b.py","outcome":"not_run",
            "message":"no room","later":1}"#;
        let event: TrialEvent = serde_json::from_str(line).unwrap();
        let TrialEvent::Finished(trial) = event else {
            panic!("{event:?}");
        };
        assert_eq!((trial.module.file.as_str(), trial.doctests), ("a/b.py", 0));
        assert_eq!(trial.duration_s, None);
    }
}
