//! Workflows: made, extended, cut and removed.

use menace_agent::model::Module;
use menace_agent::store::Reader;

use super::sample::{NOW_MS, open};

fn modules(names: &str) -> Vec<Module> {
    let names = names.split_whitespace();
    names
        .map(|name| Module {
            file: format!("{name}.py"),
            name: name.to_owned(),
        })
        .collect()
}

fn steps(reader: &Reader, name: &str) -> String {
    let workflow = reader.workflow(name).unwrap().unwrap();
    let names: Vec<String> = workflow
        .steps
        .into_iter()
        .map(|step| step.module.name)
        .collect();
    names.join(" ")
}

#[test]
fn modules_go_where_they_are_put_and_positions_have_no_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let reader = store.reader().unwrap();
    assert!(
        store
            .create_workflow("w", &modules("a b c a"), NOW_MS)
            .unwrap()
    );
    assert!(!store.create_workflow("w", &[], NOW_MS).unwrap());
    assert_eq!(steps(&reader, "w"), "a b c");
    let cases = [
        ("d", None, 1, "a b c d"),
        ("x y", Some(1), 2, "x y a b c d"),
        ("e a", Some(3), 1, "x y e a b c d"),
        ("z", Some(99), 1, "x y e a b c d z"),
        ("z", Some(1), 0, "x y e a b c d z"),
    ];
    for (names, at, added, expected) in cases {
        let found = store
            .add_to_workflow("w", &modules(names), at, NOW_MS)
            .unwrap();
        assert_eq!(found, Some(added), "{names}");
        assert_eq!(steps(&reader, "w"), expected);
    }
    let files = ["x.py", "b.py", "nobody.py"].map(str::to_owned);
    assert_eq!(store.remove_from_workflow("w", &files).unwrap(), Some(2));
    assert_eq!(steps(&reader, "w"), "y e a c d z");
    store
        .add_to_workflow("w", &modules("n"), Some(2), NOW_MS)
        .unwrap();
    assert_eq!(steps(&reader, "w"), "y n e a c d z");
}

#[test]
fn what_is_not_there_is_said_and_what_is_removed_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let reader = store.reader().unwrap();
    assert_eq!(
        store
            .add_to_workflow("w", &modules("a"), None, NOW_MS)
            .unwrap(),
        None
    );
    assert_eq!(store.remove_from_workflow("w", &[]).unwrap(), None);
    assert!(!store.remove_workflow("w").unwrap());
    store.create_workflow("w", &modules("a"), NOW_MS).unwrap();
    store.create_workflow("empty", &[], NOW_MS).unwrap();
    let names: Vec<_> = reader
        .workflows()
        .unwrap()
        .into_iter()
        .map(|of| of.name)
        .collect();
    assert_eq!(names, ["empty", "w"]);
    assert!(store.remove_workflow("w").unwrap());
    assert_eq!(reader.workflow("w").unwrap(), None);
}
