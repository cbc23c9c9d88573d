//! SIGHUP: the settings are read again, and used if they can be.

use super::error::AnotherStateFile;
use super::supervisor::Supervisor;
use super::{SchedulerEvent, notify, schedule_of};
use crate::clock::now_ms;
use crate::diag::{self, Hint};
use crate::exporter::Exporter;
use crate::service::metrics::{exposure, start_exporter};
use crate::settings::Settings;

impl Supervisor {
    /// Reads the settings again. If they lead to another state file, none of them is used.
    pub(super) fn reload(&mut self) {
        notify::reloading();
        match self.reload_settings() {
            Ok(()) => {
                let _ = self.state_file.save(&self.schedule, &self.state);
                self.say(SchedulerEvent::Reloaded {
                    spec: self.schedule.spec.to_string(),
                    due_ms: self.state.due_ms,
                });
            }
            Err(NotReloaded { error, hint }) => {
                self.say(SchedulerEvent::NotReloaded { error, hint });
            }
        }
        notify::ready();
        self.show();
    }

    fn reload_settings(&mut self) -> Result<(), NotReloaded> {
        let settings = (self.reload)()?;
        if settings.db != self.settings.db {
            return Err(AnotherStateFile(settings.db).into());
        }
        let schedule = schedule_of(&settings);
        if settings.metrics.listen() != self.settings.metrics.listen() {
            self.listen_again(&settings)?;
        }
        if schedule.spec != self.schedule.spec {
            self.state = schedule.begin(self.state.seed, now_ms());
        }
        self.schedule = schedule;
        self.settings = settings;
        self.state = self.schedule.settle(&self.state, now_ms());
        Ok(())
    }

    fn listen_again(&mut self, settings: &Settings) -> Result<(), NotReloaded> {
        if settings.metrics.port == self.settings.metrics.port {
            // One port on two addresses: the old one could be in the way of the new one.
            self.exporter = None;
        }
        match start_exporter(settings) {
            Ok(exporter) => {
                if let Some(notice) = exposure(settings) {
                    self.say(SchedulerEvent::Notice(notice));
                }
                self.exporter = exporter;
                self.state_file.listen = self.exporter.as_ref().map(Exporter::addr);
                Ok(())
            }
            Err(error) => {
                if self.exporter.is_none() {
                    self.exporter = start_exporter(&self.settings).ok().flatten();
                }
                Err(error.into())
            }
        }
    }
}

/// The reason for which settings that were read again are not used.
struct NotReloaded {
    error: String,
    hint: Option<String>,
}

impl<E: Hint + 'static> From<E> for NotReloaded {
    fn from(error: E) -> Self {
        Self {
            error: diag::in_one_line(&error),
            hint: error.hint(),
        }
    }
}
