//! Makes passing orphans part of the rest: gathers what the plan depends on.

use std::collections::BTreeSet;

use crate::graph::integration::{IntegrationSnapshot, Refusal};
use crate::graph::{ImportGraph, IntegrationPlan};
use crate::model::module_map::Analysed;
use crate::store::{Reader, StoreError};

/// Plans what becomes of the orphans that passed - of those alone that somebody `named`, by file -,
/// or says why nothing may join. With `found_workflows`, those that fit no workflow get one.
/// [`crate::store::Store::integrate`] carries the plan out.
pub fn plan_integration(
    reader: &Reader,
    graph: &ImportGraph,
    analysed: Analysed,
    named: Option<&BTreeSet<String>>,
    found_workflows: bool,
) -> Result<Result<IntegrationPlan, Refusal>, StoreError> {
    let map = reader.module_map()?.into_iter();
    Ok(IntegrationPlan::new(&IntegrationSnapshot {
        graph,
        analysed,
        orphans: &reader.orphans()?,
        named,
        map: &map.map(|entry| (entry.module.file, entry.group)).collect(),
        workflows: &reader.workflows()?,
        found_workflows,
        contents: &reader.contents()?.into_iter().collect(),
    }))
}
