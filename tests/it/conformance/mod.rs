//! Conformance: real packages with their own tests, once under plain pytest and once under the
//! agent, compared test by test.
//!
//! ```text
//! PyPI ──► sources + environment (target/) ──► pytest --report-log ──► Reference ─┐
//!                                         └──► agent run ──► events, state file ──┴─► differences
//! ```
//!
//! What pytest reported phase by phase is judged here by rules of this test's own ([`reference`]),
//! so that the agent's are held against something. These tests need a package index, Python 3.10
//! to 3.13, and minutes: they run with `AGENT_CONFORMANCE=1`, which also turns an index that cannot
//! be reached into a failure.

mod agent;
mod compare;
pub(crate) mod packages;
mod reference;

use std::path::Path;

use packages::{Package, Ready};

use crate::envs::{available, nothing_may_be_skipped};

/// The suite of a package, with the arguments that it is run with.
struct Suite {
    package: Package,
    /// Arguments for pytest, the same on both sides.
    args: &'static [&'static str],
    variants: &'static [Variant],
}

#[derive(Debug, Clone, Copy)]
enum Variant {
    /// One process, coverage off.
    Plain,
    /// Two xdist workers, coverage off.
    Workers,
    /// Coverage on, one process; with pytest-cov's option for the sources.
    Coverage(&'static str),
    /// Coverage on, two xdist workers.
    WorkersCoverage(&'static str),
    /// Two workers, and this `--isolate`; the reference is one process of pytest.
    Isolated(&'static str),
    /// The same with coverage.
    IsolatedCoverage(&'static str, &'static str),
}

impl Variant {
    fn workers(self) -> u32 {
        match self {
            Self::Plain | Self::Coverage(_) => 1,
            Self::Workers
            | Self::WorkersCoverage(_)
            | Self::Isolated(_)
            | Self::IsolatedCoverage(..) => 2,
        }
    }

    /// The workers of pytest-xdist in the reference.
    fn xdist(self) -> Option<u32> {
        (self.workers() > 1 && self.isolation() == "none").then_some(self.workers())
    }

    fn isolation(self) -> &'static str {
        match self {
            Self::Isolated(isolation) | Self::IsolatedCoverage(isolation, _) => isolation,
            _ => "none",
        }
    }

    fn coverage(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Workers | Self::Isolated(_) => None,
            Self::Coverage(option)
            | Self::WorkersCoverage(option)
            | Self::IsolatedCoverage(_, option) => Some(option),
        }
    }
}

fn check(suite: &Suite) {
    if !nothing_may_be_skipped() {
        let reason = "takes minutes and a package index; AGENT_CONFORMANCE=1 runs it";
        println!("SKIPPED: conformance with {}: {reason}", suite.package.name);
        return;
    }
    let Some(ready) = available(packages::prepare(&suite.package)) else {
        return;
    };
    let mut differences = Vec::new();
    for variant in suite.variants {
        let found = differences_of(suite, &ready, *variant);
        let place = format!("{} {variant:?}", suite.package.name);
        differences.extend(found.into_iter().map(|line| format!("{place}: {line}")));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn differences_of(suite: &Suite, ready: &Ready, variant: Variant) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let out: &Path = folder.path();
    let reference = reference::run(ready, suite.args, variant, out);
    let answer = agent::run(ready, suite.args, variant, out);
    compare::differences(&reference, &answer)
}

/// The largest of them: thousands of tests in hundreds of files, with skips of whole files.
#[test]
fn networkx_is_as_under_pytest() {
    check(&Suite {
        package: packages::NETWORKX,
        args: &[],
        variants: &[Variant::Plain, Variant::Isolated("file")],
    });
}

/// Classes, generators and doctests of a part of it.
#[test]
fn a_part_of_networkx_is_as_under_pytest_with_workers_and_coverage() {
    check(&Suite {
        package: packages::NETWORKX,
        args: &["--doctest-modules", "networkx/classes"],
        variants: &[
            Variant::Workers,
            Variant::Coverage("--cov=."),
            Variant::WorkersCoverage("--cov=."),
        ],
    });
}

/// Hypothesis, an expected failure, and a test that really fails on some Python versions.
#[test]
fn attrs_is_as_under_pytest() {
    check(&Suite {
        package: Package {
            name: "attrs",
            version: "25.3.0",
            pytest: "8.4.2",
            needs: &["hypothesis==6.135.0", "cloudpickle==3.1.1"],
        },
        args: &["-p", "no:randomly"],
        variants: &[
            Variant::Plain,
            Variant::Coverage("--cov"),
            Variant::WorkersCoverage("--cov"),
            Variant::IsolatedCoverage("auto", "--cov"),
            Variant::Isolated("worker"),
        ],
    });
}

/// `unittest` with twelve thousand subtests, under the pytest that reports them itself; some cannot
/// be sent between processes, which fails their tests with xdist.
const MORE_ITERTOOLS: Package = Package {
    name: "more-itertools",
    version: "10.7.0",
    pytest: "9.0.1",
    needs: &[],
};

#[test]
fn more_itertools_is_as_under_pytest() {
    check(&Suite {
        package: MORE_ITERTOOLS,
        args: &[],
        variants: &[Variant::Plain, Variant::Workers],
    });
}

/// Its recipes count to millions, which takes minutes if each line is noticed.
#[test]
fn more_itertools_without_recipes_is_as_under_pytest_with_coverage() {
    check(&Suite {
        package: MORE_ITERTOOLS,
        args: &["tests/test_more.py"],
        variants: &[Variant::Coverage("--cov=.")],
    });
}

/// A flood of short tests with odd characters in their names, under an old pytest.
#[test]
fn packaging_is_as_under_pytest() {
    check(&Suite {
        package: Package {
            name: "packaging",
            version: "24.2",
            pytest: "7.4.4",
            needs: &["pretend==1.0.9"],
        },
        args: &[],
        variants: &[Variant::Plain],
    });
}

/// Tests that replace the standard streams, and warnings as errors.
#[test]
fn click_is_as_under_pytest() {
    check(&Suite {
        package: Package {
            name: "click",
            version: "8.1.8",
            pytest: "8.4.2",
            needs: &[],
        },
        args: &[],
        variants: &[
            Variant::Plain,
            Variant::Workers,
            Variant::Coverage("--cov"),
            Variant::WorkersCoverage("--cov"),
        ],
    });
}

/// Asynchronous code, weak references, byte code written by the tests.
#[test]
fn jinja2_is_as_under_pytest() {
    check(&Suite {
        package: Package {
            name: "jinja2",
            version: "3.1.6",
            pytest: "8.4.2",
            needs: &["trio==0.30.0"],
        },
        args: &[],
        variants: &[Variant::Plain, Variant::Workers],
    });
}

/// Strict expected failures, and tests that change the time zone.
#[test]
fn dateutil_is_as_under_pytest() {
    check(&Suite {
        package: Package {
            name: "python-dateutil",
            version: "2.9.0.post0",
            pytest: "7.4.4",
            needs: &["freezegun==1.5.2", "hypothesis==6.135.0"],
        },
        args: &[],
        variants: &[Variant::Plain, Variant::Workers],
    });
}

/// The library under pytest's own feet: its tests load it a second time.
#[test]
fn pluggy_is_as_under_pytest() {
    check(&Suite {
        package: Package {
            name: "pluggy",
            version: "1.5.0",
            pytest: "8.4.2",
            needs: &[],
        },
        args: &[],
        variants: &[Variant::Plain, Variant::Workers],
    });
}

/// A file that cannot be imported: pytest collects the others, and then runs none of them.
#[test]
fn pyparsing_without_its_extras_is_as_under_pytest() {
    check(&Suite {
        package: Package {
            name: "pyparsing",
            version: "3.2.3",
            pytest: "9.0.1",
            needs: &[],
        },
        args: &[],
        variants: &[Variant::Plain],
    });
}

/// `-k` and a doctest of a text file, on top of what the project's settings choose.
#[test]
fn toolz_is_as_under_pytest_with_a_selection() {
    check(&Suite {
        package: Package {
            name: "toolz",
            version: "1.0.0",
            pytest: "8.4.2",
            needs: &[],
        },
        args: &["--doctest-modules", "toolz", "-k", "not curried"],
        variants: &[Variant::Plain, Variant::Workers, Variant::Coverage("--cov")],
    });
}
