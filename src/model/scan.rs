//! The JSON that the analysis of a project's modules prints: `agent orphans scan|list`, `agent why`
//! and `agent graph`.
//!
//! Published contracts; `agent schema` prints their JSON Schemas. Within one version keys are only
//! added.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::module::Module;
use super::orphan::{Orphan, OrphanKind, OrphanRecord};

/// The version of these reports.
pub const SCAN_VERSION: u32 = 1;

/// The findings of a scan, with its gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent orphans scan --json")]
pub struct ScanReport {
    /// The version of this format, 1.
    pub v: u32,
    /// The absolute path of the project folder.
    pub project: String,
    /// The number of Python files of the project, and of texts with examples that pytest runs.
    pub files: u64,
    /// The number of these files that could be analysed.
    pub analysed: u64,
    /// The same in percent of all files.
    pub analysed_percent: f64,
    /// The number of modules of the application that a test reaches.
    pub tested: u64,
    /// The number of test files.
    #[serde(default)]
    pub tests: u64,
    /// The number of them of which a run shows all that they load, so that it is sure. Of the others
    /// imports and names in texts decide.
    #[serde(default)]
    pub shown_tests: u64,
    /// Modules that no test reaches, and isolated ones if these were asked for, by file.
    pub orphans: Vec<ScannedOrphan>,
    /// Files that no test reaches and that are no modules of the application, by name: examples,
    /// data of tests, templates. They are never tried.
    #[serde(default)]
    pub apart: Vec<ApartFile>,
    /// Files that could not be analysed, by name.
    pub problems: Vec<FileProblem>,
    /// Imports of the project's own modules that lead to no file; at most 1,000.
    pub unresolved: Vec<UnresolvedImport>,
    /// The number of all such imports, listed or not.
    pub unresolved_total: u64,
}

/// A module that no test reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScannedOrphan {
    /// The module and the evidence.
    #[serde(flatten)]
    pub orphan: Orphan,
    /// The reason of the settings, if they allow it to be one; it is not tried then.
    pub suppressed: Option<String>,
}

/// A file that is no module of the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApartFile {
    /// The file, relative to the project.
    pub file: String,
    /// The evidence, in one sentence.
    pub reason: String,
}

/// A file that could not be analysed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileProblem {
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1, if one is to blame.
    pub line: Option<u32>,
    /// The reason for which it could not be analysed.
    pub problem: String,
}

/// An import that leads to no file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnresolvedImport {
    /// The file that holds the import.
    pub file: String,
    /// The line of the import, from 1.
    pub line: u32,
    /// The name that the import asks for.
    pub name: String,
}

/// The list of orphans as it stands in the state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent orphans list --json")]
pub struct OrphanReport {
    /// The version of this format, 1.
    pub v: u32,
    /// The time of the last scan of the project, RFC 3339 in UTC; null before the first scan.
    pub scanned_at: Option<String>,
    /// The modules, in the order of their files.
    pub orphans: Vec<ListedOrphan>,
}

/// A module of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedOrphan {
    /// The module, the evidence, and its standing.
    #[serde(flatten)]
    pub record: OrphanRecord,
    /// The reason of the settings, if they allow it to be an orphan.
    pub suppressed: Option<String>,
}

/// The reason for which a module counts as tested, as an orphan, or as neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent why --json")]
pub struct WhyReport {
    /// The version of this format, 1.
    pub v: u32,
    /// One for each file that the name means.
    pub modules: Vec<WhyModule>,
}

/// The reason for which one module counts as what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhyModule {
    /// The file and the name of the module.
    #[serde(flatten)]
    pub module: Module,
    /// `tested`, `orphan`, or `none` for what is no module of the application.
    pub verdict: String,
    /// The kind of orphan that it is; null if it is none.
    pub kind: Option<OrphanKind>,
    /// True if no local module imports it.
    pub isolated: bool,
    /// The evidence, in one sentence.
    pub reason: String,
    /// The reason of the settings, if they allow it to be an orphan.
    pub suppressed: Option<String>,
    /// The shortest way to it: from a test, or else from what the application starts.
    pub chain: Vec<WhyStep>,
    /// The modules that import or name an orphan, each with the reason for which that is not
    /// enough.
    pub importers: Vec<WhyStep>,
}

/// One module on the way to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhyStep {
    /// The file and the name of the module.
    #[serde(flatten)]
    pub module: Module,
    /// The way in which it leads on: the `kind` of an import of `agent graph`.
    pub how: String,
    /// The line that leads on, from 1; 0 if none does.
    pub line: u32,
    /// The reason for which that is not enough; null in a chain.
    pub why_not: Option<String>,
}

/// The import graph of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent graph --format json")]
pub struct GraphReport {
    /// The version of this format, 1.
    pub v: u32,
    /// The modules, in the order of their files.
    pub modules: Vec<GraphModule>,
    /// The links from one module to another, by file and line.
    pub imports: Vec<GraphImport>,
}

/// A module of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GraphModule {
    /// The file and the name of the module.
    #[serde(flatten)]
    pub module: Module,
    /// `module`, `entry_point`, `test`, `idle_test` (pytest's settings leave it out), `conftest`,
    /// `tool` or `stub`.
    pub role: String,
    /// `tested`, `orphan`, or `none` for what is no module of the application.
    pub verdict: String,
}

/// A link from one module to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GraphImport {
    /// The file that holds the link.
    pub from: String,
    /// The file that it leads to.
    pub to: String,
    /// `import`, `conditional`, `lazy`, `never`, `elsewhere` (on other systems), `package`,
    /// `conftest`, `link`, or `mention` for weak evidence.
    pub kind: String,
    /// The line of the link; 0 if none says it.
    pub line: u32,
}
