//! The table of `agent history`: one line per run.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::palette::{paint, run_style};
use super::text::{REPORT_COLUMNS, duration, inline, width};
use crate::diag::Palette;
use crate::model::{RunRecord, percent_in_words};

/// Characters of a commit id that are shown: as many as git shows in a small repository.
const COMMIT_CHARS: usize = 7;

const TITLES: [&str; 9] = [
    "run", "started", "outcome", "passed", "failed", "flaky", "cover", "time", "commit",
];

/// Texts stand on the left of their column, numbers on the right.
const RIGHT: [bool; 9] = [true, false, false, true, true, true, true, true, false];

/// The table: one line per run, in the order of `runs`, with times in `zone`. `failed` counts
/// errors, crashes and time-outs too; a `+` after the commit says that tracked files differed from
/// it when the run began, and `part` that somebody picked some of the tests.
pub fn history_table(runs: &[RunRecord], zone: &TimeZone, palette: &Palette) -> String {
    if runs.is_empty() {
        return "no run yet; `agent run` makes the first\n".to_owned();
    }
    let rows: Vec<[String; 9]> = runs.iter().map(|run| cells(run, zone)).collect();
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
    for (run, row) in runs.iter().zip(&rows) {
        push_row(&mut table, row, widths, styles_of(run, palette), gap);
    }
    table
}

/// The time `ms` in `zone`, written as `format` says (strftime); `?` if it is out of range.
pub(super) fn local_time(ms: i64, zone: &TimeZone, format: &str) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| "?".to_owned(),
        |at| at.to_zoned(zone.clone()).strftime(format).to_string(),
    )
}

/// The first `COMMIT_CHARS` characters of a commit id, with control characters spelled out.
pub(super) fn short_commit(commit: &str) -> String {
    inline(commit).chars().take(COMMIT_CHARS).collect()
}

fn cells(run: &RunRecord, zone: &TimeZone) -> [String; 9] {
    let nothing = || "-".to_owned();
    let dirty = if run.git_dirty == Some(true) { "+" } else { "" };
    [
        run.run_id.to_string(),
        local_time(run.facts.started_ms, zone, "%Y-%m-%d %H:%M"),
        outcome_in_words(run),
        run.counts.passed.to_string(),
        run.counts.failures().to_string(),
        run.counts.flaky.to_string(),
        run.coverage_percent().map_or_else(nothing, |percent| {
            format!("{}{}", percent_in_words(percent), run.coverage_mark())
        }),
        run.duration_s().map_or_else(nothing, duration),
        run.git_commit
            .as_deref()
            .map_or_else(nothing, |commit| format!("{}{dirty}", short_commit(commit))),
    ]
}

fn outcome_in_words(run: &RunRecord) -> String {
    let outcome = run
        .outcome()
        .map_or_else(|| "running".to_owned(), |outcome| outcome.to_string());
    if run.facts.narrowed_by.is_empty() {
        outcome
    } else {
        format!("{outcome}, part")
    }
}

fn styles_of(run: &RunRecord, palette: &Palette) -> [anstyle::Style; 9] {
    let mut styles = [anstyle::Style::new(); 9];
    styles[2] = run
        .outcome()
        .map_or(palette.faint, |outcome| run_style(palette, outcome));
    if run.counts.failures() > 0 {
        styles[4] = palette.error;
    }
    if run.counts.flaky > 0 {
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
    use crate::model::{Counts, CoverageTotals, ExitCode, RunEnd, RunOutcome, sample};

    fn run(id: i64, outcome: RunOutcome, duration_ms: i64) -> RunRecord {
        let mut run = sample::run(id);
        run.facts.started_ms = 1_795_490_000_000;
        RunRecord {
            end: Some(RunEnd {
                finished_ms: run.facts.started_ms + duration_ms,
                outcome,
                exit_code: ExitCode::of_outcome(outcome),
                failure: None,
            }),
            counts: Counts {
                passed: 240,
                ..Counts::default()
            },
            coverage: Some(CoverageTotals {
                statements: 10_000,
                covered: 8_744,
                ..CoverageTotals::default()
            }),
            git_commit: Some("9516a53c0ffee".to_owned()),
            git_dirty: Some(false),
            ..run
        }
    }

    fn table(runs: &[RunRecord]) -> String {
        history_table(runs, &TimeZone::UTC, &Palette::PLAIN)
    }

    #[test]
    fn runs_stand_in_columns() {
        let running = RunRecord {
            end: None,
            coverage: None,
            git_commit: None,
            git_dirty: None,
            ..run(12, RunOutcome::Passed, 0)
        };
        let failed = RunRecord {
            counts: Counts {
                passed: 1238,
                failed: 2,
                timed_out: 1,
                flaky: 3,
                ..Counts::default()
            },
            git_dirty: Some(true),
            ..run(9, RunOutcome::Failed, 125_000)
        };
        insta::assert_snapshot!(table(&[running, run(10, RunOutcome::Passed, 12_300), failed]), @"
        run  started           outcome  passed  failed  flaky  cover    time  commit
         12  2026-11-24 03:13  running     240       0      0      -       -  -
         10  2026-11-24 03:13  passed      240       0      0  87.4%   12.3s  9516a53
          9  2026-11-24 03:13  failed     1238       3      3  87.4%  2m 05s  9516a53+
        ");
    }

    #[test]
    fn the_widest_table_still_fits() {
        let wide = RunRecord {
            git_dirty: Some(true),
            ..run(1234, RunOutcome::Interrupted, 4_000_000)
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
