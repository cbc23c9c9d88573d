//! Orphans that are tried in a container.

use std::sync::Arc;
use std::time::Duration;

use menace_agent::engine::Executor;
use menace_agent::engine::child::Cancel;
use menace_agent::engine::container::{
    ContainerExecutor, Engine as Found, Limits, ProjectSource, Wanted,
};

use crate::engines::{Engine, IMAGE, engines, project};
use crate::lab::Lab;
use crate::run::orphans::{Run, listed, verdicts};

const FILES: [(&str, &str); 5] = [
    ("test_a.py", "def test_one(): pass\n"),
    (
        "good.py",
        "import os\nopen(os.environ['HOME'] + '/a', 'w').close()\n",
    ),
    ("bad.py", "open('new', 'w')\n"),
    ("dies.py", "import os\nGONE = os._exit(3)\n"),
    ("hangs.py", "while True: pass\n"),
];

fn executor(engine: Engine, lab: &Lab) -> Executor {
    let wanted = Wanted {
        runtime: Some(engine.0.to_owned()),
        host: None,
    };
    let found = Found::detect(&wanted, &Cancel::default()).unwrap();
    let image = found.image(IMAGE).unwrap().unwrap().id;
    Executor::Container(Box::new(ContainerExecutor {
        engine: Arc::new(found),
        image,
        image_name: IMAGE.to_owned(),
        python: "python3".to_owned(),
        project: lab.path(),
        source: ProjectSource::Mounted {
            read_only: false,
            hidden: Vec::new(),
            byte_code: None,
        },
        environment: Vec::new(),
        limits: Limits::default(),
        network: Some("none".to_owned()),
        extra: Vec::new(),
        retries: 0,
        hello_limit: Duration::from_mins(2),
    }))
}

#[test]
fn orphans_are_tried_in_one_container_of_the_run() {
    for &engine in engines().iter() {
        let lab = project(&FILES);
        let mut orphans = listed(&lab, &["good.py", "bad.py", "dies.py", "hangs.py"]);
        orphans.limit = Duration::from_secs(5);
        let mut run = Run::of(&lab, orphans);
        run.executor = Arc::new(executor(engine, &lab));
        let (summary, events) = run.carry_out(|_| {});
        assert_eq!(
            verdicts(&events),
            [
                "bad.py failed",
                "dies.py crashed",
                "good.py passed",
                "hangs.py timed_out"
            ],
            "{engine:?}: {summary:#?}"
        );
        assert_eq!(lab.rows("SELECT count(*) FROM process"), ["2"]);
        assert_eq!(engine.containers(&lab), [""; 0]);
    }
}

#[test]
fn what_joined_the_map_is_tested_in_a_container_like_any_module() {
    for &engine in engines().iter() {
        let lab = project(&[
            ("tests/test_a.py", "def test_one(): pass\n"),
            ("src/pkg/__init__.py", ""),
            ("src/pkg/lonely.py", "from pkg import helper\n"),
            ("src/pkg/helper.py", "'''\n>>> 1 + 1\n2\n'''\n"),
        ]);
        let first = engine.run(&lab, &["--no-cov"]).expect(0);
        assert!(first.stdout.contains("3 passed (3 integrated)"), "{first}");
        engine.run(&lab, &["--no-cov"]).expect(0);
        assert_eq!(
            lab.table(),
            "src/pkg/__init__.py::import passed\n\
             src/pkg/helper.py::import passed\n\
             src/pkg/helper.py::pkg.helper passed\n\
             src/pkg/lonely.py::import passed\n\
             tests/test_a.py::test_one passed\n",
            "{engine:?}"
        );
        assert_eq!(engine.containers(&lab), [""; 0]);
    }
}
