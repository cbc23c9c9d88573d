//! [`Ini`]: files like `setup.cfg` and `pytest.ini`, as far as pytest's and Python's readers agree
//! on them.

/// The sections of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ini {
    sections: Vec<(String, Vec<(String, String)>)>,
}

impl Ini {
    /// The sections of a text, and its first broken line. All other lines are kept: a value goes on
    /// in the lines below it that are indented, and a line that begins with `#` or `;` says
    /// nothing.
    pub(super) fn parse(text: &str) -> (Self, Option<Broken>) {
        let mut ini = Self::default();
        let mut broken = None;
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            let entries = ini.sections.last_mut().map(|(_, entries)| entries);
            if line.starts_with([' ', '\t'])
                && let Some((_, value)) = entries.and_then(|entries| entries.last_mut())
            {
                value.push('\n');
                value.push_str(trimmed);
                continue;
            }
            if !ini.add_line(trimmed) {
                broken.get_or_insert(Broken { line: number });
            }
        }
        (ini, broken)
    }

    /// A line that does not go on from the one before.
    fn add_line(&mut self, line: &str) -> bool {
        if let Some(rest) = line.strip_prefix('[') {
            let Some((name, _)) = rest.split_once(']') else {
                return false;
            };
            self.sections.push((name.to_owned(), Vec::new()));
            return true;
        }
        let (Some((key, value)), Some((_, entries))) =
            (line.split_once(['=', ':']), self.sections.last_mut())
        else {
            return false;
        };
        entries.push((key.trim().to_owned(), value.trim().to_owned()));
        true
    }

    /// The keys and values of a section; `None` if it is not there.
    pub(super) fn section(&self, name: &str) -> Option<&[(String, String)]> {
        let mut sections = self.sections.iter();
        let (_, entries) = sections.find(|(found, _)| found == name)?;
        Some(entries)
    }

    /// The value of a key, with its further lines; `None` if section or key is not there.
    pub(super) fn get(&self, section: &str, key: &str) -> Option<&str> {
        let mut entries = self.section(section)?.iter();
        let (_, value) = entries.find(|(found, _)| found == key)?;
        Some(value)
    }
}

/// A line that is neither a section nor a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) line: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_on_in_indented_lines() {
        let text = "# first\n[pytest]\ntestpaths =\n    tests\n    # not this\n\n    more\n\
            addopts: -q --x=y\n[options.entry_points]\nconsole_scripts =\n  a = b:c\n";
        let (ini, broken) = Ini::parse(text);
        assert_eq!(broken, None);
        assert_eq!(ini.get("pytest", "testpaths"), Some("\ntests\nmore"));
        assert_eq!(ini.get("pytest", "addopts"), Some("-q --x=y"));
        assert_eq!(
            ini.get("options.entry_points", "console_scripts"),
            Some("\na = b:c")
        );
        assert_eq!(ini.get("pytest", "nothing"), None);
        assert_eq!(ini.section("nothing"), None);
    }

    #[test]
    fn what_can_be_read_of_a_broken_file_is_kept() {
        let (ini, broken) = Ini::parse("lost = 1\n[a\n[pytest]\nnothing\nkey = value\n");
        assert_eq!(broken, Some(Broken { line: 1 }));
        assert_eq!(ini.get("pytest", "key"), Some("value"));
    }
}
