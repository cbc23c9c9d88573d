//! The library as a program that embeds it sees it.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use menace_agent::model::{ExitCode, Integration, Orphan, RunOutcome};
use menace_agent::run::StopSignal;
use menace_agent::service::{
    MetricsSink, SelfTestService, discover_isolated_modules, discover_orphan_modules,
    discover_recursive_orphans,
};
use menace_agent::settings::Settings;
use menace_agent::store::Reader;

use crate::envs::{self, Skip};

/// A project of two files, and an interpreter with pytest and coverage.py.
fn project() -> Result<(tempfile::TempDir, Settings), Skip> {
    let python = envs::venv("python3", &["pytest", "coverage"])?;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "shop.py",
        "def total(prices):\n    if not prices:\n        return 0\n    return sum(prices)\n",
    );
    write("pytest.ini", "[pytest]\npythonpath = .\n");
    write(
        "test_a.py",
        "from shop import total\ndef test_sum(): assert total([1, 2]) == 3\n",
    );
    write(
        "test_b.py",
        "def test_ok(): pass\ndef test_bad(): assert 1 == 2\n",
    );
    let mut settings = Settings::for_project(folder.path().canonicalize().unwrap());
    settings.python = Some(python.to_string_lossy().into_owned());
    Ok((folder, settings))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// Coverage in percent and run time in seconds.
type Figures = (Option<f64>, f64);

#[derive(Clone, Default)]
struct Bot(Arc<Mutex<Vec<Figures>>>);

impl MetricsSink for Bot {
    fn record(&mut self, coverage_percent: Option<f64>, runtime_s: f64) {
        self.0.lock().unwrap().push((coverage_percent, runtime_s));
    }
}

#[test]
fn a_callback_receives_each_file_and_then_the_summary() {
    let Some((_folder, settings)) = envs::available(project()) else {
        return;
    };
    let records = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&records);
    let bot = Bot::default();
    let mut service = SelfTestService::new(settings)
        .result_callback(move |record| {
            heard
                .lock()
                .unwrap()
                .push(serde_json::to_value(record).unwrap());
        })
        .metrics_sink(bot.clone());
    let summary = block_on(service.run_once()).unwrap();
    assert_eq!(
        (summary.outcome(), summary.exit_code()),
        (RunOutcome::Failed, ExitCode::TEST_FAILED)
    );
    assert_eq!(summary.run.facts.trigger, "library");

    let records = records.lock().unwrap();
    let files: Vec<(&str, i64, i64)> = records
        .iter()
        .filter(|record| record.get("file").is_some())
        .map(|record| {
            let count = |name: &str| record[name].as_i64().unwrap();
            (
                record["file"].as_str().unwrap(),
                count("passed"),
                count("failed"),
            )
        })
        .collect();
    assert_eq!(files, [("test_a.py", 1, 0), ("test_b.py", 1, 1)]);
    let told = records.last().unwrap();
    assert_eq!(told["passed"], 2);
    assert_eq!(told["failed"], 1);
    // One line of shop.py is not reached.
    let coverage = told["coverage"].as_f64().unwrap();
    assert!(coverage > 80.0 && coverage < 100.0, "{coverage}");
    assert!(told["runtime"].as_f64().unwrap() > 0.0);

    let figures = bot.0.lock().unwrap();
    assert_eq!(*figures, [(Some(coverage), summary.runtime)]);
}

#[test]
fn a_service_runs_again_and_compares_with_its_earlier_run() {
    let Some((folder, settings)) = envs::available(project()) else {
        return;
    };
    let mut service = SelfTestService::new(settings);
    let first = block_on(service.run_once()).unwrap();
    assert_eq!(first.comparison, None);
    fs::write(
        folder.path().join("test_b.py"),
        "def test_ok(): pass\ndef test_bad(): pass\n",
    )
    .unwrap();
    let second = block_on(service.run_once()).unwrap();
    assert_eq!(
        (second.run.run_id.0, second.outcome()),
        (2, RunOutcome::Passed)
    );
    let comparison = second.comparison.unwrap();
    assert_eq!(comparison.previous_run, 1);
    assert_eq!(comparison.fixed, ["test_b.py::test_bad"]);
}

#[test]
fn a_stop_that_comes_first_ends_the_run_before_its_tests() {
    let Some((_folder, settings)) = envs::available(project()) else {
        return;
    };
    let mut service = SelfTestService::new(settings);
    service.stop_handle().stop(StopSignal::Terminate);
    let summary = block_on(service.run_once()).unwrap();
    assert_eq!(
        (summary.outcome(), summary.exit_code()),
        (RunOutcome::Interrupted, ExitCode::SIGTERM)
    );
}

#[test]
fn what_cannot_be_run_is_an_error_and_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::for_project(folder.path().canonicalize().unwrap());
    settings.paths = vec!["nowhere".to_owned()];
    let error = block_on(SelfTestService::new(settings.clone()).run_once()).unwrap_err();
    assert!(error.to_string().contains("`nowhere`"), "{error}");
    assert!(!Path::new(&settings.db).exists());
}

#[test]
fn orphans_are_discovered_under_the_names_that_programs_know() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "test_a.py",
        "import used, importlib\nimportlib.import_module('named.part')\n",
    );
    write("used.py", "");
    write("lonely.py", "import helper\n");
    write("helper.py", "");
    let settings = Settings::for_project(folder.path().canonicalize().unwrap());
    let names = |orphans: Vec<Orphan>| -> Vec<String> {
        orphans
            .into_iter()
            .map(|orphan| orphan.module.name)
            .collect()
    };
    let found = discover_orphan_modules(&settings).unwrap();
    assert_eq!(names(found), ["lonely"]);
    let found = discover_recursive_orphans(&settings).unwrap();
    assert_eq!(found[0].led_by, ["lonely.py"]);
    assert_eq!(names(found), ["helper", "lonely"]);
    let found = discover_isolated_modules(&settings, false).unwrap();
    assert_eq!(names(found), ["lonely"]);
    let found = discover_isolated_modules(&settings, true).unwrap();
    assert_eq!(names(found), ["helper", "lonely"]);
}

#[test]
fn a_callback_decides_what_becomes_of_orphans_that_pass() {
    let Some((folder, settings)) = envs::available(project()) else {
        return;
    };
    fs::write(folder.path().join("lonely.py"), "X = 1\n").unwrap();
    let db = settings.db.clone();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let mut service = SelfTestService::new(settings).integration_callback(move |passed| {
        heard.lock().unwrap().extend(passed.to_vec());
        Integration {
            integrated: Vec::new(),
            redundant: vec!["lonely.py".to_owned()],
        }
    });
    let summary = block_on(service.run_once()).unwrap();
    assert_eq!(asked.lock().unwrap()[0].name, "lonely");
    assert_eq!(summary.run.orphan_passed, Some(1));
    assert_eq!(summary.run.integration.unwrap().redundant, ["lonely.py"]);
    let map = Reader::open(&db).unwrap().module_map().unwrap();
    assert_eq!(map, [], "the callback takes the place of the map");
}
