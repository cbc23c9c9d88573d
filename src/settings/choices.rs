//! Settings whose values are a few words.

/// The use of colours in the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always, in files and pipes too.
    Always,
    /// Never, not even on a terminal.
    Never,
}

/// The way in which the progress of a run is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProgressChoice {
    /// A bar on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// A bar, even if there is no terminal.
    Bar,
    /// A line now and then.
    Plain,
    /// No sign of progress at all.
    None,
}

/// The form of the service's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of text for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

impl LogFormat {
    pub(super) const NAMES: [(&str, Self); 2] = [("text", Self::Text), ("json", Self::Json)];

    /// The word for it in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// The way in which a container gets the project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProjectMount {
    /// As a layer of its own over the project, which goes with the container.
    #[default]
    Layer,
    /// As a copy that is sent to it.
    Copy,
    /// Read-only.
    ReadOnly,
}

impl ProjectMount {
    pub(super) const NAMES: [(&str, Self); 3] = [
        ("layer", Self::Layer),
        ("copy", Self::Copy),
        ("ro", Self::ReadOnly),
    ];
}

/// The amount of output of a command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only the verdict and the failures.
    Quiet,
    /// The things that a person at a terminal wants to know.
    #[default]
    Normal,
    /// Every test, one line for each.
    Verbose,
}

impl ColorChoice {
    pub(super) const NAMES: [(&str, Self); 3] = [
        ("auto", Self::Auto),
        ("always", Self::Always),
        ("never", Self::Never),
    ];

    /// The choice that is called `name`; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.iter();
        names
            .find(|(known, _)| *known == name)
            .map(|(_, choice)| *choice)
    }
}

impl ProgressChoice {
    pub(super) const NAMES: [(&str, Self); 4] = [
        ("auto", Self::Auto),
        ("bar", Self::Bar),
        ("plain", Self::Plain),
        ("none", Self::None),
    ];
}

impl Verbosity {
    pub(super) const NAMES: [(&str, Self); 3] = [
        ("quiet", Self::Quiet),
        ("normal", Self::Normal),
        ("verbose", Self::Verbose),
    ];

    /// The word for it in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Normal => "normal",
            Self::Verbose => "verbose",
        }
    }
}
