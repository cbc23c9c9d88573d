//! The agent reads its own files, and keeps the keys that it does not know.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use menace_agent::mirror::{Reading, Writing};
use proptest::prelude::*;

use super::{Folder, done, listed, map};

const LIST: &str = "orphan_modules.json";
const MAP: &str = "module_map.json";

#[test]
fn a_file_is_read_once_until_somebody_changes_it() {
    let folder = Folder::new();
    let mirrors = folder.mirrors();
    assert_eq!(mirrors.read_orphans(None), Reading::Absent);
    folder.put(LIST, "[\"b.py\", \"a.py\"]");
    let (entries, remember) = folder.orphans(None);
    assert_eq!(entries, [listed("a.py"), listed("b.py")]);
    assert_eq!(mirrors.read_orphans(Some(&remember)), Reading::Unchanged);
    folder.put(LIST, "[\"b.py\", \"c.py\"]");
    let (entries, _) = folder.orphans(Some(&remember));
    assert_eq!(entries, [listed("b.py"), listed("c.py")]);
}

#[test]
fn what_is_written_is_remembered_as_read() {
    let folder = Folder::new();
    let mirrors = folder.mirrors();
    let remember = done(mirrors.write_orphans(&[listed("a.py")], None));
    assert_eq!(folder.text(LIST), "{\n  \"a.py\": {}\n}\n");
    assert_eq!(mirrors.read_orphans(Some(&remember)), Reading::Unchanged);
    let remember = done(mirrors.write_module_map(&map(&[("a.py", 1), ("b.py", 2)]), None));
    assert_eq!(folder.text(MAP), "{\n  \"a.py\": 1,\n  \"b.py\": 2\n}\n");
    assert_eq!(mirrors.read_module_map(Some(&remember)), Reading::Unchanged);
    assert_eq!(folder.names(), [MAP, LIST]);
}

#[test]
fn nothing_is_made_to_say_nothing() {
    let folder = Folder::new();
    assert_eq!(folder.mirrors().write_orphans(&[], None), Writing::Nothing);
    assert_eq!(
        folder.mirrors().write_module_map(&map(&[]), None),
        Writing::Nothing
    );
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_file_that_says_it_already_is_not_touched() {
    let folder = Folder::new();
    let mirrors = folder.mirrors();
    let first = done(mirrors.write_orphans(&[listed("a.py")], None));
    let inode = fs::metadata(folder.path(LIST)).unwrap().ino();
    let second = done(mirrors.write_orphans(&[listed("a.py")], Some(&first)));
    assert_eq!(second, first);
    assert_eq!(fs::metadata(folder.path(LIST)).unwrap().ino(), inode);
}

#[test]
fn a_file_that_was_changed_since_it_was_read_is_kept() {
    let folder = Folder::new();
    let mirrors = folder.mirrors();
    let first = done(mirrors.write_orphans(&[listed("a.py")], None));
    folder.put(LIST, "[\"mine.py\"]");
    for known in [Some(&first), None] {
        let Writing::Kept(notice) = mirrors.write_orphans(&[listed("b.py")], known) else {
            panic!("it was written over");
        };
        assert_eq!(notice.code, "mirror-changed");
    }
    assert_eq!(folder.text(LIST), "[\"mine.py\"]");
}

#[test]
fn fields_of_a_file_that_is_gone_come_back_with_it() {
    let folder = Folder::new();
    let mirrors = folder.mirrors();
    folder.put(MAP, r#"{"_by": ["lab", 2.50], "a.py": 1}"#);
    let Reading::Read { remember, .. } = mirrors.read_module_map(None) else {
        panic!("it is there");
    };
    fs::remove_file(folder.path(MAP)).unwrap();
    assert_eq!(mirrors.read_module_map(Some(&remember)), Reading::Absent);
    let again = done(mirrors.write_module_map(&map(&[("b.py", 2)]), Some(&remember)));
    assert_eq!(
        folder.text(MAP),
        "{\n  \"_by\": [\"lab\", 2.50],\n  \"b.py\": 2\n}\n"
    );
    assert_eq!(again.extra.as_deref(), Some(r#"{"_by":["lab", 2.50]}"#));
}

#[test]
fn modes_and_links_stay() {
    let folder = Folder::new();
    let mirrors = folder.mirrors();
    folder.put("elsewhere.json", "[\"a.py\"]");
    fs::set_permissions(folder.path("elsewhere.json"), Permissions::from_mode(0o666)).unwrap();
    symlink("elsewhere.json", folder.path(LIST)).unwrap();
    let (_, remember) = folder.orphans(None);
    done(mirrors.write_orphans(&[listed("b.py")], Some(&remember)));
    assert_eq!(folder.text("elsewhere.json"), "[\n  \"b.py\"\n]\n");
    assert!(folder.path(LIST).is_symlink());
    let mode = fs::metadata(folder.path("elsewhere.json")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o666);
}

#[test]
fn paths_inside_the_project_may_be_absolute() {
    let folder = Folder::new();
    let inside = folder.path("project/p/a.py");
    let text = format!(
        "{{\"{}\": \"7\", \"/elsewhere/a.py\": 1}}",
        inside.display()
    );
    folder.put(MAP, &text);
    let Reading::Read { entries, .. } = folder.mirrors().read_module_map(None) else {
        panic!("it is there");
    };
    assert_eq!(entries, map(&[("p/a.py", 7)]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_map_comes_back_as_it_was_written(
        first in prop::collection::btree_map("[a-z]{1,3}(/[a-zé \"]{1,3})?\\.py", 0_u32..9, 1..12),
        second in prop::collection::btree_map("[a-z]{1,3}(/[a-zé \"]{1,3})?\\.py", 0_u32..9, 0..12),
    ) {
        let folder = Folder::new();
        let mirrors = folder.mirrors();
        let as_map = |of: &std::collections::BTreeMap<String, u32>| {
            let entries: Vec<(&str, u32)> = of.iter().map(|(file, group)| (file.as_str(), *group)).collect();
            map(&entries)
        };
        let known = done(mirrors.write_module_map(&as_map(&first), None));
        done(mirrors.write_module_map(&as_map(&second), Some(&known)));
        match mirrors.read_module_map(None) {
            Reading::Read { entries, notices, .. } => {
                prop_assert_eq!(entries, as_map(&second));
                prop_assert_eq!(notices, []);
            }
            other => panic!("{other:?}"),
        }
    }
}
