//! `agent run`: wires the service to the terminal, the event stream and the JUnit report.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::args::{OutputArgs, RunArgs};
use super::failure::Failure;
use super::outputs::{Outputs, print_summary};
use super::streams::Streams;
use super::terminal::{ProgressMode, Terminal, TerminalOptions, Verbosity};
use crate::clock::Stopwatch;
use crate::diag::{self, Hint};
use crate::engine;
use crate::model::{Event, EventLine, ExitCode, Level, Notice, RunSummary};
use crate::plan::PytestWords;
use crate::service::{SelfTestService, metrics, run_until_signal};
use crate::settings::{self, ProgressChoice, Settings};

/// The time between two moves of the bar when nothing happens.
const TICK: Duration = Duration::from_millis(100);

pub(super) fn run(
    args: &RunArgs,
    settings: &Settings,
    mut notices: Vec<Notice>,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    // Dropped at the end of this function: figures are shown while the run goes on.
    notices.extend(metrics::exposure(settings));
    let exporter = metrics::start_exporter(settings);
    let _exporter = exporter.unwrap_or_else(|error| {
        notices.push(warning("metrics-port", &error));
        None
    });
    let shell = engine::Terminal::of_foreground();
    let words = PytestWords::new(&settings.pytest_args, |_| false);
    // The tests write to the terminal themselves, and a bar would write over it.
    let shares = shell.is_some() && words.needs_terminal();
    let progress = if shares {
        ProgressMode::Plain
    } else {
        progress_mode(settings)
    };
    let sinks = Sinks::open(&args.output, settings, progress, output)?;
    let sinks = Arc::new(Mutex::new(sinks));
    let (heard, waits) = (Arc::clone(&sinks), Arc::clone(&sinks));
    let mut service = SelfTestService::new(settings.clone());
    if shell.is_some() {
        service = service.lend_terminal();
    }
    let mut service = service
        .trigger("manual")
        .notices(notices)
        .on_event(move |line| {
            heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .handle(line);
        })
        .on_wait(move |waiting| {
            let notice = Notice {
                level: Level::Info,
                code: "waiting".to_owned(),
                message: format!("waits for {waiting}"),
                hint: None,
            };
            let mut sinks = waits.lock().unwrap_or_else(PoisonError::into_inner);
            sinks.terminal.handle(&Event::Notice(notice));
        });
    let (done, until_done) = channel::<()>();
    let ticked = Arc::clone(&sinks);
    let ticker = thread::spawn(move || {
        let watch = Stopwatch::start();
        while until_done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            let mut sinks = ticked.lock().unwrap_or_else(PoisonError::into_inner);
            sinks.terminal.tick(watch.now());
        }
    });
    let summary = run_until_signal(&mut service);
    if let Some(shell) = shell {
        shell.take_back();
    }
    drop(done);
    // The ticker only draws: that it is gone is all that matters.
    let _ = ticker.join();
    let mut sinks = sinks.lock().unwrap_or_else(PoisonError::into_inner);
    sinks.terminal.end();
    if let Err(error) = metrics::write_textfile(settings) {
        output.notice(&warning("metrics-textfile", &error));
    }
    let summary = summary?;
    sinks.outputs.take_problem()?;
    finish(&args.output, &summary, output)
}

/// Figures are beside the run: a gap in them does not change it.
fn warning(code: &str, error: &(impl Hint + 'static)) -> Notice {
    Notice {
        level: Level::Warning,
        code: code.to_owned(),
        message: diag::in_one_line(error),
        hint: error.hint(),
    }
}

fn finish(
    args: &OutputArgs,
    summary: &RunSummary,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    print_summary(args, summary, output)?;
    if let Some(failure) = summary.run.failure() {
        let text = diag::render_parts(
            &failure.message,
            &failure.causes,
            failure.hint.as_deref(),
            &output.talk_palette,
        );
        output.talk(&text);
    }
    Ok(summary.exit_code())
}

fn progress_mode(settings: &Settings) -> ProgressMode {
    match settings.progress {
        ProgressChoice::Auto => ProgressMode::Auto,
        ProgressChoice::Bar => ProgressMode::Bar,
        ProgressChoice::Plain => ProgressMode::Plain,
        ProgressChoice::None => ProgressMode::None,
    }
}

/// Everyone who hears the events of a run.
struct Sinks {
    terminal: Terminal,
    outputs: Outputs,
}

impl Sinks {
    fn open(
        args: &OutputArgs,
        settings: &Settings,
        progress: ProgressMode,
        output: &Streams,
    ) -> Result<Self, Failure> {
        let events_on_stdout = args
            .events
            .as_deref()
            .is_some_and(|path| path.as_os_str() == "-");
        let report_to_stderr = args.json || events_on_stdout;
        let report_palette = if report_to_stderr {
            output.talk_palette
        } else {
            output.data_palette
        };
        let terminal = Terminal::new(TerminalOptions {
            progress,
            verbosity: match settings.verbosity {
                settings::Verbosity::Quiet => Verbosity::Quiet,
                settings::Verbosity::Normal => Verbosity::Normal,
                settings::Verbosity::Verbose => Verbosity::Verbose,
            },
            report_to_stderr,
            report_palette,
            talk_palette: output.talk_palette,
        });
        Ok(Self {
            terminal,
            outputs: Outputs::open(args)?,
        })
    }

    fn handle(&mut self, line: &EventLine) {
        self.terminal.set_run(line.run_id);
        self.terminal.handle(&line.event);
        self.outputs.handle(line);
    }
}
