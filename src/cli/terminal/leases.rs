//! The list of `agent lease list`: three lines per lease, or one if it is free.

use jiff::tz::TimeZone;

use super::history::local_time;
use super::palette::paint;
use super::text::{inline, push_line};
use crate::diag::Palette;
use crate::model::{Lease, LeaseState};

const TIME: &str = "%Y-%m-%d %H:%M:%S";

/// A lease with its state, which also depends on the time and on the machine that looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseLine {
    pub lease: Lease,
    /// Free, held, expired or abandoned, as seen from this machine.
    pub state: LeaseState,
}

/// The list, in the order of `lines`, times in `zone`.
pub fn lease_list(lines: &[LeaseLine], zone: &TimeZone, palette: &Palette) -> String {
    if lines.is_empty() {
        return "no lease yet; runs in containers make them\n".to_owned();
    }
    let mut list = String::new();
    for LeaseLine { lease, state } in lines {
        let name = paint(palette.strong, inline(&lease.name));
        let Some(hold) = &lease.hold else {
            push_line(&mut list, &format!("{name}  free"));
            continue;
        };
        let run = hold.run.map(|run| format!(" for run {run}"));
        let holder = format!("{}{}", hold.holder, run.unwrap_or_default());
        let holder = inline(&holder);
        let what = match state {
            LeaseState::Held | LeaseState::Free => format!("held by {holder}"),
            LeaseState::Expired => {
                let word = paint(palette.warning, "expired");
                format!("{word}, last held by {holder}")
            }
            LeaseState::Abandoned => {
                let word = paint(palette.warning, "left behind");
                format!("{word} by {holder}")
            }
        };
        push_line(&mut list, &format!("{name}  {what}"));
        let [taken, renewed, expires] = [hold.acquired_ms, hold.heartbeat_ms, hold.expires_ms]
            .map(|ms| local_time(ms, zone, TIME));
        let times = format!("  taken {taken}, renewed {renewed}");
        push_line(&mut list, &paint(palette.faint, &times));
        let end = format!("  expires {expires} (token {})", lease.token);
        push_line(&mut list, &paint(palette.faint, &end));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Hold, Holder, LeaseToken, ProcessIdentity, RunId};

    fn line(name: &str, state: LeaseState) -> LeaseLine {
        let holder = Holder {
            host: "lab-7".to_owned(),
            process: ProcessIdentity {
                pid: 4242,
                boot_id: "boot".to_owned(),
                pid_space: "pid:[1]".to_owned(),
                start_time: None,
            },
        };
        let hold = Hold {
            holder,
            run: Some(RunId(12)),
            acquired_ms: 1_795_490_000_000,
            heartbeat_ms: 1_795_490_020_000,
            expires_ms: 1_795_490_050_000,
        };
        LeaseLine {
            state,
            lease: Lease {
                name: name.to_owned(),
                token: LeaseToken(3),
                hold: (state != LeaseState::Free).then_some(hold),
            },
        }
    }

    fn list(lines: &[LeaseLine]) -> String {
        lease_list(lines, &TimeZone::UTC, &Palette::PLAIN)
    }

    #[test]
    fn each_lease_says_who_has_it_and_until_when() {
        let mut fresh = line("fresh", LeaseState::Held);
        fresh.lease.hold.as_mut().unwrap().run = None;
        let lines = [
            line("containers", LeaseState::Held),
            line("expired", LeaseState::Expired),
            line("free", LeaseState::Free),
            fresh,
            line("gone", LeaseState::Abandoned),
        ];
        insta::assert_snapshot!(list(&lines), @"
        containers  held by process 4242 on lab-7 for run 12
          taken 2026-11-24 03:13:20, renewed 2026-11-24 03:13:40
          expires 2026-11-24 03:14:10 (token 3)
        expired  expired, last held by process 4242 on lab-7 for run 12
          taken 2026-11-24 03:13:20, renewed 2026-11-24 03:13:40
          expires 2026-11-24 03:14:10 (token 3)
        free  free
        fresh  held by process 4242 on lab-7
          taken 2026-11-24 03:13:20, renewed 2026-11-24 03:13:40
          expires 2026-11-24 03:14:10 (token 3)
        gone  left behind by process 4242 on lab-7 for run 12
          taken 2026-11-24 03:13:20, renewed 2026-11-24 03:13:40
          expires 2026-11-24 03:14:10 (token 3)
        ");
    }

    #[test]
    fn without_leases_there_is_a_reason() {
        assert_eq!(list(&[]), "no lease yet; runs in containers make them\n");
    }
}
