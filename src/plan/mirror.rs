//! Turns edits of the JSON files of the data folder into changes of the state file.
//!
//! | in the file | becomes |
//! |---|---|
//! | an orphan that is not on the list | goes on the list, source `file` |
//! | an orphan has the field `redundant` | counts as redundant |
//! | an orphan of the list is missing | goes from the list, unless it has its place |
//! | a module with another group | gets that group; its source stays |
//! | a module that is not on the map | goes on the map, source `file` |
//! | a module of the map is missing | goes from the map |
//! | a file that the project does not have | is left out, and named |
//!
//! A missing entry counts only in a file that the agent knows: one that it reads for the first time
//! cannot have lost anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::mirror::{ORPHANS_FILE, OrphanEntry};
use crate::model::{
    GroupId, Groups, MapEntry, Module, Orphan, OrphanKind, OrphanRecord, OrphanSource,
    OrphanStatus, Source,
};

/// The changes that `orphan_modules.json` makes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OrphanMerge {
    /// Modules that go on the list, with the fields of their entries as JSON.
    pub added: Vec<(Module, Option<String>)>,
    /// Entries of the list that have other fields now.
    pub changed: Vec<OrphanEntry>,
    /// The files of entries that are called redundant now.
    pub redundant: Vec<String>,
    /// The files of what goes from the list.
    pub removed: Vec<String>,
    /// Files that the project does not have.
    pub unknown: Vec<String>,
}

/// The changes that `module_map.json` makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapMerge {
    /// Modules that get a group.
    pub put: Vec<(Module, GroupId)>,
    /// The files of what goes from the map.
    pub removed: Vec<String>,
    /// Files that the project does not have.
    pub unknown: Vec<String>,
}

impl OrphanMerge {
    /// Compares the entries of the file with the list; `module_of` knows the project's files, and
    /// `is_known` says that the file was read or written before.
    pub fn new(
        file: &[OrphanEntry],
        list: &[OrphanRecord],
        is_known: bool,
        module_of: impl Fn(&str) -> Option<Module>,
    ) -> Self {
        let known: BTreeMap<&str, &OrphanRecord> = list
            .iter()
            .map(|record| (record.orphan.module.file.as_str(), record))
            .collect();
        let mut merge = Self::default();
        for entry in file {
            let record = known.get(entry.file.as_str());
            if entry.redundant && record.is_none_or(|record| !record.status.is_settled()) {
                merge.redundant.push(entry.file.clone());
            }
            match record {
                Some(record) if record.extra != entry.extra => {
                    merge.changed.push(entry.clone());
                }
                Some(_) => {}
                None => match module_of(&entry.file) {
                    Some(module) => merge.added.push((module, entry.extra.clone())),
                    None => merge.unknown.push(entry.file.clone()),
                },
            }
        }
        let listed: BTreeSet<&str> = file.iter().map(|entry| entry.file.as_str()).collect();
        // Modules that have their place already were not in the file.
        let open = list.iter().filter(|record| !record.status.is_settled());
        let files = open.map(|record| &record.orphan.module.file);
        let removed = files.filter(|file| is_known && !listed.contains(file.as_str()));
        merge.removed = removed.cloned().collect();
        merge
    }

    /// The list as it is after the changes, by file.
    pub fn applied(self, mut list: Vec<OrphanRecord>) -> Vec<OrphanRecord> {
        list.retain(|record| !self.removed.contains(&record.orphan.module.file));
        // As the state file takes them in: of their kind nothing is known before a scan.
        let added = self.added.into_iter().map(|(module, extra)| OrphanRecord {
            orphan: Orphan {
                module,
                kind: OrphanKind::Unreferenced,
                isolated: false,
                reason: format!("`{ORPHANS_FILE}` lists it"),
                led_by: Vec::new(),
            },
            source: OrphanSource::File,
            status: OrphanStatus::Untried,
            first_seen_run: None,
            last_tested_run: None,
            message: None,
            held_back: false,
            touched: 0,
            extra,
        });
        list.extend(added);
        for record in &mut list {
            if self.redundant.contains(&record.orphan.module.file) {
                record.status = OrphanStatus::Redundant;
            }
        }
        list.sort_by(|one, other| one.orphan.module.file.cmp(&other.orphan.module.file));
        list
    }
}

impl MapMerge {
    /// Compares the groups of the file with the map; the rest is as for [`OrphanMerge::new`].
    pub fn new(
        file: &Groups,
        map: &[MapEntry],
        is_known: bool,
        module_of: impl Fn(&str) -> Option<Module>,
    ) -> Self {
        let known: BTreeMap<&str, &MapEntry> = map
            .iter()
            .map(|entry| (entry.module.file.as_str(), entry))
            .collect();
        let mut merge = Self::default();
        for (path, group) in file {
            let module = match known.get(path.as_str()) {
                Some(entry) if entry.group == *group => continue,
                Some(entry) => Some(entry.module.clone()),
                None => module_of(path),
            };
            match module {
                Some(module) => merge.put.push((module, *group)),
                None => merge.unknown.push(path.clone()),
            }
        }
        let files = map.iter().map(|entry| &entry.module.file);
        let removed = files.filter(|path| is_known && !file.contains_key(*path));
        merge.removed = removed.cloned().collect();
        merge
    }

    /// The map as it is after the changes, by file.
    pub fn applied(self, mut map: Vec<MapEntry>) -> Vec<MapEntry> {
        map.retain(|entry| !self.removed.contains(&entry.module.file));
        for (module, group) in self.put {
            match map.iter_mut().find(|entry| entry.module == module) {
                Some(entry) => entry.group = group,
                None => map.push(MapEntry {
                    module,
                    group,
                    source: Source::File,
                    run: None,
                }),
            }
        }
        map.sort_by(|one, other| one.module.file.cmp(&other.module.file));
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::module;

    fn listed(file: &str, extra: Option<&str>) -> OrphanEntry {
        OrphanEntry {
            file: file.to_owned(),
            extra: extra.map(str::to_owned),
            redundant: false,
            trial: None,
        }
    }

    fn known(file: &str, is_settled: bool) -> OrphanRecord {
        let status = if is_settled {
            OrphanStatus::Integrated
        } else {
            OrphanStatus::Failed
        };
        OrphanRecord::sample(file, status)
    }

    fn in_project(file: &str) -> Option<Module> {
        (!file.starts_with("no")).then(|| module(file))
    }

    #[test]
    fn the_file_has_the_say_over_the_list_of_orphans() {
        let file = [
            listed("back.py", None),
            listed("kept.py", None),
            listed("new.py", Some("{\"x\":1}")),
            listed("nowhere.py", None),
            listed("told.py", Some("{\"y\":1}")),
        ];
        let list = [
            known("back.py", true),
            known("gone.py", false),
            known("joined.py", true),
            known("kept.py", false),
            known("told.py", false),
        ];
        let merge = OrphanMerge::new(&file, &list, true, in_project);
        let expected = OrphanMerge {
            added: vec![(module("new.py"), Some("{\"x\":1}".to_owned()))],
            changed: vec![listed("told.py", Some("{\"y\":1}"))],
            redundant: Vec::new(),
            removed: vec!["gone.py".to_owned()],
            unknown: vec!["nowhere.py".to_owned()],
        };
        assert_eq!(merge, expected);
        let first = OrphanMerge::new(&file, &list, false, in_project);
        assert_eq!(first.removed, [""; 0]);
        assert_eq!(first.added, expected.added);
    }

    #[test]
    fn what_the_file_calls_redundant_is() {
        let redundant = |file| OrphanEntry {
            redundant: true,
            ..listed(file, None)
        };
        let file = ["joined.py", "kept.py", "new.py"].map(redundant);
        let list = vec![known("joined.py", true), known("kept.py", false)];
        let merge = OrphanMerge::new(&file, &list, true, in_project);
        assert_eq!(merge.redundant, ["kept.py", "new.py"]);
        let status = merge.applied(list).into_iter().map(|record| record.status);
        assert_eq!(
            status.collect::<Vec<_>>(),
            [
                OrphanStatus::Integrated,
                OrphanStatus::Redundant,
                OrphanStatus::Redundant
            ]
        );
    }

    #[test]
    fn the_file_has_the_say_over_the_map() {
        let file = Groups::from([
            ("a.py".to_owned(), GroupId(1)),
            ("b.py".to_owned(), GroupId(5)),
            ("new.py".to_owned(), GroupId(2)),
            ("nowhere.py".to_owned(), GroupId(2)),
        ]);
        let map = ["a.py", "b.py", "gone.py"].map(|file| MapEntry {
            module: module(file),
            group: GroupId(1),
            source: Source::Build,
            run: None,
        });
        let merge = MapMerge::new(&file, &map, true, in_project);
        let expected = MapMerge {
            put: vec![(module("b.py"), GroupId(5)), (module("new.py"), GroupId(2))],
            removed: vec!["gone.py".to_owned()],
            unknown: vec!["nowhere.py".to_owned()],
        };
        assert_eq!(merge, expected);
    }
}
