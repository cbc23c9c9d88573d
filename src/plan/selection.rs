//! The words for pytest, told apart: which of them are paths, and which pick some of the tests.

use std::path::Path;

/// Short options of pytest that take no value, so that others may follow in the same word.
const SHORT_SWITCHES: &str = "vqxslh";
/// Long options of pytest without a value: a word behind one is no value of it.
const SWITCHES: [&str; 27] = [
    "--cache-clear",
    "--co",
    "--collect-only",
    "--continue-on-collection-errors",
    "--disable-warnings",
    "--doctest-continue-on-failure",
    "--doctest-modules",
    "--exitfirst",
    "--failed-first",
    "--ff",
    "--full-trace",
    "--last-failed",
    "--lf",
    "--new-first",
    "--nf",
    "--no-header",
    "--no-summary",
    "--pdb",
    "--pyargs",
    "--quiet",
    "--runxfail",
    "--showlocals",
    "--stepwise",
    "--stepwise-skip",
    "--sw",
    "--trace",
    "--verbose",
];
/// Options that pick some of the tests. One with a value has it behind `=`, or as the next word.
const PICKING: [(&str, Value); 13] = [
    ("-k", Value::Next),
    ("-m", Value::Next),
    ("--keyword", Value::Next),
    ("--deselect", Value::Next),
    ("--ignore", Value::Next),
    ("--ignore-glob", Value::Next),
    ("--lf", Value::None),
    ("--last-failed", Value::None),
    ("--sw", Value::None),
    ("--stepwise", Value::None),
    ("--sw-skip", Value::None),
    ("--stepwise-skip", Value::None),
    ("--pyargs", Value::None),
];

/// Options by which pytest runs no test.
const LISTING: [&str; 12] = [
    "--co",
    "--collect-only",
    "--fixtures",
    "--fixtures-per-test",
    "--funcargs",
    "--help",
    "-h",
    "--markers",
    "--setup-only",
    "--setup-plan",
    "--version",
    "-V",
];

/// Options that stop at a debugger.
const DEBUGGING: [&str; 2] = ["--pdb", "--trace"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Next,
}

/// Words for pytest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PytestWords {
    /// Options with their values, and words that may be the value of an option.
    pub options: Vec<String>,
    /// Files, folders and node ids.
    pub paths: Vec<String>,
}

impl PytestWords {
    /// Tells words apart; `is_there` says whether a file or folder exists.
    ///
    /// A word behind an option that may take a value stays with that option.
    pub fn new(words: &[String], is_there: impl Fn(&str) -> bool) -> Self {
        let mut told = Self::default();
        let mut may_be_value = false;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                told.paths.extend(words.cloned());
                break;
            }
            let file = word.split("::").next().unwrap_or(word);
            let is_path = !word.starts_with('-') && !may_be_value && is_there(file);
            may_be_value = may_take_next(word);
            let place = if is_path {
                &mut told.paths
            } else {
                &mut told.options
            };
            place.push(word.clone());
        }
        told
    }

    /// The option by which pytest runs no test, but lists or prints something; `None` if there is
    /// none.
    pub fn listing(&self) -> Option<&str> {
        let words = self.options.iter().map(String::as_str);
        words.into_iter().find(|word| LISTING.contains(word))
    }

    /// The option by which a test asks for a debugger; `None` if there is none.
    pub fn debugging(&self) -> Option<&str> {
        let words = self.options.iter().map(String::as_str);
        words.into_iter().find(|word| DEBUGGING.contains(word))
    }

    /// True if tests want to talk to the person at the terminal.
    pub fn needs_terminal(&self) -> bool {
        self.debugging().is_some() || self.shows_output()
    }

    /// The option that asks pytest to print at its end what passing tests printed.
    pub fn reporting(&self) -> Option<&str> {
        let words = self.options.iter().map(String::as_str);
        words.into_iter().find(|word| {
            let asked = word.strip_prefix("-r").filter(|_| !word.starts_with("--"));
            asked.is_some_and(|chars| chars.contains(['P', 'A']))
        })
    }

    /// True if what tests print is not to be captured.
    fn shows_output(&self) -> bool {
        let mut words = self.options.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            let capture = match word {
                "--capture" => words.peek().copied(),
                _ => word.strip_prefix("--capture="),
            };
            let cluster = word.strip_prefix('-').filter(|_| !word.starts_with("--"));
            let is_s = cluster.is_some_and(|it| {
                it.contains('s') && it.chars().all(|letter| SHORT_SWITCHES.contains(letter))
            });
            if is_s || capture == Some("no") {
                return true;
            }
        }
        false
    }

    /// The options that pick some of the tests, each with its value.
    pub fn picking(&self) -> Vec<String> {
        let mut picking = Vec::new();
        let mut words = self.options.iter();
        while let Some(word) = words.next() {
            match picks(word) {
                Some(Value::None) => picking.push(word.clone()),
                Some(Value::Next) => {
                    let value = words.next().map(String::as_str).unwrap_or_default();
                    picking.push(format!("{word} {value}").trim_end().to_owned());
                }
                // The value of another short option may look like one of these.
                None if !word.starts_with("--") && may_take_next(word) => {
                    words.next();
                }
                None => {}
            }
        }
        picking
    }
}

/// True if the next word may be the value of this one.
fn may_take_next(word: &str) -> bool {
    if let Some(long) = word.strip_prefix("--") {
        return !long.is_empty() && !word.contains('=') && !SWITCHES.contains(&word);
    }
    let Some(cluster) = word.strip_prefix('-') else {
        return false;
    };
    // The first letter that takes a value takes the rest of the word, if there is a rest.
    let rest = cluster.trim_start_matches(|letter| SHORT_SWITCHES.contains(letter));
    rest.chars().count() == 1 && !rest.starts_with('r')
}

fn picks(word: &str) -> Option<Value> {
    let name = word.split('=').next().unwrap_or(word);
    if let Some((_, value)) = PICKING.iter().find(|(option, _)| *option == name) {
        let has_value = word.contains('=');
        return Some(if has_value { Value::None } else { *value });
    }
    let cluster = word.strip_prefix('-').filter(|_| !word.starts_with("--"))?;
    let rest = cluster.trim_start_matches(|letter| SHORT_SWITCHES.contains(letter));
    let letter = rest
        .chars()
        .next()
        .filter(|letter| "km".contains(*letter))?;
    let is_alone = rest.len() == letter.len_utf8();
    Some(if is_alone { Value::Next } else { Value::None })
}

/// True if all tests of the paths `configured` - of the whole project, if there are none - are tests
/// of the paths `given`. Both are relative to the project if they are inside of it.
pub fn covers(given: &[String], configured: &[String]) -> bool {
    let holds = |given: &String, path: &str| {
        given == path
            || given == "."
            || (!given.contains("::") && Path::new(path).starts_with(given))
    };
    if configured.is_empty() {
        return given.iter().any(|given| holds(given, "."));
    }
    configured
        .iter()
        .all(|path| given.iter().any(|given| holds(given, path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> PytestWords {
        let there = ["tests", "tests/a.py", "b.py", "out.xml", "."];
        let words = shell_words::split(text).unwrap();
        PytestWords::new(&words, |file| there.contains(&file))
    }

    #[test]
    fn paths_are_told_from_options_and_their_values() {
        for (text, paths) in [
            ("tests/a.py::test_ok", vec!["tests/a.py::test_ok"]),
            ("-x tests -v b.py", vec!["tests", "b.py"]),
            ("--lf tests", vec!["tests"]),
            ("-xvs tests", vec!["tests"]),
            ("-rA tests", vec!["tests"]),
            ("-ra -- gone.py", vec!["gone.py"]),
            ("--junitxml out.xml", vec![]),
            ("--junitxml=out.xml tests", vec!["tests"]),
            ("--deselect tests/a.py::test_ok", vec![]),
            ("-c tests", vec![]),
            ("-xk tests", vec![]),
            ("-ktests b.py", vec!["b.py"]),
            ("gone.py word", vec![]),
        ] {
            let told = words(text);
            assert_eq!(told.paths, paths, "{text}");
            let all = shell_words::split(text).unwrap().len();
            let dashes = usize::from(text.contains(" -- "));
            assert_eq!(
                told.options.len() + told.paths.len() + dashes,
                all,
                "{text}"
            );
        }
    }

    #[test]
    fn options_that_pick_tests_are_found() {
        for (text, picking) in [
            ("-x -v --tb=short", vec![]),
            ("-k 'not slow'", vec!["-k not slow"]),
            ("-kslow -xm db", vec!["-kslow", "-xm db"]),
            ("--lf --ff", vec!["--lf"]),
            (
                "--deselect=a --ignore b",
                vec!["--deselect=a", "--ignore b"],
            ),
            ("-W -k -p --lf", vec![]),
            ("-rA -k", vec!["-k"]),
            ("--maxfail 2 --sw", vec!["--sw"]),
        ] {
            assert_eq!(words(text).picking(), picking, "{text}");
        }
    }

    #[test]
    fn options_that_run_no_test_are_found() {
        assert_eq!(
            words("-x --collect-only tests").listing(),
            Some("--collect-only")
        );
        assert_eq!(words("-x --lf tests").listing(), None);
    }

    #[test]
    fn words_that_need_a_terminal_are_found() {
        assert_eq!(words("-x --pdb").debugging(), Some("--pdb"));
        assert_eq!(words("-x -k pdb").debugging(), None);
        assert_eq!(words("-x -rfP").reporting(), Some("-rfP"));
        assert_eq!(words("-x -rf").reporting(), None);
        for text in ["-s", "-xvs", "--capture=no", "--capture no"] {
            assert!(words(text).shows_output(), "{text}");
        }
        for text in ["-x", "-ksome", "--capture=sys", "--sw", "-k s"] {
            assert!(!words(text).shows_output(), "{text}");
        }
    }

    #[test]
    fn a_run_is_whole_if_it_has_all_that_is_configured() {
        let list = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for (given, configured, whole) in [
            ("tests", "tests/unit tests/api", true),
            ("tests/unit", "tests/unit tests/api", false),
            ("tests/api tests/unit", "tests/unit tests/api", true),
            ("tests/a.py::test_ok", "tests/a.py", false),
            ("tests", "", false),
            (".", "", true),
            (".", "tests", true),
            ("test", "tests", false),
        ] {
            assert_eq!(
                covers(&list(given), &list(configured)),
                whole,
                "{given}, {configured}"
            );
        }
    }
}
