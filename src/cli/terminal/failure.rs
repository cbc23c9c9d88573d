//! A failure as it is shown when it happens: verdict, useful part of the report, captured output.

use super::lines::{test_line, word};
use super::palette::{outcome_style, paint};
use super::text::{block, count, inline, within_reason};
use crate::diag::Palette;
use crate::model::{AttemptRecord, Outcome, Section};
use crate::pytest::stacks::{fold_runner, python_stacks};
use crate::pytest::traceback::{self, MAX_LINES, is_location, useful_part};

/// The indentation of each line of a block.
const INDENT: &str = "    ";

/// Lines of one captured section: its end, where the last words are.
const SECTION_LINES: usize = 10;

/// The things that a failure's block needs besides the attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// The project folder, absolute, to shorten the paths of tracebacks; `None` if unknown.
    pub(super) project: Option<&'a str>,
    /// The command that shows everything, such as `agent show 12`.
    pub(super) show_command: &'a str,
    /// An earlier attempt failed with the same message and was shown in full.
    pub(super) repeated: bool,
    pub(super) palette: &'a Palette,
}

/// The block of a failed attempt; of one that only repeats what was shown, verdict and message.
pub(super) fn failure(record: &AttemptRecord, context: Context<'_>) -> String {
    let mut text = test_line(record, context.palette);
    if context.repeated {
        if let Some(message) = &record.message {
            push_message(&mut text, &block(message), context.palette.error);
        }
        return text;
    }
    let report = block(record.longrepr.as_deref().unwrap_or_default());
    let has_stacks = matches!(record.outcome, Outcome::Crashed | Outcome::TimedOut);
    let left_out = match python_stacks(&report).filter(|_| has_stacks) {
        Some(stacks) => {
            if let Some(message) = &record.message {
                push_message(&mut text, &block(message), context.palette.error);
            }
            push_stacks(&mut text, &stacks)
        }
        None if report.trim().is_empty() => {
            let message = record.message.as_deref().unwrap_or_default();
            push_message(&mut text, &block(message), context.palette.error);
            0
        }
        None => push_report(&mut text, &report, context),
    };
    if left_out > 0 {
        let lines = count(left_out as u64, "more line");
        push_line(
            &mut text,
            &paint(
                context.palette.faint,
                format!("… {lines}: {}", context.show_command),
            ),
        );
    }
    for section in &record.sections {
        push_section(&mut text, section, context.palette);
    }
    text
}

/// One line for an attempt that was lost: `LOST tests/test_a.py::test_b`.
pub(super) fn lost(record: &AttemptRecord, palette: &Palette) -> String {
    let style = outcome_style(palette, record.outcome);
    let word = paint(style, word(record.outcome));
    format!("{word} {}\n", inline(&record.nodeid))
}

/// The whole report of a failure, nothing selected and nothing cut.
pub(super) fn whole_report(longrepr: &str, palette: &Palette) -> String {
    let mut text = String::new();
    for line in block(longrepr).lines() {
        push_line(&mut text, &painted(line, palette));
    }
    text
}

/// A captured section with its title, nothing cut.
pub(super) fn whole_section(section: &Section, palette: &Palette) -> String {
    let mut text = String::new();
    push_title(&mut text, &inline(&section.title), palette);
    for line in block(&section.text).lines() {
        push_line(&mut text, line);
    }
    text
}

fn push_report(text: &mut String, report: &str, context: Context<'_>) -> usize {
    let useful = useful_part(report, context.project);
    for line in &useful.lines {
        push_line(text, &painted(&within_reason(line), context.palette));
    }
    useful.left_out
}

fn push_stacks(text: &mut String, stacks: &str) -> usize {
    let stacks = fold_runner(stacks);
    let lines: Vec<&str> = stacks.lines().collect();
    let shown = lines.len().min(MAX_LINES);
    for line in &lines[..shown] {
        push_line(text, line);
    }
    lines.len() - shown
}

fn push_section(text: &mut String, section: &Section, palette: &Palette) {
    let content = block(&section.text);
    let lines: Vec<&str> = content.trim_end().lines().collect();
    if lines.is_empty() {
        return;
    }
    let title = inline(&section.title);
    let first = lines.len().saturating_sub(SECTION_LINES);
    let title = if first > 0 {
        format!("{title}, last {SECTION_LINES} of {} lines", lines.len())
    } else {
        title.into_owned()
    };
    push_title(text, &title, palette);
    for line in &lines[first..] {
        push_line(text, &within_reason(line));
    }
}

fn push_title(text: &mut String, title: &str, palette: &Palette) {
    let title = format!("--- {title} ---");
    push_line(text, &paint(palette.faint, title));
}

fn push_message(text: &mut String, message: &str, style: anstyle::Style) {
    for line in message.lines() {
        push_line(text, &paint(style, within_reason(line)));
    }
}

fn push_line(text: &mut String, line: &str) {
    if !line.is_empty() {
        text.push_str(INDENT);
        text.push_str(line);
    }
    text.push('\n');
}

fn painted(line: &str, palette: &Palette) -> String {
    match style_of(line, palette) {
        style if line.is_empty() || style.is_plain() => line.to_owned(),
        style => paint(style, line),
    }
}

fn style_of(line: &str, palette: &Palette) -> anstyle::Style {
    if traceback::is_error_line(line) {
        palette.error
    } else if line.starts_with('>') {
        palette.strong
    } else if is_location(line) {
        palette.faint
    } else {
        anstyle::Style::new()
    }
}
