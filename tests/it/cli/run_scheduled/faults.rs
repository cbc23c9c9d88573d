//! Disks, folders and programs that come and go under a service.

use std::fs;

use super::{HELD, PASSING, Service, assert_nothing_is_left, lab, outcomes};
use crate::cli::run::state_file::Mount;
use crate::store::sample::file_of_version;
use crate::wait::wait_until;

#[test]
fn a_state_file_that_becomes_read_only_holds_cycles_up_until_it_is_not() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let place = lab.path().join("disk");
    let Some(mount) = Mount::new(&place, "size=8m") else {
        return;
    };
    let db = place.join("agent.db");
    let args = ["--db", db.to_str().unwrap(), "--interval", "1"];
    let mut service = Service::start(&lab, &args);
    service.wait("cycle-finished");
    mount.remount("ro");
    let lost = service.wait("state-file-lost");
    assert!(
        lost["message"].as_str().unwrap().contains("agent.db"),
        "{lost}"
    );
    mount.remount("rw");
    service.wait("state-file-back");
    service.wait("cycle-finished");
    service.stop();
    let sql = "SELECT message, missed > 0 FROM cycle_summary WHERE message IS NOT NULL";
    let rows = crate::lab::rows(&db, sql);
    assert!(
        rows.iter()
            .any(|row| row.starts_with("the state file could not be used since 20")),
        "{rows:#?}"
    );
    drop(mount);
}

#[test]
fn a_full_disk_ends_no_service() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let place = lab.path().join("disk");
    let Some(mount) = Mount::new(&place, "size=4m") else {
        return;
    };
    let db = place.join("agent.db");
    let args = ["--db", db.to_str().unwrap(), "--interval", "1"];
    let mut service = Service::start(&lab, &args);
    service.wait("cycle-finished");
    let filler = place.join("filler");
    fs::write(&filler, vec![1; 8 << 20]).unwrap_err();
    service.wait("state-file-lost");
    fs::remove_file(&filler).unwrap();
    service.wait("state-file-back");
    service.wait("cycle-finished");
    service.stop();
    let sql = "SELECT outcome IS NULL FROM cycle_summary WHERE outcome IS NULL";
    assert_eq!(crate::lab::rows(&db, sql), [""; 0]);
    drop(mount);
}

#[test]
fn a_project_that_disappears_is_waited_for() {
    let Some(lab) = lab(&[
        ("project/test_a.py", PASSING),
        ("project/pytest.ini", "[pytest]"),
    ]) else {
        return;
    };
    let (project, away) = (lab.path().join("project"), lab.path().join("away"));
    let mut command = Service::command(&lab, &["--interval", "1", "--run-now"]);
    let mut service = Service::spawn(command.current_dir(&project));
    service.wait("cycle-finished");
    fs::rename(&project, &away).unwrap();
    let lost = service.wait("state-file-lost");
    assert!(
        lost["message"].as_str().unwrap().contains("agent.db"),
        "{lost}"
    );
    assert!(!project.exists(), "nothing is made in its place");
    fs::rename(&away, &project).unwrap();
    service.wait("state-file-back");
    assert_eq!(service.wait("cycle-finished")["outcome"], "passed");
    service.stop();
}

#[test]
fn a_project_that_disappears_from_its_state_file_is_a_cycle_that_could_not_start() {
    let Some(lab) = lab(&[
        ("project/test_a.py", PASSING),
        ("project/pytest.ini", "[pytest]"),
    ]) else {
        return;
    };
    let (project, away) = (lab.path().join("project"), lab.path().join("away"));
    let db = lab.db();
    let mut command = Service::command(&lab, &["--interval", "1", "--db", db.to_str().unwrap()]);
    let mut service = Service::spawn(command.current_dir(&project));
    service.wait("cycle-finished");
    fs::rename(&project, &away).unwrap();
    let finished = service.wait("cycle-finished");
    assert_eq!(finished["outcome"], "not_started", "{finished}");
    let message = finished["message"].as_str().unwrap();
    assert!(message.contains("project` is not there"), "{message}");
    fs::rename(&away, &project).unwrap();
    let present = || outcomes(&lab);
    wait_until("a cycle that passes again", present, |outcomes| {
        let last = outcomes.iter().rev();
        let mut last = last.take_while(|outcome| *outcome != "not_started");
        last.any(|outcome| outcome == "passed")
    });
    service.stop();
    assert_nothing_is_left(&lab);
}

#[test]
fn a_state_file_that_is_back_is_noticed_when_nothing_is_due() {
    let Some(lab) = lab(&[("test_a.py", PASSING), ("menace.toml", "interval = 1\n")]) else {
        return;
    };
    let (db, away) = (lab.path().join("state.db"), lab.path().join("away.db"));
    let mut service = Service::start(&lab, &["--db", db.to_str().unwrap()]);
    service.wait("cycle-finished");
    fs::rename(&db, &away).unwrap();
    service.wait("state-file-lost");
    lab.write("menace.toml", "interval = 3600\n");
    service.signal(nix::sys::signal::Signal::SIGHUP);
    service.wait("reloaded");
    fs::rename(&away, &db).unwrap();
    service.wait("state-file-back");
    service.stop();
    let kept = crate::lab::rows(&db, "SELECT spec FROM schedule_state");
    assert_eq!(kept, ["every 3600 s"]);
}

#[test]
fn a_state_file_that_is_lost_when_a_cycle_ends_is_told_by_the_next_row() {
    let Some(lab) = lab(&[("test_a.py", HELD), ("state/.keep", "")]) else {
        return;
    };
    let (state, away) = (lab.path().join("state"), lab.path().join("away"));
    let db = state.join("agent.db");
    let args = ["--interval", "1", "--run-now", "--db", db.to_str().unwrap()];
    let mut service = Service::start(&lab, &args);
    lab.wait_for_file("began");
    fs::rename(&state, &away).unwrap();
    lab.write("go", "");
    service.wait("state-file-lost");
    fs::rename(&away, &state).unwrap();
    service.wait("state-file-back");
    service.wait("cycle-finished");
    service.wait("cycle-finished");
    service.stop();
    let told = "SELECT cycle_id FROM cycle_summary
                WHERE message LIKE 'the state file could not be used from 2% to 2%: %'";
    assert_eq!(crate::lab::rows(&db, told), ["2"]);
}

#[test]
fn settings_that_lead_to_another_state_file_begin_no_run_there() {
    let Some(lab) = lab(&[("test_a.py", PASSING), ("menace.toml", "interval = 1\n")]) else {
        return;
    };
    let mut service = Service::start(&lab, &[]);
    service.wait("cycle-finished");
    lab.write("menace.toml", "interval = 1\ndb = \"other.db\"\n");
    let mut finished = service.wait("cycle-finished");
    // One may have read its settings before.
    if finished["outcome"] == "passed" {
        finished = service.wait("cycle-finished");
    }
    assert_eq!(
        (&finished["outcome"], &finished["exit_code"]),
        (&"not_started".into(), &2.into())
    );
    let message = finished["message"].as_str().unwrap();
    assert!(
        message.contains("the state file would be another one"),
        "{message}"
    );
    assert!(!lab.path().join("other.db").exists());
    service.stop();
}

#[test]
fn settings_that_become_wrong_are_cycles_that_could_not_start() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "1"]);
    service.wait("cycle-finished");
    lab.write("menace.toml", "wokers = 3\n");
    let finished = service.wait("cycle-finished");
    assert_eq!(
        (&finished["outcome"], &finished["exit_code"]),
        (&"not_started".into(), &2.into())
    );
    lab.write("menace.toml", "workers = 1\n");
    let present = || outcomes(&lab);
    wait_until("a cycle that passes again", present, |outcomes| {
        outcomes.last().unwrap() == "passed"
    });
    service.stop();
    let sql = "SELECT count(*) > 0 FROM cycle_summary WHERE message LIKE '%wokers%'";
    assert_eq!(lab.rows(sql), ["1"]);
}

#[test]
fn a_suspend_in_the_middle_of_a_cycle_costs_nothing() {
    use nix::sys::signal::{Signal, killpg};
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "3600", "--run-now"]);
    lab.wait_for_file("began");
    let mut groups = vec![
        super::pid(service.pid()),
        super::pid(super::process_of_the_cycle(&lab)),
    ];
    let harnesses = lab.rows("SELECT pid FROM process WHERE ended_ms IS NULL");
    groups.extend(
        harnesses
            .iter()
            .map(|process| super::pid(process.parse().unwrap())),
    );
    for group in &groups {
        killpg(*group, Signal::SIGSTOP).unwrap();
    }
    lab.write("go", "");
    for group in groups.iter().rev() {
        killpg(*group, Signal::SIGCONT).unwrap();
    }
    assert_eq!(service.wait("cycle-finished")["outcome"], "passed");
    service.stop();
    assert_nothing_is_left(&lab);
}

#[test]
fn an_engine_that_comes_and_goes_is_tried_again() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let socket = format!("unix://{}", lab.path().join("engine.sock").display());
    let args = [
        "--interval",
        "1",
        "--require-container",
        "--container-runtime",
        "docker",
        "--docker-host",
        &socket,
    ];
    let mut service = Service::start(&lab, &args);
    let finished = service.wait("cycle-finished");
    assert_eq!(
        (&finished["outcome"], &finished["exit_code"]),
        (&"not_started".into(), &3.into())
    );
    // Without a need for containers it goes on, on the host.
    service.stop();
    let args = [
        "--interval",
        "1",
        "--use-container",
        "--container-runtime",
        "docker",
        "--docker-host",
        &socket,
    ];
    let mut service = Service::start(&lab, &args);
    let notice = service.wait("no-engine");
    assert!(
        notice["message"]
            .as_str()
            .unwrap()
            .contains("runs on the host"),
        "{notice}"
    );
    let present = || outcomes(&lab);
    wait_until("a cycle on the host", present, |outcomes| {
        outcomes.contains(&"passed".to_owned())
    });
    service.stop();
    assert_nothing_is_left(&lab);
}

#[test]
fn a_history_that_cannot_be_written_is_written_later() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let path = lab.path().join("reports/history.json");
    let args = [
        "--interval",
        "1",
        "--run-now",
        "--history",
        path.to_str().unwrap(),
    ];
    let mut service = Service::start(&lab, &args);
    let problem = service.wait("history");
    assert!(
        problem["message"]
            .as_str()
            .unwrap()
            .contains("history.json"),
        "{problem}"
    );
    fs::create_dir(lab.path().join("reports")).unwrap();
    service.wait("cycle-finished");
    lab.wait_for_file("reports/history.json");
    service.stop();
    let history: Vec<serde_json::Value> =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(history.len(), outcomes(&lab).len());
}

#[test]
fn a_state_file_of_an_older_agent_is_left_to_a_restart() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "1", "--run-now"]);
    service.wait("cycle-finished");
    // A backup is put in its place.
    let backup = lab.path().join("backup.db");
    file_of_version(&backup, 4);
    for beside in ["agent.db-wal", "agent.db-shm"] {
        let _absent = fs::remove_file(lab.path().join("sandbox_data").join(beside));
    }
    fs::rename(&backup, lab.db()).unwrap();
    assert_eq!(service.end(), 4);
    let last = service.messages();
    assert!(last.contains("service-failed"), "{last}");
    // The restart brings it up to date, and begins a schedule in it.
    let mut service = Service::start(&lab, &["--interval", "1", "--run-now"]);
    assert_eq!(service.wait("cycle-finished")["outcome"], "passed");
    service.stop();
    lab.assert_whole();
}
