//! The layers that settings come from, and the walk through them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::choices::ColorChoice;
use super::error::{FileProblem, SettingsError};
use super::file::{self, Entry, SettingsFile};
use super::origin::{FILE_STRENGTH, Origin};
use super::project;
use super::resolved::{Settings, default_db, default_lock_file};
use super::setting::Setting;
use super::table::{self, SETTINGS};
use super::trust::{Asking, Trust, Trusted};
use super::value::{Given, Problem, Raw};
use crate::links;
use crate::model::{Level, Notice};
use crate::plan::PytestWords;
use crate::plan::selection::covers;

/// Everything that settings are made from, besides the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layers {
    /// The flags of the command line.
    pub flags: FlagValues,
    /// The environment variables. `HOME`, `XDG_CONFIG_HOME`, `NO_COLOR`, `TERM` and
    /// `PYTEST_ADDOPTS` matter too.
    pub env: BTreeMap<String, String>,
    /// The absolute path of the working folder.
    pub cwd: PathBuf,
}

/// The flags of a command line, each with the words that it stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlagValues {
    given: Vec<(&'static str, FlagWords)>,
    /// Arguments for pytest after `--`; added to what the strongest layer says.
    pub pytest_args: Vec<String>,
}

/// A flag that stands for several words takes them as they are; one word may be read as many.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FlagWords {
    One(String),
    Several(Vec<String>),
}

impl FlagWords {
    fn raw(&self) -> Raw<'_> {
        match self {
            Self::One(word) => Raw::Word(word),
            Self::Several(words) => Raw::Words(words),
        }
    }
}

impl FlagValues {
    /// Notes that `flag` was given and sets its setting to `word`: `--no-cov` to `off`.
    pub fn set(&mut self, flag: &'static str, word: impl Into<String>) {
        self.given.push((flag, FlagWords::One(word.into())));
    }

    /// The same for a flag of several words.
    pub fn set_words(&mut self, flag: &'static str, words: Vec<String>) {
        self.given.push((flag, FlagWords::Several(words)));
    }

    /// The word that `flag` was given last; `None` if it was given none.
    pub fn word_of(&self, flag: &str) -> Option<&str> {
        let mut last_first = self.given.iter().rev();
        match last_first.find(|(given, _)| *given == flag) {
            Some((_, FlagWords::One(word))) => Some(word),
            Some((_, FlagWords::Several(_))) | None => None,
        }
    }

    fn last_of(&self, setting: &Setting) -> Option<(&'static str, Raw<'_>)> {
        let mut last_first = self.given.iter().rev();
        last_first
            .find(|(given, _)| setting.flags.iter().any(|flag| flag.name == *given))
            .map(|(flag, words)| (*flag, words.raw()))
    }
}

/// The variables that are text. One of the agent's own that is not is an error.
pub fn environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>, SettingsError> {
    let mut environment = BTreeMap::new();
    for (name, value) in variables {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => {
                environment.insert(name, value);
            }
            Err(_)
                if SETTINGS
                    .iter()
                    .any(|row| row.variables.contains(&name.as_str())) =>
            {
                return Err(SettingsError::VariableNotUtf8 { name });
            }
            Err(_) => {}
        }
    }
    Ok(environment)
}

impl Layers {
    /// A variable that is there and not empty.
    fn variable(&self, name: &str) -> Option<&str> {
        self.env
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The variable that says that the terminal gets no colours, if there is one.
    fn refuses_colour(&self) -> Option<&'static str> {
        if self.variable("NO_COLOR").is_some() {
            Some("NO_COLOR")
        } else if self.variable("TERM") == Some("dumb") {
            Some("TERM")
        } else {
            None
        }
    }

    /// The folder that `variable` names, else `in_home` in the home of the user; a relative folder
    /// is ignored, as the standard of these variables asks.
    pub(super) fn user_folder(&self, variable: &str, in_home: &str) -> Option<PathBuf> {
        let folder = |name| {
            self.variable(name)
                .map(Path::new)
                .filter(|p| p.is_absolute())
        };
        match folder(variable) {
            Some(folder) => Some(folder.to_path_buf()),
            None => Some(folder("HOME")?.join(in_home)),
        }
    }

    /// `$XDG_CONFIG_HOME/menace/config.toml`.
    fn user_file(&self) -> Option<PathBuf> {
        let config = self.user_folder("XDG_CONFIG_HOME", ".config")?;
        Some(config.join("menace").join("config.toml"))
    }

    /// The project folder, and its origin.
    fn project(&self, cwd: &Path) -> Result<(PathBuf, Origin), SettingsError> {
        let row = |setting: &&Setting| setting.name == "project";
        let given = SETTINGS
            .iter()
            .find(row)
            .and_then(|row| self.flags.last_of(row));
        let Some((flag, Raw::Word(folder))) = given else {
            return Ok((project::find(cwd), Origin::Default));
        };
        let name = flag.to_owned();
        let missing = |source| SettingsError::Project {
            given: folder.to_owned(),
            source,
        };
        if folder.is_empty() {
            return Err(missing(std::io::ErrorKind::NotFound.into()));
        }
        let path = cwd.join(folder).canonicalize().map_err(missing)?;
        if !path.is_dir() {
            return Err(missing(std::io::ErrorKind::NotADirectory.into()));
        }
        Ok((path, Origin::Flag { name }))
    }
}

impl Trust {
    /// The trust that the project of `layers` asks for.
    pub fn of(layers: &Layers) -> Result<Self, SettingsError> {
        Ok(Settings::of_files(layers)?.trust)
    }
}

/// What the files say, before variables and flags.
struct OfFiles {
    settings: Settings,
    trust: Trust,
    notice: Option<Notice>,
}

impl Settings {
    /// The settings that `layers` and the files of the project and of the user add up to, and
    /// notices about them for the user.
    pub fn load(layers: &Layers) -> Result<(Self, Vec<Notice>), SettingsError> {
        let OfFiles {
            mut settings,
            trust,
            notice,
        } = Self::of_files(layers)?;
        let cwd = working_folder(layers)?;
        for setting in SETTINGS {
            settings.apply_variable(setting, layers, &cwd)?;
        }
        let configured = (settings.paths.clone(), settings.pytest_args.clone());
        for setting in SETTINGS {
            settings.apply_flag(setting, &layers.flags, &cwd)?;
        }
        settings.settle_selection(configured, layers);
        settings.finish(layers);
        settings.check_places()?;
        let is_set = |name| settings.origin(name).strength() > FILE_STRENGTH;
        let untrusted = trust.notice(trust.state(), is_set);
        let misspelt = layers.env.keys().filter_map(|name| misspelt(name));
        let notices = notice.into_iter().chain(untrusted).chain(misspelt);
        Ok((settings, notices.collect()))
    }

    /// The settings of the two files; of the project's, what asks for trust counts only if the user
    /// trusts the folder.
    fn of_files(layers: &Layers) -> Result<OfFiles, SettingsError> {
        check_flags(&layers.flags)?;
        let (project, origin) = layers.project(&working_folder(layers)?)?;
        let mut settings = Self::for_project(&project);
        settings.origins.insert("project", origin);

        let user = layers
            .user_file()
            .map(|path| file::plain(&path))
            .transpose()?;
        if let Some(user) = user.flatten() {
            for entry in &user.entries {
                settings.apply_line(entry, &user)?;
            }
            // What the user requires is what a value of the project is compared with.
            settings.settle_containers();
        }
        let (of_project, notice) = file::of_project(&project)?;
        let state = layers.user_folder("XDG_STATE_HOME", ".local/state");
        let mut trust = Trust::new(&project, state);
        if let Some(file) = of_project {
            settings.apply_project_file(&file, &mut trust)?;
        }
        Ok(OfFiles {
            settings,
            trust,
            notice,
        })
    }

    fn apply_project_file(
        &mut self,
        file: &SettingsFile,
        trust: &mut Trust,
    ) -> Result<(), SettingsError> {
        let mut whole = self.clone();
        let mut asking = Vec::new();
        for entry in &file.entries {
            whole.apply_line(entry, file)?;
            let mut next = self.clone();
            let setting = next.apply_line(entry, file)?;
            match setting.asking(self, &next) {
                None => *self = next,
                Some(reason) => asking.push(Asking {
                    name: setting.name,
                    value: setting.kind.show(&next).to_string(),
                    line: entry.line,
                    reason,
                }),
            }
        }
        trust.ask(file, asking, &whole);
        if trust.state() == Trusted::Yes {
            *self = whole;
        }
        Ok(())
    }

    fn apply_line(
        &mut self,
        entry: &Entry,
        file: &SettingsFile,
    ) -> Result<&'static Setting, SettingsError> {
        self.apply_entry(entry, &file.path)
            .map_err(|source| SettingsError::File {
                path: file.path.clone(),
                line: entry.line,
                source,
            })
    }

    fn apply_entry(
        &mut self,
        entry: &Entry,
        path: &Path,
    ) -> Result<&'static Setting, Box<FileProblem>> {
        let setting = table::by_key(&entry.key).map_err(|nearest| FileProblem::UnknownKey {
            key: entry.key.clone(),
            text: entry.text.clone(),
            nearest,
        })?;
        let base = path.parent().unwrap_or(path);
        let origin = Origin::File {
            path: path.to_path_buf(),
            line: entry.line,
        };
        let read = self.apply(setting, Raw::Toml(&entry.value), base, origin);
        read.map_err(|problem| FileProblem::Value {
            key: entry.key.clone(),
            text: entry.text.clone(),
            problem,
        })?;
        Ok(setting)
    }

    fn apply_variable(
        &mut self,
        setting: &'static Setting,
        layers: &Layers,
        cwd: &Path,
    ) -> Result<(), SettingsError> {
        let mut set = setting
            .variables
            .iter()
            .filter_map(|name| Some((*name, layers.variable(name)?)));
        let Some((name, word)) = set.next() else {
            return Ok(());
        };
        let name = name.to_owned();
        let origin = Origin::Variable { name: name.clone() };
        self.apply(setting, Raw::Word(word), cwd, origin)
            .map_err(|source| SettingsError::Variable { name, source })
    }

    fn apply_flag(
        &mut self,
        setting: &'static Setting,
        flags: &FlagValues,
        cwd: &Path,
    ) -> Result<(), SettingsError> {
        let Some((flag, raw)) = flags.last_of(setting) else {
            return Ok(());
        };
        let flag = flag.to_owned();
        let origin = Origin::Flag { name: flag.clone() };
        self.apply(setting, raw, cwd, origin)
            .map_err(|source| SettingsError::Flag { flag, source })
    }

    fn apply(
        &mut self,
        setting: &'static Setting,
        raw: Raw<'_>,
        base: &Path,
        origin: Origin,
    ) -> Result<(), Problem> {
        let project = self.project.clone();
        let project = project.as_path();
        let negated = matches!(
            &origin,
            Origin::Variable { name } if setting.opposite == Some(name.as_str())
        );
        let given = Given {
            raw,
            negated,
            base,
            project,
        };
        setting.kind.read(self, &given)?;
        self.origins.insert(setting.name, origin);
        Ok(())
    }

    /// Checks that no link of the project leads to other places: the data folder is inside of the
    /// project unless somebody names another, and so are the files of the data folder.
    fn check_places(&self) -> Result<(), SettingsError> {
        let within = [
            ("data-dir", &self.data_dir, &self.project),
            ("db", &self.db, &self.data_dir),
            ("lock-file", &self.lock_file, &self.data_dir),
        ];
        for (setting, path, folder) in within {
            if self.origin(setting) == Origin::Default
                && let Some(end) = links::leads_out(path, folder)
            {
                return Err(SettingsError::LeadsOut {
                    setting,
                    path: path.clone(),
                    end,
                });
            }
        }
        Ok(())
    }

    /// Settles values that depend on other settings, and the ones that have no row of their own.
    fn finish(&mut self, layers: &Layers) {
        if self.origin("db") == Origin::Default {
            self.db = default_db(&self.data_dir);
        }
        if self.origin("lock-file") == Origin::Default {
            self.lock_file = default_lock_file(&self.data_dir);
        }
        self.settle_containers();
        self.settle_isolated();
        if self.color == ColorChoice::Auto
            && let Some(name) = layers.refuses_colour()
        {
            self.color = ColorChoice::Never;
            let name = name.to_owned();
            self.origins.insert("color", Origin::Variable { name });
        }
    }
}

impl Settings {
    /// Moves what is a path among the arguments for pytest to the paths, so that no test runs twice,
    /// and notes what the command line picks of the tests that are `configured` by paths and
    /// arguments.
    fn settle_selection(&mut self, configured: (Vec<String>, Vec<String>), layers: &Layers) {
        let project = self.project.clone();
        let tell = |words: &[String]| PytestWords::new(words, |word| project.join(word).exists());
        let is_flag = |origin: Origin| matches!(origin, Origin::Flag { .. });
        let (mut given, mut paths) = (Vec::new(), Vec::new());
        if is_flag(self.origin("pytest-args")) {
            given.append(&mut self.pytest_args);
        }
        if is_flag(self.origin("paths")) {
            paths.append(&mut self.paths);
        }
        let added = &layers.flags.pytest_args;
        given.extend(added.iter().cloned());
        let given = tell(&given);
        let of_config = tell(&self.pytest_args);
        if !given.paths.is_empty() {
            let to = if paths.is_empty() {
                Origin::Default
            } else {
                self.origin("paths")
            };
            let to = Box::new(to);
            self.origins.insert("paths", Origin::Appended { to });
        }
        paths.extend(given.paths.iter().cloned());
        let configured_paths = [configured.0, tell(&configured.1).paths].concat();
        if paths.is_empty() {
            self.paths = configured_paths;
        } else {
            if !covers(&paths, &configured_paths) {
                self.narrowed_by.clone_from(&paths);
            }
            self.paths = paths;
        }
        self.narrowed_by.extend(given.picking());
        let of_shell = layers.variable("PYTEST_ADDOPTS").unwrap_or_default();
        let of_shell = shell_words::split(of_shell).unwrap_or_default();
        self.narrowed_by.extend(tell(&of_shell).picking());
        self.pytest_args = [of_config.options, given.options].concat();
        if !added.is_empty() {
            let to = Box::new(self.origin("pytest-args"));
            self.origins.insert("pytest-args", Origin::Appended { to });
        }
    }

    /// Both discovery and recursion of isolated modules, unless a layer that is as strong says
    /// otherwise of one of them.
    fn settle_isolated(&mut self) {
        let both = self.origin("auto-include-isolated");
        if !self.orphans.auto_include_isolated {
            return;
        }
        for name in ["discover-isolated", "recursive-isolated"] {
            let is_as_strong = self.strength(name) >= self.strength("auto-include-isolated");
            if is_as_strong && both != Origin::Default {
                continue;
            }
            match name {
                "discover-isolated" => self.orphans.discover_isolated = true,
                _ => self.orphans.recursive_isolated = true,
            }
            self.origins.insert(name, both.clone());
        }
    }

    /// To require containers is to use them, unless a stronger layer says not to.
    fn settle_containers(&mut self) {
        let (using, requiring) = (
            self.origin("use-container"),
            self.origin("require-container"),
        );
        if !self.container.required || self.container.enabled {
            return;
        }
        if self.strength("use-container") > self.strength("require-container") {
            self.container.required = false;
            self.origins.insert("require-container", using);
        } else {
            self.container.enabled = true;
            self.origins.insert("use-container", requiring);
        }
    }
}

/// The working folder, without links.
fn working_folder(layers: &Layers) -> Result<PathBuf, SettingsError> {
    let cwd = layers.cwd.canonicalize();
    cwd.map_err(|source| SettingsError::WorkingFolder {
        path: layers.cwd.clone(),
        source,
    })
}

/// A notice about a variable that is called almost like one of the agent's own.
fn misspelt(name: &str) -> Option<Notice> {
    let meant = table::variable_like(name)?;
    Some(Notice {
        level: Level::Warning,
        code: "unknown-variable".to_owned(),
        message: format!("no setting is read from the variable `{name}`"),
        hint: Some(format!("did you mean `{meant}`?")),
    })
}

fn check_flags(flags: &FlagValues) -> Result<(), SettingsError> {
    let known = SETTINGS.iter().flat_map(|setting| setting.flags);
    let is_known = |given: &str| known.clone().any(|flag| flag.name == given);
    let unknown = flags.given.iter().find(|(flag, _)| !is_known(flag));
    unknown.map_or(Ok(()), |(flag, _)| {
        let flag = (*flag).to_owned();
        Err(SettingsError::UnknownFlag { flag })
    })
}
