//! A line of the log as text.

use std::fmt::Write;

use crate::cli::terminal::inline;
use crate::clock::{rfc3339, rfc3339_ms};
use crate::diag::one_line;
use crate::model::log::{LOG_VERSION, LogFields, LogLevel, LogLine};

/// The longest line, its end included: Linux writes so much to a pipe in one piece.
pub(super) const MAX_LINE_BYTES: usize = 4096;
/// The longest message, in bytes before they are escaped; the next smaller limit is tried if the
/// line is still too long.
const MESSAGE_BYTES: [usize; 4] = [3000, 1500, 700, 300];

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For a person who reads a file or a terminal.
    Text,
    /// The same for the journal, which knows the time, and reads the level from the start.
    Journal,
    /// A JSON object, for programs.
    Json,
}

/// One line, with its end.
pub(super) fn line(form: Form, now_ms: i64, entry: &super::Entry) -> String {
    let mut text = String::new();
    for limit in MESSAGE_BYTES {
        let message = limited(&entry.message, limit);
        let fields = LogFields {
            nodeid: entry
                .fields
                .nodeid
                .as_deref()
                .map(|it| limited(it, limit / 4)),
            file: entry
                .fields
                .file
                .as_deref()
                .map(|it| limited(it, limit / 4)),
            hint: entry
                .fields
                .hint
                .as_deref()
                .map(|it| limited(it, limit / 4)),
            ..entry.fields.clone()
        };
        text = match form {
            Form::Json => json(now_ms, entry, message, fields),
            Form::Journal => format!(
                "<{}>{}",
                priority(entry.level),
                words(entry, &message, &fields)
            ),
            Form::Text => {
                let ts = rfc3339(now_ms - now_ms.rem_euclid(1000));
                format!("{ts} {}", words(entry, &message, &fields))
            }
        };
        if text.len() < MAX_LINE_BYTES {
            break;
        }
    }
    text.push('\n');
    text
}

/// `warning cycle 12, run 31: tests/test_a.py::test_x failed: assert 1 == 2 (hint: …)`.
fn words(entry: &super::Entry, message: &str, fields: &LogFields) -> String {
    let mut text = entry.level.as_str().to_owned();
    let cycle = fields.cycle.map(|cycle| format!("cycle {cycle}"));
    let run = fields.run.map(|run| format!("run {run}"));
    let context: Vec<String> = cycle.into_iter().chain(run).collect();
    if !context.is_empty() {
        text.push(' ');
        text += &context.join(", ");
    }
    text += ": ";
    text += message;
    if let Some(hint) = &fields.hint {
        // A `String` takes every text.
        let _ = write!(text, " (hint: {hint})");
    }
    text
}

fn json(now_ms: i64, entry: &super::Entry, message: String, fields: LogFields) -> String {
    let line = LogLine {
        v: LOG_VERSION,
        ts: rfc3339_ms(now_ms),
        level: entry.level,
        event: entry.event.clone(),
        message,
        fields,
    };
    // Every value is a text, a number or a map of these: there is nothing that JSON cannot hold.
    serde_json::to_string(&line).unwrap_or_default()
}

/// As sd-daemon(3) numbers the levels.
fn priority(level: LogLevel) -> u8 {
    match level {
        LogLevel::Error => 3,
        LogLevel::Warning => 4,
        LogLevel::Info => 6,
        LogLevel::Debug => 7,
    }
}

/// `text` on one line, made safe, in at most `limit` bytes.
fn limited(text: &str, limit: usize) -> String {
    let text = one_line(text);
    let text = inline(&text);
    if text.len() <= limit {
        return text.into_owned();
    }
    let end = text.floor_char_boundary(limit.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Entry;
    use super::*;
    use crate::model::{CycleId, RunId};

    const FORMS: [Form; 3] = [Form::Text, Form::Journal, Form::Json];
    const NOW_MS: i64 = 1_795_624_800_007;

    fn entry(message: &str) -> Entry {
        let fields = LogFields {
            cycle: Some(CycleId(12)),
            run: Some(RunId(31)),
            ..LogFields::default()
        };
        Entry::new(LogLevel::Warning, "test-failed", message, fields)
    }

    #[test]
    fn each_form_says_the_same_in_its_way() {
        let mut entry = entry("t.py::test_x failed: assert 1 == 2");
        entry.fields.nodeid = Some("t.py::test_x".to_owned());
        entry.fields.hint = Some("mend it".to_owned());
        let lines = FORMS.map(|form| line(form, NOW_MS, &entry));
        assert_eq!(
            lines,
            [
                "2026-11-25T16:40:00Z warning cycle 12, run 31: t.py::test_x failed: assert 1 == 2 \
                 (hint: mend it)\n",
                "<4>warning cycle 12, run 31: t.py::test_x failed: assert 1 == 2 (hint: mend it)\n",
                "{\"v\":1,\"ts\":\"2026-11-25T16:40:00.007Z\",\"level\":\"warning\",\
                 \"event\":\"test-failed\",\"message\":\"t.py::test_x failed: assert 1 == 2\",\
                 \"cycle\":12,\"run\":31,\"nodeid\":\"t.py::test_x\",\"hint\":\"mend it\"}\n",
            ]
        );
    }

    #[test]
    fn what_is_about_nothing_in_particular_says_so_by_saying_nothing() {
        let entry = Entry::new(
            LogLevel::Info,
            "ready",
            "next at noon",
            LogFields::default(),
        );
        assert_eq!(
            line(Form::Text, NOW_MS, &entry),
            "2026-11-25T16:40:00Z info: next at noon\n"
        );
    }

    #[test]
    fn several_lines_become_one_and_nothing_moves_a_cursor() {
        let entry = entry("first\n\n  second\x1b[31m\u{2028}third");
        assert!(
            line(Form::Journal, NOW_MS, &entry)
                .ends_with(": first · second\\x1b[31m\\u2028third\n")
        );
    }

    proptest! {
        #[test]
        fn a_line_is_one_line_and_not_too_long(
            text in "\\PC{0,40}|[\"\\\\\n\u{1}é\u{202e}]{0,40}",
            times in 0usize..400,
        ) {
            let mut entry = entry(&text.repeat(times));
            entry.fields.nodeid = Some(text.repeat(times));
            entry.fields.hint = Some(text.repeat(times / 2));
            for form in FORMS {
                let line = line(form, NOW_MS, &entry);
                prop_assert!(line.len() <= MAX_LINE_BYTES, "{}", line.len());
                prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
                if form == Form::Json {
                    prop_assert!(serde_json::from_str::<LogLine>(&line).is_ok());
                }
            }
        }
    }
}
