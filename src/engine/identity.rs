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
        pid_space: system::pid_space(),
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

/// Tells if the holder of a lease still runs, as far as this machine, boot and space of process ids
/// can know. The name of the machine counts as well: two machines may have one boot id, if one is
/// a copy of the other.
pub fn liveness_of_holder(holder: &Holder) -> Liveness {
    if holder.host == host() {
        liveness(&holder.process)
    } else {
        Liveness::Unknown
    }
}

/// The name of this machine; containers on one machine, which share its boot and not its
/// processes, have names of their own.
pub fn host() -> String {
    nix::unistd::gethostname()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Tells if a recorded process still runs. Of another machine, of another boot and of another space
/// of process ids nobody here can say anything: two machines can share a state file, and so can
/// containers.
pub fn liveness(recorded: &ProcessIdentity) -> Liveness {
    let boot = system::boot_id();
    if boot.is_empty() || recorded.boot_id != boot || recorded.pid_space != system::pid_space() {
        return Liveness::Unknown;
    }
    match (system::start_time(recorded.pid), recorded.start_time) {
        (Some(now), Some(then)) if now == then => Liveness::Alive,
        (Some(_), None) => Liveness::Unknown,
        (None, _) | (Some(_), Some(_)) => Liveness::Gone,
    }
}

/// The start times of the living members of a process group, in the unit of
/// [`ProcessIdentity::start_time`]; none if the system does not tell.
pub(super) fn start_times_of_group(group: u32) -> Vec<u64> {
    system::start_times_of_group(group)
}

/// True if a process with this start time was started at least `age_ms` ago.
pub(super) fn is_older_than(start_time: u64, age_ms: u64) -> bool {
    system::age_ms(start_time).is_some_and(|age| age >= age_ms)
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    use nix::unistd::{SysconfVar, sysconf};

    pub(super) fn boot_id() -> String {
        fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default()
    }

    /// The pid namespace, by the number that the kernel gives it, such as `pid:[4026531836]`.
    pub(super) fn pid_space() -> String {
        fs::read_link("/proc/self/ns/pid")
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// Clock ticks after boot: the 22nd field of `stat`, counted after the parenthesised name,
    /// which may itself hold spaces and parentheses. A zombie has ended.
    pub(super) fn start_time(pid: u32) -> Option<u64> {
        group_and_start(&pid.to_string()).map(|(_, start)| start)
    }

    fn group_and_start(pid: &str) -> Option<(u32, u64)> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, after_name) = stat.rsplit_once(')')?;
        let mut fields = after_name.split_ascii_whitespace();
        let state = fields.next()?;
        if matches!(state, "Z" | "X") {
            return None;
        }
        let group = fields.nth(1)?.parse().ok()?;
        Some((group, fields.nth(16)?.parse().ok()?))
    }

    pub(super) fn start_times_of_group(group: u32) -> Vec<u64> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let found = entries.filter_map(|entry| {
            let name = entry.file_name();
            let pid = name
                .to_str()
                .filter(|name| name.bytes().all(|b| b.is_ascii_digit()))?;
            group_and_start(pid)
        });
        found
            .filter(|(of, _)| *of == group)
            .map(|(_, start)| start)
            .collect()
    }

    pub(super) fn age_ms(start_time: u64) -> Option<u64> {
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let (seconds, rest) = uptime.split_once('.')?;
        let hundredths: u64 = rest.get(..2)?.parse().ok()?;
        let uptime_ms = seconds.parse::<u64>().ok()? * 1000 + hundredths * 10;
        let ticks_a_second = sysconf(SysconfVar::CLK_TCK).ok()??;
        let ticks_a_second = u64::try_from(ticks_a_second).ok()?;
        let start_ms = start_time.checked_mul(1000)?.checked_div(ticks_a_second)?;
        Some(uptime_ms.saturating_sub(start_ms))
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

    /// Not told: a group is then killed only through its leader.
    pub(super) fn start_times_of_group(_group: u32) -> Vec<u64> {
        Vec::new()
    }

    pub(super) fn age_ms(_start_time: u64) -> Option<u64> {
        None
    }

    /// All processes of the machine share one.
    pub(super) fn pid_space() -> String {
        String::new()
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
    fn a_process_is_judged_only_in_its_own_boot_and_space() {
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
        assert_eq!(liveness(&rebooted), Liveness::Unknown);
        let in_a_container = ProcessIdentity {
            pid_space: "pid:[1]".to_owned(),
            ..of_self()
        };
        assert_eq!(liveness(&in_a_container), Liveness::Unknown);
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
