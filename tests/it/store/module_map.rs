//! The module map: built, added to by runs, taken back.

use menace_agent::graph::IntegrationPlan;
use menace_agent::graph::integration::{AddedStep, Addition, Reason, Redundant};
use menace_agent::model::{GroupId, MapEntry, Module, OrphanStatus, RunId, Source, Step};
use menace_agent::store::{Reader, Store, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

use super::sample::{NOW_MS, new_run, open, plain};

struct Lab {
    _folder: TempDir,
    store: Store,
    reader: Reader,
    outside: Connection,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.db");
        let store = open(&path);
        Self {
            _folder: folder,
            reader: store.reader().unwrap(),
            outside: plain(&path),
            store,
        }
    }

    /// The files of orphans that passed and have no place yet.
    fn passed(&self) -> Vec<String> {
        let records = self.reader.orphans().unwrap().into_iter();
        let passed = records.filter(|record| record.status == OrphanStatus::Passed);
        passed.map(|record| record.orphan.module.file).collect()
    }

    fn orphan(&self, file: &str, status: &str) {
        let name = module(file).name;
        self.outside
            .execute("INSERT OR IGNORE INTO file (path) VALUES (?1)", [file])
            .unwrap();
        self.outside
            .execute(
                "INSERT INTO orphan (file_id, module, kind, isolated, reason, source, status,
                     first_seen_ms)
                 SELECT file_id, ?2, 'island', 0, 'nothing imports it', 'scan', ?3, 1
                 FROM file WHERE path = ?1",
                [file, &name, status],
            )
            .unwrap();
    }

    fn text(&self, sql: &str) -> String {
        self.outside.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn orphans(&self) -> String {
        self.text(
            "SELECT group_concat(module || ' ' || status || ' ' || (file_id IN (SELECT file_id FROM held_back)), ', ' ORDER BY module)
             FROM orphan",
        )
    }

    fn groups(&self) -> Vec<(String, u32)> {
        let map = self.reader.module_map().unwrap().into_iter();
        map.map(|entry| (entry.module.file, entry.group.0))
            .collect()
    }
}

fn module(file: &str) -> Module {
    Module {
        file: file.to_owned(),
        name: file.trim_end_matches(".py").replace('/', "."),
    }
}

fn map(entries: &[(&str, u32)]) -> Vec<(Module, GroupId)> {
    let entries = entries.iter();
    entries
        .map(|(file, group)| (module(file), GroupId(*group)))
        .collect()
}

fn plan() -> IntegrationPlan {
    IntegrationPlan {
        additions: vec![Addition {
            module: module("p/o.py"),
            group: GroupId(2),
            reason: Reason::Connected,
        }],
        steps: vec![AddedStep {
            workflow: "nightly".to_owned(),
            module: module("p/o.py"),
        }],
        redundant: vec![Redundant {
            module: module("copy.py"),
            same_as: "a.py".to_owned(),
        }],
        ..IntegrationPlan::default()
    }
}

#[test]
fn a_new_map_replaces_the_old_one_and_what_stays_keeps_its_source() {
    let mut lab = Lab::new();
    let first = map(&[("a.py", 1), ("b.py", 1), ("c.py", 2)]);
    lab.store
        .replace_module_map(&first, Source::Build, NOW_MS)
        .unwrap();
    let second = map(&[("a.py", 1), ("c.py", 3), ("d.py", 3)]);
    lab.store
        .replace_module_map(&second, Source::File, NOW_MS)
        .unwrap();
    let entry = |file: &str, group, source| MapEntry {
        module: module(file),
        group: GroupId(group),
        source,
        run: None,
    };
    let expected = [
        entry("a.py", 1, Source::Build),
        entry("c.py", 3, Source::Build),
        entry("d.py", 3, Source::File),
    ];
    assert_eq!(lab.reader.module_map().unwrap(), expected);
}

#[test]
fn what_a_run_adds_is_recorded_and_can_be_taken_back() {
    let mut lab = Lab::new();
    lab.orphan("p/o.py", "passed");
    lab.orphan("copy.py", "passed");
    lab.orphan("bad.py", "failed");
    lab.store
        .replace_module_map(&map(&[("a.py", 2)]), Source::Build, NOW_MS)
        .unwrap();
    let modules = ["a.py", "b.py"].map(module);
    assert!(
        lab.store
            .create_workflow("nightly", &modules, NOW_MS)
            .unwrap()
    );
    let run = lab.store.open_run(&new_run()).unwrap();
    assert_eq!(lab.passed(), ["copy.py", "p/o.py"]);

    lab.store.integrate(&plan(), Some(run), NOW_MS).unwrap();
    lab.store.integrate(&plan(), Some(run), NOW_MS).unwrap();
    assert_eq!(
        lab.groups(),
        [("a.py".to_owned(), 2), ("p/o.py".to_owned(), 2)]
    );
    assert_eq!(
        lab.orphans(),
        "bad failed 0, copy redundant 0, p.o integrated 0"
    );
    let added = lab.reader.added_by(run).unwrap();
    let step = Step {
        module: module("p/o.py"),
        source: Source::Run,
        run: Some(run),
    };
    assert_eq!(added.steps, [("nightly".to_owned(), step)]);
    assert_eq!(
        lab.text("SELECT integrated || redundant FROM run"),
        r#"["p/o.py"]["copy.py"]"#
    );
    assert_eq!(lab.passed(), [""; 0]);

    lab.store
        .add_to_workflow("nightly", &[module("z.py")], None, NOW_MS)
        .unwrap();
    assert_eq!(lab.store.undo_integration(run).unwrap(), added);
    assert_eq!(lab.groups(), [("a.py".to_owned(), 2)]);
    assert_eq!(
        lab.orphans(),
        "bad failed 0, copy redundant 0, p.o passed 1"
    );
    let steps = lab.text(
        "SELECT group_concat(position || ' ' || module, ', ' ORDER BY position) FROM workflow_module",
    );
    assert_eq!(steps, "1 a, 2 b, 3 z");
    let records = lab.reader.orphans().unwrap();
    let taken_back = records.iter().find(|of| of.orphan.module.file == "p/o.py");
    assert!(taken_back.unwrap().held_back);
    assert_eq!(lab.store.undo_integration(run).unwrap().modules, []);
}

#[test]
fn an_integration_by_hand_belongs_to_no_run_and_lifts_the_hold() {
    let mut lab = Lab::new();
    lab.orphan("p/o.py", "passed");
    lab.outside
        .execute("INSERT INTO held_back SELECT file_id FROM orphan", [])
        .unwrap();
    let built = IntegrationPlan {
        built: map(&[("a.py", 1)]),
        ..plan()
    };
    lab.store.integrate(&built, None, NOW_MS).unwrap();
    let map = lab.reader.module_map().unwrap();
    let sources: Vec<_> = map.iter().map(|entry| (entry.source, entry.run)).collect();
    assert_eq!(sources, [(Source::Build, None), (Source::Command, None)]);
    assert_eq!(lab.orphans(), "p.o integrated 0");
    let without = self::map(&[("a.py", 1)]);
    lab.store
        .replace_module_map(&without, Source::File, NOW_MS)
        .unwrap();
    assert_eq!(lab.orphans(), "p.o passed 1", "it was taken back by hand");
}

#[test]
fn a_run_that_is_not_there_integrates_nothing() {
    let mut lab = Lab::new();
    let refused = lab.store.integrate(&plan(), Some(RunId(7)), NOW_MS);
    assert!(matches!(
        refused,
        Err(StoreError::NoRun { run: RunId(7), .. })
    ));
    assert_eq!(lab.groups(), []);
}
