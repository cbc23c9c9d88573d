//! Keeps the JSON files of the data folder and the state file in step: read before the state is
//! used, written after it changed.

use std::collections::HashMap;

use crate::diag::and_more;
use crate::mirror::{Mirrors, Reading, Writing};
use crate::model::mirror::{MODULE_MAP_FILE, ORPHANS_FILE, OrphanEntry, TrialFigures};
use crate::model::{Groups, Level, MapEntry, Module, Notice, OrphanRecord, OrphanStatus, RunId};
use crate::plan::{MapMerge, OrphanMerge};
use crate::store::{Reader, Store, StoreError};

/// The most files that a notice names.
const NAMED: usize = 3;

/// Reads both files into the state file if somebody changed them. `module_of` knows the modules of
/// the project by file; `run` is the run that reads, if one does.
pub fn read_mirrors(
    store: &mut Store,
    mirrors: &Mirrors,
    run: Option<RunId>,
    now_ms: i64,
    module_of: impl Fn(&str) -> Option<Module>,
) -> Result<Vec<Notice>, StoreError> {
    let reader = store.reader()?;
    let mut said = Vec::new();
    let known = reader.mirror(ORPHANS_FILE)?;
    match mirrors.read_orphans(known.as_ref()) {
        Reading::Absent | Reading::Unchanged => {}
        Reading::Refused(notice) => said.push(notice),
        Reading::Read {
            entries,
            remember,
            notices,
        } => {
            let list = reader.orphans()?;
            let merge = OrphanMerge::new(&entries, &list, known.is_some(), &module_of);
            said.extend(notices);
            said.extend(unknown(ORPHANS_FILE, &merge.unknown));
            store.merge_orphans(&merge, &remember, run, now_ms)?;
        }
    }
    let known = reader.mirror(MODULE_MAP_FILE)?;
    match mirrors.read_module_map(known.as_ref()) {
        Reading::Absent | Reading::Unchanged => {}
        Reading::Refused(notice) => said.push(notice),
        Reading::Read {
            entries,
            remember,
            notices,
        } => {
            let map = reader.module_map()?;
            let merge = MapMerge::new(&entries, &map, known.is_some(), &module_of);
            said.extend(notices);
            said.extend(unknown(MODULE_MAP_FILE, &merge.unknown));
            store.merge_module_map(&merge, &remember, run, now_ms)?;
        }
    }
    Ok(said)
}

/// What the state file says, with the edits of the JSON files.
#[derive(Debug)]
pub struct Edited {
    pub orphans: Vec<OrphanRecord>,
    pub map: Vec<MapEntry>,
    /// Notices about the files.
    pub notices: Vec<Notice>,
}

/// Puts the edits of both files on top of what the state file says, as [`read_mirrors`] would.
pub(super) fn look_into_mirrors(
    reader: &Reader,
    mirrors: &Mirrors,
    module_of: impl Fn(&str) -> Option<Module>,
    mut state: Edited,
) -> Result<Edited, StoreError> {
    let known = reader.mirror(ORPHANS_FILE)?;
    match mirrors.read_orphans(known.as_ref()) {
        Reading::Absent | Reading::Unchanged => {}
        Reading::Refused(notice) => state.notices.push(notice),
        Reading::Read {
            entries, notices, ..
        } => {
            let merge = OrphanMerge::new(&entries, &state.orphans, known.is_some(), &module_of);
            state.notices.extend(notices);
            state.notices.extend(unknown(ORPHANS_FILE, &merge.unknown));
            state.orphans = merge.applied(state.orphans);
        }
    }
    let known = reader.mirror(MODULE_MAP_FILE)?;
    match mirrors.read_module_map(known.as_ref()) {
        Reading::Absent | Reading::Unchanged => {}
        Reading::Refused(notice) => state.notices.push(notice),
        Reading::Read {
            entries, notices, ..
        } => {
            let merge = MapMerge::new(&entries, &state.map, known.is_some(), &module_of);
            state.notices.extend(notices);
            state
                .notices
                .extend(unknown(MODULE_MAP_FILE, &merge.unknown));
            state.map = merge.applied(state.map);
        }
    }
    Ok(state)
}

/// True if one of the files is not as it was last read or written.
pub(super) fn are_edited(reader: &Reader, mirrors: &Mirrors) -> Result<bool, StoreError> {
    for name in [ORPHANS_FILE, MODULE_MAP_FILE] {
        if mirrors.is_edited(name, reader.mirror(name)?.as_ref()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes both files from the state file.
pub fn write_mirrors(store: &mut Store, mirrors: &Mirrors) -> Result<Vec<Notice>, StoreError> {
    let reader = store.reader()?;
    let trials = reader.last_trials()?.into_iter();
    let mut trials: HashMap<String, TrialFigures> = trials
        .map(|(run, trial)| (trial.module.file.clone(), TrialFigures::of(run, &trial)))
        .collect();
    let listed = reader.orphans()?.into_iter();
    let listed = listed.filter(|record| record.status != OrphanStatus::Integrated);
    let list: Vec<OrphanEntry> = listed
        .map(|record| OrphanEntry {
            trial: trials.remove(&record.orphan.module.file),
            redundant: record.status == OrphanStatus::Redundant,
            file: record.orphan.module.file,
            extra: record.extra,
        })
        .collect();
    let known = reader.mirror(ORPHANS_FILE)?;
    let orphans = mirrors.write_orphans(&list, known.as_ref());

    let entries = reader.module_map()?.into_iter();
    let map: Groups = entries
        .map(|entry| (entry.module.file, entry.group))
        .collect();
    let known = reader.mirror(MODULE_MAP_FILE)?;
    let module_map = mirrors.write_module_map(&map, known.as_ref());

    let mut notices = Vec::new();
    for (name, writing) in [(ORPHANS_FILE, orphans), (MODULE_MAP_FILE, module_map)] {
        match writing {
            Writing::Done(remember) => store.remember_mirror(name, &remember)?,
            Writing::Nothing => {}
            Writing::Kept(notice) => notices.push(notice),
        }
    }
    Ok(notices)
}

fn unknown(name: &str, files: &[String]) -> Option<Notice> {
    files.first()?;
    let named: Vec<String> = files
        .iter()
        .take(NAMED)
        .map(|file| format!("`{file}`"))
        .collect();
    let more = and_more(files.len() - named.len());
    Some(Notice {
        level: Level::Warning,
        code: "mirror-unknown".to_owned(),
        message: format!(
            "`{name}` names {}{more}, which the project does not have",
            named.join(", ")
        ),
        hint: Some("what the project lacks goes when the file is written next".to_owned()),
    })
}
