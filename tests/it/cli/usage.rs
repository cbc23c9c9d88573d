//! Help, version, and command lines that make no sense.

use super::Project;

#[test]
fn agent_alone_prints_its_help_and_fails() {
    let answer = Project::new().call(&[]);
    insta::assert_snapshot!(answer, @"
    exit 2
    --- stdout
    --- stderr
    Runs the pytest suites of a project, records every result, explains what changed

    Usage: agent [OPTIONS] <COMMAND>

    Commands:
      run            Run the tests and record the results
      run-scheduled  Run them again and again, on a schedule
      status         Show what a running agent does, and what is due next
      service        Install run-scheduled as a service of systemd or launchd
      history        List the runs, newest first
      show           Show one run and its failures
      image          Read, check and make image archives
      orphans        Find modules that no test reaches
      why            Show the way from a test to a module, or what is missing
      graph          Print the import graph of the project
      module-map     Show, build and change the map of modules
      workflow       List, change and run lists of modules
      cleanup        Remove what interrupted runs left
      lease          Show or release the leases of runs in containers
      config         Print every setting with its value and where that came from
      trust          Trust the settings in the project's own file, or no longer
      schema         Print the JSON Schema of an output, or of menace.toml
      help           Explain a topic, or show the help of a command

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Global options:
          --project <DIR>  The project folder [default: the nearest one above]
          --db <FILE>      The state file [default: sandbox_data/agent.db]
          --color <WHEN>   When to use colours: auto, always, never [default: auto]

    Exit codes:
      0  every test passed       5    no test was collected
      1  a test failed           6    a test was lost, crashed or timed out
      2  usage or settings       70   a bug in the agent
      3  environment             130  stopped by SIGINT
      4  state file              143  stopped by SIGTERM
    ");
}

#[test]
fn help_and_version_are_data() {
    let project = Project::new();
    for args in [["--help"], ["-h"], ["--version"], ["-V"]] {
        let answer = project.call(&args);
        assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{args:?}");
        assert!(!answer.stdout.is_empty(), "{args:?}");
    }
    let version = project.call(&["-V"]).stdout;
    assert_eq!(version, concat!("agent ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_help_of_run_lists_every_flag() {
    let answer = Project::new().call(&["run", "--help"]);
    insta::assert_snapshot!(answer.stdout);
}

#[test]
fn every_help_fits_eighty_columns() {
    let project = Project::new();
    for command in [
        "run",
        "history",
        "show",
        "image",
        "orphans",
        "why",
        "graph",
        "module-map",
        "workflow",
        "cleanup",
        "lease",
        "config",
        "schema",
        "run-scheduled",
        "cycle",
        "status",
        "service",
        "help",
    ] {
        let mut call = project.command(&[command, "--help"]);
        let answer = project.answer(call.env("COLUMNS", "200"));
        let widest = answer.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest.unwrap() <= 80, "{command}: {widest:?}");
    }
}

#[test]
fn what_is_not_understood_is_a_usage_error_that_names_it() {
    let project = Project::new();
    let cases: [(&[&str], &str); 10] = [
        (&["histroy"], "'history'"),
        (&["run", "--wokers", "2"], "'--workers'"),
        (&["run", "--workers"], "--workers"),
        (&["run", "-q", "-v"], "--quiet"),
        (&["run", "--fail-fast", "--max-fail", "3"], "--max-fail"),
        (&["run", "--json", "--events", "-"], "--events -"),
        (&["show"], "<RUN>"),
        (&["show", "0"], "the number of a run, or `latest`"),
        (&["history", "0"], "[N]"),
        (
            &["schema", "junit"],
            "summary, events, config, image, leases",
        ),
    ];
    for (args, named) in cases {
        let answer = project.call(args);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{args:?}");
        assert!(answer.stderr.starts_with("error: "), "{args:?}: {answer}");
        assert!(answer.stderr.contains(named), "{args:?}: {answer}");
    }
}

#[test]
fn a_run_without_workers_is_a_usage_error() {
    for args in [["run", "--workers", "0"], ["run", "--workers", "-1"]] {
        let answer = Project::new().call(&args);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{args:?}");
        assert!(answer.stderr.contains("`--workers`"), "{answer}");
    }
}
