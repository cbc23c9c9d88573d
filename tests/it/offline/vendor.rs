//! `vendor.sh`: the source tarball builds with nothing but itself.

use std::fs;

use super::Desk;
use crate::envs::nothing_may_be_skipped;

#[test]
fn a_tarball_that_is_there_stays() {
    let desk = Desk::new();
    desk.write("src.tar.gz", "precious");
    let refused = desk.call("vendor.sh", &["-o", "src.tar.gz"]).expect(1);
    insta::assert_snapshot!(refused.stderr, @r"
    error: `src.tar.gz` is there already
    hint: pass `--force` to replace it, or `-o` another name
    ");
    assert_eq!(desk.names("."), ["src.tar.gz"]);
}

#[test]
fn the_tarball_builds_with_nothing_but_itself_and_is_the_same_again() {
    if !nothing_may_be_skipped() {
        println!("SKIPPED: takes minutes and the package registry; AGENT_CONFORMANCE=1 runs it");
        return;
    }
    let desk = Desk::new();
    // One right after the other: a commit between them would make them differ.
    desk.call("vendor.sh", &["-o", "one.tar.gz"]).expect(0);
    let checked = desk.call("vendor.sh", &["--check", "-o", "two.tar.gz"]);
    let checked = checked.expect(0);
    let version = concat!("agent ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(checked.stdout, version, "{checked}");
    let [one, two] = ["one", "two"].map(|name| desk.path().join(name).with_extension("tar.gz"));
    assert!(fs::read(one).unwrap() == fs::read(two).unwrap());
    assert_eq!(desk.names("."), ["one.tar.gz", "two.tar.gz"]);
}
