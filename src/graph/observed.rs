//! [`Observed`]: what runs were seen to load and to execute, which outweighs the graph.
//!
//! A test file is settled if a process ran all of it, and it is as it was then: it loads what that
//! process loaded, and no import that did not happen counts. Of any other test the graph decides.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Loaded;

/// Runs whose processes count although they show no test file as a whole, as with `-k`. Later ones
/// do not take their place.
const PART_RUNS: usize = 5;

/// The evidence of runs about the files of a project.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Files that recorded coverage shows to be run by tests.
    executed: BTreeSet<String>,
    /// Files that test processes loaded.
    loaded: BTreeSet<String>,
    /// The files among them that were changed since, so that they may import more.
    changed: BTreeSet<String>,
    /// Settled tests, with the positions of the processes that show it.
    settled: BTreeMap<String, Vec<usize>>,
    processes: Vec<Loaded>,
}

impl Observed {
    /// The evidence of coverage alone.
    pub fn of_coverage(executed: BTreeSet<String>) -> Self {
        Self {
            executed,
            ..Self::default()
        }
    }

    /// The same with what processes loaded. `runs` holds the processes of each run, the newest run
    /// first, with the time of its start; `changed_ms` is the time of the last change of a file,
    /// `None` if it is not there. For each test file the latest run counts that shows all of it.
    #[must_use]
    pub fn with_loads(
        mut self,
        runs: Vec<(i64, Vec<Loaded>)>,
        mut changed_ms: impl FnMut(&str) -> Option<i64>,
    ) -> Self {
        let mut known: BTreeMap<String, Option<i64>> = BTreeMap::new();
        let mut time_of = move |file: &str| {
            let found = known.entry(file.to_owned());
            *found.or_insert_with(|| changed_ms(file))
        };
        for (age, (started_ms, processes)) in runs.into_iter().enumerate() {
            let tests = processes.iter().flat_map(|process| &process.tests);
            // A test that was removed loads nothing any more.
            let news = tests.filter(|test| {
                !self.settled.contains_key(*test) && time_of(test.as_str()).is_some()
            });
            let news: BTreeSet<String> = news.cloned().collect();
            for process in processes {
                let tests: Vec<&String> = (process.tests.iter())
                    .filter(|test| news.contains(*test))
                    .collect();
                // What a part of a test loaded counts too, as long as no later run shows all of it.
                if tests.is_empty() && (!process.tests.is_empty() || age >= PART_RUNS) {
                    continue;
                }
                for test in tests {
                    let at = self.processes.len();
                    self.settled.entry(test.clone()).or_default().push(at);
                }
                for file in &process.files {
                    let time = time_of(file);
                    if time.is_some() && !self.loaded.contains(file) {
                        self.loaded.insert(file.clone());
                        if time.is_some_and(|time| time >= started_ms) {
                            self.changed.insert(file.clone());
                        }
                    }
                }
                self.processes.push(process);
            }
        }
        let (loaded, changed) = (&self.loaded, &self.changed);
        self.settled
            .retain(|test, _| loaded.contains(test) && !changed.contains(test));
        self
    }

    /// True if coverage shows that a test executed the file.
    pub(super) fn is_executed(&self, file: &str) -> bool {
        self.executed.contains(file)
    }

    /// True if a run shows that a test process loaded the file, or executed it.
    pub(super) fn is_seen(&self, file: &str) -> bool {
        self.loaded.contains(file) || self.executed.contains(file)
    }

    /// True if a run shows that a test process loaded the file.
    pub(super) fn is_loaded(&self, file: &str) -> bool {
        self.loaded.contains(file)
    }

    /// True for a file that was loaded, and may import more since it was changed.
    pub(super) fn is_changed(&self, file: &str) -> bool {
        self.changed.contains(file)
    }

    /// True for a test file of which runs show all that it loads.
    pub(super) fn is_settled(&self, test: &str) -> bool {
        self.settled.contains_key(test)
    }

    /// Whether a settled test loads one of these files, all of which were loaded; `None` if runs do
    /// not tell, because its process ran other tests too.
    pub(super) fn loads(&self, test: &str, files: &[&str]) -> Option<bool> {
        let processes = self.settled.get(test)?;
        if !files.iter().all(|file| self.loaded.contains(*file)) {
            return None;
        }
        let mut loading = (processes.iter())
            .map(|at| &self.processes[*at])
            .filter(|process| files.iter().any(|file| process.files.contains(*file)))
            .peekable();
        if loading.peek().is_none() {
            return Some(false);
        }
        loading
            .any(|process| process.tests.len() == 1)
            .then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(tests: &[&str], files: &[&str]) -> Loaded {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Loaded {
            tests: set(tests),
            files: set(files),
        }
    }

    fn observed(runs: Vec<Vec<Loaded>>) -> Observed {
        let runs = (1..)
            .zip(runs)
            .map(|(age, processes)| (100 - age, processes));
        let changed = |file: &str| match file {
            "gone.py" => None,
            "new.py" => Some(200),
            _ => Some(1),
        };
        Observed::default().with_loads(runs.collect(), changed)
    }

    #[test]
    fn the_latest_run_that_shows_all_of_a_test_counts() {
        let found = observed(vec![
            vec![process(&["a"], &["a", "m"])],
            vec![process(&["a", "b"], &["a", "b", "n"])],
            vec![process(&["a"], &["a", "old"])],
        ]);
        assert!(found.is_settled("a") && found.is_settled("b"));
        assert!(found.is_seen("m") && found.is_seen("n"));
        assert!(!found.is_seen("old"));
        assert_eq!(found.loads("a", &["m"]), Some(true));
        assert_eq!(found.loads("a", &["n"]), Some(false));
        assert_eq!(found.loads("b", &["n"]), None, "its process ran `a` too");
        assert_eq!(found.loads("c", &["n"]), None);
    }

    #[test]
    fn a_part_of_a_test_settles_nothing() {
        let found = observed(vec![vec![process(&[], &["a", "m"])]]);
        assert!(!found.is_settled("a"));
        assert!(found.is_seen("m"));
        let mut runs = vec![vec![process(&["b"], &["b"])]; PART_RUNS];
        runs.push(vec![process(&[], &["a", "m"])]);
        assert!(!observed(runs).is_seen("m"), "that was long ago");
    }

    #[test]
    fn what_only_a_test_loaded_that_was_removed_is_not_loaded() {
        let found = observed(vec![
            vec![process(&["a"], &["a", "m"])],
            vec![process(&["a", "gone.py"], &["a", "gone.py", "n"])],
        ]);
        assert!(found.is_seen("m") && !found.is_seen("n"));
    }

    #[test]
    fn what_was_changed_or_removed_settles_nothing() {
        let found = observed(vec![vec![process(
            &["new.py", "gone.py"],
            &["new.py", "gone.py"],
        )]]);
        assert!(!found.is_settled("new.py") && !found.is_settled("gone.py"));
        assert!(found.is_changed("new.py") && !found.is_seen("gone.py"));
    }
}
