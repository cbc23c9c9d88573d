//! Tells processes apart across reuse of their ids: host, boot, process id, start time.

pub use crate::model::Liveness;
use crate::model::{Holder, ProcessIdentity};

/// The identity of this process.
pub fn of_self() -> ProcessIdentity {
    of_child(std::process::id())
}

/// The identity of a process that was just started and not reaped yet.
pub fn of_child(pid: u32) -> ProcessIdentity {
    ProcessIdentity {
        pid,
        boot_id: system::boot_id(),
        start_time: system::start_time(pid),
    }
}

/// This process as the holder of a lease.
pub fn holder() -> Holder {
    Holder {
        host: host(),
        process: of_self(),
    }
}

/// Tells if the holder of a lease still runs, as far as this machine and boot can know.
///
/// A boot of the past proves nothing here, unlike in [`liveness`]: two machines can have one name.
pub fn liveness_of_holder(holder: &Holder) -> Liveness {
    let boot = system::boot_id();
    if boot.is_empty() || holder.process.boot_id != boot || holder.host != host() {
        return Liveness::Unknown;
    }
    liveness(&holder.process)
}

/// The name of this machine; containers on one machine, which share its boot and not its
/// processes, have names of their own.
pub fn host() -> String {
    nix::unistd::gethostname()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Tells if a recorded process still runs. A process of another boot is gone.
pub fn liveness(recorded: &ProcessIdentity) -> Liveness {
    if recorded.boot_id != system::boot_id() {
        return Liveness::Gone;
    }
    match (system::start_time(recorded.pid), recorded.start_time) {
        (Some(now), Some(then)) if now == then => Liveness::Alive,
        (Some(_), None) => Liveness::Unknown,
        (None, _) | (Some(_), Some(_)) => Liveness::Gone,
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    pub(super) fn boot_id() -> String {
        fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default()
    }

    /// Clock ticks after boot: the 22nd field of `stat`, counted after the parenthesised name,
    /// which may itself hold spaces and parentheses. A zombie has ended.
    pub(super) fn start_time(pid: u32) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, after_name) = stat.rsplit_once(')')?;
        let mut fields = after_name.split_ascii_whitespace();
        let state = fields.next()?;
        if matches!(state, "Z" | "X") {
            return None;
        }
        fields.nth(18)?.parse().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::time::Duration;

    use super::super::process::{ProcessSpec, run};

    const LIMIT: Duration = Duration::from_secs(5);

    pub(super) fn boot_id() -> String {
        let spec = ProcessSpec::new("/usr/sbin/sysctl", "/").args(["-n", "kern.bootsessionuuid"]);
        run(&spec, LIMIT)
            .map(|answer| answer.stdout.trim().to_owned())
            .unwrap_or_default()
    }

    /// A hash of the start time as `ps` prints it; only equality matters.
    pub(super) fn start_time(pid: u32) -> Option<u64> {
        let spec = ProcessSpec::new("/bin/ps", "/").args(["-o", "lstart=", "-p", &pid.to_string()]);
        let answer = run(&spec, LIMIT).ok()?;
        let text = answer.stdout.trim();
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        // SQLite integers are signed.
        (!text.is_empty()).then(|| hasher.finish() >> 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alive_only_under_its_own_start_time_and_boot() {
        let me = of_self();
        assert_eq!(liveness(&me), Liveness::Alive);
        let reused = ProcessIdentity {
            start_time: me.start_time.map(|t| t + 1),
            ..me.clone()
        };
        assert_eq!(liveness(&reused), Liveness::Gone);
        let undated = ProcessIdentity {
            start_time: None,
            ..me.clone()
        };
        assert_eq!(liveness(&undated), Liveness::Unknown);
        let rebooted = ProcessIdentity {
            boot_id: "another".to_owned(),
            ..me
        };
        assert_eq!(liveness(&rebooted), Liveness::Gone);
    }

    #[test]
    fn only_a_holder_of_this_machine_and_boot_is_known_to_be_gone() {
        let me = holder();
        assert_eq!(liveness_of_holder(&me), Liveness::Alive);
        let mut gone = me.clone();
        gone.process.start_time = me.process.start_time.map(|t| t + 1);
        assert_eq!(liveness_of_holder(&gone), Liveness::Gone);
        let elsewhere = Holder {
            host: "another".to_owned(),
            ..gone.clone()
        };
        assert_eq!(liveness_of_holder(&elsewhere), Liveness::Unknown);
        gone.process.boot_id = "another".to_owned();
        assert_eq!(liveness_of_holder(&gone), Liveness::Unknown);
    }
}
