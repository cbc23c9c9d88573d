//! `agent cleanup`.

use crate::engines::{Engine, IMAGE, REAPED, WAITS, engines_alone, left_in_temp, project};
use crate::lab::{answer, processes_of};
use crate::wait::wait_until_gone;

#[test]
fn cleanup_after_a_kill_removes_what_is_ours_and_nothing_else() {
    for &engine in engines_alone().iter() {
        let lab = project(&[("test_a.py", WAITS)]);
        let bystander = format!("bystander-{}-{}", engine.0, std::process::id());
        engine.call(&[
            "run",
            "--detach",
            "--network",
            "none",
            "--name",
            &bystander,
            IMAGE,
            "sleep",
            "600",
        ]);
        let mut going = engine.start(&lab, &["--no-cov"]);
        going.wait_for_test("test_waits");
        let container = engine.container_of(&lab);
        // A container that cannot notice that its agent is gone.
        engine.call(&["pause", &container]);
        going.kill();
        let cleanup = |args: &[&str]| {
            let args = [&["cleanup", "--container-runtime", engine.0], args].concat();
            let mut command = lab.command(&args);
            Engine::surroundings(&mut command);
            answer(&mut command).expect(0).stdout
        };
        let plan = cleanup(&["--dry-run"]);
        assert!(
            plan.contains(&format!(
                "would have removed the {} container {container}",
                engine.0
            )),
            "{plan}"
        );
        assert!(plan.contains("would have closed run 1"), "{plan}");
        assert_eq!(lab.rows(REAPED), [""; 0]);
        assert_eq!(engine.containers(&lab).len(), 1);
        let done = cleanup(&[]);
        assert!(
            done.contains(&format!("removed the {} container {container}", engine.0)),
            "{done}"
        );
        assert!(done.contains("released the lease `containers`"), "{done}");
        assert!(!done.contains(&bystander), "{done}");
        assert_eq!(engine.containers(&lab), [""; 0]);
        assert_eq!(left_in_temp(&lab), [""; 0]);
        assert_eq!(lab.verdict(), "interrupted | 130");
        assert_eq!(cleanup(&[]), "nothing to clean up\n");
        assert_eq!(lab.rows(REAPED), ["1"]);
        let state = engine.call(&["inspect", "--format", "{{.State.Running}}", &bystander]);
        assert_eq!(state, "true");
        engine.call(&["rm", "--force", &bystander]);
        wait_until_gone("the processes", || processes_of(&lab));
    }
}

#[test]
fn an_engine_that_cannot_be_asked_is_no_clean_engine() {
    let found = engines_alone();
    if found.len() < 2 {
        return;
    }
    let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
    let with_dead_docker = |args: &[&str]| {
        let mut command = lab.command(args);
        Engine::surroundings(&mut command);
        answer(command.env("DOCKER_HOST", "unix:///nowhere/docker.sock"))
    };
    let cleanup = with_dead_docker(&["cleanup"]).expect(3);
    assert!(
        cleanup.stderr.contains("`docker` cannot answer: "),
        "{cleanup}"
    );
    assert_eq!(cleanup.stdout, "", "nobody knows what is left");
}
