//! Bounds on what a process may say: what is out of order does not count, and of a flood a part is
//! kept.
//!
//! A test can write to the channel of its process. It cannot be kept from that, but it shows: a
//! message that is out of order changes no verdict, is told, and keeps the run from being green.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::{Phase, Shard};
use crate::run::accounts::{Accounts, MAX_NOTICES};

/// Subtests that did not pass, slow fixtures, and deaths of workers, each: more than anyone reads.
const MOST_EVENTS: u64 = 10_000;
/// Modules and test files that a process loaded: more than a project has.
const MOST_LOADED: u64 = 100_000;
/// Tests and files that are heard of after the last of the tests was collected.
const MOST_LATE: u64 = 1_000;
/// The bytes of each name among them, and of each text that a process may send in any number.
const MOST_BYTES: usize = 16 * 1024;
/// The bytes of a name in a message for people.
const NAME_BYTES: usize = 300;

/// A kind of message that may come in any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Notice,
    Warning,
    Subtest,
    Fixture,
    WorkerDeath,
    Late,
    Loaded,
}

impl Kind {
    fn nouns(self) -> &'static str {
        match self {
            Self::Notice => "notices",
            Self::Warning => "warnings",
            Self::Subtest => "subtests",
            Self::Fixture => "slow fixtures",
            Self::WorkerDeath => "deaths of workers",
            Self::Late => "late tests and files",
            Self::Loaded => "loaded files",
        }
    }
}

/// The account of the messages of one process.
#[derive(Debug, Default)]
pub(super) struct Tally {
    taken: BTreeMap<Kind, u64>,
    left_out: BTreeMap<Kind, u64>,
    refused: u64,
}

impl Tally {
    /// Counts a message; false if there were too many of its kind.
    pub(super) fn has_room(&mut self, kind: Kind) -> bool {
        let most = match kind {
            Kind::Late => MOST_LATE,
            Kind::Loaded => MOST_LOADED,
            Kind::Notice | Kind::Warning | Kind::Subtest | Kind::Fixture | Kind::WorkerDeath => {
                MOST_EVENTS
            }
        };
        let taken = self.taken.entry(kind).or_default();
        if *taken >= most {
            self.leave_out(kind);
            return false;
        }
        *taken += 1;
        true
    }

    pub(super) fn leave_out(&mut self, kind: Kind) {
        *self.left_out.entry(kind).or_default() += 1;
    }

    /// Says how much of what a process said was not taken.
    pub(super) fn tell(&self, accounts: &mut Accounts) {
        if self.refused > MAX_NOTICES as u64 {
            let message = format!(
                "{} messages of a test process do not count, as they were out of order",
                self.refused
            );
            accounts.notice_each("refused-messages", message, None);
        }
        if !self.left_out.is_empty() {
            let parts = self.left_out.iter();
            let parts: Vec<String> = parts
                .map(|(kind, number)| format!("{number} {}", kind.nouns()))
                .collect();
            let message = format!(
                "a test process said more than is kept; left out: {}",
                parts.join(", ")
            );
            accounts.notice_each("left-out", message, None);
        }
    }
}

impl Shard {
    /// Takes note of a message that does not count. A process that is being ended may say anything.
    pub(super) fn refuse(&mut self, what: &str, why: impl Display, accounts: &mut Accounts) {
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        if !live.ended_by_itself() {
            return;
        }
        live.tally.refused += 1;
        self.findings.incomplete = true;
        if live.tally.refused > MAX_NOTICES as u64 {
            return;
        }
        let during = self
            .ledger
            .undoomed()
            .next()
            .map_or_else(String::new, |it| {
                format!(" (told while {} ran)", named(&it.nodeid))
            });
        let hint = "a test wrote to the channel of the agent, or a plug-in reports tests out of \
                    order";
        accounts.notice_each(
            "refused-message",
            format!("{what} does not count: {why}{during}"),
            Some(hint.to_owned()),
        );
    }
}

/// A test, or a file, as a message names it.
pub(super) fn named(nodeid: &str) -> String {
    format!("`{}`", within(nodeid.to_owned(), NAME_BYTES))
}

/// True for a name that is short enough for one that comes late.
pub(super) fn is_short(name: &str) -> bool {
    name.len() <= MOST_BYTES
}

/// The beginning of a text that comes in any number.
pub(super) fn bounded(text: String) -> String {
    within(text, MOST_BYTES)
}

fn within(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    text
}
