//! The systemd of this user, through `systemctl --user` and `loginctl`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{CALL_LIMIT, How, InstallError, Installed, MARGIN, user};
use crate::engine::process::{ProcessError, ProcessSpec, run};
use crate::unit::{Manager, ServiceState, Unit, UnitName, systemd};

/// The default of systemd for a start; units do not change it.
const START_LIMIT: Duration = Duration::from_secs(90);

/// The way to a systemd.
pub(super) struct Systemctl {
    /// The folder of its socket, for a shell that `su` or cron started and that does not know it.
    runtime_folder: Option<String>,
}

impl Systemctl {
    pub(super) fn of_user() -> Self {
        let known = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| !folder.is_empty());
        let folder = format!("/run/user/{}", nix::unistd::geteuid());
        Self {
            runtime_folder: (!known && Path::new(&folder).is_dir()).then_some(folder),
        }
    }

    /// Checks that it reads the folder: its `XDG_CONFIG_HOME` may be another one.
    pub(super) fn check_folder(&self, folder: &Path) -> Result<(), InstallError> {
        let shown = self.call(&["show", "--property=UnitPath"], CALL_LIMIT);
        let shown = shown.map_err(silent)?;
        let read = shown.trim().strip_prefix("UnitPath=").unwrap_or_default();
        let read = shell_words::split(read).unwrap_or_default();
        // Old ones do not say.
        if read.is_empty() || read.iter().any(|known| Path::new(known) == folder) {
            return Ok(());
        }
        let config = |known: &String| known.ends_with("/.config/systemd/user");
        Err(InstallError::NotRead {
            folder: folder.to_owned(),
            reads: read.into_iter().find(config),
        })
    }

    pub(super) fn install(
        &self,
        unit: &Unit,
        file: PathBuf,
        how: How,
    ) -> Result<Installed, InstallError> {
        let name = &unit.name;
        let service = service(name);
        let refused = |source| InstallError::Refused {
            manager: Manager::Systemd.as_str(),
            name: name.clone(),
            source: Box::new(source),
        };
        self.call(&["daemon-reload"], CALL_LIMIT).map_err(refused)?;
        self.call(&["enable", &service], CALL_LIMIT)
            .map_err(refused)?;
        if how.start {
            let stop = Duration::from_secs(unit.stop_s);
            let limit = stop.saturating_add(START_LIMIT + MARGIN);
            // Starts it if it does not run.
            let started = self.call(&["restart", &service], limit);
            started.map_err(|source| InstallError::Start {
                name: name.clone(),
                source: Box::new(source),
                log: format!("journalctl --user -u {name} -n 20"),
            })?;
        }
        let user = user();
        Ok(Installed {
            file,
            runs: self.state(name)?.active,
            ends_with_session: (!lingers(&user)).then_some(user),
        })
    }

    /// Says whether it ran. A unit of the name that comes from another file is left alone.
    pub(super) fn stop(
        &self,
        name: &UnitName,
        file: &Path,
        limit: Duration,
    ) -> Result<bool, InstallError> {
        let failed = |source| InstallError::Stop {
            name: name.clone(),
            source: Box::new(source),
        };
        let state = self.state(name)?;
        let service = service(name);
        if file.exists() {
            self.call(&["disable", &service], CALL_LIMIT)
                .map_err(failed)?;
        }
        if state.file.as_deref().map(Path::new) != Some(file) {
            return Ok(false);
        }
        // Also if it does not run: a start that is tried again and again has to end.
        self.call(&["stop", &service], limit).map_err(failed)?;
        Ok(state.active)
    }

    /// Makes it forget a unit whose file is gone.
    pub(super) fn forget(&self, name: &UnitName) -> Result<(), InstallError> {
        let reloaded = self.call(&["daemon-reload"], CALL_LIMIT);
        reloaded.map_err(|source| InstallError::Refused {
            manager: Manager::Systemd.as_str(),
            name: name.clone(),
            source: Box::new(source),
        })?;
        // It is an error if nothing failed.
        let _none = self.call(&["reset-failed", &service(name)], CALL_LIMIT);
        Ok(())
    }

    pub(super) fn state(&self, name: &UnitName) -> Result<ServiceState, InstallError> {
        let properties = format!("--property={}", systemd::PROPERTIES);
        let shown = self.call(&["show", &service(name), &properties], CALL_LIMIT);
        shown.map(|shown| systemd::state(&shown)).map_err(silent)
    }

    fn call(&self, args: &[&str], limit: Duration) -> Result<String, ProcessError> {
        let mut spec = ProcessSpec::new("systemctl", "/").args(["--user", "--no-pager"]);
        spec = spec.args(args).env("LC_ALL", "C");
        if let Some(folder) = &self.runtime_folder {
            spec = spec.env("XDG_RUNTIME_DIR", folder);
        }
        run(&spec, limit).map(|answer| answer.stdout)
    }
}

fn service(name: &UnitName) -> String {
    format!("{name}.service")
}

fn silent(source: ProcessError) -> InstallError {
    InstallError::NoManager {
        manager: Manager::Systemd.as_str(),
        user: user(),
        source: Box::new(source),
    }
}

/// True if services of the user run without a session.
fn lingers(user: &str) -> bool {
    let spec = ProcessSpec::new("loginctl", "/").args(["show-user", user, "--property=Linger"]);
    let shown = run(&spec.env("LC_ALL", "C"), CALL_LIMIT);
    // It is an error for a user who is not logged in.
    match shown {
        Ok(answer) => answer.stdout.trim() == "Linger=yes",
        Err(_) => Path::new("/var/lib/systemd/linger").join(user).exists(),
    }
}
