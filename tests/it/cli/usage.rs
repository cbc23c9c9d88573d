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
      run         Run the tests and record the results
      history     List the runs, newest first
      show        Show one run and its failures
      image       Read, check and make image archives
      module-map  Show, build and change the map of modules
      workflow    List, change and run lists of modules
      cleanup     Remove what interrupted runs left
      lease       Show or release the leases of runs in containers
      config      Print every setting with its value and where that came from
      schema      Print the JSON Schema of an output

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Global options:
          --project <DIR>  The project folder [default: the nearest one above]
          --db <FILE>      The state file [default: sandbox_data/agent.db]
          --color <WHEN>   When to use colours: auto, always, never

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
    insta::assert_snapshot!(answer.stdout, @"
    Run the tests and record the results

    Usage: agent run [OPTIONS] [PATHS]... [-- <PYTEST ARGS>...]

    Arguments:
      [PATHS]...        Files, folders, node ids or globs; each is a shard of its
                        own
      [PYTEST ARGS]...  Arguments for pytest, added to those of --pytest-args

    Options:
      -h, --help  Print help

    Execution:
          --workers <N|auto>        Processes in total, or auto for one a processor
                                    [default: 1]
          --pytest-args <ARGS>      Arguments for pytest, as one text of shell words
          --timeout <SECONDS>       Seconds that a shard may take [default: 300]
          --test-timeout <SECONDS>  Seconds that a test may take, or none [default:
                                    none]
          --reruns <N>              Try a failing test N more times, each in a fresh
                                    process [default: 0]
          --max-fail <N>            End the run after N failing tests, or none
                                    [default: none]
          --fail-fast               End the run after the first failing test
          --lock-timeout <SECONDS>  Seconds to wait while others run in containers
                                    [default: none]
          --cov                     Measure coverage [default]
          --no-cov                  Do not measure coverage

    Interpreter:
          --python <PYTHON>  The interpreter [default: $VIRTUAL_ENV, .venv, venv,
                             then python3]
          --managed-env      Make an environment where the interpreter has no pytest
                             [default]
          --no-managed-env   Fail where the interpreter has no pytest
          --offline          Fetch nothing
          --no-offline       Fetch what the managed environment needs [default]
          --wheels <DIR>     A folder of wheels to make the managed environment from

    Containers:
          --use-container
              Run each path in a container, where an engine answers
          --no-container
              Run on the host [default]
          --require-container
              Fail where no engine answers
          --no-require-container
              Run on the host where no engine answers [default]
          --container-image <IMAGE>
              The image [default: the tarball's, else python:3.11-slim]
          --image-tar <FILE>
              A tarball that holds the image
          --container-runtime <PROGRAM>
              docker, podman or a path [default: whichever answers]
          --docker-host <URL>
              Where the engine is: unix://, tcp:// or ssh://
          --retries <N>
              Try N more times what the engine failed to do [default: 1]
          --env <NAME[=VALUE]>
              Set a variable, or hand on one of this process; repeatable
          --network <NETWORK>
              The network of the containers [default: none when offline]
          --memory <BYTES>
              Memory of a container, such as 512m, or none [default: none]
          --cpus <N>
              Processors of a container, or none [default: none]
          --pids-limit <N>
              Processes and threads of a container, or none [default: 4096]
          --container-arg <ARG>
              An argument for the engine's run; repeatable

    Output:
          --json             Print the summary as JSON on standard output
          --events <FILE|->  Write every event as a line of JSON; - is standard
                             output
          --junit <FILE>     Write a JUnit report
          --progress <HOW>   How to show progress: auto, bar, plain, none [default:
                             auto]
      -q, --quiet            Say only the verdict and the failures
      -v, --verbose          Say every test

    Global options:
          --project <DIR>  The project folder [default: the nearest one above]
          --db <FILE>      The state file [default: sandbox_data/agent.db]
          --color <WHEN>   When to use colours: auto, always, never
    ");
}

#[test]
fn every_help_fits_eighty_columns() {
    let project = Project::new();
    for command in [
        "run", "history", "show", "image", "cleanup", "lease", "config", "schema",
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
