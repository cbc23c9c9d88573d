//! Cycles of an agent that is gone: waited for, closed, and made up for.

use std::thread;
use std::time::Duration;

use super::state_file;
use super::supervisor::Supervisor;
use super::{SchedulerError, SchedulerEvent};
use crate::clock::now_ms;
use crate::model::CycleReason;
use crate::schedule::{Due, Look};
use crate::store::{CycleEnd, CycleRow};

/// The longest time that such a cycle may take to end by itself.
const GRACE: Duration = Duration::from_secs(20);
/// The pause between two looks at it meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

impl Supervisor {
    /// Closes the cycles of an agent that is gone.
    pub(super) fn close_leftovers(&mut self) -> Result<(), SchedulerError> {
        for row in self.state_file.left_open()? {
            let deadline = self.watch.now().plus(GRACE);
            while state_file::is_alive(&row) && self.watch.now() < deadline {
                thread::park_timeout(PAUSE);
            }
            state_file::kill(&row);
            let end = CycleEnd {
                finished_ms: now_ms(),
                exit_code: None,
                was_ended: true,
                message: Some("the agent ended before this cycle did".to_owned()),
            };
            let (due, at_ms) = (self.due_of(&row), now_ms());
            let after = |_| self.schedule.done(&self.state, &due, at_ms, false);
            let closed = self
                .state_file
                .close_cycle(row.cycle, &end, &self.schedule, after)?;
            self.state = closed.state;
            self.say(SchedulerEvent::Recovered {
                cycle: row.cycle,
                outcome: closed.outcome,
            });
        }
        Ok(())
    }

    /// The due time of a cycle that was left over: the schedule is still as it was then. A lost
    /// cycle is tried again soon, but not at once: an agent that is killed by each of its cycles
    /// does not begin one after the other.
    fn due_of(&self, row: &CycleRow) -> Due {
        match self.schedule.look(&self.state, row.started_ms) {
            Look::Due(due) if row.reason != CycleReason::Asked => due,
            _ => self.schedule.asked(&self.state, row.started_ms),
        }
    }
}
