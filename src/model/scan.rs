//! What the analysis of a project's modules prints as JSON: `agent orphans scan|list`, `agent why`
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

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent orphans scan --json")]
pub struct ScanReport {
    /// The version of this format, 1.
    pub v: u32,
    /// The project folder, absolute.
    pub project: String,
    /// Python files.
    pub files: u64,
    /// Those of them that could be analysed.
    pub analysed: u64,
    /// The same in percent of all files.
    pub analysed_percent: f64,
    /// Modules of the application that a test reaches.
    pub tested: u64,
    /// Modules that no test reaches, and isolated ones where these were asked for, by file.
    pub orphans: Vec<ScannedOrphan>,
    /// Files that could not be analysed, by name.
    pub problems: Vec<FileProblem>,
    /// Imports of the project's own modules that lead to no file; at most 1,000.
    pub unresolved: Vec<UnresolvedImport>,
    /// How many there are.
    pub unresolved_total: u64,
}

/// A module that no test reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScannedOrphan {
    /// The module and the evidence.
    #[serde(flatten)]
    pub orphan: Orphan,
    /// Why it may be one, where the settings say so; it is not tried then.
    pub suppressed: Option<String>,
}

/// A file that could not be analysed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileProblem {
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1, where one is to blame.
    pub line: Option<u32>,
    /// Why.
    pub problem: String,
}

/// An import that leads to no file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnresolvedImport {
    /// The file that has it.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// What is imported.
    pub name: String,
}

/// The list of orphans as it stands in the state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent orphans list --json")]
pub struct OrphanReport {
    /// The version of this format, 1.
    pub v: u32,
    /// When the project was last scanned, RFC 3339 in UTC; null before the first scan.
    pub scanned_at: Option<String>,
    /// The modules, by file.
    pub orphans: Vec<ListedOrphan>,
}

/// A module of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedOrphan {
    /// The module, the evidence, and how it stands.
    #[serde(flatten)]
    pub record: OrphanRecord,
    /// Why it may be an orphan, where the settings say so.
    pub suppressed: Option<String>,
}

/// Why a module counts as what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent why --json")]
pub struct WhyReport {
    /// The version of this format, 1.
    pub v: u32,
    /// One for each file that the name means.
    pub modules: Vec<WhyModule>,
}

/// Why one module counts as what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhyModule {
    /// The module.
    #[serde(flatten)]
    pub module: Module,
    /// `tested`, `orphan`, or `none` for what is no module of the application.
    pub verdict: String,
    /// What kind of orphan it is.
    pub kind: Option<OrphanKind>,
    /// Whether no local module imports it.
    pub isolated: bool,
    /// The evidence, in one sentence.
    pub reason: String,
    /// Why it may be an orphan, where the settings say so.
    pub suppressed: Option<String>,
    /// The shortest way to it: from a test, or else from what the application starts.
    pub chain: Vec<WhyStep>,
    /// What imports or names an orphan, and why that is not enough.
    pub importers: Vec<WhyStep>,
}

/// One module on the way to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhyStep {
    /// The module.
    #[serde(flatten)]
    pub module: Module,
    /// How it leads on: the `kind` of an import of `agent graph`.
    pub how: String,
    /// The line that does; 0 where none does.
    pub line: u32,
    /// Why that is not enough; null in a chain.
    pub why_not: Option<String>,
}

/// The import graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent graph --format json")]
pub struct GraphReport {
    /// The version of this format, 1.
    pub v: u32,
    /// The modules, by file.
    pub modules: Vec<GraphModule>,
    /// What leads from one to another, by file and line.
    pub imports: Vec<GraphImport>,
}

/// A module of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GraphModule {
    /// The module.
    #[serde(flatten)]
    pub module: Module,
    /// `module`, `entry_point`, `test`, `idle_test` (pytest's settings leave it out), `conftest`,
    /// `tool` or `stub`.
    pub role: String,
    /// `tested`, `orphan`, or `none` for what is no module of the application.
    pub verdict: String,
}

/// What leads from one module to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GraphImport {
    /// The file that leads.
    pub from: String,
    /// The file that it leads to.
    pub to: String,
    /// `import`, `conditional`, `lazy`, `type_checking`, `package`, `conftest`, or `mention` for
    /// weak evidence.
    pub kind: String,
    /// The line; 0 where none says it.
    pub line: u32,
}
