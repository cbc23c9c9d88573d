//! The content of the JSON files of the data folder, in the state file.

use menace_agent::model::mirror::{MODULE_MAP_FILE, ORPHANS_FILE, OrphanEntry, Remembered};
use menace_agent::model::{GroupId, Module, OrphanStatus, Source};
use menace_agent::plan::{MapMerge, OrphanMerge};

use super::sample::{NOW_MS, new_run, open};

fn module(name: &str) -> Module {
    Module {
        file: format!("{name}.py"),
        name: name.to_owned(),
    }
}

fn file(size_bytes: u64) -> Remembered {
    Remembered {
        size_bytes,
        mtime_ns: 1_735_689_600_123_456_789,
        hash: [7; 16],
        extra: Some("{\"_by\":1}".to_owned()),
    }
}

#[test]
fn a_file_is_remembered_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let reader = store.reader().unwrap();
    assert_eq!(reader.mirror(ORPHANS_FILE).unwrap(), None);
    store.remember_mirror(ORPHANS_FILE, &file(1)).unwrap();
    store.remember_mirror(ORPHANS_FILE, &file(2)).unwrap();
    assert_eq!(reader.mirror(ORPHANS_FILE).unwrap(), Some(file(2)));
    assert_eq!(reader.mirror(MODULE_MAP_FILE).unwrap(), None);
}

#[test]
fn orphans_come_and_go_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let reader = store.reader().unwrap();
    let run = store.open_run(&new_run()).unwrap();
    let first = OrphanMerge {
        added: vec![
            (module("a"), Some("{\"x\":1}".to_owned())),
            (module("b"), None),
        ],
        ..OrphanMerge::default()
    };
    store
        .merge_orphans(&first, &file(1), Some(run), NOW_MS)
        .unwrap();
    let entry = |name: &str, extra: Option<&str>| OrphanEntry {
        file: format!("{name}.py"),
        extra: extra.map(str::to_owned),
        redundant: false,
        trial: None,
    };
    let entries = || -> Vec<OrphanEntry> {
        let records = reader.orphans().unwrap().into_iter();
        records
            .map(|record| OrphanEntry {
                file: record.orphan.module.file,
                extra: record.extra,
                redundant: record.status == OrphanStatus::Redundant,
                trial: None,
            })
            .collect()
    };
    assert_eq!(entries(), [entry("a", Some("{\"x\":1}")), entry("b", None)]);
    let second = OrphanMerge {
        changed: vec![entry("b", Some("{\"y\":2}"))],
        removed: vec!["a.py".to_owned()],
        ..OrphanMerge::default()
    };
    store
        .merge_orphans(&second, &file(2), None, NOW_MS)
        .unwrap();
    assert_eq!(entries(), [entry("b", Some("{\"y\":2}"))]);
    assert_eq!(reader.mirror(ORPHANS_FILE).unwrap(), Some(file(2)));
}

#[test]
fn the_map_follows_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let reader = store.reader().unwrap();
    let built = ["a", "b"].map(|name| (module(name), GroupId(1)));
    store
        .replace_module_map(&built, Source::Build, NOW_MS)
        .unwrap();
    let merge = MapMerge {
        put: vec![(module("b"), GroupId(4)), (module("c"), GroupId(4))],
        removed: vec!["a.py".to_owned()],
        unknown: Vec::new(),
    };
    store
        .merge_module_map(&merge, &file(3), None, NOW_MS)
        .unwrap();
    let map = reader.module_map().unwrap();
    let map: Vec<_> = map
        .iter()
        .map(|of| (of.module.name.as_str(), of.group.0, of.source))
        .collect();
    assert_eq!(map, [("b", 4, Source::Build), ("c", 4, Source::File)]);
    assert_eq!(reader.mirror(MODULE_MAP_FILE).unwrap(), Some(file(3)));
}
