//! The list of orphans before and after a run.

use super::analysis::{Analysis, AnalysisError, AnalysisRequest};
use crate::clock::now_ms;
use crate::model::{Notice, RunId};
use crate::plan::OrphanWishes;
use crate::store::{ScanRow, Store};

/// Makes what was found the list that runs work with.
pub fn keep_list(
    store: &mut Store,
    request: &AnalysisRequest,
    analysis: &Analysis,
    wishes: &OrphanWishes,
    run: Option<RunId>,
) -> Result<Vec<Notice>, AnalysisError> {
    let health = &analysis.health;
    let scan = ScanRow {
        project: request.project.to_string_lossy().into_owned(),
        scanned_ms: now_ms(),
        files: health.files as u64,
        analysed: health.analysed as u64,
        discoveries: wishes
            .discoveries()
            .into_iter()
            .map(str::to_owned)
            .collect(),
    };
    store.put_scan(&scan, &analysis.found(wishes), run)?;
    Ok(Vec::new())
}
