//! Files that are damaged, of another shape, or no files.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;

use menace_agent::mirror::{Reading, Writing};
use menace_agent::model::Notice;
use proptest::prelude::*;

use super::{Folder, listed, map};

const LIST: &str = "orphan_modules.json";
const MAP: &str = "module_map.json";

fn refused<T: std::fmt::Debug>(reading: Reading<T>) -> Notice {
    match reading {
        Reading::Refused(notice) => notice,
        other => panic!("{other:?}"),
    }
}

fn words(folder: &Folder, notice: &Notice) -> String {
    let root = folder.path("").display().to_string();
    let hint = notice.hint.as_deref().unwrap_or_default();
    format!("{}: {}\n{hint}", notice.code, notice.message).replace(&root, "")
}

#[test]
fn a_damaged_file_is_kept_beside_and_none_is_lost() {
    let folder = Folder::new();
    folder.put(LIST, "[\"a.py\",");
    let notice = refused(folder.mirrors().read_orphans(None));
    insta::assert_snapshot!(words(&folder, &notice), @"
    mirror-damaged: `orphan_modules.json` is damaged: it is not JSON: EOF while parsing a value at line 1 column 8; it is kept as `orphan_modules.json.damaged`
    mend it and put it back, or remove it: the next run writes the file again
    ");
    folder.put(LIST, "{\"a.py\"");
    let notice = refused(folder.mirrors().read_orphans(None));
    assert!(notice.message.ends_with(".damaged-2`"), "{notice:?}");
    assert_eq!(folder.text("orphan_modules.json.damaged"), "[\"a.py\",");
    assert_eq!(folder.text("orphan_modules.json.damaged-2"), "{\"a.py\"");
    assert_eq!(folder.mirrors().read_orphans(None), Reading::Absent);
    let written = folder.mirrors().write_orphans(&[listed("b.py")], None);
    assert!(matches!(written, Writing::Done(_)));
}

#[test]
fn a_map_that_is_a_list_is_damaged() {
    let folder = Folder::new();
    folder.put(MAP, "[\"a.py\"]");
    let notice = refused(folder.mirrors().read_module_map(None));
    insta::assert_snapshot!(words(&folder, &notice), @"
    mirror-damaged: `module_map.json` is damaged: it has another shape: a list, expected an object; it is kept as `module_map.json.damaged`
    mend it and put it back, or remove it: the next run writes the file again
    ");
}

#[test]
fn what_is_no_file_is_left_in_its_place() {
    let folder = Folder::new();
    fs::create_dir(folder.path(LIST)).unwrap();
    nix::unistd::mkfifo(&folder.path(MAP), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let notice = refused(folder.mirrors().read_orphans(None));
    insta::assert_snapshot!(words(&folder, &notice), @"
    mirror-unreadable: cannot read `orphan_modules.json`: it is no file
    it was left as it is; move it away, or make it a file that can be read
    ");
    let notice = refused(folder.mirrors().read_module_map(None));
    assert!(notice.message.ends_with("it is no file"), "{notice:?}");
    let written = folder.mirrors().write_orphans(&[listed("a.py")], None);
    assert!(matches!(written, Writing::Kept(_)));
    let written = folder
        .mirrors()
        .write_module_map(&map(&[("a.py", 1)]), None);
    assert!(matches!(written, Writing::Kept(_)));
    assert_eq!(folder.names(), [MAP, LIST]);
}

#[test]
fn a_file_that_is_too_large_is_left() {
    let folder = Folder::new();
    let file = File::create(folder.path(LIST)).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let notice = refused(folder.mirrors().read_orphans(None));
    assert!(
        notice.message.ends_with("it is larger than 64 MiB"),
        "{notice:?}"
    );
    assert_eq!(folder.names(), [LIST]);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_said() {
    if nix::unistd::Uid::effective().is_root() {
        println!("SKIPPED: root may write everywhere");
        return;
    }
    let folder = Folder::new();
    fs::set_permissions(folder.path(""), Permissions::from_mode(0o500)).unwrap();
    let written = folder.mirrors().write_orphans(&[listed("a.py")], None);
    fs::set_permissions(folder.path(""), Permissions::from_mode(0o700)).unwrap();
    let Writing::Kept(notice) = written else {
        panic!("{written:?}");
    };
    assert_eq!(notice.code, "mirror-unwritable");
}

#[test]
fn what_is_no_entry_is_named() {
    let folder = Folder::new();
    folder.put(LIST, r#"["pkg.a", "pkg.b", "../c.py", "pkg.d", "e.py"]"#);
    let Reading::Read { notices, .. } = folder.mirrors().read_orphans(None) else {
        panic!("it is there");
    };
    insta::assert_snapshot!(words(&folder, &notices[0]), @"
    mirror-entries: `pkg.a`, `pkg.b`, `../c.py` and 1 more in `orphan_modules.json` say nothing that can be used; they stay
    entries are paths relative to the project, with `/` and `.py`
    ");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    /// Texts that are nearly right: pieces of JSON in any order.
    #[test]
    fn no_file_is_written_over_before_it_is_kept(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"a.py\"", "\"b\"", "1", "-1", "null", " ", "\u{feff}",
                "{\"a.py\": {\"group\": ", "\"\\ud800\"", "1e999", "[\"a.py\"",
            ]),
            0..12,
        ),
    ) {
        let text = pieces.concat();
        for name in [LIST, MAP] {
            let folder = Folder::new();
            folder.put(name, &text);
            let mirrors = folder.mirrors();
            let known = match (mirrors.read_orphans(None), mirrors.read_module_map(None)) {
                (Reading::Read { remember, .. }, _) | (_, Reading::Read { remember, .. }) => Some(remember),
                _ => None,
            };
            mirrors.write_orphans(&[listed("c.py")], known.as_ref());
            mirrors.write_module_map(&map(&[("c.py", 1)]), known.as_ref());
            if known.is_none() {
                prop_assert_eq!(folder.text(&format!("{name}.damaged")), text.clone());
            }
            let again = (mirrors.read_orphans(None), mirrors.read_module_map(None));
            let both = matches!(again, (Reading::Read { .. }, Reading::Read { .. }));
            prop_assert!(both, "{:?}", again);
        }
    }
}
