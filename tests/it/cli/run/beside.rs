//! Modules that no test reaches are beside the run: what is said of them, to whom, in which colour.

use std::fs;

use super::discovery::{list, project};
use crate::lab::{Answer, Lab, flat};

const BROKEN: (&str, &str) = ("pkg/broken.py", "import nonesuch\n");
const KEPT: (&str, &str) = (
    "pkg/kept.py",
    "import os\ntry: open('left', 'w')\nexcept OSError: pass\n",
);
const HANGS: (&str, &str) = ("pkg/hangs.py", "import time\ntime.sleep(60)\n");
const RED: &str = "\u{1b}[31m";

/// The lines in which something is red.
fn red_lines(answer: &Answer) -> Vec<String> {
    let lines = answer.stdout.lines().chain(answer.stderr.lines());
    let is_red = |line: &&str| {
        let codes = line.split("\u{1b}[").skip(1);
        let mut codes = codes.filter_map(|rest| rest.split_once('m'));
        codes.any(|(code, _)| {
            code.split(';')
                .any(|part| ["31", "91", "41"].contains(&part))
        })
    };
    lines.filter(is_red).map(str::to_owned).collect()
}

fn texts(answer: &Answer) -> String {
    format!("{}{}", answer.stdout, answer.stderr)
}

fn runs(lab: &Lab) -> String {
    lab.rows("SELECT count(*) FROM run_summary WHERE orphan_total IS NOT NULL")[0].clone()
}

#[test]
fn a_quiet_run_tries_orphans_and_prints_no_line_about_them() {
    let Some(lab) = project(&[BROKEN, KEPT]) else {
        return;
    };
    lab.run(&["-q", "--no-merge-orphans"]).expect(0);
    lab.write("pkg/late.py", "import nonesuch\n");
    let quiet = lab.run(&["-q", "--no-merge-orphans"]).expect(0);
    assert_eq!(runs(&lab), "2", "they were tried");
    assert!(list(&lab).contains(&"pkg/late.py | unreferenced | failed".to_owned()));
    for word in ["orphan", "broken", "kept", "late", "nonesuch"] {
        assert!(!texts(&quiet).contains(word), "{word}: {quiet}");
    }
    // They are stored all the same.
    let shown = lab.agent(&["show", "latest"]).expect(0).stdout;
    assert!(shown.contains("pkg/late.py"), "{shown}");
    fs::remove_file(lab.path().join("pkg/late.py")).unwrap();
    let quiet = lab.run(&["-q", "--no-merge-orphans"]).expect(0);
    assert!(!texts(&quiet).contains("late"), "{quiet}");
}

#[test]
fn a_run_of_a_part_says_nothing_about_orphans_and_adds_none() {
    let Some(lab) = project(&[BROKEN, KEPT]) else {
        return;
    };
    for part in [
        &["tests/test_a.py"][..],
        &["tests/test_a.py::test_one"],
        &["--", "-k", "one"],
        &["--", "--lf"],
    ] {
        let answer = lab.run(part).expect(0);
        for word in ["orphan", "broken", "kept", "helper", "lonely", "FAIL"] {
            assert!(!texts(&answer).contains(word), "{part:?} {word}: {answer}");
        }
    }
    assert_eq!((runs(&lab).as_str(), list(&lab).len()), ("0", 0));
    assert_eq!(lab.rows("SELECT count(*) FROM module_group"), ["0"]);
}

#[test]
fn nothing_is_red_but_a_test_that_fails() {
    let Some(lab) = project(&[BROKEN, KEPT, HANGS]) else {
        return;
    };
    let args = ["--color", "always", "--test-timeout", "1"];
    for more in [&[][..], &["-q"], &["-v"]] {
        let green = lab.run(&[&args[..], more].concat()).expect(0);
        assert_eq!(red_lines(&green), [""; 0], "{green}");
        if more.is_empty() {
            assert!(green.stdout.contains("pkg/hangs.py"), "{green}");
            assert!(green.stdout.contains("\u{1b}["), "{green}");
        }
    }
    let shown = lab.agent(&["show", "1", "--color", "always"]).expect(0);
    assert_eq!(red_lines(&shown), [""; 0], "{shown}");
    lab.write("tests/test_b.py", "def test_bad(): assert 0\n");
    let red = lab.run(&args).expect(1);
    let lines = red_lines(&red);
    assert!(lines.iter().any(|line| line.contains("test_bad")), "{red}");
    for line in &lines {
        assert!(line.contains(RED), "{line:?}");
        for word in ["broken", "hangs", "kept", "orphan"] {
            assert!(!line.contains(word), "{line:?}");
        }
    }
}

#[test]
fn what_joins_is_announced_once_with_the_way_to_undo_it() {
    let Some(lab) = project(&[]) else { return };
    let first = lab.run(&["-q"]).expect(0);
    assert!(
        flat(&first.stderr).contains(
            "from now on every whole run tests `pkg/helper.py`, `pkg/lonely.py`, which no test reaches"
        ),
        "{first}"
    );
    assert!(
        first
            .stderr
            .contains("`agent module-map undo 1` undoes that"),
        "{first}"
    );
    let second = lab.run(&[]).expect(0);
    assert!(!second.stderr.contains("from now on"), "{second}");
    let undone = lab.agent(&["module-map", "undo", "1"]).expect(0).stdout;
    assert!(
        undone.contains("pkg.helper") && undone.contains("pkg.lonely"),
        "{undone}"
    );
    let third = lab.run(&[]).expect(0);
    assert!(!third.stderr.contains("from now on"), "{third}");
    assert!(!lab.table().contains("::import"), "{third}");
}
