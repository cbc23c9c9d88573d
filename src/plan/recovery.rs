//! The remains of an agent that was killed, and the plan to clear them.

use crate::model::{Liveness, OpenRun, ProcessIdentity, RunId};

/// The work before a new run starts: kill what still runs, then close the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryPlan {
    /// Leaders of process groups to kill, and the last sign of life of their agents. A leader may be
    /// gone, and members of its group not.
    pub kill: Vec<(ProcessIdentity, i64)>,
    /// Runs to close as `interrupted`, and since when they were.
    pub close: Vec<(RunId, i64)>,
}

impl RecoveryPlan {
    /// Plans the recovery at `at_ms` by what is known of each process. Runs whose agent may still
    /// be at work are left alone: an agent that nobody here can see counts as gone after a long
    /// silence, and then its processes are for its own machine to kill.
    pub fn new(
        open: Vec<OpenRun>,
        at_ms: i64,
        liveness: impl Fn(&ProcessIdentity) -> Liveness,
    ) -> Self {
        let mut plan = Self::default();
        for run in open {
            if liveness(&run.holder).or_by_sign(run.active_ms, at_ms) == Liveness::Gone {
                let left = run.processes.into_iter();
                let left = left.filter(|process| liveness(process) != Liveness::Unknown);
                plan.kill
                    .extend(left.map(|process| (process, run.active_ms)));
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
            pid_space: "pid:[1]".to_owned(),
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
    fn a_run_is_closed_and_its_processes_killed_only_if_its_agent_is_gone() {
        const GONE: u32 = 1;
        const ALIVE: u32 = 2;
        let runs = vec![
            open(1, 10, GONE, &[11, GONE]),
            open(2, 20, ALIVE, &[22]),
            open(3, 30, GONE, &[]),
            open(4, 40, 99, &[44]),
        ];
        let judge = |at_ms| {
            RecoveryPlan::new(runs.clone(), at_ms, |process| match process.pid {
                GONE => Liveness::Gone,
                99 => Liveness::Unknown,
                _ => Liveness::Alive,
            })
        };
        let plan = judge(1_000);
        assert_eq!(plan.kill, [(process(11), 10), (process(GONE), 10)]);
        assert_eq!(plan.close, [(RunId(1), 10), (RunId(3), 30)]);
        // Of the agent of run 4 nobody here can say anything, and it was silent for too long.
        let plan = judge(1_000_000);
        assert_eq!(
            plan.kill,
            [(process(11), 10), (process(GONE), 10), (process(44), 40)]
        );
        assert_eq!(plan.close, [(RunId(1), 10), (RunId(3), 30), (RunId(4), 40)]);
    }
}
