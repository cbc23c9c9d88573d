//! `--events FILE|-`: the event stream as JSON Lines. Each line is an [`EventLine`], and is flushed
//! at once.
//!
//! [`EventLine`]: crate::model::EventLine

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::stream::Stream;
use crate::model::event::EVENTS_VERSION;
use crate::model::{Event, RunId};

/// The reason why events could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The file, or its folder, cannot be created.
    #[error("cannot create the events file `{}`", path.display())]
    Create { path: PathBuf, source: io::Error },
    /// A line could not be written; nothing more is tried.
    #[error("cannot write events to {target}; the run goes on without them")]
    Write {
        /// The file or `stdout`.
        target: String,
        source: io::Error,
    },
}

/// Writes events to a file or to stdout, until the first error.
pub struct EventsSink {
    target: String,
    stream: Stream,
}

/// An event line that borrows its event; the same JSON as `EventLine`.
#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    run_id: RunId,
    #[serde(flatten)]
    event: &'a Event,
}

impl EventsSink {
    /// Opens `path`, emptied if it exists; `-` is stdout.
    pub fn open(path: &Path) -> Result<Self, EventsError> {
        if path == Path::new("-") {
            return Ok(Self {
                target: "stdout".to_owned(),
                stream: Stream::of_process(io::stdout()),
            });
        }
        let file = make_parent(path).and_then(|()| File::create(path));
        let file = file.map_err(|source| EventsError::Create {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            target: format!("`{}`", path.display()),
            stream: Stream::named(file),
        })
    }

    /// Writes one line. After an error nothing more is written, and later calls succeed. If the
    /// reader of stdout has gone away, that is no error.
    pub fn handle(&mut self, run_id: RunId, event: &Event) -> Result<(), EventsError> {
        if !self.stream.is_open() {
            return Ok(());
        }
        let v = EVENTS_VERSION;
        let line = Line { v, run_id, event };
        let written = serde_json::to_vec(&line)
            .map_err(io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                self.stream.write(&line)
            });
        written.map_err(|source| EventsError::Write {
            target: self.target.clone(),
            source,
        })
    }
}

impl fmt::Debug for EventsSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventsSink")
            .field("target", &self.target)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

/// Makes the folder that `path` needs, if it is not there.
pub(super) fn make_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => fs::create_dir_all(parent),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::model::event::EventLine;
    use crate::model::{Level, Notice, ShardIndex};

    fn notice() -> Event {
        Event::Notice(Notice {
            level: Level::Warning,
            code: "coverage-missing".to_owned(),
            message: "a\nb \u{1b}[31m".to_owned(),
            hint: None,
        })
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_an_event_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, "old").unwrap();
        let mut sink = EventsSink::open(&path).unwrap();
        let shard = ShardIndex(1);
        let events = [notice(), Event::ShardFinished { shard }];
        for event in &events {
            sink.handle(RunId(7), event).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<EventLine> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let expected = events.map(|event| EventLine {
            v: 1,
            run_id: RunId(7),
            event,
        });
        assert_eq!(lines, expected);
    }

    #[test]
    fn every_line_is_in_the_file_when_it_was_handled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut sink = EventsSink::open(&path).unwrap();
        for number in 1..=3 {
            sink.handle(RunId(1), &notice()).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text.matches('\n').count(), number);
        }
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let error = EventsSink::open(Path::new("/dev/null/events.jsonl")).unwrap_err();
        insta::assert_snapshot!(error, @"cannot create the events file `/dev/null/events.jsonl`");
    }

    #[test]
    fn a_write_error_is_reported_once() {
        let mut sink = EventsSink {
            target: "`events.jsonl`".to_owned(),
            stream: Stream::named(Full),
        };
        let error = sink.handle(RunId(1), &notice()).unwrap_err();
        insta::assert_snapshot!(error, @"cannot write events to `events.jsonl`; the run goes on without them");
        assert!(sink.handle(RunId(1), &notice()).is_ok());
    }
}
