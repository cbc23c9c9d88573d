//! The table of `agent history`: a line a run.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::palette::{paint, run_style};
use super::text::{REPORT_COLUMNS, duration, inline, width};
use crate::diag::Palette;
use crate::model::{Counts, RunId, RunOutcome};

/// Characters of a commit id: as many as git shows.
const COMMIT_CHARS: usize = 7;

/// One run in the table.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryLine {
    /// The run.
    pub run_id: RunId,
    /// UTC milliseconds since the epoch.
    pub started_ms: i64,
    /// The verdict; `None` while it goes on.
    pub outcome: Option<RunOutcome>,
    /// How its tests ended.
    pub counts: Counts,
    /// Coverage in percent, where it was measured.
    pub coverage: Option<f64>,
    /// Seconds that it took; `None` while it goes on.
    pub duration_s: Option<f64>,
    /// The commit of the project.
    pub git_commit: Option<String>,
    /// Whether tracked files differed from that commit.
    pub git_dirty: bool,
}

const TITLES: [&str; 9] = [
    "run", "started", "outcome", "passed", "failed", "flaky", "cover", "time", "commit",
];

/// Texts stand on the left of their column, numbers on the right.
const RIGHT: [bool; 9] = [true, false, false, true, true, true, true, true, false];

/// The table, in the order of `lines`, times in `zone`. `failed` counts errors, crashes and
/// time-outs too; a `+` after the commit says that files were changed since.
pub fn history_table(lines: &[HistoryLine], zone: &TimeZone, palette: &Palette) -> String {
    if lines.is_empty() {
        return "no run yet; `agent run` makes the first\n".to_owned();
    }
    let rows: Vec<[String; 9]> = lines.iter().map(|line| cells(line, zone)).collect();
    let mut widths = TITLES.map(width);
    for row in &rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    let columns: usize = widths.iter().sum();
    let roomy = columns + 2 * (widths.len() - 1) <= REPORT_COLUMNS;
    let gap = if roomy { "  " } else { " " };

    let mut table = String::new();
    let titles = TITLES.map(str::to_owned);
    let styles = [palette.strong; 9];
    push_row(&mut table, &titles, widths, styles, gap);
    for (line, row) in lines.iter().zip(&rows) {
        push_row(&mut table, row, widths, styles_of(line, palette), gap);
    }
    table
}

/// `2026-11-24 03:24` in `zone`.
pub(super) fn local_time(ms: i64, zone: &TimeZone, format: &str) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| "?".to_owned(),
        |at| at.to_zoned(zone.clone()).strftime(format).to_string(),
    )
}

/// The first characters of a commit id.
pub(super) fn short_commit(commit: &str) -> String {
    inline(commit).chars().take(COMMIT_CHARS).collect()
}

fn cells(line: &HistoryLine, zone: &TimeZone) -> [String; 9] {
    let nothing = || "-".to_owned();
    let dirty = if line.git_dirty { "+" } else { "" };
    [
        line.run_id.to_string(),
        local_time(line.started_ms, zone, "%Y-%m-%d %H:%M"),
        line.outcome
            .map_or_else(|| "running".to_owned(), |outcome| outcome.to_string()),
        line.counts.passed.to_string(),
        line.counts.failures().to_string(),
        line.counts.flaky.to_string(),
        line.coverage
            .map_or_else(nothing, |percent| format!("{percent:.1}%")),
        line.duration_s.map_or_else(nothing, duration),
        line.git_commit
            .as_deref()
            .map_or_else(nothing, |commit| format!("{}{dirty}", short_commit(commit))),
    ]
}

fn styles_of(line: &HistoryLine, palette: &Palette) -> [anstyle::Style; 9] {
    let mut styles = [anstyle::Style::new(); 9];
    styles[2] = line
        .outcome
        .map_or(palette.faint, |outcome| run_style(palette, outcome));
    if line.counts.failures() > 0 {
        styles[4] = palette.error;
    }
    if line.counts.flaky > 0 {
        styles[5] = palette.warning;
    }
    styles
}

fn push_row(
    table: &mut String,
    cells: &[String; 9],
    widths: [usize; 9],
    styles: [anstyle::Style; 9],
    gap: &str,
) {
    let last = cells.len() - 1;
    for (index, cell) in cells.iter().enumerate() {
        let padding = " ".repeat(widths[index].saturating_sub(width(cell)));
        let cell = paint(styles[index], cell);
        if RIGHT[index] {
            table.push_str(&padding);
            table.push_str(&cell);
        } else {
            table.push_str(&cell);
            if index < last {
                table.push_str(&padding);
            }
        }
        table.push_str(if index < last { gap } else { "\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(run: i64) -> HistoryLine {
        HistoryLine {
            run_id: RunId(run),
            started_ms: 1_795_490_000_000,
            outcome: Some(RunOutcome::Passed),
            counts: Counts {
                passed: 240,
                ..Counts::default()
            },
            coverage: Some(87.44),
            duration_s: Some(12.3),
            git_commit: Some("9516a53c0ffee".to_owned()),
            git_dirty: false,
        }
    }

    fn table(lines: &[HistoryLine]) -> String {
        history_table(lines, &TimeZone::UTC, &Palette::PLAIN)
    }

    #[test]
    fn runs_stand_in_columns() {
        let running = HistoryLine {
            outcome: None,
            coverage: None,
            duration_s: None,
            git_commit: None,
            ..line(12)
        };
        let failed = HistoryLine {
            outcome: Some(RunOutcome::Failed),
            counts: Counts {
                passed: 1238,
                failed: 2,
                timed_out: 1,
                flaky: 3,
                ..Counts::default()
            },
            git_dirty: true,
            duration_s: Some(125.0),
            ..line(9)
        };
        insta::assert_snapshot!(table(&[running, line(10), failed]), @"
        run  started           outcome  passed  failed  flaky  cover    time  commit
         12  2026-11-24 03:13  running     240       0      0      -       -  -
         10  2026-11-24 03:13  passed      240       0      0  87.4%   12.3s  9516a53
          9  2026-11-24 03:13  failed     1238       3      3  87.4%  2m 05s  9516a53+
        ");
    }

    #[test]
    fn the_widest_table_still_fits() {
        let wide = HistoryLine {
            outcome: Some(RunOutcome::Interrupted),
            duration_s: Some(4000.0),
            git_dirty: true,
            ..line(1234)
        };
        for row in table(&[wide]).lines() {
            assert!(width(row) <= REPORT_COLUMNS, "{row}");
        }
    }

    #[test]
    fn without_runs_there_is_a_next_step() {
        assert_eq!(table(&[]), "no run yet; `agent run` makes the first\n");
    }
}
