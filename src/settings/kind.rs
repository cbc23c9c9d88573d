//! [`Kind`]: the values that a setting takes, and the field of [`Settings`] that keeps them.
//!
//! Reading, showing and describing a setting all follow from its kind, so that a row of the table
//! says it once. A new kind is a variant here, and the compiler asks for the rest.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::resolved::Settings;
use super::value::{Given, Problem, Value};
use crate::plan::orphans::Suppression;
use crate::schedule::Cron;

/// The kind of a setting. A variant is called like the reader of [`Given`] that it uses.
#[derive(Debug)]
pub(super) enum Kind {
    /// The project folder: it must be known before any file can be read, so the loader sets it.
    Project,
    Switch(Field<bool>),
    Workers(Field<u32>),
    Count(Field<u32>),
    Limit(Field<Option<u32>>),
    Port(Field<Option<u16>>),
    Seconds(Field<Duration>),
    SecondsFromZero(Field<Duration>),
    SecondsOrNone(Field<Option<Duration>>),
    Patience(Field<Option<Duration>>),
    Cron(Field<Option<Cron>>),
    IpAddress(Field<IpAddr>),
    Words(Field<Vec<String>>),
    TestPaths(Field<Vec<String>>),
    Variables(Field<Vec<String>>),
    Patterns(Field<Vec<String>>),
    Suppressions(Field<Vec<Suppression>>),
    /// A path that always has a value.
    Place(Field<PathBuf>),
    Path(Field<Option<PathBuf>>),
    Program(Field<Option<String>>),
    Word(Field<Option<String>>),
    Image(Field<Option<String>>),
    EngineHost(Field<Option<String>>),
    Memory(Field<Option<String>>),
    Processors(Field<Option<String>>),
    Choice(Choice),
}

/// A field of the settings.
#[derive(Debug)]
pub(super) struct Field<T> {
    pub(super) get: fn(&Settings) -> &T,
    pub(super) get_mut: fn(&mut Settings) -> &mut T,
}

impl<T> Field<T> {
    fn set(&self, settings: &mut Settings, value: T) {
        *(self.get_mut)(settings) = value;
    }
}

/// A field whose values have names.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) words: fn() -> Vec<&'static str>,
    pub(super) read: fn(&mut Settings, &Given<'_>) -> Result<(), Problem>,
    pub(super) show: fn(&Settings) -> Value,
}

/// The word for a value that has one of a few names.
pub(super) fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> Value {
    let name = names.iter().find(|(_, choice)| choice == value);
    name.map(|(name, _)| *name).into()
}

impl Kind {
    /// Reads a value into the settings.
    pub(super) fn read(&self, settings: &mut Settings, given: &Given<'_>) -> Result<(), Problem> {
        match self {
            Self::Project => {}
            Self::Switch(field) => field.set(settings, given.switch()?),
            Self::Workers(field) => field.set(settings, given.workers()?),
            Self::Count(field) => field.set(settings, given.count()?),
            Self::Limit(field) => field.set(settings, given.limit()?),
            Self::Port(field) => field.set(settings, given.port()?),
            Self::Seconds(field) => field.set(settings, given.seconds()?),
            Self::SecondsFromZero(field) => field.set(settings, given.seconds_from_zero()?),
            Self::SecondsOrNone(field) => field.set(settings, given.seconds_or_none()?),
            Self::Patience(field) => field.set(settings, given.patience()?),
            Self::Cron(field) => field.set(settings, given.cron()?),
            Self::IpAddress(field) => field.set(settings, given.ip_address()?),
            Self::Words(field) => field.set(settings, given.words()?),
            Self::TestPaths(field) => field.set(settings, given.test_paths()?),
            Self::Variables(field) => field.set(settings, given.variables()?),
            Self::Patterns(field) => field.set(settings, given.patterns()?),
            Self::Suppressions(field) => field.set(settings, given.suppressions()?),
            Self::Place(field) => field.set(settings, given.path()?),
            Self::Path(field) => field.set(settings, Some(given.path()?)),
            Self::Program(field) => field.set(settings, Some(given.program()?)),
            Self::Word(field) => field.set(settings, Some(given.word()?)),
            Self::Image(field) => field.set(settings, Some(given.image()?)),
            Self::EngineHost(field) => field.set(settings, Some(given.engine_host()?)),
            Self::Memory(field) => field.set(settings, given.memory()?),
            Self::Processors(field) => field.set(settings, given.processors()?),
            Self::Choice(choice) => (choice.read)(settings, given)?,
        }
        Ok(())
    }

    /// The value as `agent config` shows it.
    pub(super) fn show(&self, settings: &Settings) -> Value {
        match self {
            Self::Project => (&settings.project).into(),
            Self::Switch(field) => (*(field.get)(settings)).into(),
            Self::Workers(field) | Self::Count(field) => (*(field.get)(settings)).into(),
            Self::Limit(field) => (*(field.get)(settings)).into(),
            Self::Port(field) => (field.get)(settings).map(u32::from).into(),
            Self::Seconds(field) | Self::SecondsFromZero(field) => (*(field.get)(settings)).into(),
            Self::SecondsOrNone(field) | Self::Patience(field) => (*(field.get)(settings)).into(),
            Self::Cron(field) => {
                let cron = (field.get)(settings).as_ref();
                cron.map(|cron| Value::Text(cron.to_string())).into()
            }
            Self::IpAddress(field) => Value::Text((field.get)(settings).to_string()),
            Self::Words(field)
            | Self::TestPaths(field)
            | Self::Variables(field)
            | Self::Patterns(field) => (field.get)(settings).into(),
            Self::Suppressions(field) => {
                let all = (field.get)(settings).iter();
                Value::List(all.map(ToString::to_string).collect())
            }
            Self::Place(field) => (field.get)(settings).into(),
            Self::Path(field) => (field.get)(settings).as_ref().into(),
            Self::Program(field)
            | Self::Word(field)
            | Self::Image(field)
            | Self::EngineHost(field)
            | Self::Memory(field)
            | Self::Processors(field) => (field.get)(settings).as_ref().into(),
            Self::Choice(choice) => (choice.show)(settings),
        }
    }

    /// True if the word `none` takes the value away again.
    pub(super) fn reads_none(&self) -> bool {
        matches!(
            self,
            Self::Limit(_)
                | Self::Port(_)
                | Self::SecondsOrNone(_)
                | Self::Patience(_)
                | Self::Cron(_)
                | Self::Memory(_)
                | Self::Processors(_)
        )
    }

    /// True if it takes a number.
    pub(super) fn is_number(&self) -> bool {
        matches!(
            self,
            Self::Workers(_)
                | Self::Count(_)
                | Self::Limit(_)
                | Self::Port(_)
                | Self::Seconds(_)
                | Self::SecondsFromZero(_)
                | Self::SecondsOrNone(_)
                | Self::Patience(_)
                | Self::Memory(_)
                | Self::Processors(_)
        )
    }
}
