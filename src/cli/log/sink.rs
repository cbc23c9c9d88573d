//! [`Log`]: entries to standard error.

use std::io::{self, Write};

use nix::sys::stat::fstat;

use super::line::{Form, line};
use crate::cli::args::Cli;
use crate::clock::now_ms;
use crate::model::log::{LogFields, LogLevel};
use crate::settings::LogFormat;

#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Entry {
    pub(in crate::cli) level: LogLevel,
    /// The kind of the event, as a stable name in kebab case.
    pub(in crate::cli) event: String,
    /// The event in words for people, without the cycle and the run.
    pub(in crate::cli) message: String,
    /// The cycle, run and other things that it is about, as keys for programs.
    pub(in crate::cli) fields: LogFields,
}

impl Entry {
    pub(in crate::cli) fn new(
        level: LogLevel,
        event: &str,
        message: impl Into<String>,
        fields: LogFields,
    ) -> Self {
        Self {
            level,
            event: event.to_owned(),
            message: message.into(),
            fields,
        }
    }
}

/// The log on standard error.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Log {
    form: Form,
}

impl Log {
    /// In this format; text is a little different if standard error is the journal.
    pub(in crate::cli) fn new(format: LogFormat) -> Self {
        let form = match format {
            LogFormat::Json => Form::Json,
            LogFormat::Text if is_journal() => Form::Journal,
            LogFormat::Text => Form::Text,
        };
        Self { form }
    }

    /// True if its lines are made for people, and not for the journal or for programs.
    pub(in crate::cli) fn is_for_people(self) -> bool {
        self.form == Form::Text
    }

    /// Writes a line. If nobody reads it any more, the service goes on.
    pub(in crate::cli) fn write(
        self,
        level: LogLevel,
        event: &str,
        message: &str,
        fields: &LogFields,
    ) {
        self.entry(&Entry::new(level, event, message, fields.clone()));
    }

    pub(in crate::cli) fn entry(self, entry: &Entry) {
        let line = line(self.form, now_ms(), entry);
        let mut stderr = io::stderr().lock();
        let _gone = stderr.write_all(line.as_bytes());
    }
}

/// The log before the settings are known.
pub(in crate::cli) fn early(cli: &Cli) -> Log {
    let variable = std::env::var("SELF_TEST_LOG_FORMAT").ok();
    let word = cli.log_format().or(variable.as_deref());
    Log::new(if word == Some("json") {
        LogFormat::Json
    } else {
        LogFormat::Text
    })
}

/// True if standard error is the socket that systemd named to this process: one that was redirected
/// since is not.
fn is_journal() -> bool {
    let Ok(stat) = fstat(io::stderr()) else {
        return false;
    };
    let named = std::env::var("JOURNAL_STREAM");
    named.is_ok_and(|named| named == format!("{}:{}", stat.st_dev, stat.st_ino))
}
