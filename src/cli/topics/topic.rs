//! The list of topics.

/// A page of `agent help`.
#[derive(Debug)]
pub(in crate::cli) struct Topic {
    /// The word after `agent help` that shows it.
    pub(in crate::cli) name: &'static str,
    /// One line for the list.
    pub(in crate::cli) about: &'static str,
    /// The path of the page in the sources.
    file: &'static str,
    /// The text of the page, in Markdown.
    pub(in crate::cli) text: &'static str,
}

/// All topics, in the order in which `agent help` lists them: the pages that most people need come
/// first.
pub(in crate::cli) const TOPICS: [Topic; 11] = [
    Topic {
        name: "run",
        about: "how tests are run: paths, flags, crashes, coverage",
        file: "src/cli/topics/run.md",
        text: include_str!("run.md"),
    },
    Topic {
        name: "settings",
        about: "flags, variables and files that set what the agent does",
        file: "src/cli/topics/settings.md",
        text: include_str!("settings.md"),
    },
    Topic {
        name: "security",
        about: "what the agent does with a project that you do not trust",
        file: "src/cli/topics/security.md",
        text: include_str!("security.md"),
    },
    Topic {
        name: "sql",
        about: "the state file: views and columns for your queries",
        file: "migrations/README.md",
        text: include_str!("../../../migrations/README.md"),
    },
    Topic {
        name: "modules",
        about: "modules that no test reaches, module map, workflows",
        file: "src/cli/topics/modules.md",
        text: include_str!("modules.md"),
    },
    Topic {
        name: "containers",
        about: "tests in docker or podman, image tarballs, cleaning up",
        file: "src/cli/topics/containers.md",
        text: include_str!("containers.md"),
    },
    Topic {
        name: "schedule",
        about: "tests on a schedule, as a service of systemd or launchd",
        file: "src/cli/topics/schedule.md",
        text: include_str!("schedule.md"),
    },
    Topic {
        name: "metrics",
        about: "figures for Prometheus",
        file: "src/cli/topics/metrics.md",
        text: include_str!("metrics.md"),
    },
    Topic {
        name: "exit-codes",
        about: "exit codes, and the outcomes of tests and runs",
        file: "src/cli/topics/exit-codes.md",
        text: include_str!("exit-codes.md"),
    },
    Topic {
        name: "formats",
        about: "JSON, JUnit and graphs for programs, and the library",
        file: "src/cli/topics/formats.md",
        text: include_str!("formats.md"),
    },
    Topic {
        name: "air-gap",
        about: "from a connected machine to a green run without internet",
        file: "offline/README.md",
        text: include_str!("../../../offline/README.md"),
    },
];

/// True if the target of a link is one of the pages: its file, as seen from the top of the sources
/// or from any folder of them.
pub(in crate::cli) fn is_topic_file(target: &str) -> bool {
    let target = target.trim_start_matches("../");
    TOPICS.iter().any(|topic| {
        let before = topic.file.strip_suffix(target);
        before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ffi::OsString;
    use std::fs;
    use std::path::{Path, PathBuf};

    use clap::error::ErrorKind;

    use super::*;
    use crate::cli::args::Cli;
    use crate::cli::terminal::page;
    use crate::diag::Palette;

    /// Pages for people that are no topics.
    const OTHER_PAGES: [&str; 3] = [
        "README.md",
        "CONTRIBUTING.md",
        "offline/monitoring/README.md",
    ];

    /// Before a line of code.
    const CODE: &str = "    ";

    fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
    }

    /// Every page with its file.
    fn pages() -> Vec<(&'static str, String)> {
        let topics = TOPICS
            .iter()
            .map(|topic| (topic.file, topic.text.to_owned()));
        let others = OTHER_PAGES
            .iter()
            .map(|file| (*file, fs::read_to_string(root().join(file)).unwrap()));
        topics.chain(others).collect()
    }

    /// The texts in backticks, outside of blocks of code.
    fn code_spans(text: &str) -> impl Iterator<Item = &str> {
        let prose = text.lines().filter(|line| !line.starts_with(CODE));
        prose.flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// The command lines in blocks of code, without what a shell does with them: prompts, comments,
    /// pipes, and line ends behind a backslash.
    fn commands(text: &str) -> Vec<String> {
        let code = text.lines().filter_map(|line| line.strip_prefix(CODE));
        let code = code.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        let commands = code.lines().filter_map(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("$ ").unwrap_or(line);
            let built = line.strip_prefix("cargo run -- ");
            built.or_else(|| line.strip_prefix("agent "))
        });
        let shell = [" | ", " >", " #", "; "];
        let alone = commands.map(|line| {
            let ends = shell.iter().filter_map(|word| line.find(word));
            let end = ends.min().unwrap_or(line.len());
            format!("agent {}", &line[..end])
        });
        alone.collect()
    }

    fn parse(line: &str) -> Result<(), clap::Error> {
        let words = shell_words::split(line).unwrap();
        Cli::parse_from(words.into_iter().map(OsString::from)).map(drop)
    }

    #[test]
    fn every_command_line_in_blocks_of_code_is_one() {
        let mut seen = 0;
        for (file, text) in pages() {
            for line in commands(&text) {
                let parsed = parse(&line);
                assert!(parsed.is_ok(), "{file}: {line}: {}", parsed.unwrap_err());
                seen += 1;
            }
        }
        assert!(seen > 60, "{seen}");
    }

    /// Inside a sentence a command may be named without its arguments.
    #[test]
    fn every_command_that_a_sentence_names_is_there() {
        let mut seen = 0;
        for (file, text) in pages() {
            for line in code_spans(&text).filter(|code| code.starts_with("agent ")) {
                let named_alone = |error: clap::Error| {
                    matches!(
                        error.kind(),
                        ErrorKind::MissingRequiredArgument
                            | ErrorKind::DisplayHelp
                            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    )
                };
                assert!(
                    parse(line).map_or_else(named_alone, |()| true),
                    "{file}: {line}"
                );
                seen += 1;
            }
        }
        assert!(seen > 60, "{seen}");
    }

    #[test]
    fn every_topic_that_a_page_names_is_there() {
        let known: BTreeSet<&str> = TOPICS.iter().map(|topic| topic.name).collect();
        let mut named = BTreeSet::new();
        for (file, text) in pages() {
            let lines = code_spans(&text).map(str::to_owned);
            for line in lines.chain(commands(&text)) {
                let Some(name) = line.strip_prefix("agent help ") else {
                    continue;
                };
                let name = name.trim();
                assert!(known.contains(name) || name == "TOPIC", "{file}: {line}");
                named.insert(name.to_owned());
            }
        }
        let unnamed: Vec<_> = known
            .iter()
            .filter(|name| !named.contains(**name))
            .collect();
        assert!(unnamed.is_empty(), "no page names {unnamed:?}");
    }

    #[test]
    fn every_page_of_the_folder_is_a_topic_of_the_name_of_its_file() {
        let folder = root().join("src/cli/topics");
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let pages = files.filter(|file| file.extension().is_some_and(|it| it == "md"));
        let pages: BTreeSet<String> = pages
            .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let listed = TOPICS.iter().filter(|topic| topic.file.starts_with("src/"));
        let listed: BTreeSet<String> = listed.map(|topic| topic.name.to_owned()).collect();
        assert_eq!(pages, listed);
        for topic in &TOPICS {
            let text = fs::read_to_string(root().join(topic.file)).unwrap();
            assert_eq!(topic.text, text, "{}", topic.file);
            let own = Path::new(topic.file).file_stem().unwrap();
            assert!(own == topic.name || own == "README", "{}", topic.file);
        }
    }

    #[test]
    fn every_page_fits_eighty_columns_and_has_no_mark_up_left() {
        for topic in &TOPICS {
            for line in topic.text.lines().filter(|line| line.starts_with(CODE)) {
                // Indented as it is in Markdown; a longer one has its comment above it.
                assert!(line.chars().count() <= 80, "{}: {line}", topic.name);
            }
            let shown = page(topic.text, 80, &is_topic_file, &Palette::PLAIN);
            for line in shown.lines() {
                let width = line.chars().count();
                assert!(width <= 80, "{}: {width}: {line}", topic.name);
                let is_code = line.starts_with("    ");
                for mark in ["](", "**", "|---", "\\|", "<!--", "```"] {
                    assert!(is_code || !line.contains(mark), "{}: {line}", topic.name);
                }
            }
        }
    }

    #[test]
    fn a_link_to_a_page_is_known_from_any_folder() {
        for target in [
            "run.md",
            "../../migrations/README.md",
            "src/cli/topics/run.md",
        ] {
            assert!(is_topic_file(target), "{target}");
        }
        for target in [
            "un.md",
            "monitoring/README.md",
            "vendor.sh",
            "https://a.b/run.md",
        ] {
            assert!(!is_topic_file(target), "{target}");
        }
    }
}
