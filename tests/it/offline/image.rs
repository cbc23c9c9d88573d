//! `build-image.sh`: the requests that it refuses before it begins, and the files that it left
//! beside the image of the tests with engines.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Desk, answer};

#[test]
fn a_tarball_that_is_there_stays() {
    let desk = Desk::new();
    desk.write("image.tar.gz", "precious");
    let refused = desk.call("build-image.sh", &["-o", "image.tar.gz"]);
    insta::assert_snapshot!(refused.expect(1).stderr, @r"
    error: `image.tar.gz` is there already
    hint: pass `--force` to replace it, or `-o` another name
    ");
    assert_eq!(desk.names("."), ["image.tar.gz"]);
}

#[test]
fn what_it_would_need_is_looked_for_first() {
    let desk = Desk::new();
    let cases: [(&[&str], &str); 3] = [
        (&["-o", "there/image.tar.gz"], "no folder `there`"),
        (&["--wheels", "wheels"], "no folder `wheels`"),
        (&["--agent", "false"], "`false` has no command `image pack`"),
    ];
    for (args, named) in cases {
        let refused = desk.call("build-image.sh", args).expect(1);
        assert!(refused.stderr.contains(named), "{refused}");
    }
    assert_eq!(desk.names("."), [""; 0]);
}

#[test]
fn without_mmdebstrap_it_says_where_that_is_from() {
    let desk = Desk::new();
    // All that the script itself calls up to there.
    for program in ["bash", "cat", "dirname", "true"] {
        let mut find = Command::new("sh");
        let path = answer(find.args(["-c", &format!("command -v {program}")])).expect(0);
        fs::create_dir_all(desk.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(path.stdout.trim(), desk.path().join("bin").join(program))
            .unwrap();
    }
    let mut script = desk.script("build-image.sh", &["--agent", "true"]);
    let refused = answer(script.env("PATH", desk.path().join("bin"))).expect(1);
    insta::assert_snapshot!(refused.stderr, @r"
    error: mmdebstrap is not installed
    hint: `apt-get install mmdebstrap` on Debian or Ubuntu; elsewhere use offline/Containerfile
    ");
}

/// `.ci/engines` made it with the script.
#[test]
fn the_packages_of_an_image_are_listed_beside_it() {
    let Ok(image) = std::env::var("AGENT_TEST_IMAGE_TAR") else {
        let required = std::env::var("AGENT_REQUIRE_ENGINES").is_ok_and(|value| value == "1");
        assert!(!required, "AGENT_TEST_IMAGE_TAR is not set");
        println!("SKIPPED: AGENT_TEST_IMAGE_TAR is not set");
        return;
    };
    assert!(Path::new(&image).is_file(), "{image}");
    let list = fs::read_to_string(format!("{image}.packages")).unwrap();
    for package in ["python3=3.", "python3-pytest=", "python3-coverage="] {
        let listed = list.lines().any(|line| line.starts_with(package));
        assert!(listed, "{package} is not in\n{list}");
    }
    let mut sorted: Vec<&str> = list.lines().collect();
    sorted.sort_unstable();
    assert_eq!(sorted.join("\n"), list.trim_end());
}
