//! Runs in containers take turns, start from tarballs, and tidy up after others.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::engines::{Engine, IMAGE, REAPED, WAITS, engines, engines_alone, project, tarball};
use crate::envs::{Skip, available};
use crate::lab::{Answer, Going, Lab, answer};
use crate::wait::wait_for;

fn with_tarball(engine: Engine, lab: &Lab, file: &str, args: &[&str]) -> Answer {
    let mut command = lab.command(
        &[
            &["run", "--require-container", "--offline", "--no-cov"],
            &["--container-runtime", engine.0, "--image-tar", file][..],
            args,
        ]
        .concat(),
    );
    Engine::surroundings(&mut command);
    answer(&mut command)
}

#[test]
fn a_tarball_is_checked_once_and_its_image_loaded_once() {
    let Some(file) = tarball() else { return };
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
        let known = "SELECT path, image_id, verified_ms FROM image_archive";
        with_tarball(engine, &lab, file.to_str().unwrap(), &[]).expect(0);
        let first = lab.rows(known);
        assert_eq!(first.len(), 1);
        with_tarball(engine, &lab, file.to_str().unwrap(), &[]).expect(0);
        assert_eq!(lab.rows(known), first);
        let images = lab.rows("SELECT DISTINCT image FROM run_summary");
        assert_eq!(images.len(), 1);
        assert!(first[0].contains(&images[0]), "{first:?} {images:?}");
        let mut list = lab.command(&["image", "list", "--container-runtime", engine.0]);
        Engine::surroundings(&mut list);
        let list = answer(&mut list).expect(0).stdout;
        assert!(list.contains(&format!("loaded in {}", engine.0)), "{list}");
        assert!(list.contains(IMAGE), "{list}");
    }
}

#[test]
fn a_tarball_that_cannot_be_used_is_an_error_even_where_the_host_could_serve() {
    let Some(file) = tarball() else { return };
    let Some(lab) = crate::lab::lab(&[("test_a.py", "def test_one(): pass\n")]) else {
        return;
    };
    let whole = fs::read(&file).unwrap();
    fs::write(lab.path().join("cut.tar.gz"), &whole[..whole.len() / 2]).unwrap();
    for (name, words) in [("cut.tar.gz", "cut.tar.gz"), ("missing.tar", "missing.tar")] {
        let args = ["--use-container", "--docker-host", "unix:///nowhere.sock"];
        let failed = lab
            .run(&[&args[..], &["--image-tar", name]].concat())
            .expect(3);
        assert!(failed.stderr.contains(words), "{failed}");
        assert!(failed.stderr.contains("hint: "), "{failed}");
    }
    for &engine in engines().iter() {
        let name = ["--container-image", "another:7"];
        let failed = with_tarball(engine, &lab, file.to_str().unwrap(), &name).expect(3);
        assert!(failed.stderr.contains("and not `another:7`"), "{failed}");
    }
}

#[test]
fn a_second_run_waits_and_says_for_whom() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", WAITS)]);
        // A layer need not show what is written below it later.
        let mut first = engine.start(&lab, &["--no-cov", "--project-mount", "ro"]);
        first.wait_for_test("test_waits");
        let refused = engine
            .run(&lab, &["--no-cov", "--lock-timeout", "0.2"])
            .expect(3);
        let holder = format!("which process {} on ", first.pid());
        assert!(refused.stderr.contains(&holder), "{refused}");
        assert!(
            refused.stderr.contains("waited 0.2 s for the lease"),
            "{refused}"
        );
        let mut second = engine.start(&lab, &["--no-cov"]);
        lab.write("go", "");
        first.end().expect(0);
        second.end().expect(0);
        let runs = lab.rows("SELECT outcome FROM run_summary");
        assert_eq!(runs, ["passed", "passed"]);
        let lease = lab.rows("SELECT name, token, live FROM lease_state");
        assert_eq!(lease, ["containers | 2 | 0"]);
    }
}

/// The starts (true) and the ends of the containers of these runs, with the ids of the runs.
fn lives(log: &str, uuids: &BTreeSet<String>) -> Vec<(bool, String)> {
    let events = log.lines().filter_map(|line| {
        // The last line may not be whole yet.
        let event: Value = serde_json::from_str(line).ok()?;
        let text = |keys: &[&str]| keys.iter().find_map(|key| event[key].as_str());
        let name = event["Actor"]["Attributes"]["name"].as_str();
        let name = name.or_else(|| text(&["Name"]))?;
        let uuid = uuids.iter().find(|uuid| name.contains(uuid.as_str()))?;
        match text(&["status", "Status"])? {
            "start" => Some((true, uuid.clone())),
            "die" | "died" => Some((false, uuid.clone())),
            _ => None,
        }
    });
    events.collect()
}

#[test]
fn twenty_runs_at_once_never_have_containers_at_the_same_time() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("events");
        let _follower = engine.follow(&log);
        let mut runs: Vec<Going> = (0..20).map(|_| engine.start(&lab, &["--no-cov"])).collect();
        for run in &mut runs {
            run.end_within_minutes().expect(0);
        }
        let uuids: BTreeSet<String> = lab
            .rows("SELECT uuid FROM run_summary WHERE outcome = 'passed'")
            .into_iter()
            .collect();
        assert_eq!(uuids.len(), 20);
        // The engine's own log tells the life of each container.
        let lives = wait_for("the ends of all containers", || {
            let lives = lives(&fs::read_to_string(&log).unwrap(), &uuids);
            let ends = lives.iter().filter(|(started, _)| !started).count();
            if ends < 20 { Err(lives) } else { Ok(lives) }
        });
        // Each begins when the one before has ended.
        for pair in lives.chunks(2) {
            assert!(
                matches!(pair, [(true, began), (false, ended)] if began == ended),
                "{engine:?}: {lives:?}"
            );
        }
        assert_eq!(lives.len(), 40, "{engine:?}: {lives:?}");
        assert_eq!(engine.containers(&lab), [""; 0]);
    }
}

#[test]
fn a_run_counts_the_containers_that_it_removes_for_others() {
    for &engine in engines_alone().iter() {
        let lab = project(&[
            ("test_a.py", WAITS),
            ("test_b.py", "def test_one(): pass\n"),
        ]);
        let mut going = engine.start(&lab, &["--no-cov", "test_a.py"]);
        going.wait_for_test("test_waits");
        // A container that cannot notice that its agent is gone.
        engine.call(&["pause", &engine.container_of(&lab)]);
        going.kill();
        engine.run(&lab, &["--no-cov", "test_b.py"]).expect(0);
        assert_eq!(lab.rows(REAPED), ["1"]);
        assert_eq!(engine.containers(&lab), [""; 0]);
    }
}

#[test]
fn offline_nothing_asks_for_a_network() {
    let Some(file) = tarball() else { return };
    let strace = Command::new("strace").arg("--version").output();
    let root = nix::unistd::geteuid().is_root();
    let able = if strace.is_ok() && root {
        Ok(())
    } else {
        Err(Skip(
            "needs strace, and root for a network without routes".to_owned(),
        ))
    };
    if available(able).is_none() {
        return;
    }
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
        let log = lab.path().join("sandbox_data/calls");
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        let agent = env!("CARGO_BIN_EXE_agent");
        let command = lab.command(&[]);
        let mut traced = Command::new("unshare");
        traced
            .args(["--net", "strace", "--follow-forks", "--quiet=all"])
            .args(["--trace=connect,sendto,sendmsg,bind", "--output"])
            .arg(&log)
            .args([agent, "run", "--require-container", "--no-cov"])
            .args(["--container-runtime", engine.0])
            .current_dir(lab.path())
            .env_clear();
        for (name, value) in command.get_envs() {
            if let Some(value) = value.filter(|_| name != "SELF_TEST_PYTHON") {
                traced.env(name, value);
            }
        }
        traced
            .env("MENACE_OFFLINE_INSTALL", "1")
            .env("MENACE_SELF_TEST_IMAGE_TAR", &file);
        Engine::surroundings(&mut traced);
        answer(&mut traced).expect(0);
        assert_eq!(lab.verdict(), "passed | 0");
        let calls = fs::read_to_string(&log).unwrap();
        assert!(calls.contains("AF_UNIX"), "{engine:?}: nothing was traced");
        let outside: Vec<&str> = calls
            .lines()
            .filter(|line| line.contains("AF_INET"))
            .collect();
        assert_eq!(outside, [""; 0], "{engine:?}");
    }
}
