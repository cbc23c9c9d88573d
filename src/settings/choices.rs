//! Settings whose values are a few words.

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to show the progress of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProgressChoice {
    /// A bar on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// A bar.
    Bar,
    /// A line now and then.
    Plain,
    /// Nothing.
    None,
}

/// The form of the service's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

impl LogFormat {
    pub(super) const NAMES: [(&str, Self); 2] = [("text", Self::Text), ("json", Self::Json)];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// How much to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// The verdict and failures.
    Quiet,
    /// What a person at a terminal wants to know.
    #[default]
    Normal,
    /// Every test.
    Verbose,
}

impl ColorChoice {
    pub(super) const NAMES: [(&str, Self); 3] = [
        ("auto", Self::Auto),
        ("always", Self::Always),
        ("never", Self::Never),
    ];

    /// The choice that is called `name`.
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

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Normal => "normal",
            Self::Verbose => "verbose",
        }
    }
}
