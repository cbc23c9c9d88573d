//! What a container does not get of this machine: it is said once, with the way to get it.

use std::os::unix::fs::symlink;

use crate::cli::run::repository::git;
use crate::engines::{Engine, engines, notices, project};
use crate::lab::Lab;

/// The messages of the notices of a run that have this code, with their hints.
fn said(lab: &Lab, code: &str) -> Vec<String> {
    lab.rows(&format!(
        "SELECT message, hint FROM notice WHERE code = '{code}' ORDER BY message"
    ))
}

fn run(engine: Engine, lab: &Lab, args: &[&str], code: i32) {
    let args = [&["--no-cov", "--no-include-orphans"], args].concat();
    engine.run(lab, &args).expect(code);
}

#[test]
fn wheels_and_the_environment_of_the_project_stay_on_the_host_and_that_is_said() {
    for &engine in engines().iter() {
        let lab = project(&[
            ("test_a.py", "def test_one(): pass\n"),
            (".venv/pyvenv.cfg", "home = /usr/bin\n"),
            ("wheels/README", ""),
        ]);
        run(engine, &lab, &["--wheels", "wheels"], 0);
        let wheels = said(&lab, "wheels-not-used");
        assert_eq!(wheels.len(), 1, "{wheels:?}");
        assert!(
            wheels[0].contains("agent image pack --rootfs FILE --wheels"),
            "{wheels:?}"
        );
        let environment = said(&lab, "environment-of-host");
        assert_eq!(
            environment,
            ["`.venv` is of the host: tests have the packages of `menace-selftest:1` alone | NULL"]
        );
        let plain = project(&[("test_a.py", "def test_one(): pass\n")]);
        let quiet = engine.run(&plain, &["--no-cov", "--json"]).expect(0);
        assert_eq!(notices(&quiet), []);
    }
}

#[test]
fn a_package_that_the_image_lacks_is_named_with_the_way_to_bake_it_in() {
    for &engine in engines().iter() {
        let tests = [
            (
                "test_a.py",
                "import requests_of_lab\ndef test_one(): pass\n",
            ),
            ("test_b.py", "def test_one():\n    import requests_of_lab\n"),
        ];
        for test in tests {
            let lab = project(&[test]);
            let code = if test.0 == "test_a.py" { 6 } else { 1 };
            run(engine, &lab, &[], code);
            let lacking = said(&lab, "image-lacks-module");
            assert_eq!(lacking.len(), 1, "{engine:?}, {test:?}: {lacking:?}");
            let start =
                "the image `menace-selftest:1` has no module `requests_of_lab` | make an image";
            assert!(lacking[0].starts_with(start), "{lacking:?}");
        }
    }
}

#[test]
fn links_and_paths_that_lead_out_of_the_project_are_named_with_their_ends() {
    for &engine in engines().iter() {
        let outside = tempfile::tempdir().unwrap();
        let outside = outside.path().canonicalize().unwrap();
        std::fs::write(outside.join("test_b.py"), "def test_two(): pass\n").unwrap();
        std::fs::write(outside.join("data.txt"), "x").unwrap();
        let end = outside.display();
        let test = format!("def test_one(): open('{end}/data.txt')\n");
        let lab = project(&[("test_a.py", &test)]);
        symlink(&outside, lab.path().join("shared")).unwrap();
        let told = |args: &[&str]| {
            run(engine, &lab, args, 1);
            let out = said(&lab, "links-lead-out");
            assert!(
                out.iter()
                    .all(|line| line.contains("--container-arg=--volume=")),
                "{out:?}"
            );
            let link = format!("`shared` to `{end}` leads out of it | ");
            assert!(out.iter().all(|line| line.contains(&link)), "{out:?}");
            let file = format!(
                "`{end}/data.txt` is not in the project, and a container has nothing else | "
            );
            let missed = said(&lab, "outside-of-project");
            assert!(
                missed.iter().all(|line| line.starts_with(&file)),
                "{missed:?}"
            );
            (out.len(), missed.len())
        };
        assert_eq!(told(&[]), (1, 1), "{engine:?}");
        assert_eq!(told(&["--project-mount", "copy"]), (2, 2), "{engine:?}");
        // The way that the hint names.
        let volume = format!("--container-arg=--volume={end}:{end}:ro");
        run(engine, &lab, &[&volume], 0);
        assert_eq!(said(&lab, "links-lead-out").len(), 2);
        let tests = lab.rows("SELECT count(*) FROM test_outcome WHERE run_id = 3");
        assert_eq!(tests, ["2"], "{engine:?}");
        // What git ignores is of no interest, until a test wants it.
        git(&lab, &["init", "--quiet"]);
        lab.write(".gitignore", "shared\n");
        run(engine, &lab, &[], 1);
        assert_eq!(said(&lab, "links-lead-out").len(), 2);
    }
}
