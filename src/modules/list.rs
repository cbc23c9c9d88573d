//! The list of orphans that runs work with: made, brought up to date, and searched for gaps.

use std::collections::BTreeSet;
use std::path::Path;

use super::analysis::{Analysis, AnalysisError, AnalysisRequest, analyse, look};
use super::mirrors::{Edited, are_edited, look_into_mirrors, read_mirrors};
use crate::clock::now_ms;
use crate::diag::{Hint, and_more};
use crate::mirror::Mirrors;
use crate::model::module_map::Analysed;
use crate::model::{Level, Module, Notice, OrphanSource, RunId};
use crate::plan::orphans::{OrphanWishes, PresentList, Suppression, TrialPlan, is_main_file};
use crate::source::exclusion;
use crate::store::{Reader, ScanRow, Store, StoreError};

/// Makes what was found the list that runs work with.
pub fn keep_list(
    store: &mut Store,
    request: &AnalysisRequest,
    analysis: &Analysis,
    wishes: OrphanWishes,
    run: Option<RunId>,
) -> Result<(), StoreError> {
    let Analysed { files, analysed } = analysis.analysed();
    let discoveries = wishes.discoveries().into_iter().map(str::to_owned);
    let scan = ScanRow {
        project: request.project.to_string_lossy().into_owned(),
        scanned_ms: now_ms(),
        files,
        analysed,
        discoveries: discoveries.collect(),
    };
    store.put_scan(&scan, &analysis.found(wishes), run)
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
    let exists = |file: &str| project.join(file).is_file() && !is_excluded(file);
    let runs = |file: &str| scripts.contains(file) || is_main_file(file);
    Ok(TrialPlan::new(
        &reader.orphans()?,
        suppressions,
        exists,
        runs,
    ))
}

/// Orphans that came since the list was made: it stays as it is until somebody wants a new one.
pub(super) fn not_listed(
    reader: &Reader,
    analysis: &Analysis,
    wishes: OrphanWishes,
) -> Result<Option<Notice>, StoreError> {
    if reader.last_scan()?.is_none() {
        return Ok(None);
    }
    let known: BTreeSet<String> = reader.orphan_files()?.into_iter().collect();
    let found = analysis.found(wishes).into_iter();
    let new: Vec<String> = found
        .map(|orphan| orphan.module.file)
        .filter(|file| !known.contains(file))
        .collect();
    let Some(first) = new.first() else {
        return Ok(None);
    };
    let more = and_more(new.len() - 1);
    Ok(Some(Notice {
        level: Level::Info,
        code: "orphans-new".to_owned(),
        message: format!("no test reaches `{first}`{more}, and the list of orphans lacks that"),
        hint: Some("`--refresh-orphans` makes the list again".to_owned()),
    }))
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
