//! The outputs of a scheduler beside its log: the history, the service manager's status, the text
//! file.

use super::state_file::HistoryProblem;
use super::supervisor::Supervisor;
use super::{SchedulerEvent, notify};
use crate::clock::rfc3339;
use crate::diag::{self, Hint};
use crate::model::{Level, Notice};
use crate::service::metrics::write_textfile;

impl Supervisor {
    pub(super) fn write_history(&mut self) {
        let Some(path) = &self.settings.schedule.history else {
            return;
        };
        let notices = match self.state_file.write_history(path) {
            Ok(notices) => notices,
            Err(error) => vec![Notice {
                level: Level::Warning,
                code: "history".to_owned(),
                message: diag::in_one_line(&error),
                hint: match &error {
                    HistoryProblem::Store(error) => error.hint(),
                    HistoryProblem::File(error) => error.hint(),
                },
            }],
        };
        for notice in notices {
            self.say(SchedulerEvent::Notice(notice));
        }
    }

    /// Shows what is going on to the service manager, and to the readers of the text file.
    pub(super) fn show(&mut self) {
        let status = match (&self.running, &self.blocked) {
            (Some(running), _) => {
                let since = rfc3339(running.started_ms);
                format!("cycle {} runs since {since}", running.cycle)
            }
            (None, Some(blocked)) => format!("waits for the state file: {}", blocked.error),
            (None, None) => format!("next cycle at {}", rfc3339(self.state.due_ms)),
        };
        self.notifier.status(status);
        let written = write_textfile(&self.settings);
        let was_lost = std::mem::replace(&mut self.textfile_lost, written.is_err());
        if let Err(error) = written
            && !was_lost
        {
            self.say(SchedulerEvent::Notice(Notice {
                level: Level::Warning,
                code: "metrics-textfile".to_owned(),
                message: diag::in_one_line(&error),
                hint: error.hint(),
            }));
        }
    }

    /// Says goodbye. If something cannot be written now, the next start finds that out by itself.
    pub(super) fn finish(&mut self) {
        notify::stopping();
        let _ = self.state_file.save_stopped(&self.schedule, &self.state);
        self.lease.give_back();
        self.show();
        self.say(SchedulerEvent::Stopped);
    }
}
