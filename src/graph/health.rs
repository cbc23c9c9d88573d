//! [`Health`]: the share of a project that the analysis understood, and the problems with the rest.

/// The figures of an analysis, and the files and imports that it could not make sense of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Files that were looked at.
    pub files: usize,
    /// Files that could be read and parsed.
    pub analysed: usize,
    /// The other files, in the order of their names.
    pub problems: Vec<Problem>,
    /// Imports of the project's own modules that lead to no file, in the order of the files.
    pub unresolved: Vec<Unresolved>,
    /// The imports that are not of this project, by their first name, sorted.
    pub external: Vec<External>,
}

impl Health {
    /// Analysed files in percent of all files; 100 if there are none.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of files is far below 2^52"
    )]
    pub fn percent(&self) -> f64 {
        if self.files == 0 {
            return 100.0;
        }
        100.0 * self.analysed as f64 / self.files as f64
    }
}

/// A file that could not be analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// The line, from 1, if one is to blame.
    pub line: Option<u32>,
    /// The problem, as a fragment: `it is nested too deeply`.
    pub text: String,
}

/// An import that looks local and leads to no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// The file that has it.
    pub file: String,
    pub line: u32,
    /// The imported name, with the leading dots.
    pub name: String,
}

/// A library, or a module of Python's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// The first part of its name.
    pub name: String,
    /// The number of its names in import statements: `from a import b, c` counts as two.
    pub imports: usize,
}
