//! The two streams of the process: standard output is data, standard error is talk.
//!
//! Colours are decided here, once. A reader of standard output that goes away (`agent … | head`)
//! ends the output; the command goes on, and its exit code still counts.

use std::io::{self, IsTerminal, Write};

use super::stream::Stream;
use crate::diag::{self, Palette};
use crate::model::{Level, Notice};
use crate::settings::ColorChoice;

/// Standard output and standard error.
#[derive(Debug)]
pub(super) struct Streams {
    /// The styles for [`Streams::data`].
    pub(super) data_palette: Palette,
    /// The styles for [`Streams::talk`].
    pub(super) talk_palette: Palette,
    stdout: Stream,
    stderr: io::Stderr,
}

impl Streams {
    pub(super) fn new(color: ColorChoice) -> Self {
        let palette = |terminal: bool| match color {
            ColorChoice::Always => Palette::ANSI,
            ColorChoice::Auto if terminal => Palette::ANSI,
            ColorChoice::Auto | ColorChoice::Never => Palette::PLAIN,
        };
        let (stdout, stderr) = (io::stdout(), io::stderr());
        Self {
            data_palette: palette(stdout.is_terminal()),
            talk_palette: palette(stderr.is_terminal()),
            stdout: Stream::of_process(stdout),
            stderr,
        }
    }

    /// The width of the terminal that shows [`Streams::data`]; `None` if none does.
    pub(super) fn data_columns() -> Option<usize> {
        let stdout = console::Term::stdout();
        let (_, columns) = stdout.is_term().then(|| stdout.size_checked()).flatten()?;
        Some(usize::from(columns))
    }

    /// Writes to standard output, at once.
    pub(super) fn data(&mut self, text: &str) -> io::Result<()> {
        self.stdout.write(text.as_bytes())
    }

    /// Writes to standard error. If even that fails, nobody is left who could be told.
    pub(super) fn talk(&self, text: &str) {
        let mut stderr = self.stderr.lock();
        let _ = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }

    /// Writes a notice with its hint to standard error.
    pub(super) fn notice(&self, notice: &Notice) {
        let hint = notice.hint.as_deref();
        self.talk(&match notice.level {
            Level::Info => diag::render_note(&notice.message, hint, &self.talk_palette),
            Level::Warning => diag::render_warning(&notice.message, hint, &self.talk_palette),
        });
    }
}
