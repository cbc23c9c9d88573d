//! The remains of an agent that was killed, and the plan to clear them.

use crate::model::{Liveness, OpenRun, ProcessIdentity, RunId};

/// The work before a new run starts: kill what still runs, then close the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryPlan {
    /// Leaders of process groups to kill.
    pub kill: Vec<ProcessIdentity>,
    /// Runs to close as `interrupted`, and since when they were.
    pub close: Vec<(RunId, i64)>,
}

impl RecoveryPlan {
    /// Plans the recovery by what is known of each process. Runs whose agent may still be at work
    /// are left alone.
    pub fn new(open: Vec<OpenRun>, liveness: impl Fn(&ProcessIdentity) -> Liveness) -> Self {
        let mut plan = Self::default();
        let is = |wanted| {
            let liveness = &liveness;
            move |process: &ProcessIdentity| liveness(process) == wanted
        };
        for run in open {
            if is(Liveness::Gone)(&run.holder) {
                let left = run.processes.into_iter().filter(is(Liveness::Alive));
                plan.kill.extend(left);
                plan.close.push((run.record.run_id, run.active_ms));
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample;

    fn process(pid: u32) -> ProcessIdentity {
        ProcessIdentity {
            pid,
            boot_id: "boot".to_owned(),
            start_time: Some(7),
        }
    }

    /// A run that was written to at `active_ms`, with its agent and its processes.
    fn open(id: i64, active_ms: i64, holder: u32, processes: &[u32]) -> OpenRun {
        OpenRun {
            record: sample::run(id),
            holder: process(holder),
            active_ms,
            processes: processes.iter().map(|pid| process(*pid)).collect(),
        }
    }

    #[test]
    fn a_run_is_closed_and_its_processes_killed_only_when_its_agent_is_gone() {
        const GONE: u32 = 1;
        const ALIVE: u32 = 2;
        let runs = vec![
            open(1, 10, GONE, &[11, GONE]),
            open(2, 20, ALIVE, &[22]),
            open(3, 30, GONE, &[]),
            open(4, 40, 99, &[44]),
        ];
        let plan = RecoveryPlan::new(runs, |process| match process.pid {
            GONE => Liveness::Gone,
            99 => Liveness::Unknown,
            _ => Liveness::Alive,
        });
        assert_eq!(plan.kill, [process(11)]);
        assert_eq!(plan.close, [(RunId(1), 10), (RunId(3), 30)]);
    }
}
