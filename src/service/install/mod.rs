//! The agent as a service of its user: its unit, and the service manager that takes it.
//!
//! ```text
//!   settings + variables ──► describe ──► Unit ──► text ──► file ──► systemctl │ launchctl
//! ```
//!
//! [`describe`](mod@describe) decides what a service is given: the values of the settings and of
//! the table of variables, and nothing else of an environment, because that may hold secrets. The
//! file is written beside its place and renamed, with the mode 0600.
//!
//! **Invariant:** a file that the agent did not make is never removed, and replaced only by force.

pub mod describe;
mod error;
mod file;
mod launchd;
mod systemd;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::error::InstallError;
use self::file::UnitPlace;
use self::launchd::Launchctl;
use self::systemd::Systemctl;
use crate::unit::{self, Manager, ServiceState, Unit, UnitName};

/// Managers answer in milliseconds; on a machine that swaps, in seconds.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// The time that a call may take longer than the unit allows.
const MARGIN: Duration = Duration::from_secs(30);

/// The time that a service may take to end if its file is gone, in seconds.
const UNKNOWN_STOP_S: u64 = 600;

/// The service manager of this system.
pub const MANAGER: Manager = if cfg!(target_os = "macos") {
    Manager::Launchd
} else {
    Manager::Systemd
};

/// The folders of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    folder: PathBuf,
    config: PathBuf,
}

/// The way to install a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// True to start it, or start it again.
    pub start: bool,
    /// True to replace the file that is there, whoever made it.
    pub force: bool,
}

/// The result of a successful installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The path of its file.
    pub file: PathBuf,
    /// True if it runs; with launchd, true if launchd knows it.
    pub runs: bool,
    /// The user whose services end with the last session; `None` if they do not.
    pub ends_with_session: Option<String>,
}

/// The result of removing a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// There was no such service.
    Nothing,
    /// It was stopped, and its file removed.
    File {
        /// The path of the file.
        file: PathBuf,
        /// The project that it watched over.
        project: String,
    },
    /// Its file was gone already, and it was stopped.
    Stopped,
}

impl Home {
    /// The folders of these variables; relative ones are ignored, as their standard asks.
    ///
    /// # Errors
    ///
    /// No `HOME`.
    pub fn of(env: &BTreeMap<String, String>) -> Result<Self, InstallError> {
        let folder = |name: &str| {
            let folder = env.get(name).map(PathBuf::from);
            folder.filter(|folder| folder.is_absolute())
        };
        let home = folder("HOME").ok_or(InstallError::NoHome)?;
        let config = folder("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        Ok(Self {
            folder: home,
            config,
        })
    }

    fn units(&self, manager: Manager) -> PathBuf {
        match manager {
            Manager::Systemd => self.config.join("systemd/user"),
            Manager::Launchd => self.folder.join("Library/LaunchAgents"),
        }
    }

    /// The path of the file of a service.
    pub fn unit(&self, manager: Manager, name: &UnitName) -> PathBuf {
        let suffix = match manager {
            Manager::Systemd => "service",
            Manager::Launchd => "plist",
        };
        self.units(manager).join(format!("{name}.{suffix}"))
    }

    /// The path of the log of a service whose manager keeps none.
    pub fn log(&self, name: &UnitName) -> PathBuf {
        let folder = self.folder.join("Library/Logs/menace-agent");
        folder.join(format!("{name}.log"))
    }
}

/// The unit of a service as text.
///
/// # Errors
///
/// A text that no unit can hold.
pub fn text(manager: Manager, unit: &Unit, home: &Home) -> Result<String, InstallError> {
    Ok(match manager {
        Manager::Systemd => unit::systemd::render(unit)?,
        Manager::Launchd => {
            let log = home.log(&unit.name);
            unit::launchd::render(unit, describe::utf8(&log)?)?
        }
    })
}

/// Writes the unit of a service and makes the manager start it with every session.
///
/// # Errors
///
/// A file that is somebody else's or another project's: nothing was changed then. A manager that
/// does not answer or refuses, or a service that does not start: the file may be in its place then.
pub fn install(unit: &Unit, home: &Home, how: How) -> Result<Installed, InstallError> {
    let text = text(MANAGER, unit, home)?;
    let path = home.unit(MANAGER, &unit.name);
    check_place(&path, unit, how)?;
    match MANAGER {
        Manager::Systemd => {
            let systemctl = Systemctl::of_user();
            systemctl.check_folder(&home.units(MANAGER))?;
            file::write(&path, &text)?;
            systemctl.install(unit, path, how)
        }
        Manager::Launchd => {
            let launchctl = Launchctl::of_user();
            launchctl.check_session()?;
            file::make_folder_of(&home.log(&unit.name))?;
            file::write(&path, &text)?;
            launchctl.install(unit, path, how)
        }
    }
}

/// Checks that the file may be put there.
fn check_place(path: &Path, unit: &Unit, how: How) -> Result<(), InstallError> {
    match file::look(path, MANAGER)? {
        UnitPlace::Foreign if !how.force => Err(InstallError::Foreign {
            path: path.to_owned(),
        }),
        UnitPlace::Ours(there) if !how.force && there.project != unit.project => {
            Err(InstallError::OtherProject {
                name: unit.name.clone(),
                project: there.project,
            })
        }
        UnitPlace::Nothing | UnitPlace::Foreign | UnitPlace::Ours(_) => Ok(()),
    }
}

/// Stops a service and removes its file. Does nothing if there is none.
///
/// # Errors
///
/// A manager that does not answer, and a file that is somebody else's.
pub fn uninstall(name: &UnitName, home: &Home) -> Result<Removed, InstallError> {
    let path = home.unit(MANAGER, name);
    let found = file::look(&path, MANAGER)?;
    let stop_s = match &found {
        UnitPlace::Foreign => return Err(InstallError::NotMade { path }),
        UnitPlace::Ours(there) => there.stop_s,
        UnitPlace::Nothing => UNKNOWN_STOP_S,
    };
    let limit = Duration::from_secs(stop_s).saturating_add(MARGIN);
    let stopped = match MANAGER {
        Manager::Systemd => Systemctl::of_user().stop(name, &path, limit),
        Manager::Launchd => Launchctl::of_user().stop(name, &path, limit),
    };
    let UnitPlace::Ours(there) = found else {
        return match stopped {
            Ok(true) => Ok(Removed::Stopped),
            // If nothing is installed, no manager is missed either.
            Ok(false) | Err(InstallError::NoManager { .. }) => Ok(Removed::Nothing),
            Err(error) => Err(error),
        };
    };
    stopped?;
    file::remove(&path)?;
    if MANAGER == Manager::Systemd {
        Systemctl::of_user().forget(name)?;
    }
    Ok(Removed::File {
        file: path,
        project: there.project,
    })
}

/// The state that the manager reports for a service.
///
/// # Errors
///
/// A manager that does not answer.
pub fn status(name: &UnitName) -> Result<ServiceState, InstallError> {
    match MANAGER {
        Manager::Systemd => Systemctl::of_user().state(name),
        Manager::Launchd => {
            let launchctl = Launchctl::of_user();
            launchctl.check_session()?;
            Ok(launchctl.state(name))
        }
    }
}

/// The name of this user, else the number.
fn user() -> String {
    let uid = nix::unistd::geteuid();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}
