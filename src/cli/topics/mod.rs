//! The pages of `agent help TOPIC`, embedded in the binary: behind an air gap there is no browser.
//!
//! The pages are the Markdown files of this folder, `migrations/README.md` and `offline/README.md`.
//! They are written for users, in the part of Markdown that [`page`](super::terminal::page) shows,
//! one sentence a line. [`TOPICS`] lists them; tests hold every command in them against the
//! definition of the command line, and every topic that they name against the list.

mod topic;

pub(super) use topic::{TOPICS, Topic, is_topic_file};
