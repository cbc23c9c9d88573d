//! Counters over all runs.

use menace_agent::store::Counter;

use super::sample::open;

#[test]
fn counters_start_at_zero_and_only_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let read = |counter| open(&path).reader().unwrap().counter(counter).unwrap();
    assert_eq!(read(Counter::ContainerFailures), 0);
    store.add_to_counter(Counter::ContainerFailures, 2).unwrap();
    store.add_to_counter(Counter::ContainerFailures, 0).unwrap();
    store.add_to_counter(Counter::ContainerFailures, 3).unwrap();
    assert_eq!(read(Counter::ContainerFailures), 5);
    assert_eq!(read(Counter::ContainerTimeouts), 0);
}
