//! launchd agents: the property list of a service, and the output of `launchctl print`.

use super::template::{fill, has};
use super::{MARK, ServiceState, Unit, UnitError, UnitFile, check};

/// The template, which is for people too.
pub const TEMPLATE: &str = include_str!("../../offline/menace-agent.plist");

/// The agent of a service, which logs to the file `log`.
///
/// # Errors
///
/// A text that no property list can hold.
pub fn render(unit: &Unit, log: &str) -> Result<String, UnitError> {
    unit.check()?;
    check(|| "the path of the log".to_owned(), log)?;
    let mut lines = Vec::new();
    let mut variable = "";
    for line in without_comment() {
        if line.starts_with("<plist") {
            lines.push(format!("<!-- {MARK} for the project below. -->"));
        }
        let with = |line: &str, value: &str| fill(line, |_| escaped(value));
        if has(line, "ARGUMENTS") {
            lines.extend(unit.arguments.iter().map(|argument| with(line, argument)));
        } else if has(line, "VARIABLE") {
            variable = line;
        } else if has(line, "VALUE") {
            for (name, value) in &unit.environment {
                lines.extend([with(variable, name), with(line, value)]);
            }
        } else {
            lines.push(fill(line, |name| escaped(&value(unit, log, name))));
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// The lines of the template, without the comment at its head.
fn without_comment() -> impl Iterator<Item = &'static str> {
    let mut inside = false;
    let mut over = false;
    TEMPLATE.lines().filter(move |line| {
        let begins = !over && line.starts_with("<!--");
        inside |= begins;
        let left_out = inside;
        if inside && line.ends_with("-->") {
            (inside, over) = (false, true);
        }
        !left_out
    })
}

fn value(unit: &Unit, log: &str, name: &str) -> String {
    match name {
        "NAME" => unit.name.to_string(),
        "AGENT" => unit.program.clone(),
        "PROJECT" => unit.project.clone(),
        "STOP" => unit.stop_s.to_string(),
        "LOG" => log.to_owned(),
        other => format!("@{other}@"),
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

fn plain(text: &str) -> String {
    let text = text.replace("&gt;", ">");
    text.replace("&lt;", "<").replace("&amp;", "&")
}

/// Reads a property list that the agent made; `None` for the file of somebody else.
pub fn read(text: &str) -> Option<UnitFile> {
    let mark = format!("<!-- {MARK}");
    if !text.lines().any(|line| line.starts_with(&mark)) {
        return None;
    }
    let value = |key: &str, kind: &str| {
        let key = format!("<key>{key}</key>");
        let (start, end) = (format!("<{kind}>"), format!("</{kind}>"));
        let line = text.lines().skip_while(|line| line.trim() != key).nth(1)?;
        let value = line.trim_start().strip_prefix(&start)?.strip_suffix(&end)?;
        Some(plain(value))
    };
    Some(UnitFile {
        project: value("WorkingDirectory", "string")?,
        stop_s: value("ExitTimeOut", "integer")?.parse().ok()?,
    })
}

/// Reads what `launchctl print gui/UID/LABEL` says: `key = value` lines, indented by one tab if
/// they are about the service itself.
pub fn state(shown: &str) -> ServiceState {
    let value = |key: &str| {
        let lines = shown.lines();
        let mut own = lines.filter_map(|line| line.strip_prefix('\t')?.split_once(" = "));
        own.find(|(found, _)| *found == key).map(|(_, value)| value)
    };
    let words = value("state").unwrap_or("unknown");
    let runs: Option<u32> = value("runs").and_then(|runs| runs.parse().ok());
    let code = value("last exit code").filter(|code| !code.starts_with("(never"));
    ServiceState {
        found: value("state").is_some(),
        active: words == "running",
        state: words.to_owned(),
        since: None,
        file: value("path").map(str::to_owned),
        enabled: None,
        pid: value("pid").and_then(|pid| pid.parse().ok()),
        restarts: runs.map(|runs| runs.saturating_sub(1)),
        last_exit: code.map(|code| format!("exit status {code}")),
        says: None,
        stale: false,
    }
}

#[cfg(test)]
mod tests {
    use plist::{Dictionary, Value};
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Dictionary {
        let value = Value::from_reader_xml(text.as_bytes()).unwrap();
        value.into_dictionary().unwrap()
    }

    #[test]
    fn the_template_is_a_property_list_that_is_not_ours() {
        let template = parsed(&TEMPLATE.replace("@STOP@", "90"));
        assert_eq!(template["Label"].as_string(), Some("@NAME@"));
        assert_eq!(read(TEMPLATE), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn the_words_of_launchctl_become_a_state() {
        let runs = state(
            "gui/501/menace-agent = {\n\tactive count = 1\n\tpath = /a/menace-agent.plist\n\
             \ttype = LaunchAgent\n\tstate = running\n\n\tprogram = /usr/local/bin/agent\n\
             \tenvironment = {\n\t\tstate = odd\n\t}\n\truns = 3\n\tpid = 4711\n\
             \tlast exit code = 70: EX_SOFTWARE\n}\n",
        );
        assert!(runs.found && runs.active);
        assert_eq!((runs.pid, runs.restarts), (Some(4711), Some(2)));
        let last = "exit status 70: EX_SOFTWARE";
        assert_eq!(runs.last_exit.as_deref(), Some(last));
        let waits = state(
            "gui/501/menace-agent = {\n\tstate = not running\n\truns = 0\n\
             \tlast exit code = (never exited)\n}\n",
        );
        assert!(waits.found && !waits.active);
        assert_eq!((waits.restarts, waits.last_exit), (Some(0), None));
        assert!(!state("").found);
    }

    /// A text that a unit can hold: anything but control characters.
    fn text() -> impl Strategy<Value = String> {
        let odd = |c: &char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
        "[ -~]{0,20}|\\PC{0,20}|@ARGUMENTS@|]]>|<!--|&amp;|\u{a0} "
            .prop_map(move |text: String| text.chars().filter(|c| !odd(c)).collect())
    }

    proptest! {
        #[test]
        fn a_parser_reads_back_what_was_written(
            program in text(), project in text(), log in text(),
            arguments in proptest::collection::vec(text(), 0..4),
            variables in proptest::collection::btree_map("[A-Z_]{1,8}", text(), 0..4),
            stop_s: u32,
        ) {
            let unit = Unit {
                name: "menace-agent".parse().unwrap(),
                program: program.clone(),
                project: project.clone(),
                arguments: arguments.clone(),
                environment: variables.clone().into_iter().collect(),
                stop_s: stop_s.into(),
                setuid: false,
            };
            let text = render(&unit, &log).unwrap();
            let read_back = read(&text).unwrap();
            prop_assert_eq!(&read_back.project, &project);
            prop_assert_eq!(read_back.stop_s, u64::from(stop_s));

            let list = parsed(&text);
            let string = |value: &Value| value.as_string().unwrap().to_owned();
            let command = list["ProgramArguments"].as_array().unwrap();
            let command: Vec<String> = command.iter().map(string).collect();
            let head = [program.as_str(), "--project", &project, "run-scheduled"];
            let all = head.into_iter().chain(arguments.iter().map(String::as_str));
            prop_assert_eq!(command, all.map(str::to_owned).collect::<Vec<_>>());
            let environment = list["EnvironmentVariables"].as_dictionary().unwrap().iter();
            let environment = environment.map(|(name, value)| (name.clone(), string(value)));
            prop_assert_eq!(environment.collect::<std::collections::BTreeMap<_, _>>(), variables);
            prop_assert_eq!(string(&list["WorkingDirectory"]), project);
            prop_assert_eq!(string(&list["StandardErrorPath"]), log);
            prop_assert_eq!(list["ExitTimeOut"].as_signed_integer(), Some(stop_s.into()));
        }
    }
}
