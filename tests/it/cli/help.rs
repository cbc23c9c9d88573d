//! `agent help`: topics, commands, and names that are neither.

use std::process::Stdio;

use super::Project;

#[test]
fn help_alone_lists_the_topics_and_leads_to_the_commands() {
    let answer = Project::new().call(&["help"]);
    insta::assert_snapshot!(answer, @"
    exit 0
    --- stdout
      `agent help TOPIC` shows one of these pages:

      topic       about
      run         how tests are run: paths, flags, crashes, coverage
      settings    flags, variables and files that set what the agent does
      security    what the agent does with a project that you do not trust
      sql         the state file: views and columns for your queries
      modules     modules that no test reaches, module map, workflows
      containers  tests in docker or podman, image tarballs, cleaning up
      schedule    tests on a schedule, as a service of systemd or launchd
      metrics     figures for Prometheus
      exit-codes  exit codes, and the outcomes of tests and runs
      formats     JSON, JUnit and graphs for programs, and the library
      air-gap     from a connected machine to a green run without internet

      `agent --help` lists the commands, and `agent help COMMAND` shows the help of
      one.
    --- stderr
    ");
}

#[test]
fn a_page_through_a_pipe_has_eighty_columns_and_no_colours() {
    let answer = Project::new().call(&["help", "exit-codes"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let head = answer.stdout.split_inclusive('\n').take(9);
    insta::assert_snapshot!(head.collect::<String>(), @"
    EXIT CODES AND OUTCOMES

      exit code  meaning
      0          Every test passed.
      1          A test failed, or pytest says that the session failed.
      2          The command line, a variable or a settings file is wrong.
      3          The environment is wrong: there is no interpreter, or none with
                 pytest; or the agent cannot use an image or an engine.
      4          The agent cannot use the state file.
    ");
}

#[test]
fn colours_are_added_and_nothing_else() {
    let project = Project::new();
    let plain = project.call(&["help", "containers"]).stdout;
    let coloured = project.call(&["--color", "always", "help", "containers"]);
    assert!(
        coloured
            .stdout
            .starts_with("\x1b[1mTESTS IN CONTAINERS\x1b[0m\n")
    );
    let mut text = coloured.stdout;
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[36m"] {
        text = text.replace(code, "");
    }
    assert_eq!(text, plain);
}

#[test]
fn the_name_of_a_command_shows_its_help() {
    let project = Project::new();
    for command in [&["history"][..], &["orphans", "scan"], &["service"]] {
        let answer = project.call(&[&["help"], command].concat());
        let asked = project.call(&[command, &["--help"]].concat());
        assert_eq!(answer.to_string(), asked.to_string(), "{command:?}");
    }
}

#[test]
fn a_topic_goes_before_a_command_and_names_it() {
    let page = Project::new().call(&["help", "run"]).stdout;
    assert!(page.starts_with("HOW THE AGENT RUNS TESTS\n"), "{page}");
    let last = "  `agent run` is a command too: `agent run --help` lists its flags.\n";
    assert!(page.ends_with(&format!("\n\n{last}")), "{page}");
}

#[test]
fn what_is_no_topic_is_a_usage_error_with_the_nearest_name() {
    let project = Project::new();
    let cases: [(&[&str], &str); 5] = [
        (&["setings"], "did you mean `settings`?"),
        (&["histroy"], "did you mean `history`?"),
        (&["modules", "map"], "`modules`"),
        (&["orphans", "scna"], "did you mean `orphans scan`"),
        (
            &["xyzzy"],
            "`agent help` lists the topics, `agent --help` the commands",
        ),
    ];
    for (words, hint) in cases {
        let answer = project.call(&[&["help"], words].concat());
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{words:?}");
        let error = format!(
            "error: there is no topic or command `{}`\n",
            words.join(" ")
        );
        assert!(answer.stderr.starts_with(&error), "{answer}");
        assert!(answer.stderr.contains(hint), "{answer}");
    }
}

#[test]
fn help_needs_no_settings() {
    let answer = Project::with("menace.toml", "nonsense").call(&["help", "settings"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let project = Project::new();
    let mut child = project
        .command(&["help", "sql"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
