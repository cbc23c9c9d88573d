//! `agent run-scheduled`: runs on a schedule.

use anyhow::anyhow;

use super::args::RunScheduledArgs;
use super::failure::Failure;
use super::output::Output;
use crate::model::{ExitCode, Notice};
use crate::settings::Settings;

pub(super) fn run(
    _args: &RunScheduledArgs,
    _settings: &Settings,
    _notices: Vec<Notice>,
    _output: &mut Output,
) -> Result<ExitCode, Failure> {
    Err(Failure::environment(anyhow!("there is no schedule yet")))
}
