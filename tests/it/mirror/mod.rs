//! The JSON files of the data folder, on real folders.

mod damage;
mod round_trip;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use menace_agent::mirror::{Mirrors, Reading, Writing};
use menace_agent::model::GroupId;
use menace_agent::model::mirror::{OrphanEntry, Remembered};
use tempfile::TempDir;

struct Folder {
    root: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self {
            root: TempDir::new().unwrap(),
        }
    }

    fn mirrors(&self) -> Mirrors {
        Mirrors::new(self.root.path(), &self.root.path().join("project"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn orphans(&self, known: Option<&Remembered>) -> (Vec<OrphanEntry>, Remembered) {
        match self.mirrors().read_orphans(known) {
            Reading::Read {
                entries, remember, ..
            } => (entries, remember),
            other => panic!("{other:?}"),
        }
    }
}

fn listed(file: &str) -> OrphanEntry {
    OrphanEntry {
        file: file.to_owned(),
        extra: None,
        redundant: false,
        trial: None,
    }
}

fn map(entries: &[(&str, u32)]) -> BTreeMap<String, GroupId> {
    let entries = entries.iter();
    entries
        .map(|(file, group)| ((*file).to_owned(), GroupId(*group)))
        .collect()
}

fn done(writing: Writing) -> Remembered {
    match writing {
        Writing::Done(remembered) => remembered,
        other => panic!("{other:?}"),
    }
}
