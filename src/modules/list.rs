//! The list of orphans that runs work with: made, brought up to date, and rid of what is gone.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::analysis::{Analysis, AnalysisError, AnalysisRequest, analyse, look};
use super::mirrors::{Edited, are_edited, look_into_mirrors, read_mirrors};
use crate::clock::now_ms;
use crate::diag::{Hint, and_more};
use crate::mirror::Mirrors;
use crate::model::module_map::Analysed;
use crate::model::{Level, Module, Notice, Orphan, OrphanSource, RunId};
use crate::plan::orphans::{
    OrphanWishes, Presence, PresentList, Suppression, TrialPlan, is_main_file,
};
use crate::source::exclusion;
use crate::store::{Reader, ScanRow, Store, StoreError};

/// The most files that a notice names.
const NAMED: usize = 3;

/// Makes what was found the list that runs work with. What somebody took off the list stays off it
/// in a run, unless the user wants a new list. Returns notices for the user: which modules are new
/// on the list, or why it stays as it is.
pub fn keep_list(
    store: &mut Store,
    request: &AnalysisRequest,
    analysis: &Analysis,
    wishes: OrphanWishes,
    run: Option<RunId>,
) -> Result<Option<Notice>, StoreError> {
    if let Some(notice) = unseen(&analysis.unseen) {
        return Ok(Some(notice));
    }
    let reader = store.reader()?;
    let mut off: BTreeSet<String> = BTreeSet::new();
    if run.is_some() && !wishes.refresh {
        off.extend(reader.taken_off()?);
    }
    let (off, found): (Vec<_>, Vec<_>) = analysis
        .found(wishes)
        .into_iter()
        .partition(|orphan| off.contains(&orphan.module.file));
    let off: Vec<String> = off.into_iter().map(|orphan| orphan.module.file).collect();
    let notice = match (run, reader.last_scan()?) {
        (Some(_), Some(_)) => new_orphans(&reader.orphan_files()?, &found),
        // Everything is new on a first list, and a command shows what it found.
        _ => None,
    };
    let Analysed { files, analysed } = analysis.analysed();
    let discoveries = wishes.discoveries().into_iter().map(str::to_owned);
    let scan = ScanRow {
        project: request.project.to_string_lossy().into_owned(),
        scanned_ms: now_ms(),
        files,
        analysed,
        discoveries: discoveries.collect(),
    };
    store.put_scan(&scan, &found, &off, run)?;
    Ok(notice)
}

/// Takes modules whose files are gone off the list of orphans, off the module map and out of
/// workflows. A file that cannot be looked at now is not gone, nor is any if the project has no
/// module at all, as when its disk is missing.
pub fn forget_gone(
    store: &mut Store,
    request: &AnalysisRequest,
    analysis: &Analysis,
) -> Result<Option<Notice>, StoreError> {
    if analysis.graph.nodes().is_empty() {
        return Ok(None);
    }
    let reader = store.reader()?;
    let mut gone = reader.kept_files()?;
    gone.retain(|file| presence(&request.project.join(file)) == Presence::Gone);
    if gone.is_empty() {
        return Ok(None);
    }
    let workflows = reader.workflows()?;
    let of = workflows
        .iter()
        .filter(|workflow| gone.iter().any(|file| workflow.has(file)));
    let of: Vec<String> = of.map(|it| format!("`{}`", it.name)).collect();
    store.forget_modules(&gone)?;
    let places = match of.first() {
        None => "the list of orphans and the module map".to_owned(),
        Some(first) => format!(
            "the module map and the workflow {first}{}",
            and_more(of.len() - 1)
        ),
    };
    Ok(Some(Notice {
        level: Level::Info,
        code: "modules-gone".to_owned(),
        message: format!("{} left {places}: no such file", named(&gone)),
        hint: None,
    }))
}

/// The first of these files, and how many more there are; `files` is not empty.
fn named(files: &[String]) -> String {
    let shown = files.iter().take(NAMED).map(|file| format!("`{file}`"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    format!("{shown}{}", and_more(files.len().saturating_sub(NAMED)))
}

/// A folder that cannot be listed held modules: what leads to them and from them is not known.
fn unseen(files: &[String]) -> Option<Notice> {
    (!files.is_empty()).then(|| Notice {
        level: Level::Warning,
        code: "orphans-unseen".to_owned(),
        message: format!(
            "the list of orphans stays as it is: the folder of {} cannot be listed",
            named(files)
        ),
        hint: Some("make it readable; no module of it counts as deleted".to_owned()),
    })
}

/// The orphans that are not on the list yet.
fn new_orphans(known: &[String], found: &[Orphan]) -> Option<Notice> {
    let known: BTreeSet<&String> = known.iter().collect();
    let new = found.iter().map(|orphan| &orphan.module.file);
    let new: Vec<String> = new.filter(|file| !known.contains(file)).cloned().collect();
    let first = new.first()?;
    Some(Notice {
        level: Level::Info,
        code: "orphans-new".to_owned(),
        message: format!(
            "new on the list of orphans: no test reaches {}",
            named(&new)
        ),
        hint: Some(format!("`agent why {first}` says why")),
    })
}

/// What is at the place of this file. Only an answer of the system that nothing is there counts as
/// that.
fn presence(path: &Path) -> Presence {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Presence::There,
        Ok(_) => Presence::Gone,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Presence::Gone
        }
        Err(_) => Presence::Unknown,
    }
}

/// Reads the JSON files in if somebody edited them; without such an edit nothing is looked at.
pub fn take_edits(store: &mut Store, request: &AnalysisRequest) -> Result<Vec<Notice>, StoreError> {
    let mirrors = request.mirrors();
    if !are_edited(&store.reader()?, &mirrors)? {
        return Ok(Vec::new());
    }
    match analyse(request, store) {
        Ok(analysis) => {
            let module_of = |file: &str| analysis.module_of(file);
            read_mirrors(store, &mirrors, None, now_ms(), module_of)
        }
        Err(AnalysisError::Store(error)) => Err(error),
        Err(error @ AnalysisError::Scan(_)) => Ok(vec![not_analysed(&error)]),
    }
}

/// The list of orphans and the module map, with the edits of the JSON files that the state file does
/// not have yet; nothing is written.
pub fn with_edits(reader: &Reader, request: &AnalysisRequest) -> Result<Edited, StoreError> {
    let mut edited = Edited {
        orphans: reader.orphans()?,
        map: reader.module_map()?,
        notices: Vec::new(),
    };
    let mirrors = request.mirrors().only_looking();
    if !are_edited(reader, &mirrors)? {
        return Ok(edited);
    }
    match look(request, Some(reader)) {
        Ok(analysis) => {
            let module_of = |file: &str| analysis.module_of(file);
            look_into_mirrors(reader, &mirrors, module_of, edited)
        }
        Err(AnalysisError::Store(error)) => Err(error),
        Err(error @ AnalysisError::Scan(_)) => {
            edited.notices.push(not_analysed(&error));
            Ok(edited)
        }
    }
}

/// The modules that joined the module map and that no test reaches: runs test them like any
/// other. Besides, the folders that Python has to look for them in.
pub fn integrated_modules(
    reader: &Reader,
    request: &AnalysisRequest,
    suppressions: &[Suppression],
) -> Result<(Vec<Module>, Vec<String>), StoreError> {
    let scan = reader.last_scan()?;
    if scan.is_some_and(|scan| Path::new(&scan.project) != request.project) {
        return Ok(Default::default());
    }
    let modules = trial_plan(reader, request, suppressions, &BTreeSet::new())?.integrated;
    let roots = roots_of(&[], &modules);
    Ok((modules, roots))
}

pub(super) fn present_list(
    reader: &Reader,
    request: &AnalysisRequest,
) -> Result<PresentList, StoreError> {
    let scan = reader.last_scan()?;
    let scan = scan.filter(|scan| Path::new(&scan.project) == request.project);
    let orphans = reader.orphans()?;
    Ok(PresentList {
        from_file: orphans
            .iter()
            .any(|record| record.source == OrphanSource::File),
        scanned_for: scan.map(|scan| scan.discoveries),
    })
}

/// Plans what a run does with each module of the list, of which these are scripts.
pub(super) fn trial_plan(
    reader: &Reader,
    request: &AnalysisRequest,
    suppressions: &[Suppression],
    scripts: &BTreeSet<String>,
) -> Result<TrialPlan, StoreError> {
    let project = &request.project;
    let is_excluded = exclusion(project, &request.exclude);
    let presence = |file: &str| {
        if is_excluded(file) {
            Presence::Gone
        } else {
            presence(&project.join(file))
        }
    };
    let runs = |file: &str| scripts.contains(file) || is_main_file(file);
    Ok(TrialPlan::new(
        &reader.orphans()?,
        suppressions,
        presence,
        runs,
    ))
}

/// The folders of the layout, and every other folder in which a module is found under its name.
pub(super) fn roots_of(layout: &[String], modules: &[Module]) -> Vec<String> {
    let known = layout.iter().map(String::as_str);
    let others: BTreeSet<&str> = modules.iter().map(root_of).collect();
    let mut roots: Vec<String> = Vec::new();
    for root in known.chain(others) {
        let root = if root.is_empty() { "." } else { root };
        if !roots.iter().any(|known| known == root) {
            roots.push(root.to_owned());
        }
    }
    roots
}

/// `src` for the module `pkg.part` in `src/pkg/part.py`.
fn root_of(module: &Module) -> &str {
    let file = module.file.trim_end_matches(".py");
    let file = file.strip_suffix("/__init__").unwrap_or(file);
    let steps = module.name.split('.').count();
    let parts = if file == "__init__" {
        0
    } else {
        file.split('/').count()
    };
    // The project is a package itself: the folder that it lies in is the root.
    if steps == parts + 1 {
        return "..";
    }
    let mut root = file;
    for _ in 0..steps {
        root = root.rsplit_once('/').map_or("", |(above, _)| above);
    }
    root
}

pub(super) fn not_analysed(error: &AnalysisError) -> Notice {
    Notice {
        level: Level::Warning,
        code: "not-analysed".to_owned(),
        message: format!("no module was looked for that no test reaches: {error}"),
        hint: error.hint(),
    }
}

impl AnalysisRequest {
    /// The JSON files of the data folder.
    pub fn mirrors(&self) -> Mirrors {
        Mirrors::new(&self.data_dir, &self.project)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_module_is_its_file_without_its_name() {
        let cases = [
            ("a.py", "a", ""),
            ("src/pkg/part.py", "pkg.part", "src"),
            ("src/pkg/__init__.py", "pkg", "src"),
            ("tests/helpers.py", "helpers", "tests"),
            ("x.py", "too.long.for.it", ""),
            ("x.py", "proj.x", ".."),
            ("sub/__init__.py", "proj.sub", ".."),
            ("__init__.py", "proj", ".."),
        ];
        for (file, name, root) in cases {
            let module = Module {
                file: file.to_owned(),
                name: name.to_owned(),
            };
            assert_eq!(root_of(&module), root, "{file}");
        }
        let modules = [("src/a.py", "a"), ("b.py", "b")].map(|(file, name)| Module {
            file: file.to_owned(),
            name: name.to_owned(),
        });
        let roots = roots_of(&["lib".to_owned()], &modules);
        assert_eq!(roots, ["lib", ".", "src"]);
    }
}
