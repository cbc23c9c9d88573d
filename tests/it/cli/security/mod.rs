//! `agent help security`: each sentence of the page stands above the test that holds it.

mod git;
mod links;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use menace_agent::settings::{Ask, SETTINGS};
use menace_agent::store::latest_version;
use tempfile::TempDir;

use super::{Answer, answer_of, bare_command};
use crate::lab::lab;
use crate::store::sample::{file_of_version, open, two_runs};

const PAGE: &str = include_str!("../../../../src/cli/topics/security.md");

/// A project that somebody else made, beside a home and a folder with things of the user.
struct Clone {
    root: TempDir,
}

impl Clone {
    /// A project whose file has these settings.
    fn new(settings: &str) -> Self {
        let clone = Self {
            root: TempDir::new().unwrap(),
        };
        for folder in ["home", "outside", "project/.git", "project/pkg"] {
            fs::create_dir_all(clone.path(folder)).unwrap();
        }
        clone.write("outside/kept.txt", "of the user\n");
        clone.write("project/menace.toml", settings);
        clone.write("project/pkg/__init__.py", "");
        clone.write("project/pkg/part.py", "");
        clone.write("project/test_a.py", "def test_one(): pass\n");
        clone.program("project/evil");
        clone
    }

    /// The same with a state file that has runs.
    fn with_runs(settings: &str) -> Self {
        let clone = Self::new(settings);
        two_runs(&mut open(&clone.path("project/sandbox_data/agent.db")));
        clone
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(relative)
    }

    fn write(&self, relative: &str, text: &str) {
        fs::write(self.path(relative), text).unwrap();
    }

    /// Makes a program that leaves a trace; returns its path.
    fn program(&self, relative: &str) -> String {
        let path = self.path(relative);
        let trace = self.path("ran");
        self.write(
            relative,
            &format!("#!/bin/sh\ntouch '{}'\n", trace.display()),
        );
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn has_run(&self) -> bool {
        self.path("ran").exists()
    }

    fn command(&self, args: &[&str]) -> Command {
        bare_command(args, &self.path("project"), &self.path("home"))
    }

    fn call(&self, args: &[&str]) -> Answer {
        self.answer(&mut self.command(args))
    }

    fn answer(&self, command: &mut Command) -> Answer {
        answer_of(command, &self.path(""), "…/")
    }

    /// The value of a setting and its origin, in one line.
    fn setting(&self, name: &str, command: &mut Command) -> String {
        let answer = self.answer(command);
        let mut lines = answer.stdout.lines();
        let line = lines.find(|line| line.split(' ').next() == Some(name));
        let words = line
            .unwrap_or_else(|| panic!("{answer}"))
            .split_whitespace();
        words.skip(1).collect::<Vec<_>>().join(" ")
    }

    /// Every file and link below the root with its content.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path("")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let (path, kind) = entry.map(|it| (it.path(), it.file_type())).unwrap();
                let kind = kind.unwrap();
                if kind.is_dir() {
                    folders.push(path);
                } else if path.to_string_lossy().ends_with(".db-wal")
                    || path.to_string_lossy().ends_with(".db-shm")
                {
                    // SQLite makes and removes them as it likes.
                } else if kind.is_symlink() {
                    let target = fs::read_link(&path).unwrap();
                    files.insert(path, target.into_os_string().into_encoded_bytes());
                } else {
                    let content = fs::read(&path).unwrap();
                    files.insert(path, content);
                }
            }
        }
        files
    }
}

/// Settings with which a project would have its way.
const HOSTILE: &str = "python = './evil'
container-runtime = './evil'
docker-host = 'unix:///tmp/evil.sock'
data-dir = '../outside'
db = '../outside/agent.db'
lock-file = '../outside/lock'
history = '../outside/history.json'
metrics-textfile = '../outside/kept.txt'
container-args = ['--privileged']
env = ['HOME']
network = 'host'
";

/// The sentences of the page, without the marks of a list.
fn sentences() -> impl Iterator<Item = &'static str> {
    let prose = PAGE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("    "));
    prose.map(|line| line.strip_prefix("- ").unwrap_or(line))
}

#[test]
fn every_sentence_of_the_page_stands_above_a_test() {
    let held = [
        include_str!("mod.rs"),
        include_str!("git.rs"),
        include_str!("links.rs"),
    ];
    let held: BTreeSet<&str> = held
        .iter()
        .flat_map(|file| file.lines())
        .filter_map(|line| line.strip_prefix("/// "))
        .collect();
    let missing: Vec<&str> = sentences().filter(|line| !held.contains(line)).collect();
    assert_eq!(missing, [""; 0]);
}

/// Your flags, your variables and your own settings file always count.
#[test]
fn the_user_is_believed() {
    let clone = Clone::new("workers = 2\n");
    let user = clone.path("home/.config/menace");
    fs::create_dir_all(&user).unwrap();
    clone.write(
        "home/.config/menace/config.toml",
        "container-runtime = './of-user'\ndata-dir = '../../../outside'\n",
    );
    let config = || clone.command(&["config"]);
    let runtime = clone.setting("container-runtime", &mut config());
    assert!(runtime.contains("of-user"), "{runtime}");
    let folder = clone.setting("data-dir", &mut config());
    assert!(folder.contains("config.toml:2"), "{folder}");
    let network = clone.setting(
        "network",
        config().env("SELF_TEST_CONTAINER_NETWORK", "host"),
    );
    assert_eq!(network, "host variable SELF_TEST_CONTAINER_NETWORK");
    let db = clone.setting("db", &mut clone.command(&["config", "--db", "/x/agent.db"]));
    assert_eq!(db, "/x/agent.db flag --db");
}

/// The file of a project comes from others: what it may set without your trust is below.
/// Three kinds of settings in the file of a project count only if you trust the folder:
#[test]
fn hostile_settings_count_only_with_trust() {
    let clone = Clone::new(HOSTILE);
    let of_file = || {
        let answer = clone.call(&["config"]);
        let lines = answer.stdout.lines();
        let of_file = lines.filter(|line| line.contains("menace.toml:"));
        of_file.count()
    };
    assert_eq!(of_file(), 0);
    assert_eq!(clone.call(&["trust"]).code, 0);
    assert_eq!(of_file(), HOSTILE.lines().count());
}

/// `agent run`, `agent run-scheduled` and `agent workflow run` start the code of the project, as pytest does.
/// On this machine, that code can do all that you can do.
#[test]
fn a_test_can_do_what_its_user_can_do() {
    let outside = TempDir::new().unwrap();
    let proof = outside.path().join("proof");
    let test = format!(
        "import pkg\ndef test_one():\n    open({:?}, 'a').write('x')\n",
        proof.to_str().unwrap()
    );
    let Some(lab) = lab(&[("test_a.py", &test), ("pkg.py", "")]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(0);
    assert_eq!(fs::read(&proof).unwrap(), b"x");
    lab.agent(&["workflow", "create", "all", "pkg"]).expect(0);
    lab.agent(&["workflow", "run", "all"]).expect(0);
    assert_eq!(fs::read(&proof).unwrap(), b"xx");
}

/// With `--require-container`, nothing of it starts here if there is no engine for containers.
#[test]
fn nothing_starts_here_if_a_container_is_required() {
    let clone = Clone::new("");
    let trace = clone.path("ran");
    let code = format!("open({:?}, 'w')\n", trace.to_str().unwrap());
    clone.write("project/conftest.py", &code);
    clone.write("project/test_a.py", &code);
    for folder in ["project/.venv", "project/.venv/bin"] {
        fs::create_dir_all(clone.path(folder)).unwrap();
    }
    clone.program("project/.venv/bin/python");
    let answer = clone.call(&["run", "--require-container"]);
    assert_eq!(answer.code, 3, "{answer}");
    assert!(!clone.has_run(), "{answer}");
}

/// The commands below start nothing that the project names, and write nothing.
#[test]
fn commands_that_look_leave_all_as_it_is() {
    let commands = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("    agent "));
    let commands: Vec<&str> = commands.filter(|line| !line.starts_with("trust")).collect();
    assert!(commands.len() > 10, "{commands:?}");
    for is_trusted in [false, true] {
        // Inside of the project, it may name its places.
        let inside = "data-dir = 'sandbox_data'\nmetrics-textfile = 'x.prom'\n";
        let clone = Clone::with_runs(if is_trusted { inside } else { HOSTILE });
        clone.write("project/sandbox_data/orphan_modules.json", "{");
        clone.write(
            "project/sandbox_data/module_map.json",
            "{\"pkg/part.py\": 3}",
        );
        let before = clone.files();
        for line in &commands {
            let args: Vec<&str> = line.split(' ').collect();
            let answer = clone.call(&args);
            let is_usage = answer.stderr.contains("Usage:");
            assert!(answer.code != 70 && !is_usage, "{line}: {answer}");
            assert!(!clone.has_run(), "{line}");
            let after = clone.files();
            let names =
                |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&after), names(&before), "{line}");
            assert!(after == before, "{line} changed a file");
        }
    }
}

/// Nobody has read these edits into the state file yet.
#[test]
fn edits_are_shown_and_not_read_in() {
    let clone = Clone::with_runs("");
    clone.write(
        "project/sandbox_data/module_map.json",
        "{\"pkg/part.py\": 3}",
    );
    clone.write(
        "project/sandbox_data/orphan_modules.json",
        "[\"pkg/part.py\"]",
    );
    let before = clone.files();
    let map = clone.call(&["module-map", "show"]);
    assert!(map.stdout.contains("group 3"), "{map}");
    let list = clone.call(&["orphans", "list"]);
    assert!(list.stdout.contains("pkg.part"), "{list}");
    assert!(clone.files() == before);
}

/// The one exception is the state file: they bring the one of an older agent up to date and keep a copy of it, and SQLite may put its `-wal` and `-shm` beside it.
#[test]
fn an_old_state_file_is_brought_up_to_date() {
    let clone = Clone::new("");
    fs::create_dir(clone.path("project/sandbox_data")).unwrap();
    let old = latest_version() - 1;
    file_of_version(&clone.path("project/sandbox_data/agent.db"), old);
    let before = clone.files();
    assert_eq!(clone.call(&["history"]).code, 0);
    let after = clone.files();
    let new: Vec<&PathBuf> = after
        .keys()
        .filter(|path| !before.contains_key(*path))
        .collect();
    let copy = format!("project/sandbox_data/agent.db.v{old}.bak");
    assert_eq!(new, [&clone.path(&copy)]);
}

/// The settings that a line of the page names.
fn named(kind: &str) -> Vec<&'static str> {
    let line = sentences().find(|line| line.starts_with(kind)).unwrap();
    line.split('`').skip(1).step_by(2).collect()
}

/// The settings of the table that ask for this.
fn rows(ask: Ask) -> Vec<&'static str> {
    let rows = SETTINGS.iter().filter(|row| row.asks == Some(ask));
    rows.map(|row| row.name).collect()
}

/// A program: `python`, `container-runtime`.
/// A place outside of the project, once all links are followed: `data-dir`, `db`, `paths`, `wheels`, `image-tar`, `docker-host`, `lock-file`, `history`, `metrics-textfile`.
/// A privilege, which is more than the tests have without it: `offline`, `use-container`, `require-container`, `env`, `network`, `memory`, `cpus`, `pids-limit`, `container-args`, `metrics-addr`.
#[test]
fn the_page_lists_what_the_table_says() {
    for (kind, ask) in [
        ("A program:", Ask::Program),
        ("A place outside", Ask::Place),
        ("A privilege,", Ask::Privilege),
    ] {
        assert_eq!(named(kind), rows(ask));
    }
}

/// The agent goes on without such a setting, and says which it is, in which line, and why.
#[test]
fn settings_that_do_not_count_are_named() {
    let clone = Clone::with_runs("workers = 2\ncontainer-runtime = './evil'\ndb = '../x'\n");
    for args in [
        &["history"][..],
        &["cleanup", "--dry-run"],
        &["config", "--json"],
    ] {
        let answer = clone.call(args);
        let said = answer.stdout + &answer.stderr;
        assert!(
            said.contains("`container-runtime` in line 2 names a program"),
            "{said}"
        );
        assert!(
            said.contains("`db` in line 3 leads out of the project"),
            "{said}"
        );
    }
    insta::assert_snapshot!(clone.call(&["trust"]), @"
    exit 0
    --- stdout
    trusted …/project/menace.toml as it is now:
      container-runtime = …/project/evil  # names a program
      db = …/project/../x  # leads out of the project
    --- stderr
    ");
    assert_eq!(clone.call(&["status"]).code, 4);
    insta::assert_snapshot!(clone.call(&["trust", "--revoke"]), @"
    exit 0
    --- stdout
    …/project is no longer trusted
    --- stderr
    ");
    insta::assert_snapshot!(clone.call(&["trust", "--revoke"]), @"
    exit 0
    --- stdout
    …/project was not trusted
    --- stderr
    ");
    let clone = Clone::new("workers = 2");
    insta::assert_snapshot!(clone.call(&["trust"]), @"
    exit 0
    --- stdout
    no setting of …/project asks for trust
    --- stderr
    ");
}

/// If a setting of the file changes, or a link that it leads through, the trust ends.
#[test]
fn a_change_ends_the_trust() {
    let clone = Clone::new("wheels = 'link/wheels'\n");
    let link = clone.path("project/link");
    let lead = |to: &str| {
        let _ = fs::remove_file(&link);
        symlink(to, &link).unwrap();
    };
    let counts = || {
        let value = clone.setting("wheels", &mut clone.command(&["config"]));
        value.contains("menace.toml:1")
    };
    lead("../outside");
    assert!(!counts());
    clone.call(&["trust"]);
    assert!(counts());
    lead("../home");
    assert!(!counts());
    lead("../outside");
    assert!(counts());
    clone.write(
        "project/menace.toml",
        "wheels = 'link/wheels'\nworkers = 2\n",
    );
    assert!(!counts());
    clone.call(&["trust"]);
    assert!(counts());
    clone.call(&["trust", "--revoke"]);
    assert!(!counts());
    // Links that stay inside need none.
    lead("pkg");
    assert!(counts());
}

/// A service that you set up with flags or variables needs no trust.
#[test]
fn a_service_goes_on() {
    let clone = Clone::new("container-runtime = './evil'\ndb = '../outside/agent.db'\n");
    let args = ["service", "print", "--manager", "systemd", "--"];
    let mut command = clone.command(&[&args[..], &["--container-runtime", "podman"]].concat());
    let db = clone.path("outside/of-user.db");
    let answer = clone.answer(command.env("MENACE_AGENT_DB", &db).env("PATH", "/usr/bin"));
    assert_eq!(answer.code, 0, "{answer}");
    assert!(!answer.stderr.contains("do not count"), "{answer}");
    assert!(
        answer.stdout.contains("--container-runtime podman"),
        "{answer}"
    );
    assert!(answer.stdout.contains("MENACE_AGENT_DB="), "{answer}");
    let mut config = clone.command(&["config"]);
    let shown = clone.setting("db", config.env("MENACE_AGENT_DB", &db));
    assert_eq!(shown, "…/outside/of-user.db variable MENACE_AGENT_DB");
    // What the user trusts is found from a service too.
    let state = clone.path("outside/state");
    clone.answer(clone.command(&["trust"]).env("XDG_STATE_HOME", &state));
    let mut command = clone.command(&args);
    let answer = clone.answer(
        command
            .env("XDG_STATE_HOME", &state)
            .env("PATH", "/usr/bin"),
    );
    assert!(answer.stdout.contains("XDG_STATE_HOME="), "{answer}");
}

/// The agent notes your trust in `menace/trust` of `$XDG_STATE_HOME`, or else of `~/.local/state`, and nowhere in the project.
#[test]
fn trust_is_noted_with_the_user() {
    let clone = Clone::new(HOSTILE);
    let before = clone.files();
    let new = |folder: &str| {
        let folder = clone.path(folder);
        let after = clone.files();
        let mut new = after.keys().filter(|path| !before.contains_key(*path));
        new.all(|path| path.parent() == Some(&folder))
    };
    clone.call(&["trust"]);
    assert!(new("home/.local/state/menace/trust"));
    clone.call(&["trust", "--revoke"]);
    let state = clone.path("outside/state");
    clone.answer(clone.command(&["trust"]).env("XDG_STATE_HOME", &state));
    assert!(new("outside/state/menace/trust"));
    let nobody = clone.answer(clone.command(&["trust"]).env_remove("HOME"));
    assert_eq!(nobody.code, 3, "{nobody}");
}
