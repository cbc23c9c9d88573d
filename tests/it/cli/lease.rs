//! `agent lease`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use menace_agent::clock::now_ms;
use menace_agent::engine::identity;
use menace_agent::model::lease::LeaseReport;
use menace_agent::model::{Holder, LeaseState, ProcessIdentity};
use menace_agent::store::{Acquisition, Leases, Store};

use super::schema::{problems, schema};
use super::{Answer, Project};
use crate::store::sample::file_of_version;

/// A time after which these tests are not run any more: 2033-05-18T03:33:20Z.
const FAR_MS: i64 = 2_000_000_000_000;

fn db(project: &Project) -> PathBuf {
    project.path().join("sandbox_data/agent.db")
}

fn elsewhere() -> Holder {
    Holder {
        host: "attic".to_owned(),
        process: ProcessIdentity {
            pid: 4242,
            boot_id: "boot".to_owned(),
            pid_space: "pid:[1]".to_owned(),
            start_time: Some(7),
        },
    }
}

/// A process of this machine that has ended.
fn gone() -> Holder {
    let mut holder = identity::holder();
    holder.process.start_time = holder.process.start_time.map(|time| time + 1);
    holder
}

fn hold(project: &Project, name: &str, holder: &Holder, since_ms: i64) {
    drop(Store::open(&db(project), now_ms()).unwrap());
    let mut leases = Leases::open(&db(project)).unwrap();
    let ttl = Duration::from_secs(30);
    let taken = leases.acquire(name, holder, since_ms, ttl, None).unwrap();
    assert!(matches!(taken, Acquisition::Taken(_)));
}

fn call(project: &Project, args: &[&str]) -> Answer {
    let mut command = project.command(&[&["lease"], args].concat());
    project.answer(command.env("TZ", "UTC"))
}

#[test]
fn the_list_says_who_has_which_lease_until_when() {
    let project = Project::new();
    hold(&project, "containers", &elsewhere(), FAR_MS);
    hold(&project, "old", &elsewhere(), 1_000_000_000_000);
    insta::assert_snapshot!(call(&project, &["list"]), @"
    exit 0
    --- stdout
    containers  held by process 4242 on attic
      taken 2033-05-18 03:33:20, renewed 2033-05-18 03:33:20
      expires 2033-05-18 03:33:50 (token 1)
    old  expired, last held by process 4242 on attic
      taken 2001-09-09 01:46:40, renewed 2001-09-09 01:46:40
      expires 2001-09-09 01:47:10 (token 1)
    --- stderr
    ");
}

#[test]
fn the_list_as_json_fits_its_schema() {
    let project = Project::new();
    hold(&project, "containers", &elsewhere(), FAR_MS);
    hold(&project, "left", &gone(), now_ms());
    hold(&project, "old", &elsewhere(), 1_000_000_000_000);
    call(&project, &["release", "old"]);
    let answer = call(&project, &["list", "--json"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let json: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(problems(&schema("leases"), &json), [""; 0]);
    let report: LeaseReport = serde_json::from_value(json.clone()).unwrap();
    let states: Vec<_> = report.leases.iter().map(|lease| lease.state).collect();
    let expected = [LeaseState::Held, LeaseState::Abandoned, LeaseState::Free];
    assert_eq!(states, expected);
    insta::assert_snapshot!(json["leases"][0].to_string(), @r#"{"acquired_at":"2033-05-18T03:33:20Z","expires_at":"2033-05-18T03:33:50Z","heartbeat_at":"2033-05-18T03:33:20Z","host":"attic","name":"containers","pid":4242,"run_id":null,"state":"held","token":1}"#);
    insta::assert_snapshot!(json["leases"][2].to_string(), @r#"{"acquired_at":null,"expires_at":null,"heartbeat_at":null,"host":null,"name":"old","pid":null,"run_id":null,"state":"free","token":1}"#);
}

#[test]
fn a_holder_that_is_in_time_is_only_released_by_force() {
    let project = Project::new();
    hold(&project, "containers", &elsewhere(), FAR_MS);
    insta::assert_snapshot!(call(&project, &["release", "containers"]), @"
    exit 2
    --- stdout
    --- stderr
    error: the lease `containers` is in use by process 4242 on attic
    hint: wait for its end, or release it with `--force`: what runs under it stores nothing more
    ");
    insta::assert_snapshot!(call(&project, &["release", "containers", "--force"]), @"
    exit 0
    --- stdout
    released the lease `containers`: process 4242 on attic stores nothing more under it
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["release", "containers"]), @"
    exit 0
    --- stdout
    the lease `containers` is free already
    --- stderr
    ");
}

#[test]
fn what_nobody_needs_is_released_without_force() {
    let project = Project::new();
    hold(&project, "old", &elsewhere(), 1_000_000_000_000);
    hold(&project, "left", &gone(), now_ms());
    insta::assert_snapshot!(call(&project, &["release", "old"]), @"
    exit 0
    --- stdout
    released the lease `old`: process 4242 on attic did not renew it in time
    --- stderr
    ");
    let left = call(&project, &["release", "left"]);
    let text = left.stdout.replace(&gone().to_string(), "[HOLDER]");
    assert_eq!(left.code, 0, "{left}");
    insta::assert_snapshot!(text, @"released the lease `left`: [HOLDER], which had it, is gone");
}

#[test]
fn a_lease_that_nobody_made_is_a_usage_error() {
    let project = Project::new();
    hold(&project, "containers", &elsewhere(), FAR_MS);
    insta::assert_snapshot!(call(&project, &["release", "containres"]), @"
    exit 2
    --- stdout
    --- stderr
    error: there is no lease `containres`
    hint: `agent lease list` lists them; runs in containers make them
    ");
}

#[test]
fn without_a_state_file_there_is_nothing_to_show_and_none_is_made() {
    let project = Project::new();
    for args in [&["list"][..], &["release", "containers", "--force"]] {
        let answer = call(&project, args);
        assert_eq!(answer.code, 4, "{answer}");
        assert!(answer.stderr.contains("there is no state file"), "{answer}");
    }
    assert!(!project.path().join("sandbox_data").exists());
    drop(Store::open(&db(&project), now_ms()).unwrap());
    let empty = call(&project, &["list"]);
    assert_eq!(empty.stdout, "no lease yet; runs in containers make them\n");
}

#[test]
fn a_state_file_of_an_older_agent_is_brought_up_to_date_first() {
    let project = Project::new();
    fs::create_dir(project.path().join("sandbox_data")).unwrap();
    file_of_version(&db(&project), 2);
    let answer = call(&project, &["list"]);
    assert_eq!(
        answer.stdout,
        "no lease yet; runs in containers make them\n"
    );
}
