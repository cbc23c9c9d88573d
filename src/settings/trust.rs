//! Trust in a project: the settings of its own file that count only if the user trusts the folder.
//!
//! ```text
//!   file of the project ── each setting ── asks for nothing ─────────────────────► counts
//!                               │ names a program, leads out, gives more
//!                               └─► the user trusts these settings? ── yes ─► count, all of them
//!                                               │ no
//!                                               └─► they do not, with a notice
//! ```
//!
//! The model is `direnv allow`: what is trusted is a digest of the settings, kept in the user's own
//! state folder, so that a change of the file, or of a link that it leads through, ends the trust.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind, Write};
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::file::SettingsFile;
use super::kind::Kind;
use super::resolved::Settings;
use super::setting::{Ask, Setting};
use super::table;
use crate::diag::Hint;
use crate::links;
use crate::model::{ExitCode, Level, Notice, digest};
use crate::replacement::Replacement;

/// A setting of a project's file that counts only in a trusted folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The name of the setting.
    pub name: &'static str,
    /// Its value, as `agent config` shows it.
    pub value: String,
    /// The number of its line, from 1.
    pub line: usize,
    /// The reason, such as `names a program`.
    pub reason: &'static str,
}

/// The settings of a project's file that ask for trust, and the note of the user's trust in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The absolute path of the project folder.
    pub project: PathBuf,
    /// The file, and what asks for trust in it. `None` if nothing does.
    pub asks: Option<(PathBuf, Vec<Asking>)>,
    /// The digest of the file's settings, and of the places that they lead to.
    digest: String,
    /// The file that notes the trust; `None` for a user without a home.
    note: Option<PathBuf>,
}

/// What the user says of a folder, as far as its present settings go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// They are trusted.
    Yes,
    /// Other ones were: the file has changed.
    Before,
    /// Nothing was said.
    No,
}

/// The reasons for which trust cannot be noted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Nobody knows where the user keeps state.
    #[error("there is no folder for your state: neither `XDG_STATE_HOME` nor `HOME` is set")]
    NoHome,
    /// The note cannot be written or removed.
    #[error("cannot change {}", path.display())]
    Note {
        /// The file that notes the trust.
        path: PathBuf,
        /// The error that the system reported.
        source: io::Error,
    },
}

impl Hint for TrustError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::ENVIRONMENT
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoHome => "set `HOME`, or give the settings by flags or variables".to_owned(),
            Self::Note { .. } => "give the settings by flags or variables".to_owned(),
        })
    }
}

impl Trust {
    /// The trust in a project whose file asks for nothing yet; `state` is the folder for the state
    /// of the user.
    pub(super) fn new(project: &Path, state: Option<PathBuf>) -> Self {
        let name = digest::of_texts([project.to_string_lossy().as_ref()]);
        Self {
            project: project.to_owned(),
            asks: None,
            digest: String::new(),
            note: state.map(|state| state.join("menace/trust").join(name)),
        }
    }

    /// Notes what asks in `file`, if something does; `whole` has all the values of the file.
    pub(super) fn ask(&mut self, file: &SettingsFile, asking: Vec<Asking>, whole: &Settings) {
        if asking.is_empty() {
            return;
        }
        let texts = file.entries.iter().flat_map(|entry| {
            let places = match table::by_key(&entry.key) {
                Ok(setting) => setting.places(whole),
                Err(_) => Vec::new(),
            };
            let ends = places.into_iter().map(|place| match links::end_of(&place) {
                Ok(end) => end.to_string_lossy().into_owned(),
                Err(_) => String::new(),
            });
            let own = [entry.key.clone(), entry.value.to_string()];
            own.into_iter().chain(ends).collect::<Vec<_>>()
        });
        let texts: Vec<String> = texts.collect();
        self.digest = digest::of_texts(texts.iter().map(String::as_str));
        self.asks = Some((file.path.clone(), asking));
    }

    /// What the user says of the settings that ask.
    pub fn state(&self) -> Trusted {
        let noted = self.note.as_deref().map(fs::read_to_string);
        match noted {
            Some(Ok(noted)) if noted.lines().next() == Some(&self.digest) => Trusted::Yes,
            Some(Ok(_)) => Trusted::Before,
            Some(Err(_)) | None => Trusted::No,
        }
    }

    /// Notes that the user trusts the settings that ask now.
    ///
    /// # Errors
    ///
    /// No place for the note, or one that cannot be written.
    pub fn grant(&self) -> Result<(), TrustError> {
        let note = self.note()?;
        let write = || {
            let mut builder = DirBuilder::new();
            let folder = note.parent().unwrap_or(note);
            builder.recursive(true).mode(0o700).create(folder)?;
            let mut replacement = Replacement::of(note, 0o600)?;
            // The second line is for people who look into the folder.
            writeln!(replacement.file(), "{}", self.digest)?;
            writeln!(replacement.file(), "{}", self.project.display())?;
            replacement.put_on_disk().map(drop)
        };
        write().map_err(|source| TrustError::Note {
            path: note.to_owned(),
            source,
        })
    }

    /// Takes the trust in the folder back; false if there was none.
    ///
    /// # Errors
    ///
    /// A note that cannot be removed.
    pub fn revoke(&self) -> Result<bool, TrustError> {
        let note = self.note()?;
        match fs::remove_file(note) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(TrustError::Note {
                path: note.to_owned(),
                source,
            }),
        }
    }

    fn note(&self) -> Result<&Path, TrustError> {
        self.note.as_deref().ok_or(TrustError::NoHome)
    }

    /// The notice about settings that do not count; `None` if all of them do, or have a value from
    /// a stronger place: `is_set` says which have.
    pub(super) fn notice(
        &self,
        state: Trusted,
        is_set: impl Fn(&'static str) -> bool,
    ) -> Option<Notice> {
        let (file, asking) = self.asks.as_ref().filter(|_| state != Trusted::Yes)?;
        let list = asking.iter().filter(|asking| !is_set(asking.name));
        let list = list.map(|asking| {
            let Asking {
                name, line, reason, ..
            } = asking;
            format!("`{name}` in line {line} {reason}")
        });
        let list = list.collect::<Vec<_>>().join("; ");
        if list.is_empty() {
            return None;
        }
        let changed = match state {
            Trusted::Before => ", which has changed since you trusted it",
            Trusted::Yes | Trusted::No => "",
        };
        Some(Notice {
            level: Level::Warning,
            code: "untrusted-settings".to_owned(),
            message: format!(
                "settings of {} do not count{changed}: {list}",
                file.display()
            ),
            hint: Some(
                "read the file and run `agent trust`, or give them by flags or variables; \
                 `agent help security` says why"
                    .to_owned(),
            ),
        })
    }
}

impl Setting {
    /// The reason for which a value of a project's file asks for trust: `after` has the value,
    /// `before` is without it.
    pub(super) fn asking(&self, before: &Settings, after: &Settings) -> Option<&'static str> {
        let (reason, asks) = match self.asks? {
            Ask::Program => ("names a program", true),
            Ask::Place => {
                let places = self.places(after);
                let leads_out = |place: &PathBuf| links::leads_out(place, &after.project).is_some();
                let is_elsewhere = matches!(self.kind, Kind::EngineHost(_));
                (
                    "leads out of the project",
                    is_elsewhere || places.iter().any(leads_out),
                )
            }
            Ask::Privilege => (
                "gives the tests more than they have without it",
                self.kind.gives_more(before, after),
            ),
        };
        asks.then_some(reason)
    }

    /// The places that it names, absolute.
    fn places(&self, settings: &Settings) -> Vec<PathBuf> {
        match &self.kind {
            Kind::Place(field) => vec![(field.get)(settings).clone()],
            Kind::Path(field) => (field.get)(settings).iter().cloned().collect(),
            Kind::TestPaths(field) => {
                let paths = (field.get)(settings).iter();
                let file = |path: &String| {
                    let file = path.split("::").next().unwrap_or_default();
                    settings.project.join(file)
                };
                paths.map(file).collect()
            }
            Kind::Project
            | Kind::Switch(_)
            | Kind::Workers(_)
            | Kind::Count(_)
            | Kind::Limit(_)
            | Kind::Port(_)
            | Kind::Seconds(_)
            | Kind::SecondsFromZero(_)
            | Kind::SecondsOrNone(_)
            | Kind::Patience(_)
            | Kind::Cron(_)
            | Kind::IpAddress(_)
            | Kind::Words(_)
            | Kind::Variables(_)
            | Kind::Patterns(_)
            | Kind::Suppressions(_)
            | Kind::Program(_)
            | Kind::Word(_)
            | Kind::Image(_)
            | Kind::EngineHost(_)
            | Kind::Memory(_)
            | Kind::Processors(_)
            | Kind::Choice(_) => Vec::new(),
        }
    }
}

impl Kind {
    /// True if the value of `after` lets tests do what they cannot do with the one of `before`.
    fn gives_more(&self, before: &Settings, after: &Settings) -> bool {
        match self {
            // Each of these switches holds tests back.
            Self::Switch(field) => *(field.get)(before) && !*(field.get)(after),
            Self::Limit(field) => {
                let limit = |settings| (field.get)(settings).unwrap_or(u32::MAX);
                limit(after) > limit(before)
            }
            Self::Memory(field) | Self::Processors(field) => {
                (field.get)(before).is_some() && (field.get)(before) != (field.get)(after)
            }
            // `NAME` hands on the value that the agent has.
            Self::Variables(field) => (field.get)(after).iter().any(|word| !word.contains('=')),
            Self::Word(field) => (field.get)(after).as_deref() != Some("none"),
            Self::IpAddress(field) => !IpAddr::is_loopback((field.get)(after)),
            Self::Words(field) => !(field.get)(after).is_empty(),
            // Nobody has said what is less than a value of these.
            Self::Project
            | Self::Workers(_)
            | Self::Count(_)
            | Self::Port(_)
            | Self::Seconds(_)
            | Self::SecondsFromZero(_)
            | Self::SecondsOrNone(_)
            | Self::Patience(_)
            | Self::Cron(_)
            | Self::TestPaths(_)
            | Self::Patterns(_)
            | Self::Suppressions(_)
            | Self::Place(_)
            | Self::Path(_)
            | Self::Program(_)
            | Self::Image(_)
            | Self::EngineHost(_)
            | Self::Choice(_) => true,
        }
    }
}
