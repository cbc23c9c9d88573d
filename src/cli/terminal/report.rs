//! [`Terminal`]: from events to print and bar.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};

use super::bar::Bar;
use super::failure::{Context, failure, lost};
use super::lines::{file_line, notice, test_line, titled};
use super::live::Live;
use super::orphan::{failed_orphan, kept_orphan, orphan_line};
use super::screen::Screen;
use super::summary;
use super::text::{block, count, inline, push_line};
use crate::clock::Mono;
use crate::diag::Palette;
use crate::model::{AttemptRecord, Event, Notice, Outcome, RunId, RunSummary, TestKey, Trial};

/// Lost tests that get a line as they are lost: an interrupted run can lose thousands at once.
const LOST_LINES: u64 = 10;

/// Last lines of a process that died between tests.
const LAST_WORDS: usize = 5;

/// Notices about modules that no test reaches, for which `-q` does not ask. That modules joined the
/// map is none of them: it changes what later runs test.
const BESIDE_THE_RUN: [&str; 2] = ["orphans-new", "modules-gone"];

/// The form of a run's progress: `--progress`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressMode {
    /// A bar on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// A bar; plain lines if stderr is no terminal that can draw it.
    Bar,
    /// A line a file.
    Plain,
    /// Nothing before the first failure or the summary.
    None,
}

/// The amount of text in a report: `-q`, `-v`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Failures and the verdict.
    Quiet,
    /// A line a file if there is no bar, failures, the summary.
    #[default]
    Normal,
    /// A line a test as well.
    Verbose,
}

/// The form and streams of the report of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct TerminalOptions {
    pub progress: ProgressMode,
    pub verbosity: Verbosity,
    /// stdout belongs to someone else (`--json`, `--events -`): the report goes to stderr.
    pub report_to_stderr: bool,
    /// The styles for the stream of the report.
    pub report_palette: Palette,
    /// The styles of notices and the bar.
    pub talk_palette: Palette,
}

/// The report of a run for people. Give it every event, and the time ten times a second or so.
#[derive(Debug)]
pub struct Terminal {
    output: Screen,
    palette: Palette,
    talk_palette: Palette,
    verbosity: Verbosity,
    lines_for_files: bool,
    live: Live,
    project: Option<String>,
    show_command: String,
    said: Vec<Notice>,
    lost: u64,
    /// Messages of the failures that were shown in full.
    shown: HashMap<TestKey, Option<String>>,
}

impl Terminal {
    /// Prints to the streams of the process.
    pub fn new(options: TerminalOptions) -> Self {
        let report: Box<dyn Write + Send> = if options.report_to_stderr {
            Box::new(io::stderr())
        } else {
            Box::new(io::stdout())
        };
        let wanted = match options.progress {
            ProgressMode::Auto | ProgressMode::Bar => options.verbosity != Verbosity::Quiet,
            ProgressMode::Plain | ProgressMode::None => false,
        };
        let bar = (wanted && io::stderr().is_terminal())
            .then(Bar::stderr)
            .filter(Bar::is_visible);
        Self::build(options, Screen::new(report, Box::new(io::stderr()), bar))
    }

    /// Prints to `report` and `talk`, without a bar.
    pub fn to_writers(
        options: TerminalOptions,
        report: Box<dyn Write + Send>,
        talk: Box<dyn Write + Send>,
    ) -> Self {
        Self::build(options, Screen::new(report, talk, None))
    }

    fn build(options: TerminalOptions, output: Screen) -> Self {
        Self {
            palette: options.report_palette,
            talk_palette: options.talk_palette,
            verbosity: options.verbosity,
            lines_for_files: options.verbosity == Verbosity::Normal
                && options.progress != ProgressMode::None
                && !output.has_bar(),
            output,
            live: Live::default(),
            project: None,
            show_command: "agent show".to_owned(),
            said: Vec::new(),
            lost: 0,
            shown: HashMap::new(),
        }
    }

    /// Tells the number of the run, for the commands that the report recommends.
    pub fn set_run(&mut self, run: RunId) {
        self.show_command = format!("agent show {run}");
    }

    /// Moves the clock and draws the bar, if there is one and the last drawing is old enough.
    pub fn tick(&mut self, now: Mono) {
        self.live.tick(now);
        if let Some(bar) = self.output.bar_mut() {
            bar.draw(&self.live, &self.talk_palette, now);
        }
    }

    /// Prints what the event is worth.
    pub fn handle(&mut self, event: &Event) {
        self.live.handle(event);
        match event {
            Event::RunStarted { project, .. } => self.project = Some(project.clone()),
            Event::ShardStarted {
                path,
                python,
                pytest,
                pid,
                ..
            } => {
                let path = if path.is_empty() { "tests" } else { path };
                self.detail(&format!(
                    "{path}: Python {python}, pytest {pytest}, process {pid}"
                ));
            }
            Event::Collected {
                tests, deselected, ..
            } => {
                let tests = count(*tests, "test");
                self.detail(&format!("collected {tests}, {deselected} deselected"));
            }
            Event::TestStarted { .. }
            | Event::Subtest { .. }
            | Event::SlowFixture { .. }
            | Event::ShardFinished { .. } => {}
            Event::TestFinished(record) => self.test_finished(record),
            Event::FileFinished(file) => {
                if self.lines_for_files {
                    self.output.report(&file_line(file, &self.palette));
                }
            }
            Event::OrphansStarted { orphans } => {
                if self.lines_for_files {
                    let orphans = count(*orphans, "orphan");
                    self.output.report(&format!("trying {orphans}\n"));
                }
            }
            // They are beside the run, and `-q` asks for the run.
            Event::OrphanFinished(_) if self.verbosity == Verbosity::Quiet => {}
            Event::OrphanFinished(trial) => self.orphan_finished(trial),
            Event::Notice(message) => self.say(message),
            Event::ProcessDied {
                status,
                nodeid,
                stderr_tail,
                ..
            } => self.process_died(status, nodeid.as_deref(), stderr_tail),
            Event::RunFinished(summary) => self.run_finished(summary),
        }
    }

    /// Takes the bar away: nothing more comes, whether or not the run was finished.
    pub fn end(&mut self) {
        self.output.clear_bar();
    }

    /// Prints a notice beside the bar; the summary will not repeat it.
    fn say(&mut self, message: &Notice) {
        let is_beside = BESIDE_THE_RUN.contains(&message.code.as_str());
        if !(is_beside && self.verbosity == Verbosity::Quiet) {
            self.output.talk(&notice(message, &self.talk_palette));
        }
        self.said.push(message.clone());
    }

    /// A line for those who asked for every detail.
    fn detail(&mut self, message: &str) {
        if self.verbosity == Verbosity::Verbose {
            let style = self.talk_palette.strong;
            self.output.talk(&titled("note", style, message));
        }
    }

    fn test_finished(&mut self, record: &AttemptRecord) {
        let text = match record.outcome {
            Outcome::NotRun => {
                self.lost += 1;
                if self.lost > LOST_LINES && self.verbosity != Verbosity::Verbose {
                    return;
                }
                lost(record, &self.palette)
            }
            outcome if outcome.is_failure() => {
                let key = TestKey {
                    root: record.root.clone(),
                    nodeid: record.nodeid.clone(),
                };
                let earlier = self.shown.insert(key, record.message.clone());
                let context = Context {
                    repeated: earlier.as_ref() == Some(&record.message),
                    project: self.project.as_deref(),
                    show_command: &self.show_command,
                    palette: &self.palette,
                };
                failure(record, context)
            }
            _ if record.flaky || self.verbosity == Verbosity::Verbose => {
                test_line(record, &self.palette)
            }
            _ => return,
        };
        self.output.report(&text);
    }

    fn orphan_finished(&mut self, trial: &Trial) {
        let text = if trial.outcome.is_failure() {
            failed_orphan(trial, &self.show_command, &self.palette)
        } else if !trial.touched.is_empty() {
            kept_orphan(trial, &self.palette)
        } else if self.verbosity == Verbosity::Verbose {
            orphan_line(trial, &self.palette)
        } else {
            return;
        };
        self.output.report(&text);
    }

    fn process_died(&mut self, status: &str, nodeid: Option<&str>, stderr_tail: &str) {
        let style = self.talk_palette.warning;
        let message = match nodeid {
            Some(_) => format!("a test process ended ({status}) while it ran"),
            None => format!("a test process ended ({status}) between tests; its last words:"),
        };
        let mut text = titled("warning", style, &message);
        if let Some(nodeid) = nodeid {
            push_line(&mut text, &format!("    {}", inline(nodeid)));
        } else {
            let tail = block(stderr_tail);
            let lines: Vec<&str> = tail.trim_end().lines().collect();
            for line in &lines[lines.len().saturating_sub(LAST_WORDS)..] {
                push_line(&mut text, &format!("    {line}"));
            }
        }
        self.output.talk(&text);
    }

    fn run_finished(&mut self, summary: &RunSummary) {
        self.output.clear_bar();
        let palette = &self.palette;
        let mut text = summary::verdict(summary, palette);
        let counts = &summary.run.counts;
        if self.verbosity == Verbosity::Quiet && counts.failures() + counts.not_run == 0 {
            // Nothing else says why it is not green.
            text += &summary::explanation(summary, palette);
        }
        if self.verbosity != Verbosity::Quiet {
            text += &summary::explanation(summary, palette);
            text += &summary::sections(summary, palette);
        }
        self.output.report(&text);
        let unsaid = summary
            .notices
            .iter()
            .filter(|notice| !self.said.contains(notice));
        let text: String = unsaid
            .map(|unsaid| notice(unsaid, &self.talk_palette))
            .collect();
        self.output.talk(&text);
    }
}
