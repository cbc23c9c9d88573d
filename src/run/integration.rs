//! What passing orphans become part of: gathers what the plan depends on.

use crate::graph::integration::{Candidate, IntegrationSnapshot, Refusal};
use crate::graph::{ImportGraph, IntegrationPlan};
use crate::model::module_map::Analysed;
use crate::store::{Reader, StoreError};

/// Plans what becomes of `candidates`, most often [`Reader::passing_orphans`], or says why nothing
/// may join. [`crate::store::Store::integrate`] carries the plan out.
pub fn plan_integration(
    reader: &Reader,
    graph: &ImportGraph,
    analysed: Analysed,
    candidates: &[Candidate],
) -> Result<Result<IntegrationPlan, Refusal>, StoreError> {
    let map = reader.module_map()?.into_iter();
    Ok(IntegrationPlan::new(&IntegrationSnapshot {
        graph,
        analysed,
        candidates,
        orphans: &reader.orphan_files()?.into_iter().collect(),
        map: &map.map(|entry| (entry.module.file, entry.group)).collect(),
        workflows: &reader.workflows()?,
        contents: &reader.contents()?.into_iter().collect(),
    }))
}
