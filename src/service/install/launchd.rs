//! The launchd of this user's session, through `launchctl`.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{CALL_LIMIT, How, InstallError, Installed, MARGIN, user};
use crate::engine::process::{ProcessError, ProcessSpec, run};
use crate::unit::{Manager, ServiceState, Unit, UnitName, launchd};

/// The pause between two looks at a service that ends.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The way to a launchd.
pub(super) struct Launchctl {
    /// The session: `gui/501`.
    domain: String,
}

impl Launchctl {
    pub(super) fn of_user() -> Self {
        Self {
            domain: format!("gui/{}", nix::unistd::geteuid()),
        }
    }

    /// Checks that there is a session: without one, nothing can be started.
    pub(super) fn check_session(&self) -> Result<(), InstallError> {
        let shown = call(&["print", &self.domain]);
        shown.map(drop).map_err(|source| InstallError::NoManager {
            manager: Manager::Launchd.as_str(),
            user: user(),
            source: Box::new(source),
        })
    }

    pub(super) fn install(
        &self,
        unit: &Unit,
        file: PathBuf,
        how: How,
    ) -> Result<Installed, InstallError> {
        let name = &unit.name;
        let target = self.target(name);
        let enabled = call(&["enable", &target]);
        enabled.map_err(|source| InstallError::Refused {
            manager: Manager::Launchd.as_str(),
            name: name.clone(),
            source: Box::new(source),
        })?;
        if how.start {
            let limit = Duration::from_secs(unit.stop_s).saturating_add(MARGIN);
            self.stop(name, &file, limit)?;
            let path = super::describe::utf8(&file)?;
            let started = call(&["bootstrap", &self.domain, path]);
            started.map_err(|source| InstallError::Start {
                name: name.clone(),
                source: Box::new(source),
                log: format!("launchctl print {target}"),
            })?;
        }
        Ok(Installed {
            file,
            runs: self.state(name).found,
            ends_with_session: None,
        })
    }

    /// Says whether it was there. `bootout` returns before the service ended. A service of the
    /// name that comes from another file is left alone.
    pub(super) fn stop(
        &self,
        name: &UnitName,
        file: &Path,
        limit: Duration,
    ) -> Result<bool, InstallError> {
        if self.state(name).file.as_deref().map(Path::new) != Some(file) {
            return Ok(false);
        }
        let deadline = Instant::now() + limit;
        let told = call(&["bootout", &self.target(name)]);
        while self.state(name).found {
            if Instant::now() >= deadline {
                let limit = ProcessError::TimedOut {
                    command: format!("launchctl bootout {}", self.target(name)),
                    limit,
                    stderr_tail: String::new(),
                };
                return Err(InstallError::Stop {
                    name: name.clone(),
                    source: Box::new(told.err().unwrap_or(limit)),
                });
            }
            thread::park_timeout(LOOK_EVERY);
        }
        Ok(true)
    }

    /// A service that it does not know is an error to it.
    pub(super) fn state(&self, name: &UnitName) -> ServiceState {
        let shown = call(&["print", &self.target(name)]);
        launchd::state(&shown.unwrap_or_default())
    }

    fn target(&self, name: &UnitName) -> String {
        format!("{}/{name}", self.domain)
    }
}

fn call(args: &[&str]) -> Result<String, ProcessError> {
    let spec = ProcessSpec::new("/bin/launchctl", "/").args(args);
    run(&spec, CALL_LIMIT).map(|answer| answer.stdout)
}
