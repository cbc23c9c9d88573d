//! What an agent that was killed left behind, and what is to be done about it.

use crate::model::RunId;
use crate::model::write::ProcessIdentity;

/// A run without an end, as the state file has it, with what the system says of its processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// The run.
    pub run: RunId,
    /// When it last wrote something, UTC milliseconds: the best guess at when it ended.
    pub ended_ms: i64,
    /// Whether the agent that held it is gone for certain.
    pub holder_gone: bool,
    /// Processes of its shards that are still there.
    pub leftovers: Vec<ProcessIdentity>,
}

/// What to do before a new run starts: kill what still runs, then close the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryPlan {
    /// Leaders of process groups to kill.
    pub kill: Vec<ProcessIdentity>,
    /// Runs to close as `interrupted`, and since when they were.
    pub close: Vec<(RunId, i64)>,
}

impl RecoveryPlan {
    /// Plans the recovery. Runs whose agent may still be at work are left alone.
    pub fn new(open: Vec<OpenRun>) -> Self {
        let mut plan = Self::default();
        for run in open.into_iter().filter(|run| run.holder_gone) {
            plan.kill.extend(run.leftovers);
            plan.close.push((run.run, run.ended_ms));
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32) -> ProcessIdentity {
        ProcessIdentity {
            pid,
            boot_id: "boot".to_owned(),
            start_time: Some(7),
        }
    }

    #[test]
    fn a_run_is_closed_and_its_processes_killed_only_when_its_agent_is_gone() {
        let open = vec![
            OpenRun {
                run: RunId(1),
                ended_ms: 10,
                holder_gone: true,
                leftovers: vec![process(11)],
            },
            OpenRun {
                run: RunId(2),
                ended_ms: 20,
                holder_gone: false,
                leftovers: vec![process(22)],
            },
            OpenRun {
                run: RunId(3),
                ended_ms: 30,
                holder_gone: true,
                leftovers: vec![],
            },
        ];
        let plan = RecoveryPlan::new(open);
        assert_eq!(plan.kill, [process(11)]);
        assert_eq!(plan.close, [(RunId(1), 10), (RunId(3), 30)]);
    }
}
