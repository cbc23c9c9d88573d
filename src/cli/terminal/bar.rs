//! The progress bar: one line of numbers, then the tests that run.
//!
//! [`bar_lines`] is pure and decides everything; [`Bar`] only draws. No line is ever wider than the
//! terminal: the least important part is left out first, then names lose their middle.

use std::time::Duration;

use anstyle::Style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::live::{Live, Orphans};
use super::palette::{outcome_style, paint};
use super::text::{cut, duration, inline, shorten_middle, whole_seconds, width};
use crate::clock::Mono;
use crate::diag::{Palette, and_more};
use crate::model::Outcome;

/// At most ten drawings a second: more cannot be read and cost the tests their time.
const REDRAW: Duration = Duration::from_millis(100);

/// Running tests that are named.
const NAMED_TESTS: usize = 4;

/// The drawn bar takes what space is left, within these limits.
const GRAPH_COLUMNS: (usize, usize) = (10, 26);

/// A terminal narrower than this is taken to be this wide.
const LEAST_COLUMNS: usize = 10;

/// The bar on a terminal.
#[derive(Debug)]
pub(super) struct Bar {
    drawing: ProgressBar,
    terminal: console::Term,
    drawn: Option<Mono>,
}

impl Bar {
    /// A bar on stderr; nothing is drawn before the first [`draw`](Self::draw).
    pub(super) fn stderr() -> Self {
        let terminal = console::Term::buffered_stderr();
        let target = ProgressDrawTarget::term(terminal.clone(), 20);
        let bar = ProgressBar::with_draw_target(None, target);
        // The template is constant and valid; if it were not, the default one would be drawn.
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self {
            drawing: bar,
            terminal,
            drawn: None,
        }
    }

    /// True if the terminal can show a bar (`TERM=dumb` cannot).
    pub(super) fn is_visible(&self) -> bool {
        !self.drawing.is_hidden()
    }

    /// Draws the present state, unless it was drawn a moment ago.
    pub(super) fn draw(&mut self, live: &Live, palette: &Palette, now: Mono) {
        if self.drawn.is_some_and(|drawn| now.since(drawn) < REDRAW) {
            return;
        }
        self.drawn = Some(now);
        let (_, columns) = self.terminal.size();
        // The last column stays empty: some terminals wrap when it is written.
        let columns = usize::from(columns).saturating_sub(1);
        self.drawing
            .set_message(bar_lines(live, palette, columns).join("\n"));
        self.drawing.tick();
    }

    /// Takes the bar away while `print` writes to the terminal.
    pub(super) fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        if self.drawn.is_some() {
            self.drawing.suspend(print)
        } else {
            print()
        }
    }

    /// Takes the bar away for good.
    pub(super) fn clear(self) {
        self.drawing.finish_and_clear();
    }
}

/// A piece of the first line.
struct Piece {
    text: String,
    style: Style,
    /// Pieces with the highest rank are left out first; 0 stays.
    rank: u8,
}

/// The lines of the bar, each at most `columns` wide.
pub(super) fn bar_lines(live: &Live, palette: &Palette, columns: usize) -> Vec<String> {
    let columns = columns.max(LEAST_COLUMNS);
    let mut lines = vec![first_line(live, palette, columns)];
    let named = live.running().iter().take(NAMED_TESTS);
    for test in named {
        let time = whole_seconds(live.running_for(test).as_secs_f64());
        let time = format!("{time:>7}  ");
        let time = cut(&time, columns);
        let name = inline(&test.nodeid);
        let room = columns.saturating_sub(width(&time));
        lines.push(format!(
            "{}{}",
            paint(palette.faint, &time),
            shorten_middle(&name, room)
        ));
    }
    let unnamed = live.running().len().saturating_sub(NAMED_TESTS);
    if unnamed > 0 {
        let more = format!("        {}", and_more(unnamed));
        lines.push(paint(palette.faint, cut(&more, columns)));
    }
    lines
}

fn first_line(live: &Live, palette: &Palette, columns: usize) -> String {
    if let Some(orphans) = live.orphans() {
        return orphan_line(orphans, live.elapsed(), palette, columns);
    }
    let (total, is_final) = live.total();
    if live.done() == 0 && live.running().is_empty() && !is_final {
        let elapsed = duration(live.elapsed().as_secs_f64());
        let doing = if live.has_pytest() {
            "collecting tests"
        } else {
            "preparing the interpreter"
        };
        let line = format!("{doing}  {elapsed}");
        return cut(&line, columns).into_owned();
    }
    let mut pieces = pieces(live, palette);
    let wide = |pieces: &[Piece]| {
        pieces
            .iter()
            .map(|piece| width(&piece.text) + 2)
            .sum::<usize>()
    };
    while wide(&pieces) > columns + 2 {
        let least = pieces.iter().map(|piece| piece.rank).max().unwrap_or(0);
        let Some(index) = pieces.iter().rposition(|piece| piece.rank == least) else {
            break;
        };
        if least == 0 {
            break;
        }
        pieces.remove(index);
    }
    let room = columns.saturating_sub(wide(&pieces)).min(GRAPH_COLUMNS.1);
    let mut texts = Vec::new();
    if room >= GRAPH_COLUMNS.0 {
        texts.push(graph(live.done(), total, room));
    }
    for piece in &pieces {
        let room = columns.min(width(&piece.text));
        texts.push(paint(piece.style, cut(&piece.text, room)));
    }
    texts.join("  ")
}

/// `orphans 3/12  1 failed  41.3s`: the tests are over, and this follows.
fn orphan_line(orphans: Orphans, elapsed: Duration, palette: &Palette, columns: usize) -> String {
    let failed = if orphans.failed > 0 {
        format!("  {} failed", orphans.failed)
    } else {
        String::new()
    };
    let (done, total) = (orphans.done, orphans.total.max(orphans.done));
    let elapsed = duration(elapsed.as_secs_f64());
    let line = format!("orphans {done}/{total}{failed}  {elapsed}");
    let style = if orphans.failed > 0 {
        palette.warning
    } else {
        palette.strong
    };
    paint(style, cut(&line, columns))
}

fn pieces(live: &Live, palette: &Palette) -> Vec<Piece> {
    let (total, is_final) = live.total();
    let about = if is_final { "" } else { "~" };
    let piece = |rank, style, text| Piece { text, style, rank };
    let mut pieces = vec![piece(
        0,
        palette.strong,
        format!("{}/{about}{total}", live.done()),
    )];
    let counts = live.counts();
    let ranked = [
        (1, Outcome::Failed, "failed"),
        (1, Outcome::Error, "error"),
        (1, Outcome::Crashed, "crashed"),
        (1, Outcome::TimedOut, "timed out"),
        (2, Outcome::NotRun, "not run"),
        (4, Outcome::Passed, "passed"),
        (6, Outcome::Skipped, "skipped"),
        (6, Outcome::Xfailed, "xfailed"),
        (6, Outcome::Xpassed, "xpassed"),
    ];
    for (rank, outcome, word) in ranked {
        let number = counts.get(outcome);
        if number > 0 {
            let style = outcome_style(palette, outcome);
            pieces.push(piece(rank, style, format!("{number} {word}")));
        }
    }
    if counts.flaky > 0 {
        let text = format!("{} flaky", counts.flaky);
        pieces.push(piece(5, palette.warning, text));
    }
    let progress = live.progress();
    if let Some(rate) = progress.rate() {
        let digits = usize::from(rate < 10.0);
        pieces.push(piece(7, palette.faint, format!("{rate:.digits$}/s")));
    }
    if let Some(left) = progress.time_left() {
        let left = whole_seconds(left.as_secs_f64());
        pieces.push(piece(3, Style::new(), format!("{left} left")));
    }
    pieces
}

/// `[=====>    ]` in exactly `columns`.
fn graph(done: u64, total: u64, columns: usize) -> String {
    let inside = columns.saturating_sub(2);
    let filled = u64::try_from(inside)
        .unwrap_or(0)
        .saturating_mul(done)
        .checked_div(total)
        .and_then(|filled| usize::try_from(filled).ok())
        .unwrap_or(0)
        .min(inside);
    let head = if filled < inside { ">" } else { "" };
    let body = "=".repeat(filled);
    format!("[{:<inside$}]", format!("{body}{head}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, ShardIndex};
    use proptest::prelude::*;

    fn started(shards: usize, workers: u32) -> Live {
        let mut live = Live::default();
        live.handle(&Event::RunStarted {
            uuid: String::new(),
            project: "/p".to_owned(),
            shards: vec![String::new(); shards],
            workers,
            started_ms: 0,
            expected_tests: Some(450),
            expected_s: Some(60.0),
        });
        live
    }

    fn collected(live: &mut Live, shard: u32, tests: u64) {
        live.handle(&Event::Collected {
            shard: ShardIndex(shard),
            tests,
            deselected: 0,
            expected_s: Some(60.0),
        });
    }

    fn start(live: &mut Live, worker: &str, nodeid: &str) {
        live.handle(&Event::TestStarted {
            shard: ShardIndex(0),
            nodeid: nodeid.to_owned(),
            attempt: 1,
            worker: worker.to_owned(),
        });
    }

    fn finish(live: &mut Live, nodeid: &str, attempt: u32, outcome: Outcome) {
        let record = serde_json::json!({
            "shard": 0, "root": "", "nodeid": nodeid, "file": "t.py", "attempt": attempt,
            "outcome": outcome, "flaky": attempt > 1 && outcome == Outcome::Passed,
            "duration_s": 0.1,
        });
        let record = serde_json::from_value(record).unwrap();
        live.handle(&Event::TestFinished(Box::new(record)));
    }

    fn halfway() -> Live {
        let mut live = started(1, 4);
        collected(&mut live, 0, 456);
        start(
            &mut live,
            "gw0",
            "tests/unit/deep/test_parser.py::TestTokens::test_that_takes_its_time[parameter-日本語]",
        );
        live.tick(Mono(9_000));
        for number in 0..120 {
            finish(&mut live, &format!("t.py::p{number}"), 1, Outcome::Passed);
        }
        finish(&mut live, "t.py::f1", 1, Outcome::Failed);
        finish(&mut live, "t.py::f2", 1, Outcome::TimedOut);
        finish(&mut live, "t.py::s", 1, Outcome::Skipped);
        start(&mut live, "gw1", "tests/test_b.py::test_short\x1b[2J");
        live.tick(Mono(12_300));
        live
    }

    fn lines(live: &Live, columns: usize) -> String {
        bar_lines(live, &Palette::PLAIN, columns).join("\n")
    }

    #[test]
    fn at_eighty_columns_numbers_and_tests_are_shown() {
        insta::assert_snapshot!(lines(&halfway(), 80), @r"
        123/456  1 failed  1 timed out  120 passed  1 skipped  10/s  14s left
            12s  tests/unit/deep/test_pa…ens::test_that_takes_its_time[parameter-日本語]
             3s  tests/test_b.py::test_short\x1b[2J
        ");
    }

    #[test]
    fn at_forty_columns_the_important_numbers_stay() {
        insta::assert_snapshot!(lines(&halfway(), 40), @r"
        123/456  1 failed  1 timed out  14s left
            12s  tests/unit…me[parameter-日本語]
             3s  tests/test…y::test_short\x1b[2J
        ");
    }

    #[test]
    fn at_two_hundred_columns_the_drawn_bar_does_not_grow_forever() {
        insta::assert_snapshot!(lines(&halfway(), 200), @r"
        [======>                 ]  123/456  1 failed  1 timed out  120 passed  1 skipped  10/s  14s left
            12s  tests/unit/deep/test_parser.py::TestTokens::test_that_takes_its_time[parameter-日本語]
             3s  tests/test_b.py::test_short\x1b[2J
        ");
    }

    #[test]
    fn before_the_tests_are_known_the_previous_run_is_the_guess() {
        let mut live = started(2, 1);
        live.tick(Mono(1_500));
        assert_eq!(lines(&live, 80), "preparing the interpreter  1.50s");
        live.handle(&Event::ShardStarted {
            shard: ShardIndex(0),
            path: String::new(),
            python: "3.11.7".to_owned(),
            pytest: "8.4.2".to_owned(),
            pid: 1,
        });
        assert_eq!(lines(&live, 80), "collecting tests  1.50s");
        collected(&mut live, 0, 10);
        start(&mut live, "main", "t.py::t");
        insta::assert_snapshot!(lines(&live, 60), @"
        [>                       ]  0/~450  59s left
             0s  t.py::t
        ");
    }

    #[test]
    fn more_running_tests_than_fit_are_counted() {
        let mut live = started(1, 8);
        collected(&mut live, 0, 8);
        for worker in 0..8 {
            start(
                &mut live,
                &format!("gw{worker}"),
                &format!("t.py::t{worker}"),
            );
        }
        insta::assert_snapshot!(lines(&live, 60), @"
        [>                       ]  0/8  8s left
             0s  t.py::t0
             0s  t.py::t1
             0s  t.py::t2
             0s  t.py::t3
                 and 4 more
        ");
    }

    #[test]
    fn a_rerun_moves_a_test_from_one_tally_to_the_other() {
        let mut live = started(1, 1);
        collected(&mut live, 0, 2);
        finish(&mut live, "t.py::a", 1, Outcome::Failed);
        finish(&mut live, "t.py::b", 1, Outcome::Passed);
        assert_eq!(live.counts().failed, 1);
        finish(&mut live, "t.py::a", 2, Outcome::Passed);
        let counts = live.counts();
        assert_eq!((counts.failed, counts.passed, counts.flaky), (0, 2, 1));
        assert_eq!((live.done(), live.total()), (2, (2, true)));
    }

    #[test]
    fn tests_of_a_dead_process_do_not_run_on() {
        let mut live = halfway();
        assert_eq!(live.running().len(), 2);
        live.handle(&Event::ProcessDied {
            shard: ShardIndex(0),
            status: String::new(),
            nodeid: None,
            stderr_tail: String::new(),
        });
        assert!(live.running().is_empty());
    }

    #[test]
    fn orphans_follow_the_tests() {
        let mut live = halfway();
        live.handle(&Event::ShardFinished {
            shard: ShardIndex(0),
        });
        live.handle(&Event::OrphansStarted { orphans: 3 });
        let trial = serde_json::json!({"file": "a.py", "module": "a", "outcome": "crashed"});
        live.handle(&Event::OrphanFinished(
            serde_json::from_value(trial).unwrap(),
        ));
        assert_eq!(lines(&live, 80), "orphans 1/3  1 failed  12.3s");
        assert_eq!(lines(&live, 20), "orphans 1/3  1 fail…");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            columns in LEAST_COLUMNS..210,
            names in prop::collection::vec(any::<String>(), 0..7),
            outcomes in prop::collection::vec(prop::sample::select(Outcome::ALL.to_vec()), 0..60),
            tests in any::<u64>(),
            now in any::<u64>(),
        ) {
            let mut live = started(1, 3);
            collected(&mut live, 0, tests);
            for (worker, name) in names.iter().enumerate() {
                start(&mut live, &worker.to_string(), name);
            }
            live.tick(Mono(now));
            for (number, outcome) in outcomes.into_iter().enumerate() {
                finish(&mut live, &number.to_string(), 1, outcome);
            }
            for line in bar_lines(&live, &Palette::PLAIN, columns) {
                prop_assert!(width(&line) <= columns, "{} > {columns}: {line}", width(&line));
                prop_assert!(!line.contains(char::is_control));
            }
        }
    }
}
