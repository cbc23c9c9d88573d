//! Settings, from flags, variables and files to values.

mod files;
mod layers;
mod messages;
mod page;
mod projects;
mod schema;
mod trust;
mod values;

use std::fs;
use std::path::{Path, PathBuf};

use menace_agent::diag::{self, Hint, Palette};
use menace_agent::model::Notice;
use menace_agent::settings::{FlagValues, Layers, Settings, SettingsError, Trust};
use tempfile::TempDir;

/// A folder with a project in it, a home, and what is said about them.
struct Place {
    root: TempDir,
    layers: Layers,
}

impl Place {
    /// An empty project `project`, which is the working folder, beside an empty `home`.
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let mut place = Self {
            layers: Layers::default(),
            root,
        };
        fs::create_dir_all(place.path("project/.git")).unwrap();
        fs::create_dir_all(place.path("home")).unwrap();
        let home = place.path("home").to_str().unwrap().to_owned();
        place.layers.cwd = place.path("project");
        place.env("HOME", &home)
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(relative)
    }

    fn write(self, relative: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn project_file(self, text: &str) -> Self {
        self.write("project/menace.toml", text)
    }

    fn user_file(self, text: &str) -> Self {
        self.write("home/.config/menace/config.toml", text)
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.layers.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flag(mut self, flag: &'static str, word: &str) -> Self {
        self.layers.flags.set(flag, word);
        self
    }

    fn paths(mut self, paths: &[&str]) -> Self {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        self.layers.flags.set_words("PATHS", paths);
        self
    }

    fn cwd(mut self, relative: &str) -> Self {
        self.layers.cwd = self.path(relative);
        fs::create_dir_all(&self.layers.cwd).unwrap();
        self
    }

    fn flags(&mut self) -> &mut FlagValues {
        &mut self.layers.flags
    }

    /// The same place once its user trusts the project's file, as far as that asks for it.
    fn trusted(self) -> Self {
        Trust::of(&self.layers).unwrap().grant().unwrap();
        self
    }

    fn load(&self) -> Result<(Settings, Vec<Notice>), SettingsError> {
        Settings::load(&self.layers)
    }

    fn settings(&self) -> Settings {
        let (settings, notices) = self.load().expect("good settings");
        assert_eq!(notices, []);
        settings
    }

    /// The complaint about the settings, as the user reads it, with the folder called `…` and the
    /// number of processors `N`.
    fn complaint(&self) -> String {
        let error = self.load().expect_err("the settings should be refused");
        let processors = std::thread::available_parallelism().unwrap();
        self.without_root(&rendered(&error))
            .replace(&format!("({processors} here)"), "(N here)")
    }

    fn without_root(&self, text: &str) -> String {
        text.replace(self.path("").to_str().unwrap(), "…/")
    }

    fn origin(&self, name: &str) -> String {
        self.without_root(&self.settings().origin(name).to_string())
    }
}

fn rendered(error: &SettingsError) -> String {
    diag::render_error(error, error.hint().as_deref(), &Palette::PLAIN)
}

fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
