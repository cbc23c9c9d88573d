//! systemd user units: quoting, the unit of a service, and the output of `systemctl show`.
//!
//! The rules come from `systemd.syntax(7)` and `systemd.service(5)`:
//!
//! | where | `%` | `$` | quotes, backslashes |
//! |---|---|---|---|
//! | `ExecStart=`, the program | doubled | as it is | not possible |
//! | `ExecStart=`, its arguments | doubled | doubled | escaped, in double quotes |
//! | `Environment=` | doubled | as it is | escaped, in double quotes |
//! | `WorkingDirectory=`, `Description=` | doubled | as it is | as they are |

use std::collections::BTreeMap;

use super::template::{fill, has};
use super::{MARK, ServiceState, Unit, UnitError, UnitFile};

/// The template, which is for people too.
pub const TEMPLATE: &str = include_str!("../../offline/menace-agent.service");

/// Lines under which setuid programs gain no rights.
const LOCKS: [&str; 3] = ["NoNewPrivileges=", "LockPersonality=", "RestrictRealtime="];

/// The properties that [`state`] reads, as `systemctl show --property=` takes them.
pub const PROPERTIES: &str = "LoadState,ActiveState,SubState,StateChangeTimestamp,FragmentPath,\
     UnitFileState,MainPID,NRestarts,Result,ExecMainCode,ExecMainStatus,ExecMainExitTimestamp,\
     StatusText,NeedDaemonReload";

/// The user unit of a service.
///
/// # Errors
///
/// A text that no unit can hold.
pub fn render(unit: &Unit) -> Result<String, UnitError> {
    unit.check()?;
    if let Some(character) = unit.program.chars().find(|c| "'\"\\".contains(*c)) {
        let path = unit.program.clone();
        return Err(UnitError::Program { path, character });
    }
    let mut lines = vec![
        format!("# {MARK} for the project below."),
        format!(
            "# Changes of your own are safe in `systemctl --user edit {}`.",
            unit.name
        ),
    ];
    for line in TEMPLATE.lines().skip_while(|line| line.starts_with('#')) {
        if has(line, "ENVIRONMENT") {
            let pairs = unit.environment.iter();
            let words =
                pairs.map(|(name, value)| quoted(&format!("{name}={value}"), Dollars::Kept));
            lines.extend(words.map(|word| fill(line, |_| word.clone())));
        } else if unit.setuid && LOCKS.iter().any(|lock| line.starts_with(lock)) {
            lines.push(format!("#{line}"));
        } else {
            let key = line.split('=').next().unwrap_or_default();
            let filled = fill(line, |name| value(unit, key, name));
            lines.push(filled.trim_end().to_owned());
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// The text for a placeholder in the line of `key`.
fn value(unit: &Unit, key: &str, name: &str) -> String {
    match (key, name) {
        ("ExecStart", "AGENT") => quoted(&unit.program, Dollars::Kept),
        ("ExecStart", "PROJECT") => quoted(&unit.project, Dollars::Doubled),
        ("ExecStart", "ARGUMENTS") => {
            let words = unit.arguments.iter();
            let words = words.map(|word| quoted(word, Dollars::Doubled));
            words.collect::<Vec<_>>().join(" ")
        }
        ("WorkingDirectory", "PROJECT") => folder(&unit.project),
        (_, "PROJECT") => percents_doubled(&unit.project),
        (_, "STOP") => unit.stop_s.to_string(),
        (_, other) => format!("@{other}@"),
    }
}

/// The treatment of `$` in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dollars {
    Doubled,
    Kept,
}

/// One word of a line that is split into words.
fn quoted(text: &str, dollars: Dollars) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=,@~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut word = String::with_capacity(text.len() + 2);
    word.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => word.extend(['\\', character]),
            '%' => word.push_str("%%"),
            '$' if dollars == Dollars::Doubled => word.push_str("$$"),
            other => word.push(other),
        }
    }
    word.push('"');
    word
}

fn percents_doubled(text: &str) -> String {
    text.replace('%', "%%")
}

/// A path with one of these at its end gets a slash: systemd would cut off a space, a backslash
/// would join the next line, and [`read`] takes the slash off that follows one of these.
const ENDS: [char; 3] = [' ', '\\', '/'];

/// A path that is the whole value; a slash at its end changes no path.
fn folder(path: &str) -> String {
    let mut folder = percents_doubled(path);
    if folder.ends_with(ENDS) {
        folder.push('/');
    }
    folder
}

/// Reads a unit that the agent made; `None` for the file of somebody else.
pub fn read(text: &str) -> Option<UnitFile> {
    let first = text.lines().next()?;
    if !first.contains(MARK) {
        return None;
    }
    let value = |key: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    };
    let project = value("WorkingDirectory")?.replace("%%", "%");
    let project = match project.strip_suffix('/') {
        Some(bare) if bare.ends_with(ENDS) => bare.to_owned(),
        _ => project,
    };
    Some(UnitFile {
        project,
        stop_s: value("TimeoutStopSec")?.parse().ok()?,
    })
}

/// Reads what `systemctl --user show --property=` [`PROPERTIES`] says.
pub fn state(shown: &str) -> ServiceState {
    let lines = shown.lines().filter_map(|line| line.split_once('='));
    let values: BTreeMap<&str, &str> = lines.collect();
    let value = |key: &str| values.get(key).copied().filter(|value| !value.is_empty());
    let number = |key: &str| value(key).and_then(|value| value.parse().ok());
    let word = |key: &str| value(key).unwrap_or("unknown");
    let found = !matches!(word("LoadState"), "not-found" | "unknown");
    let active = word("ActiveState");
    ServiceState {
        found,
        active: matches!(active, "active" | "reloading"),
        state: format!("{active} ({})", word("SubState")),
        since: value("StateChangeTimestamp").map(str::to_owned),
        file: value("FragmentPath").map(str::to_owned),
        enabled: value("UnitFileState").map(str::to_owned),
        pid: number("MainPID").filter(|pid| *pid > 0),
        restarts: found.then(|| number("NRestarts")).flatten(),
        last_exit: last_exit(&value),
        says: value("StatusText").map(str::to_owned),
        stale: value("NeedDaemonReload") == Some("yes"),
    }
}

/// Describes the last end of the main process; the codes are from `waitid(2)`.
fn last_exit<'a>(value: &impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let at = value("ExecMainExitTimestamp").filter(|at| *at != "n/a")?;
    let status = value("ExecMainStatus")?;
    let how = match value("ExecMainCode")? {
        "1" => format!("exit status {status}"),
        "2" | "3" => format!("killed by signal {status}"),
        _ => return None,
    };
    let why = value("Result").filter(|result| *result != "success");
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    Some(format!("{how}{why}, {at}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit() -> Unit {
        Unit {
            name: "menace-agent".parse().unwrap(),
            program: "/usr/local/bin/agent".to_owned(),
            project: "/lab".to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            stop_s: 90,
            setuid: false,
        }
    }

    #[test]
    fn words_are_quoted_as_systemd_reads_them() {
        use Dollars::{Doubled, Kept};
        let cases = [
            ("plain", "--interval=3600", Doubled, "--interval=3600"),
            ("nothing", "", Doubled, r#""""#),
            ("a space", "a b", Doubled, r#""a b""#),
            ("double quotes", r#"a"b"#, Doubled, r#""a\"b""#),
            ("single quotes", "a'b", Doubled, r#""a'b""#),
            ("backslashes", r"a\nb\", Doubled, r#""a\\nb\\""#),
            ("a specifier", "%h", Doubled, r#""%%h""#),
            (
                "a variable of a command",
                "${A}$B",
                Doubled,
                r#""$${A}$$B""#,
            ),
            ("a variable of none", "${A}$B", Kept, r#""${A}$B""#),
            ("a separator of commands", ";", Doubled, r#"";""#),
            ("a pattern", "tests/*.py", Doubled, r#""tests/*.py""#),
            ("a comment", "#a", Doubled, r##""#a""##),
            ("another script", "prüfung", Doubled, r#""prüfung""#),
        ];
        for (name, text, dollars, word) in cases {
            assert_eq!(quoted(text, dollars), word, "{name}");
        }
    }

    #[test]
    fn folders_are_whole_values() {
        let cases = [
            ("/lab", "/lab"),
            ("/a b", "/a b"),
            ("/100%", "/100%%"),
            (r"/a\b", r"/a\b"),
            (r"/a\", r"/a\/"),
            ("/a ", "/a /"),
        ];
        for (path, value) in cases {
            assert_eq!(folder(path), value);
        }
    }

    #[test]
    fn a_program_that_systemd_does_not_start_is_refused() {
        for program in ["/a'b/agent", "/a\"b/agent", r"/a\b/agent"] {
            let unit = Unit {
                program: program.to_owned(),
                ..unit()
            };
            assert!(matches!(render(&unit), Err(UnitError::Program { .. })));
        }
        let odd = Unit {
            program: "/a b%c$d/agent".to_owned(),
            ..unit()
        };
        let text = render(&odd).unwrap();
        assert!(text.contains("\nExecStart=\"/a b%%c$d/agent\" --project /lab run-scheduled\n"));
    }

    #[test]
    fn what_locks_out_podman_is_a_comment_where_podman_may_be_used() {
        let with = render(&Unit {
            setuid: true,
            ..unit()
        });
        let (with, without) = (with.unwrap(), render(&unit()).unwrap());
        for lock in LOCKS {
            assert!(without.contains(&format!("\n{lock}yes\n")), "{lock}");
            assert!(with.contains(&format!("\n#{lock}yes\n")), "{lock}");
            assert!(!with.contains(&format!("\n{lock}")), "{lock}");
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_not_ours() {
        assert_eq!(read(TEMPLATE), None);
        assert_eq!(read(""), None);
        assert_eq!(read("[Service]\n"), None);
    }

    #[test]
    fn the_words_of_systemctl_become_a_state() {
        let runs = state(
            "LoadState=loaded\nActiveState=active\nSubState=running\n\
             StateChangeTimestamp=Wed 2026-11-25 16:58:09 UTC\nFragmentPath=/u/a=b.service\n\
             UnitFileState=enabled\nMainPID=4711\nNRestarts=2\nResult=success\nExecMainCode=0\n\
             ExecMainStatus=0\nExecMainExitTimestamp=\nStatusText=cycle 3\nNeedDaemonReload=no\n",
        );
        let expected = ServiceState {
            found: true,
            active: true,
            state: "active (running)".to_owned(),
            since: Some("Wed 2026-11-25 16:58:09 UTC".to_owned()),
            file: Some("/u/a=b.service".to_owned()),
            enabled: Some("enabled".to_owned()),
            pid: Some(4711),
            restarts: Some(2),
            last_exit: None,
            says: Some("cycle 3".to_owned()),
            stale: false,
        };
        assert_eq!(runs, expected);
        let ended = state(
            "LoadState=loaded\nActiveState=failed\nSubState=failed\nMainPID=0\nNRestarts=0\n\
             Result=watchdog\nExecMainCode=3\nExecMainStatus=6\nExecMainExitTimestamp=at noon\n\
             NeedDaemonReload=yes\n",
        );
        assert!(ended.found && !ended.active && ended.stale);
        let last = "killed by signal 6 (watchdog), at noon";
        assert_eq!((ended.pid, ended.last_exit.as_deref()), (None, Some(last)));
        let gone = state("LoadState=not-found\nActiveState=inactive\nSubState=dead\nNRestarts=0\n");
        assert!(!gone.found && !gone.active && gone.restarts.is_none());
        assert!(!state("").found);
    }

    proptest! {
        #[test]
        fn the_project_of_a_unit_is_read_back(project in r"/[ -~ä]{0,40}", stop_s: u32) {
            let stop_s = u64::from(stop_s);
            let unit = Unit { project: project.clone(), stop_s, ..unit() };
            let file = read(&render(&unit).unwrap()).unwrap();
            prop_assert_eq!(file, UnitFile { project, stop_s });
        }
    }
}
