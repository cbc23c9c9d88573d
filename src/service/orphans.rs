//! The modules of a project that no test reaches, and the reasons: the answers of `agent orphans`,
//! `agent why` and `agent graph`, and of the functions for a program that embeds the agent.

use crate::clock::now_ms;
use crate::graph::{Edge, EdgeKind, ImportKind, Importer, NodeId, Role, Step, Verdict, Verdicts};
use crate::model::scan::{
    ApartFile, FileProblem, GraphImport, GraphModule, GraphReport, SCAN_VERSION, ScanReport,
    ScannedOrphan, UnresolvedImport, WhyModule, WhyReport, WhyStep,
};
use crate::model::{Notice, Orphan};
use crate::modules::{
    self, Analysis, AnalysisError, AnalysisRequest, analyse, forget_gone, keep_list, read_mirrors,
    write_mirrors,
};
use crate::plan::OrphanWishes;
use crate::plan::orphans::suppressed;
use crate::settings::Settings;
use crate::store::{Reader, Store, StoreError};

/// The largest number of unresolved imports that a report lists.
const MAX_UNRESOLVED: usize = 1_000;

/// The modules of a project that no test reaches, by file; of islands those only that the imports
/// of no other orphan lead to.
///
/// The facts of each file are remembered in the state file of the settings, which is made if it is
/// missing.
pub fn discover_orphan_modules(settings: &Settings) -> Result<Vec<Orphan>, AnalysisError> {
    Ok(analysis(settings)?.verdicts().orphans(false))
}

/// The same with everything that their imports lead to, until no new module remains; each says
/// which orphans led to it.
pub fn discover_recursive_orphans(settings: &Settings) -> Result<Vec<Orphan>, AnalysisError> {
    Ok(analysis(settings)?.verdicts().orphans(true))
}

/// The modules that no local module imports and that are no test, conftest or entry point, by
/// file; with `recursive` also the orphans that their imports lead to.
pub fn discover_isolated_modules(
    settings: &Settings,
    recursive: bool,
) -> Result<Vec<Orphan>, AnalysisError> {
    Ok(analysis(settings)?.verdicts().isolated(recursive))
}

/// The import graph of a project.
pub fn analysis(settings: &Settings) -> Result<Analysis, AnalysisError> {
    let mut store = Store::open(&settings.db, now_ms())?;
    analyse(&request(settings), &mut store)
}

/// The same for a command that only shows it: what the state file remembers is used, and nothing is
/// written.
pub fn look(settings: &Settings) -> Result<Analysis, AnalysisError> {
    let reader = match Reader::open(&settings.db) {
        Ok(reader) => Some(reader),
        // What is remembered only saves time.
        Err(StoreError::Missing { .. } | StoreError::Older { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    modules::look(&request(settings), reader.as_ref())
}

/// Looks for the modules that the settings ask for. With `keep` they become the list that runs
/// work with.
pub fn scan(settings: &Settings, keep: bool) -> Result<(ScanReport, Vec<Notice>), AnalysisError> {
    let mut store = Store::open(&settings.db, now_ms())?;
    let analysis = analyse(&request(settings), &mut store)?;
    // The caller wants to know, whatever runs are told.
    let wishes = OrphanWishes {
        discover: true,
        ..wishes(settings)
    };
    let found = analysis.found(wishes);
    let mut notices = analysis.notices.clone();
    if keep {
        let request = request(settings);
        let mirrors = request.mirrors();
        let module_of = |file: &str| analysis.module_of(file);
        notices.extend(read_mirrors(
            &mut store,
            &mirrors,
            None,
            now_ms(),
            module_of,
        )?);
        notices.extend(forget_gone(&mut store, &request, &analysis)?);
        notices.extend(keep_list(&mut store, &request, &analysis, wishes, None)?);
        notices.extend(write_mirrors(&mut store, &mirrors)?);
    }
    Ok((report(settings, &analysis, found), notices))
}

/// The reasons for which the modules that `name` means, a dotted name or a file, count as what they
/// do. Empty if it means none.
pub fn why(settings: &Settings, analysis: &Analysis, name: &str) -> WhyReport {
    let verdicts = analysis.verdicts();
    let found = analysis.graph.find(name).into_iter();
    let why = |id| {
        let mut why = why_module(&verdicts, id);
        why.suppressed = suppressed(&settings.orphans.suppressions, &why.module);
        why
    };
    WhyReport {
        v: SCAN_VERSION,
        modules: found.map(why).collect(),
    }
}

/// The graph as a report.
pub fn graph(analysis: &Analysis) -> GraphReport {
    let verdicts = analysis.verdicts();
    let graph = &analysis.graph;
    let file = |id: NodeId| graph.node(id).module.file.clone();
    let import = |from: NodeId| {
        move |edge: &Edge| GraphImport {
            from: file(from),
            to: file(edge.to),
            kind: kind_name(edge.kind).to_owned(),
            line: edge.line,
        }
    };
    let module = |id: NodeId| GraphModule {
        module: graph.node(id).module.clone(),
        role: role_name(graph.node(id).role).to_owned(),
        verdict: verdict_name(verdicts.verdict(id)).to_owned(),
    };
    GraphReport {
        v: SCAN_VERSION,
        modules: graph.ids().map(module).collect(),
        imports: graph
            .ids()
            .flat_map(|id| graph.edges(id).iter().map(import(id)))
            .collect(),
    }
}

/// The part of the settings that says which modules are looked for.
pub fn wishes(settings: &Settings) -> OrphanWishes {
    let orphans = &settings.orphans;
    OrphanWishes {
        include: orphans.include,
        discover: orphans.discover,
        recursive: orphans.recursive,
        discover_isolated: orphans.discover_isolated,
        recursive_isolated: orphans.recursive_isolated,
        refresh: orphans.refresh,
    }
}

/// The part of the settings that says which files of the project are analysed.
pub fn request(settings: &Settings) -> AnalysisRequest {
    AnalysisRequest {
        project: settings.project.clone(),
        data_dir: settings.data_dir.clone(),
        exclude: settings.orphans.exclude.clone(),
    }
}

fn report(settings: &Settings, analysis: &Analysis, found: Vec<Orphan>) -> ScanReport {
    let health = &analysis.health;
    let verdicts = analysis.verdicts();
    let is_tested = |id: &NodeId| matches!(verdicts.verdict(*id), Verdict::Tested(_));
    let unresolved = health.unresolved.iter().take(MAX_UNRESOLVED);
    let is_test = |id: &NodeId| analysis.graph.node(*id).role == Role::Test;
    let tests: Vec<NodeId> = analysis.graph.ids().filter(is_test).collect();
    ScanReport {
        v: SCAN_VERSION,
        project: settings.project.to_string_lossy().into_owned(),
        files: health.files as u64,
        analysed: health.analysed as u64,
        analysed_percent: health.percent(),
        tested: analysis.graph.ids().filter(is_tested).count() as u64,
        tests: tests.len() as u64,
        shown_tests: tests.iter().filter(|id| verdicts.is_shown(**id)).count() as u64,
        orphans: found
            .into_iter()
            .map(|orphan| ScannedOrphan {
                suppressed: suppressed(&settings.orphans.suppressions, &orphan.module),
                orphan,
            })
            .collect(),
        apart: apart(analysis, &verdicts),
        problems: health
            .problems
            .iter()
            .map(|problem| FileProblem {
                file: problem.file.clone(),
                line: problem.line,
                problem: problem.text.clone(),
            })
            .collect(),
        unresolved: unresolved
            .map(|import| UnresolvedImport {
                file: import.file.clone(),
                line: import.line,
                name: import.name.clone(),
            })
            .collect(),
        unresolved_total: health.unresolved.len() as u64,
    }
}

/// The files that are no modules of the application, and why.
fn apart(analysis: &Analysis, verdicts: &Verdicts<'_>) -> Vec<ApartFile> {
    let ids = analysis.graph.ids();
    let files = ids.filter_map(|id| match verdicts.verdict(id) {
        Verdict::Apart(apart) => Some(ApartFile {
            file: analysis.graph.node(id).module.file.clone(),
            reason: apart.reason().to_owned(),
        }),
        Verdict::Tested(_) | Verdict::Orphan(_) | Verdict::NoModule => None,
    });
    files.collect()
}

fn why_module(verdicts: &Verdicts<'_>, id: NodeId) -> WhyModule {
    let why = verdicts.why(id);
    let step = |step: Step| WhyStep {
        module: step.module,
        how: kind_name(step.kind).to_owned(),
        line: step.line,
        why_not: None,
    };
    let importer = |importer: Importer| WhyStep {
        module: importer.module,
        how: kind_name(importer.kind).to_owned(),
        line: importer.line,
        why_not: Some(importer.why_not),
    };
    let mut importers: Vec<WhyStep> = why.importers.into_iter().map(importer).collect();
    importers.dedup_by(|one, other| one.module == other.module && one.line == other.line);
    WhyModule {
        suppressed: None,
        kind: match why.verdict {
            Verdict::Orphan(kind) => Some(kind),
            Verdict::Tested(_) | Verdict::NoModule | Verdict::Apart(_) => None,
        },
        verdict: verdict_name(why.verdict).to_owned(),
        isolated: verdicts.is_isolated(id),
        module: why.module,
        reason: why.reason,
        chain: why.chain.into_iter().map(step).collect(),
        importers,
    }
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Tested(_) => "tested",
        Verdict::Orphan(_) => "orphan",
        Verdict::NoModule | Verdict::Apart(_) => "none",
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Module => "module",
        Role::EntryPoint => "entry_point",
        Role::Test => "test",
        Role::IdleTest => "idle_test",
        Role::Conftest => "conftest",
        Role::Tool => "tool",
        Role::Stub => "stub",
    }
}

fn kind_name(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Import(ImportKind::Eager) => "import",
        EdgeKind::Import(ImportKind::Conditional) => "conditional",
        EdgeKind::Import(ImportKind::Lazy) => "lazy",
        EdgeKind::Import(ImportKind::Never) => "never",
        EdgeKind::Import(ImportKind::Elsewhere) => "elsewhere",
        EdgeKind::Package => "package",
        EdgeKind::Conftest => "conftest",
        EdgeKind::Link => "link",
        EdgeKind::Mention(_) => "mention",
    }
}
