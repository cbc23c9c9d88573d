//! `entry_points.txt`: the commands that a wheel asks for.

use super::problem::WheelProblem;

/// A command that calls a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPoint {
    /// The name of the command.
    pub command: String,
    module: String,
    attributes: String,
}

/// The commands in the sections `console_scripts` and `gui_scripts` of the document `name`.
pub fn entry_points(name: &str, text: &str) -> Result<Vec<EntryPoint>, WheelProblem> {
    let mut found = Vec::new();
    let mut wanted = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']').trim();
            wanted = matches!(section, "console_scripts" | "gui_scripts");
        } else if wanted {
            let entry = EntryPoint::parse(line).ok_or_else(|| WheelProblem::Metadata {
                name: name.to_owned(),
                message: format!("line {}: expected COMMAND = MODULE:FUNCTION", index + 1),
            })?;
            found.push(entry);
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

impl EntryPoint {
    fn parse(line: &str) -> Option<Self> {
        let (command, object) = line.split_once('=')?;
        // The words in brackets name optional parts of the distribution.
        let object = object.split('[').next()?;
        let (module, attributes) = object.split_once(':')?;
        let (command, module, attributes) = (command.trim(), module.trim(), attributes.trim());
        let good = is_command(command) && is_dotted(module) && is_dotted(attributes);
        good.then(|| Self {
            command: command.to_owned(),
            module: module.to_owned(),
            attributes: attributes.to_owned(),
        })
    }

    /// The script that `python` (an absolute path) runs.
    pub fn script(&self, python: &str) -> String {
        let Self {
            module, attributes, ..
        } = self;
        let first = attributes.split('.').next().unwrap_or(attributes);
        format!(
            "#!{python}\nimport sys\n\nfrom {module} import {first}\n\nif __name__ == \"__main__\":\n    sys.exit({attributes}())\n"
        )
    }
}

fn is_command(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !text.is_empty() && !text.starts_with('.') && text.chars().all(word)
}

fn is_dotted(text: &str) -> bool {
    text.split('.').all(|part| {
        let starts = part.starts_with(|c: char| c.is_alphabetic() || c == '_');
        starts && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_become_scripts() {
        let text = "[other]\nx = y\n\n[console_scripts]\n# none\ncov = coverage.cmdline:main [toml]\npy.test=pytest:console.main\n[gui_scripts]\n";
        let found = entry_points("e", text).unwrap();
        assert_eq!(found.len(), 2);
        insta::assert_snapshot!(found[1].script("/usr/bin/python3"), @r#"
        #!/usr/bin/python3
        import sys

        from pytest import console

        if __name__ == "__main__":
            sys.exit(console.main())
        "#);
        assert_eq!(found[0].command, "cov");
    }

    #[test]
    fn what_is_no_function_is_refused() {
        for line in [
            "a", "a=b", "a=b:", "a=:b", "../a=b:c", "a=b;c:d", "a=b:c d", ".a=b:c", "=a:b",
        ] {
            let text = format!("[console_scripts]\n{line}\n");
            assert!(entry_points("e", &text).is_err(), "{line}");
        }
    }
}
