//! The rows about image tarballs.

use menace_agent::store::ImageArchiveRow;

use super::sample::{NOW_MS, open};

fn row(path: &str) -> ImageArchiveRow {
    ImageArchiveRow {
        path: path.to_owned(),
        size_bytes: 50_000_000,
        mtime_ns: 1_735_689_600_123_456_789,
        sha256: "5f".repeat(32),
        format: "both".to_owned(),
        image_id: format!("sha256:{}", "9c".repeat(32)),
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        tags: vec!["menace-selftest:1".to_owned(), "a b:latest".to_owned()],
        verified_ms: NOW_MS,
    }
}

#[test]
fn a_checked_tarball_is_known_until_its_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let reader = store.reader().unwrap();
    assert_eq!(reader.image_archive("/a.tar").unwrap(), None);

    store.put_image_archive(&row("/b.tar")).unwrap();
    store.put_image_archive(&row("/a.tar")).unwrap();
    let found = reader.image_archive("/a.tar").unwrap().unwrap();
    assert_eq!(found, row("/a.tar"));
    assert!(found.is_of(found.size_bytes, found.mtime_ns));
    assert!(!found.is_of(found.size_bytes, found.mtime_ns + 1));
    assert!(!found.is_of(found.size_bytes + 1, found.mtime_ns));

    let changed = ImageArchiveRow {
        size_bytes: 7,
        tags: Vec::new(),
        ..row("/a.tar")
    };
    store.put_image_archive(&changed).unwrap();
    assert_eq!(reader.image_archives().unwrap(), [changed, row("/b.tar")]);
}

#[test]
fn what_no_check_can_have_found_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let broken = [
        ImageArchiveRow {
            sha256: "5f".to_owned(),
            ..row("/a.tar")
        },
        ImageArchiveRow {
            format: "zip".to_owned(),
            ..row("/a.tar")
        },
        ImageArchiveRow {
            image_id: "9c".repeat(32),
            ..row("/a.tar")
        },
    ];
    for row in broken {
        store.put_image_archive(&row).unwrap_err();
    }
    assert_eq!(store.reader().unwrap().image_archives().unwrap(), []);
}
