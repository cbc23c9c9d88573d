//! `agent service`: its output, and the requests that it refuses.

mod units;

use std::fs;
use std::process::Command;

use super::{Answer, Project};

/// Calls `agent service` without a service manager to be found. The answer lacks the program's
/// path, and the warning that it lies in a build folder, if it does.
fn call(project: &Project, args: &[&str]) -> Answer {
    answer(project, &mut command(project, args))
}

fn command(project: &Project, args: &[&str]) -> Command {
    let mut command = project.command(&[&["service"], args].concat());
    command.env("PATH", project.path().join("bin"));
    command
}

fn answer(project: &Project, command: &mut Command) -> Answer {
    let mut answer = project.answer(command);
    for text in [&mut answer.stdout, &mut answer.stderr] {
        *text = text.replace(env!("CARGO_BIN_EXE_agent"), "[AGENT]");
    }
    let build = "warning: the service will run `[AGENT]`, a build\n\
                 hint: `cargo install --path .` puts the agent where it stays\n";
    answer.stderr = answer.stderr.replace(build, "");
    answer
}

/// The standard output of a call that must succeed.
fn printed(project: &Project, args: &[&str]) -> String {
    let answer = call(project, args);
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

/// The first line of what was said, without its label.
fn complaint(answer: &Answer) -> &str {
    let error = answer
        .stderr
        .lines()
        .find(|line| line.starts_with("error: "));
    error.map_or("", |line| &line["error: ".len()..])
}

#[test]
fn a_unit_of_systemd() {
    let project = Project::new();
    let args = ["print", "--manager", "systemd", "--db", "here.db"];
    let mut command = command(
        &project,
        &[
            &args[..],
            &["--", "--interval=60", "tests", "--", "-k", "a or $b"],
        ]
        .concat(),
    );
    command
        .env("SELF_TEST_ARGS", "-x 100%")
        .env("TOKEN", "secret");
    insta::assert_snapshot!(answer(&project, &mut command), @r#"
    exit 0
    --- stdout
    # Made by agent service install for the project below.
    # Changes of your own are safe in `systemctl --user edit menace-agent`.
    [Unit]
    Description=Self-tests of [PROJECT] on a schedule
    # A start that fails is tried again for as long as it takes: nobody may be there for months.
    StartLimitIntervalSec=0

    [Service]
    Type=notify
    NotifyAccess=main
    WorkingDirectory=[PROJECT]
    ExecStart=[AGENT] --project [PROJECT] run-scheduled --db [PROJECT]/here.db --interval=60 tests -- -k "a or $$b"
    # SIGHUP reads the settings again.
    ExecReload=/bin/sh -c "kill -HUP ${MAINPID}"
    Environment=PATH=[PROJECT]/bin
    Environment="SELF_TEST_ARGS=-x 100%%"
    Restart=on-failure
    RestartSec=10
    # Settings that are wrong do not get better by themselves.
    RestartPreventExitStatus=2
    # Ended by SIGTERM, as asked.
    SuccessExitStatus=143
    WatchdogSec=180
    # SIGTERM lets running tests finish, for as long as --drain-timeout says; this is 30 seconds more.
    TimeoutStopSec=90
    # The agent ends its tests itself; what is left after that is killed.
    KillMode=mixed
    # A test that takes all memory is killed, and the service lives on.
    OOMPolicy=continue
    # These work in user units. Each of them keeps setuid programs from gaining rights, among them
    # newuidmap, which podman needs without root: take all three out where podman runs the tests.
    NoNewPrivileges=yes
    LockPersonality=yes
    RestrictRealtime=yes

    [Install]
    WantedBy=default.target
    --- stderr
    "#);
}

#[test]
fn an_agent_of_launchd() {
    let project = Project::new();
    let args = ["print", "--manager", "launchd", "--name", "lab", "--"];
    let args = [
        &args[..],
        &["--drain-timeout", "300", "--", "-k", "a<b & c"],
    ]
    .concat();
    insta::assert_snapshot!(printed(&project, &args), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
    <!-- Made by agent service install for the project below. -->
    <plist version="1.0">
    <dict>
        <key>Label</key>
        <string>lab</string>
        <key>ProgramArguments</key>
        <array>
            <string>[AGENT]</string>
            <string>--project</string>
            <string>[PROJECT]</string>
            <string>run-scheduled</string>
            <string>--drain-timeout</string>
            <string>300</string>
            <string>--</string>
            <string>-k</string>
            <string>a&lt;b &amp; c</string>
        </array>
        <key>WorkingDirectory</key>
        <string>[PROJECT]</string>
        <key>EnvironmentVariables</key>
        <dict>
            <key>PATH</key>
            <string>[PROJECT]/bin</string>
        </dict>
        <key>RunAtLoad</key>
        <true/>
        <key>KeepAlive</key>
        <dict>
            <key>SuccessfulExit</key>
            <false/>
        </dict>
        <key>ThrottleInterval</key>
        <integer>10</integer>
        <!-- SIGTERM lets running tests finish, for as long as drain-timeout says; this is 30 seconds
             more. -->
        <key>ExitTimeOut</key>
        <integer>330</integer>
        <key>ProcessType</key>
        <string>Background</string>
        <key>StandardOutPath</key>
        <string>[PROJECT]/Library/Logs/menace-agent/lab.log</string>
        <key>StandardErrorPath</key>
        <string>[PROJECT]/Library/Logs/menace-agent/lab.log</string>
    </dict>
    </plist>
    "#);
}

#[test]
fn a_unit_for_podman_lets_setuid_programs_work() {
    let project = Project::new();
    let locks = |args: &[&str]| {
        let args = [&["print", "--manager", "systemd", "--"], args].concat();
        printed(&project, &args).contains("\nNoNewPrivileges=yes\n")
    };
    assert!(locks(&[]));
    assert!(locks(&["--use-container", "--container-runtime", "docker"]));
    assert!(!locks(&["--use-container"]));
    assert!(!locks(&["--container-image", "lab:1"]));
}

#[test]
fn what_would_mean_another_file_in_the_service_is_refused() {
    let project = Project::new();
    fs::create_dir_all(project.path().join("sub/tests")).unwrap();
    let from_sub = |variable: Option<(&str, &str)>, args: &[&str]| {
        let args = [&["print", "--"], args].concat();
        let mut command = command(&project, &args);
        command
            .current_dir(project.path().join("sub"))
            .envs(variable);
        answer(&project, &mut command)
    };
    let cases: [(&[&str], &str); 6] = [
        (
            &["--history", "h.json"],
            "flag --history sets `history` to `[PROJECT]/sub/h.json` here, and to \
             `[PROJECT]/h.json` in the service",
        ),
        (
            &["tests"],
            "flag PATHS sets `paths` to `sub/tests` here, and to `tests` in the service",
        ),
        (
            &["--python", "./python"],
            "flag --python sets `python` to `[PROJECT]/sub/python` here, and to \
             `[PROJECT]/python` in the service",
        ),
        (
            &["--project", "tests"],
            "`--project tests` is another file in the service",
        ),
        (
            &["--junit", "j.xml"],
            "`--junit j.xml` is another file in the service",
        ),
        (
            &["--events=e"],
            "`--events e` is another file in the service",
        ),
    ];
    for (args, said) in cases {
        let answer = from_sub(None, args);
        assert_eq!((answer.code, complaint(&answer)), (2, said), "{answer}");
        assert!(answer.stderr.contains("hint: give it as an absolute path"));
    }
    let variable = from_sub(Some(("SELF_TEST_WHEELS", "w")), &[]);
    assert!(complaint(&variable).starts_with("variable SELF_TEST_WHEELS sets `wheels`"));
    let absolute: [&[&str]; 3] = [
        &["--history", "/h.json", "--events", "-"],
        &["--junit", "/j.xml"],
        &["--python", "python3"],
    ];
    for args in absolute {
        let answer = from_sub(None, args);
        assert_eq!(answer.code, 0, "{answer}");
    }
}

#[test]
fn arguments_that_run_scheduled_refuses_are_refused_before_anything_is_written() {
    let project = Project::new();
    let cases: [(&[&str], &str); 5] = [
        (
            &["--", "--intervall", "5"],
            "unexpected argument '--intervall'",
        ),
        (&["--", "--interval", "0"], "cannot use `--interval`"),
        (&["--", "--pytest-args", "a\nb"], "cannot write the unit"),
        (&["--name", "a b"], "invalid value 'a b'"),
        (
            &["--name", "a.service"],
            "expected a name without `.service`",
        ),
    ];
    for (args, said) in cases {
        for verb in ["print", "install"] {
            let answer = call(&project, &[&[verb], args].concat());
            assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{answer}");
            assert!(complaint(&answer).contains(said), "{answer}");
        }
    }
    let broken = Project::with("menace.toml", "wokers = 4\n");
    assert_eq!(call(&broken, &["print"]).code, 2);
    assert_eq!(fs::read_dir(project.path()).unwrap().count(), 1);
}

#[test]
fn a_variable_that_is_handed_on_to_containers_is_missed() {
    let project = Project::new();
    let args = [
        "print", "--", "--env", "TOKEN", "--env", "A=b", "--env", "TZ",
    ];
    let mut command = command(&project, &args);
    let answer = answer(&project, command.env("TZ", "UTC").env("TOKEN", "secret"));
    assert!(!answer.stdout.contains("secret"), "{answer}");
    insta::assert_snapshot!(answer.stderr, @"
    warning: containers are to get `TOKEN`, which the service does not have
    hint: give them as NAME=VALUE, or set them in the unit by hand
    ");
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;

    #[test]
    fn without_a_manager_nothing_is_installed() {
        let project = Project::new();
        insta::assert_snapshot!(user_left_out(call(&project, &["install"])), @"
        exit 3
        --- stdout
        --- stderr
        error: systemd of the user `[USER]` does not answer
          caused by: cannot start `systemctl --user --no-pager show '--property=UnitPath'`
          caused by: No such file or directory (os error 2)
        hint: log in as the user of the service, not through `su` or `sudo`, or have root call `loginctl enable-linger [USER]`; `agent service print` needs no systemd
        ");
        insta::assert_snapshot!(user_left_out(call(&project, &["status"])), @"
        exit 3
        --- stdout
        --- stderr
        error: systemd of the user `[USER]` does not answer
          caused by: cannot start `systemctl --user --no-pager show menace-agent.service '--property=LoadState,ActiveState,SubState,StateChangeTimesta…'`
          caused by: No such file or directory (os error 2)
        hint: log in as the user of the service, not through `su` or `sudo`, or have root call `loginctl enable-linger [USER]`; `agent service print` needs no systemd
        ");
        insta::assert_snapshot!(call(&project, &["uninstall"]), @"
        exit 0
        --- stdout
        the service `menace-agent` is not installed
        --- stderr
        ");
        assert!(!project.path().join(".config").exists());
    }

    #[test]
    fn a_file_that_is_somebody_elses_stays() {
        let project = Project::new();
        let unit = project.path().join("xdg/systemd/user/menace-agent.service");
        fs::create_dir_all(unit.parent().unwrap()).unwrap();
        fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
        let call = |args: &[&str]| {
            let mut command = command(&project, args);
            answer(
                &project,
                command.env("XDG_CONFIG_HOME", project.path().join("xdg")),
            )
        };
        insta::assert_snapshot!(call(&["install"]).stderr, @"
        error: `[PROJECT]/xdg/systemd/user/menace-agent.service` was not made by the agent
        hint: give the service another `--name`, or replace the file with `--force`
        ");
        insta::assert_snapshot!(call(&["uninstall"]), @"
        exit 2
        --- stdout
        --- stderr
        error: `[PROJECT]/xdg/systemd/user/menace-agent.service` was not made by the agent, and stays
        hint: remove it yourself, or give another `--name`
        ");
        let text = fs::read_to_string(&unit).unwrap();
        assert_eq!(text, "[Service]\nExecStart=/bin/true\n");
        // Another project's.
        let other = printed(&Project::new(), &["print"]);
        fs::write(&unit, &other).unwrap();
        let refused = call(&["install"]);
        assert_eq!(refused.code, 2, "{refused}");
        let said = complaint(&refused);
        assert!(
            said.starts_with("the service `menace-agent` watches over `"),
            "{refused}"
        );
        assert_eq!(fs::read_to_string(&unit).unwrap(), other);
        // With force it is the manager that is missed.
        assert_eq!(call(&["install", "--force"]).code, 3);
        assert_eq!(fs::read_to_string(&unit).unwrap(), other);
    }

    #[test]
    fn a_unit_that_is_masked_is_somebody_elses() {
        let project = Project::new();
        let folder = project.path().join(".config/systemd/user");
        fs::create_dir_all(&folder).unwrap();
        let unit = folder.join("menace-agent.service");
        std::os::unix::fs::symlink("/dev/null", &unit).unwrap();
        for verb in ["install", "uninstall"] {
            let answer = call(&project, &[verb]);
            assert_eq!(answer.code, 2, "{answer}");
            assert!(
                complaint(&answer).contains("was not made by the agent"),
                "{answer}"
            );
        }
        assert!(unit.is_symlink());
    }

    fn user_left_out(answer: Answer) -> Answer {
        let uid = nix::unistd::geteuid();
        let user = nix::unistd::User::from_uid(uid).unwrap();
        let user = user.map_or_else(|| uid.to_string(), |user| user.name);
        let stderr = answer
            .stderr
            .replace(&format!("user `{user}`"), "user `[USER]`");
        Answer {
            stderr: stderr.replace(&format!("enable-linger {user}`"), "enable-linger [USER]`"),
            ..answer
        }
    }
}
