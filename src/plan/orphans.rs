//! Chooses the modules of the list of orphans that a run tries, and says if a scan is due first.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use glob::Pattern;

use crate::model::{Module, OrphanRecord, OrphanStatus};

/// The kinds of search, by the names that the state file keeps.
pub mod discovery {
    /// Modules that no test reaches.
    pub const ORPHANS: &str = "orphans";
    /// Modules that those import.
    pub const RECURSIVE_ORPHANS: &str = "recursive-orphans";
    /// Modules that no local module imports.
    pub const ISOLATED: &str = "isolated";
    /// Modules that those import.
    pub const RECURSIVE_ISOLATED: &str = "recursive-isolated";
}

/// The wishes of a user about orphans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own to the user"
)]
pub struct OrphanWishes {
    /// Try the modules of the list.
    pub include: bool,
    /// Look for orphans if there is no list.
    pub discover: bool,
    /// Look through what they import.
    pub recursive: bool,
    /// Look for isolated modules first.
    pub discover_isolated: bool,
    /// Look through what those import.
    pub recursive_isolated: bool,
    /// Look for them although there is a list.
    pub refresh: bool,
}

impl OrphanWishes {
    /// The kinds of search that a scan for these wishes makes.
    pub fn discoveries(&self) -> Vec<&'static str> {
        let orphans = self.discover;
        let isolated = self.discover_isolated;
        [
            (orphans, discovery::ORPHANS),
            (orphans && self.recursive, discovery::RECURSIVE_ORPHANS),
            (isolated, discovery::ISOLATED),
            (
                isolated && self.recursive_isolated,
                discovery::RECURSIVE_ISOLATED,
            ),
        ]
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, name)| name)
        .collect()
    }

    /// The same with the searches that the list was made with: what they found stays on it until
    /// somebody wants a new one.
    #[must_use]
    pub fn with_searches_of(self, list: &PresentList) -> Self {
        let Some(scanned) = list.scanned_for.as_ref().filter(|_| !self.refresh) else {
            return self;
        };
        let was = |name: &str| scanned.iter().any(|it| it == name);
        Self {
            recursive: self.recursive || was(discovery::RECURSIVE_ORPHANS),
            discover_isolated: self.discover_isolated || was(discovery::ISOLATED),
            recursive_isolated: self.recursive_isolated || was(discovery::RECURSIVE_ISOLATED),
            ..self
        }
    }
}

/// The list as it is before a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PresentList {
    /// A file of the user gave it.
    pub from_file: bool,
    /// The discoveries of the last scan of this project.
    pub scanned_for: Option<Vec<String>>,
}

/// True if a run has to look for orphans: always, unless it is told not to, or a file of the user is
/// the list.
pub fn scan_is_due(wishes: OrphanWishes, list: &PresentList) -> bool {
    if wishes.discoveries().is_empty() || (!wishes.include && !wishes.refresh) {
        return false;
    }
    let is_ours = list.scanned_for.is_some() || !list.from_file;
    is_ours || wishes.refresh || wishes.discover_isolated
}

/// The longest time to import and test a module, unless the settings have a limit for tests.
const TRIAL_LIMIT: Duration = Duration::from_mins(1);
/// So many modules that hang may take the time for all.
const SHARES: u32 = 4;

/// The time that one module may take, so that one that hangs leaves some of the `budget` for the
/// others.
pub fn trial_limit(test_timeout: Option<Duration>, budget: Duration) -> Duration {
    test_timeout.unwrap_or(TRIAL_LIMIT).min(budget / SHARES)
}

/// Modules that may be orphans, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// A dotted name or a file, with `*` for any characters.
    pub module: String,
    pub reason: String,
}

impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.module, self.reason)
    }
}

/// The reason why a module may be an orphan, if one of the suppressions gives it.
pub fn suppressed(suppressions: &[Suppression], module: &Module) -> Option<String> {
    let is_meant = |text: &str| {
        // A pattern that is none names nothing; the settings refuse it.
        Pattern::new(text)
            .is_ok_and(|pattern| pattern.matches(&module.name) || pattern.matches(&module.file))
    };
    let found = suppressions.iter().find(|it| is_meant(&it.module))?;
    Some(found.reason.clone())
}

/// True for a file that `python -m` runs, as its import would.
pub fn is_main_file(file: &str) -> bool {
    file == "__main__.py" || file.ends_with("/__main__.py")
}

/// What is at the place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The file.
    There,
    /// Nothing, or nothing that is looked at.
    Gone,
    /// Nobody can tell: its folder cannot be read now.
    Unknown,
}

/// The decision about each module of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialPlan {
    /// To try, those first that were tried longest ago: a run that ends early gets to the others
    /// next time.
    pub modules: Vec<Module>,
    /// Files that are gone: to be taken off the list.
    pub gone: Vec<String>,
    /// On the module map: tested like any other module.
    pub integrated: Vec<Module>,
    /// Not tried, because they would run if they were imported.
    pub scripts: Vec<Module>,
}

impl TrialPlan {
    /// Plans the trials of a run. `presence` says whether a file is there and is looked at, `runs`
    /// whether it would do its work if it were imported.
    pub fn new(
        list: &[OrphanRecord],
        suppressions: &[Suppression],
        presence: impl Fn(&str) -> Presence,
        runs: impl Fn(&str) -> bool,
    ) -> Self {
        let mut plan = Self::default();
        let mut due = BTreeSet::new();
        for record in list {
            let module = &record.orphan.module;
            let found = presence(&module.file);
            if found == Presence::Gone {
                plan.gone.push(module.file.clone());
            } else if found == Presence::Unknown && record.status != OrphanStatus::Integrated {
                // It stays on the list, and is tried when it can be read again.
            } else if suppressed(suppressions, module).is_some() {
                // It may be one, and is left alone.
            } else if runs(&module.file) {
                plan.scripts.push(module.clone());
            } else if record.status == OrphanStatus::Integrated {
                plan.integrated.push(module.clone());
            } else {
                due.insert((record.last_tested_run, module.clone()));
            }
        }
        plan.modules = due.into_iter().map(|(_, module)| module).collect();
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RunId;

    const DEFAULT: OrphanWishes = OrphanWishes {
        include: true,
        discover: true,
        recursive: true,
        discover_isolated: false,
        recursive_isolated: false,
        refresh: false,
    };

    fn list(from_file: bool, scanned_for: Option<&[&str]>) -> PresentList {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        PresentList {
            from_file,
            scanned_for: scanned_for.map(names),
        }
    }

    #[test]
    fn a_run_looks_for_orphans_when_it_must() {
        let both: &[&str] = &["orphans", "recursive-orphans"];
        let off = OrphanWishes {
            include: false,
            ..DEFAULT
        };
        let refresh = OrphanWishes {
            refresh: true,
            ..DEFAULT
        };
        let isolated = OrphanWishes {
            discover_isolated: true,
            ..DEFAULT
        };
        let never = OrphanWishes {
            discover: false,
            ..DEFAULT
        };
        let cases = [
            ("there is no list", DEFAULT, list(false, None), true),
            ("there is a list", DEFAULT, list(false, Some(both)), true),
            (
                "a list, part of it from a file",
                DEFAULT,
                list(true, Some(both)),
                true,
            ),
            ("a file is the list", DEFAULT, list(true, None), false),
            ("nobody wants them", off, list(false, None), false),
            (
                "told to, and not to try them",
                OrphanWishes {
                    refresh: true,
                    ..off
                },
                list(false, None),
                true,
            ),
            ("told to", refresh, list(true, Some(both)), true),
            (
                "the file may lack isolated ones",
                isolated,
                list(true, None),
                true,
            ),
            ("never", never, list(false, None), false),
            ("never, with a list", never, list(false, Some(both)), false),
            (
                "never, though told to",
                OrphanWishes {
                    refresh: true,
                    ..never
                },
                list(false, None),
                false,
            ),
        ];
        for (name, wishes, list, due) in cases {
            assert_eq!(scan_is_due(wishes, &list), due, "{name}");
        }
    }

    #[test]
    fn what_the_list_was_made_with_is_searched_for_again() {
        let once = list(false, Some(&["orphans", "isolated"]));
        let found = DEFAULT.with_searches_of(&once).discoveries();
        assert_eq!(found, ["orphans", "recursive-orphans", "isolated"]);
        let anew = OrphanWishes {
            refresh: true,
            ..DEFAULT
        };
        assert_eq!(anew.with_searches_of(&once), anew);
        let none = list(false, None);
        assert_eq!(DEFAULT.with_searches_of(&none), DEFAULT);
    }

    #[test]
    fn suppressions_name_modules_or_files() {
        let suppressions =
            [("pkg.old.*", "old"), ("tools/*", "tools")].map(|(module, reason)| Suppression {
                module: module.to_owned(),
                reason: reason.to_owned(),
            });
        let cases = [
            ("pkg.old.a.b", "src/pkg/old/a/b.py", Some("old")),
            ("pkg.older", "src/pkg/older.py", None),
            ("x", "tools/deep/x.py", Some("tools")),
        ];
        for (name, file, reason) in cases {
            let module = Module {
                file: file.to_owned(),
                name: name.to_owned(),
            };
            let found = suppressed(&suppressions, &module);
            assert_eq!(found.as_deref(), reason, "{name}");
        }
    }

    #[test]
    fn those_that_waited_longest_come_first() {
        let tested = |file: &str, run: Option<i64>| OrphanRecord {
            last_tested_run: run.map(RunId),
            ..OrphanRecord::sample(file, OrphanStatus::Passed)
        };
        let list = [
            tested("late.py", Some(7)),
            tested("gone.py", None),
            tested("script.py", None),
            tested("suppressed.py", None),
            tested("locked/a.py", None),
            OrphanRecord {
                status: OrphanStatus::Integrated,
                ..tested("locked/b.py", Some(1))
            },
            OrphanRecord {
                status: OrphanStatus::Integrated,
                ..tested("integrated.py", Some(1))
            },
            tested("early.py", Some(2)),
            tested("new.py", None),
        ];
        let suppression = Suppression {
            module: "suppressed".to_owned(),
            reason: "kept for old data".to_owned(),
        };
        let plan = TrialPlan::new(
            &list,
            &[suppression],
            |file| match file {
                "gone.py" => Presence::Gone,
                file if file.starts_with("locked/") => Presence::Unknown,
                _ => Presence::There,
            },
            |file| file == "script.py",
        );
        let names = |modules: &[Module]| -> Vec<String> {
            modules.iter().map(|module| module.name.clone()).collect()
        };
        assert_eq!(names(&plan.modules), ["new", "early", "late"]);
        assert_eq!(names(&plan.integrated), ["locked.b", "integrated"]);
        assert_eq!(plan.gone, ["gone.py"]);
    }
}
