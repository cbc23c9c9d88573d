//! The lines that are printed while a run goes on: one a test or a file, and notices.

use super::palette::{outcome_style, paint};
use super::text::{REPORT_COLUMNS, count, duration, inline, width, wrap};
use crate::diag::Palette;
use crate::model::{AttemptRecord, Counts, FileRecord, Level, Notice, Outcome};

/// The word for a verdict, as it begins a line.
pub(super) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "PASS",
        Outcome::Failed => "FAIL",
        Outcome::Error => "ERROR",
        Outcome::Skipped => "SKIP",
        Outcome::Xfailed => "XFAIL",
        Outcome::Xpassed => "XPASS",
        Outcome::Crashed => "CRASH",
        Outcome::TimedOut => "TIMEOUT",
        Outcome::NotRun => "LOST",
    }
}

/// A verdict in words, as it follows a number.
pub(in crate::cli) fn verdict(outcome: Outcome, number: u64) -> &'static str {
    match outcome {
        Outcome::Error if number != 1 => "errors",
        Outcome::TimedOut => "timed out",
        Outcome::NotRun => "not run",
        other => other.as_str(),
    }
}

/// `FAIL tests/test_a.py::test_sum (0.02s)`: the first line of an attempt.
pub(super) fn test_line(record: &AttemptRecord, palette: &Palette) -> String {
    let (word, style) = if record.flaky {
        ("FLAKY", palette.warning)
    } else {
        (word(record.outcome), outcome_style(palette, record.outcome))
    };
    let mut facts = Vec::new();
    if record.attempt > 1 {
        let passed = if record.flaky { "passed on " } else { "" };
        facts.push(format!("{passed}attempt {}", record.attempt));
    }
    facts.extend(record.duration_s.map(duration));
    let mut line = format!("{} {}", paint(style, word), inline(&record.nodeid));
    if !facts.is_empty() {
        let facts = format!("({})", facts.join(", "));
        line = format!("{line} {}", paint(palette.faint, facts));
    }
    let says_why = matches!(
        record.outcome,
        Outcome::Skipped | Outcome::Xfailed | Outcome::Xpassed
    );
    if let Some(message) = record.message.as_deref().filter(|_| says_why) {
        let message = inline(message);
        if !message.is_empty() {
            line = format!("{line}\n        {}", paint(palette.faint, message));
        }
    }
    line + "\n"
}

/// `PASS tests/test_a.py (12 tests, 0.31s)`.
pub(super) fn file_line(file: &FileRecord, palette: &Palette) -> String {
    let counts = &file.counts;
    let worst = [
        Outcome::Crashed,
        Outcome::TimedOut,
        Outcome::Error,
        Outcome::Failed,
        Outcome::NotRun,
    ];
    let outcome = worst
        .into_iter()
        .find(|outcome| counts.get(*outcome) > 0)
        .unwrap_or(if counts.skipped > 0 && counts.skipped == counts.total() {
            Outcome::Skipped
        } else {
            Outcome::Passed
        });
    let plain = counts.passed == counts.total() && counts.flaky == 0;
    let tally = if plain {
        count(counts.total(), "test")
    } else {
        tally(counts).unwrap_or_default()
    };
    let facts = format!("({tally}, {})", duration(file.duration_s));
    format!(
        "{} {} {}\n",
        paint(outcome_style(palette, outcome), word(outcome)),
        inline(&file.file),
        paint(palette.faint, facts)
    )
}

/// A number with its word, such as `3 failed`.
pub(super) struct Tally {
    pub(super) text: String,
    /// The outcome that it counts; `None` for flaky tests.
    pub(super) outcome: Option<Outcome>,
}

/// `3 failed, 240 passed`; `None` if there is no test.
pub(in crate::cli) fn tally(counts: &Counts) -> Option<String> {
    let texts = tallies(counts).into_iter().map(|tally| tally.text);
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// The tallies of `counts`, the bad first; without the ones that are 0.
pub(super) fn tallies(counts: &Counts) -> Vec<Tally> {
    let order = [
        Some(Outcome::Failed),
        Some(Outcome::Error),
        Some(Outcome::Crashed),
        Some(Outcome::TimedOut),
        Some(Outcome::NotRun),
        None,
        Some(Outcome::Passed),
        Some(Outcome::Skipped),
        Some(Outcome::Xfailed),
        Some(Outcome::Xpassed),
    ];
    let mut tallies = Vec::new();
    for outcome in order {
        let (number, word) = match outcome {
            Some(outcome) => {
                let number = counts.get(outcome);
                (number, verdict(outcome, number))
            }
            None => (counts.flaky, "flaky"),
        };
        if number > 0 {
            let text = format!("{number} {word}");
            tallies.push(Tally { text, outcome });
        }
    }
    tallies
}

/// A notice and its hint.
pub(super) fn notice(notice: &Notice, palette: &Palette) -> String {
    let (title, style) = match notice.level {
        Level::Info => ("note", palette.strong),
        Level::Warning => ("warning", palette.warning),
    };
    let mut text = titled(title, style, &notice.message);
    if let Some(hint) = &notice.hint {
        text += &titled("hint", palette.strong, hint);
    }
    text
}

/// `title: message`, wrapped and indented under the first line. Further lines of a message, such as
/// the last words of a command, stay as they are below it.
pub(super) fn titled(title: &str, style: anstyle::Style, message: &str) -> String {
    let indent = "  ";
    let (message, further) = message.split_once('\n').unwrap_or((message, ""));
    let message = inline(message);
    let prefix = width(title) + 2;
    let mut text = format!("{}: ", paint(style, title));
    // The first line has less room than the others: a placeholder word stands for the title.
    let placeholder = format!("{} ", "x".repeat(prefix - 1));
    let lines = wrap(
        &format!("{placeholder}{message}"),
        REPORT_COLUMNS - indent.len(),
    );
    for (index, line) in lines.iter().enumerate() {
        if index == 0 {
            text += line.get(placeholder.len()..).unwrap_or_default();
        } else {
            text += "\n";
            text += indent;
            text += line;
        }
    }
    for line in further.lines() {
        text += "\n";
        text += format!("{indent}{}", inline(line)).trim_end();
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}
