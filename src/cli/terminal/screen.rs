//! The two streams of the report, and the bar between them.
//!
//! The report (results, failures, summary) is data; the talk (notices, warnings, the bar) is not.
//! Both may be the same terminal, so the bar steps aside for every print. A reader that hung up
//! (`agent run | head`) ends the printing, not the run.

use std::fmt;
use std::io::{self, Write};

use super::bar::Bar;
use crate::cli::stream::Stream;

/// The two streams and the bar of a run, kept from running into each other.
pub(super) struct Screen {
    report: Stream,
    talk: Stream,
    bar: Option<Bar>,
}

impl Screen {
    /// Prints to the two writers, and draws `bar` on stderr if there is one.
    pub(super) fn new(
        report: Box<dyn Write + Send>,
        talk: Box<dyn Write + Send>,
        bar: Option<Bar>,
    ) -> Self {
        Self {
            report: Stream::of_process(report),
            talk: Stream::of_process(talk),
            bar,
        }
    }

    /// The bar, while there is one.
    pub(super) fn bar_mut(&mut self) -> Option<&mut Bar> {
        self.bar.as_mut()
    }

    /// True if a bar is drawn.
    pub(super) fn has_bar(&self) -> bool {
        self.bar.is_some()
    }

    /// Takes the bar away for good.
    pub(super) fn clear_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.clear();
        }
    }

    /// Prints whole lines of the report.
    pub(super) fn report(&mut self, text: &str) {
        if let Err(error) = print(self.bar.as_ref(), &mut self.report, text) {
            self.talk(&format!("warning: cannot print the report: {error}\n"));
        }
    }

    /// Prints whole lines of talk. There is no third stream to complain on.
    pub(super) fn talk(&mut self, text: &str) {
        let _ = print(self.bar.as_ref(), &mut self.talk, text);
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen")
            .field("report", &self.report)
            .field("talk", &self.talk)
            .field("bar", &self.bar)
            .finish()
    }
}

fn print(bar: Option<&Bar>, stream: &mut Stream, text: &str) -> io::Result<()> {
    let mut write = || stream.write(text.as_bytes());
    match bar {
        Some(bar) if !text.is_empty() => bar.suspend(write),
        Some(_) | None => write(),
    }
}
