//! The outputs of a run besides its report or its log: the event stream, the JUnit report and the
//! summary as JSON.

use super::args::OutputArgs;
use super::events::EventsSink;
use super::failure::Failure;
use super::json;
use super::junit::JunitSink;
use super::streams::Streams;
use crate::model::{EventLine, RunSummary};

/// The outputs that were asked for.
pub(super) struct Outputs {
    events: Option<EventsSink>,
    junit: Option<JunitSink>,
    /// The first thing that could not be written.
    problem: Option<Failure>,
}

impl Outputs {
    pub(super) fn open(args: &OutputArgs) -> Result<Self, Failure> {
        let events = args.events.as_deref().map(EventsSink::open).transpose();
        let junit = args.junit.as_deref().map(JunitSink::new).transpose();
        Ok(Self {
            events: events.map_err(Failure::usage)?,
            junit: junit.map_err(Failure::usage)?,
            problem: None,
        })
    }

    pub(super) fn handle(&mut self, line: &EventLine) {
        if let Some(events) = &mut self.events
            && let Err(error) = events.handle(line.run_id, &line.event)
        {
            self.problem
                .get_or_insert(Failure::environment(error.into()));
        }
        if let Some(junit) = &mut self.junit
            && let Err(error) = junit.handle(&line.event)
        {
            self.problem
                .get_or_insert(Failure::environment(error.into()));
        }
    }

    /// Says what could not be written, once.
    pub(super) fn take_problem(&mut self) -> Result<(), Failure> {
        self.problem.take().map_or(Ok(()), Err)
    }
}

/// Prints the summary, if it was asked for.
pub(super) fn print_summary(
    args: &OutputArgs,
    summary: &RunSummary,
    output: &mut Streams,
) -> Result<(), Failure> {
    if args.json {
        output.data(&json(summary)?).map_err(Failure::stdout)?;
    }
    Ok(())
}
