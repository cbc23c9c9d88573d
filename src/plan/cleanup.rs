//! The containers that interrupted runs left behind: some go, some stay.
//!
//! | the holder of a container | its container |
//! |---|---|
//! | is alive | stays, whatever was asked for |
//! | is gone, or was of an earlier boot of this machine | goes |
//! | belongs to another machine, or cannot be judged, or is not named | stays, unless `all` |
//!
//! **Invariant:** a container without [`MARK`] is not even looked at: [`Owner::of_labels`] is the
//! one door.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::{
    Holder, Lease, LeaseClaim, LeaseState, LeaseToken, Liveness, ProcessIdentity, RunId,
};

/// The label of every container that is the agent's, with the value `1`.
pub const MARK: &str = "menace_self_test";

/// The maker of a container, as its labels say; labels that are not legible are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The run that it was started for.
    pub run: Option<RunId>,
    /// The token of the lease of that run.
    pub lease: Option<LeaseToken>,
    /// The agent that started it.
    pub holder: Option<Holder>,
}

impl Owner {
    /// Reads the labels; `None` for a container that is not the agent's.
    pub fn of_labels(labels: &BTreeMap<String, String>) -> Option<Self> {
        if labels.get(MARK).map(String::as_str) != Some("1") {
            return None;
        }
        let label = |key: &str| labels.get(&format!("{MARK}.{key}")).map(String::as_str);
        let number = |key| label(key).and_then(|text| text.parse().ok());
        let process = |host: &str| {
            Some(Holder {
                host: host.to_owned(),
                process: ProcessIdentity {
                    pid: label("pid")?.parse().ok()?,
                    boot_id: label("boot").filter(|boot| !boot.is_empty())?.to_owned(),
                    pid_space: label("pids")?.to_owned(),
                    start_time: label("started").and_then(|text| text.parse().ok()),
                },
            })
        };
        Some(Self {
            run: number("run").map(RunId),
            lease: number("lease").map(LeaseToken),
            holder: label("host")
                .filter(|host| !host.is_empty())
                .and_then(process),
        })
    }

    /// The labels that a container gets.
    pub fn to_labels(&self) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([(MARK.to_owned(), "1".to_owned())]);
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                labels.insert(format!("{MARK}.{key}"), value);
            }
        };
        let process = self.holder.as_ref().map(|holder| &holder.process);
        put("run", self.run.map(|run| run.to_string()));
        put("lease", self.lease.map(|token| token.to_string()));
        put(
            "host",
            self.holder.as_ref().map(|holder| holder.host.clone()),
        );
        put("boot", process.map(|process| process.boot_id.clone()));
        put("pids", process.map(|process| process.pid_space.clone()));
        put("pid", process.map(|process| process.pid.to_string()));
        let started = process.and_then(|process| process.start_time);
        put("started", started.map(|time| time.to_string()));
        labels
    }
}

/// A container of the agent, or of another agent, with what is known of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundContainer {
    /// The engine's id of it.
    pub id: String,
    pub name: String,
    /// The maker, as the labels say.
    pub owner: Owner,
    /// The state of that agent; [`Liveness::Unknown`] if the owner names none.
    pub holder: Liveness,
}

/// A lease with what is known of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLease {
    pub lease: Lease,
    /// The state of its holder; [`Liveness::Unknown`] if it has none.
    pub holder: Liveness,
}

/// The machine that cleans up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub name: String,
    /// A name of this boot of it.
    pub boot_id: String,
}

/// The decision about each container of an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CleanupPlan {
    /// Containers that go, each with the reason.
    pub remove: Vec<(FoundContainer, Removal)>,
    pub keep: Vec<(FoundContainer, Stay)>,
}

/// The reason to remove a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// The agent that started it has ended.
    HolderGone(Holder),
    /// The machine was started again since.
    EarlierBoot(Holder),
    /// It could not be judged, and everything was asked for.
    Asked(Stay),
}

/// The reason to keep a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stay {
    /// Its agent is at work.
    HolderAlive(Option<Holder>),
    /// It belongs to another machine.
    OtherHost(Holder),
    /// The system does not say whether its agent still runs.
    Unjudged(Holder),
    /// Its labels name no agent.
    NoHolder,
}

impl CleanupPlan {
    /// Plans a cleanup on the machine `me`; with `all`, containers of whose holder nothing is known
    /// go as well.
    pub fn new(containers: Vec<FoundContainer>, me: &Host, all: bool) -> Self {
        let mut plan = Self::default();
        for container in containers {
            match judge(container.owner.holder.clone(), container.holder, me) {
                Verdict::Dead(removal) => plan.remove.push((container, removal)),
                Verdict::Unsure(stay) if all => {
                    plan.remove.push((container, Removal::Asked(stay)));
                }
                Verdict::Alive(stay) | Verdict::Unsure(stay) => plan.keep.push((container, stay)),
            }
        }
        plan
    }
}

/// The leases to give back at `at_ms`, UTC milliseconds since the epoch: those whose holders are
/// gone, or did not renew them in time.
pub fn dead_leases(leases: Vec<FoundLease>, at_ms: i64) -> Vec<LeaseClaim> {
    let dead = leases.into_iter().filter(|found| {
        let state = found.lease.state(found.holder, at_ms);
        matches!(state, LeaseState::Expired | LeaseState::Abandoned)
    });
    dead.map(|found| LeaseClaim {
        name: found.lease.name,
        token: found.lease.token,
    })
    .collect()
}

enum Verdict {
    Alive(Stay),
    Unsure(Stay),
    Dead(Removal),
}

/// That somebody is alive comes before everything else.
fn judge(holder: Option<Holder>, liveness: Liveness, me: &Host) -> Verdict {
    if liveness == Liveness::Alive {
        return Verdict::Alive(Stay::HolderAlive(holder));
    }
    let Some(holder) = holder else {
        return Verdict::Unsure(Stay::NoHolder);
    };
    if holder.host != me.name {
        return Verdict::Unsure(Stay::OtherHost(holder));
    }
    // A machine that does not know its own boot cannot call another one earlier.
    if !me.boot_id.is_empty() && holder.process.boot_id != me.boot_id {
        return Verdict::Dead(Removal::EarlierBoot(holder));
    }
    match liveness {
        Liveness::Gone => Verdict::Dead(Removal::HolderGone(holder)),
        Liveness::Alive | Liveness::Unknown => Verdict::Unsure(Stay::Unjudged(holder)),
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HolderGone(holder) => write!(f, "{holder} has ended"),
            Self::EarlierBoot(holder) => {
                write!(f, "{} was started again after {holder}", holder.host)
            }
            Self::Asked(stay) => write!(f, "asked for, although {stay}"),
        }
    }
}

impl fmt::Display for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HolderAlive(Some(holder)) => write!(f, "{holder} is at work"),
            Self::HolderAlive(None) => f.write_str("its agent is at work"),
            Self::OtherHost(holder) => write!(f, "it belongs to {holder}"),
            Self::Unjudged(holder) => write!(f, "{holder} may be at work"),
            Self::NoHolder => f.write_str("its labels do not say whose it is"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Hold;

    fn me() -> Host {
        Host {
            name: "lab".to_owned(),
            boot_id: "boot 2".to_owned(),
        }
    }

    fn holder(host: &str, boot_id: &str) -> Holder {
        Holder {
            host: host.to_owned(),
            process: ProcessIdentity {
                pid: 4242,
                boot_id: boot_id.to_owned(),
                pid_space: "pid:[1]".to_owned(),
                start_time: Some(7),
            },
        }
    }

    fn container(holder: Option<Holder>, liveness: Liveness) -> FoundContainer {
        FoundContainer {
            id: "c0ffee".to_owned(),
            name: "selftest_1".to_owned(),
            owner: Owner {
                run: Some(RunId(3)),
                lease: Some(LeaseToken(5)),
                holder,
            },
            holder: liveness,
        }
    }

    /// Says in words what becomes of one container.
    fn fate(holder: Option<Holder>, liveness: Liveness, all: bool) -> String {
        let plan = CleanupPlan::new(vec![container(holder, liveness)], &me(), all);
        match (plan.remove.as_slice(), plan.keep.as_slice()) {
            ([(_, removal)], []) => format!("goes: {removal}"),
            ([], [(_, stay)]) => format!("stays: {stay}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_container_goes_with_its_holder() {
        let here = || Some(holder("lab", "boot 2"));
        for all in [false, true] {
            assert_eq!(
                fate(here(), Liveness::Alive, all),
                "stays: process 4242 on lab is at work"
            );
            assert_eq!(
                fate(here(), Liveness::Gone, all),
                "goes: process 4242 on lab has ended"
            );
        }
    }

    #[test]
    fn a_container_of_an_earlier_boot_goes() {
        let before = || Some(holder("lab", "boot 1"));
        for liveness in [Liveness::Gone, Liveness::Unknown] {
            assert_eq!(
                fate(before(), liveness, false),
                "goes: lab was started again after process 4242 on lab"
            );
        }
    }

    #[test]
    fn a_machine_that_does_not_know_its_boot_calls_none_earlier() {
        let found = container(Some(holder("lab", "boot 1")), Liveness::Unknown);
        let mut me = me();
        me.boot_id = String::new();
        assert_eq!(CleanupPlan::new(vec![found], &me, false).remove, []);
    }

    #[test]
    fn what_cannot_be_judged_stays_unless_all_is_asked_for() {
        let cases = [
            (
                Some(holder("attic", "boot 9")),
                "it belongs to process 4242 on attic",
            ),
            // Containers of one machine share its boot, and have names of their own.
            (
                Some(holder("attic", "boot 2")),
                "it belongs to process 4242 on attic",
            ),
            (
                Some(holder("lab", "boot 2")),
                "process 4242 on lab may be at work",
            ),
            (None, "its labels do not say whose it is"),
        ];
        for (holder, reason) in cases {
            let stays = fate(holder.clone(), Liveness::Unknown, false);
            assert_eq!(stays, format!("stays: {reason}"));
            let goes = fate(holder, Liveness::Unknown, true);
            assert_eq!(goes, format!("goes: asked for, although {reason}"));
        }
    }

    #[test]
    fn a_container_without_the_mark_is_nobodys() {
        let labels = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let labels = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Owner::of_labels(&labels.collect())
        };
        assert_eq!(labels(&[]), None);
        assert_eq!(labels(&[("menace_self_test.run", "3")]), None);
        assert_eq!(labels(&[(MARK, "0")]), None);
        assert_eq!(labels(&[(MARK, "1")]), Some(Owner::default()));
        let illegible = [
            (MARK, "1"),
            ("menace_self_test.run", "x"),
            ("menace_self_test.host", "lab"),
            ("menace_self_test.boot", "boot 2"),
            ("menace_self_test.pid", "-4"),
        ];
        assert_eq!(labels(&illegible), Some(Owner::default()));
    }

    #[test]
    fn leases_that_nobody_has_any_more_are_dead() {
        let lease = |name: &str, expires_ms, holder| FoundLease {
            lease: Lease {
                name: name.to_owned(),
                token: LeaseToken(5),
                hold: Some(Hold {
                    holder: self::holder("lab", "boot 2"),
                    run: None,
                    acquired_ms: 0,
                    heartbeat_ms: 0,
                    expires_ms,
                }),
            },
            holder,
        };
        let mut free = lease("free", 0, Liveness::Unknown);
        free.lease.hold = None;
        let leases = vec![
            lease("alive", 1_001, Liveness::Alive),
            lease("expired", 1_000, Liveness::Unknown),
            free,
            lease("gone", 1_001, Liveness::Gone),
            lease("unknown", 1_001, Liveness::Unknown),
        ];
        let dead = dead_leases(leases, 1_000);
        let names: Vec<_> = dead.iter().map(|claim| claim.name.as_str()).collect();
        assert_eq!(names, ["expired", "gone"]);
    }

    fn any_liveness() -> impl Strategy<Value = Liveness> {
        prop_oneof![
            Just(Liveness::Alive),
            Just(Liveness::Gone),
            Just(Liveness::Unknown)
        ]
    }

    fn any_container() -> impl Strategy<Value = FoundContainer> {
        let holder = ("lab|attic", "boot [12]").prop_map(|(host, boot)| holder(&host, &boot));
        (proptest::option::of(holder), any_liveness())
            .prop_map(|(holder, liveness)| container(holder, liveness))
    }

    proptest! {
        #[test]
        fn nothing_of_a_holder_that_is_alive_is_ever_removed(
            containers in prop::collection::vec(any_container(), 0..20),
            all in any::<bool>(),
        ) {
            let plan = CleanupPlan::new(containers.clone(), &me(), all);
            prop_assert_eq!(plan.remove.len() + plan.keep.len(), containers.len());
            for (container, _) in &plan.remove {
                prop_assert_ne!(container.holder, Liveness::Alive);
            }
        }

        #[test]
        fn labels_say_who_made_a_container(
            run in proptest::option::of(any::<i64>()),
            lease in proptest::option::of(any::<i64>()),
            started in proptest::option::of(any::<u64>()),
            held in any::<bool>(),
        ) {
            let mut holder = holder("lab", "boot 2");
            holder.process.start_time = started;
            let owner = Owner {
                run: run.map(RunId),
                lease: lease.map(LeaseToken),
                holder: held.then_some(holder),
            };
            prop_assert_eq!(Owner::of_labels(&owner.to_labels()), Some(owner));
        }
    }
}
