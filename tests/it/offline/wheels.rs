//! `fetch-wheels.sh` against a folder of wheels in place of an index.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use sha2::{Digest, Sha256};

use super::{Answer, Desk, answer};
use crate::envs::{available, venv};

/// Writes wheels: the folder, then `name|version|tag|requirement|…` for each.
const MAKE_WHEELS: &str = r#"
import sys, zipfile
folder, *wheels = sys.argv[1:]
for wheel in wheels:
    name, version, tag, *needs = wheel.split("|")
    stem = "%s-%s" % (name.replace("-", "_"), version)
    with zipfile.ZipFile("%s/%s-%s.whl" % (folder, stem, tag), "w") as out:
        lines = ["Metadata-Version: 2.1", "Name: " + name, "Version: " + version]
        lines += ["Requires-Dist: " + need for need in needs]
        out.writestr(stem + ".dist-info/METADATA", "\n".join(lines) + "\n")
        out.writestr(stem + ".dist-info/WHEEL", "Wheel-Version: 1.0\nTag: %s\n" % tag)
        out.writestr(stem + ".dist-info/RECORD", "")
"#;

/// A desk with an `index`, and an interpreter with pip.
struct Market {
    desk: Desk,
    python: PathBuf,
}

/// `None` if no interpreter has pip.
fn market(wheels: &[&str]) -> Option<Market> {
    let python = available(venv("python3", &["pip"]))?;
    let desk = Desk::new();
    fs::create_dir(desk.path().join("index")).unwrap();
    let mut make = Command::new(&python);
    make.current_dir(desk.path())
        .args(["-c", MAKE_WHEELS, "index"]);
    answer(make.args(wheels)).expect(0);
    Some(Market { desk, python })
}

impl Market {
    fn fetch(&self, args: &[&str]) -> Answer {
        let python = ["--python", self.python.to_str().unwrap()];
        let args = [&python[..], args].concat();
        let mut script = self.desk.script("fetch-wheels.sh", &args);
        script
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", self.desk.path().join("index"))
            .env("PIP_CONFIG_FILE", "/dev/null");
        answer(&mut script)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.desk.path().join(name)).unwrap()
    }
}

const PYTEST: &str = "pytest|9.0.1|py3-none-any";
const XDIST: &str = "pytest-xdist|3.8.0|py3-none-any|pytest";
const COVERAGE: &str = "coverage|7.11|py3-none-any";

#[test]
fn the_tools_and_what_is_asked_for_come_with_a_list_and_sums() {
    let more = ["numbers|2.0|py3-none-any|deep>1", "deep|1.5|py3-none-any"];
    let from_file = "Filed.Away|1.0|py3-none-any";
    let Some(market) = market(&[&[PYTEST, XDIST, COVERAGE, from_file], &more[..]].concat()) else {
        return;
    };
    market.desk.write("needs.txt", "filed-away\n");
    let fetched = market.fetch(&["-r", "needs.txt", "wheels/", "numbers<3"]);
    assert_eq!(fetched.expect(0).stderr, "wrote 6 wheels to wheels\n");
    let list = market.read("wheels/requirements.txt");
    let listed = "filed.away==1.0\ncoverage==7.11\ndeep==1.5\nnumbers==2.0\npytest==9.0.1\n\
        pytest-xdist==3.8.0\n";
    assert_eq!(list, listed);
    let sums = market.read("wheels/SHA256SUMS");
    let summed: Vec<&str> = sums.lines().map(|line| &line[66..]).collect();
    assert_eq!(summed.len(), 7);
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let content = fs::read(market.desk.path().join("wheels").join(name)).unwrap();
        let found: Vec<String> = Sha256::digest(content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(found.concat(), sum, "{name}");
    }
    assert_eq!(market.desk.names("."), ["index", "needs.txt", "wheels"]);
}

/// pip alone would judge the conditions by the interpreter that it runs in.
#[test]
fn another_python_and_platform_get_what_only_they_need() {
    let Some(market) = market(&[
        "pytest|9.0.1|py3-none-any|old; python_version < '3.9'|absent; python_version >= '3.9'|\
         penguin; sys_platform == 'linux'|absent; sys_platform == 'darwin'|\
         arm; platform_machine == 'aarch64'|absent; platform_machine == 'x86_64'",
        XDIST,
        "coverage|7.11|cp38-cp38-manylinux_2_17_aarch64",
        "coverage|7.12|cp39-cp39-manylinux_2_17_aarch64",
        "coverage|7.13|cp38-cp38-manylinux_2_17_x86_64",
        "coverage|7.14|cp38-cp38-manylinux_2_29_aarch64",
        "old|1|cp38-abi3-manylinux2014_aarch64",
        "penguin|1|py3-none-any",
        "arm|1|py3-none-any",
        "asked|1|py3-none-any",
    ]) else {
        return;
    };
    let target = [
        "--python-version",
        "3.8",
        "--platform",
        "manylinux_2_28_aarch64",
    ];
    let condition = ["wheels", "asked; python_version == '3.8'"];
    market.fetch(&[&target[..], &condition].concat()).expect(0);
    let list = market.read("wheels/requirements.txt");
    let listed = "arm==1\nasked==1\ncoverage==7.11\nold==1\npenguin==1\npytest==9.0.1\n\
        pytest-xdist==3.8.0\n";
    assert_eq!(list, listed);
}

#[test]
fn what_cannot_be_fetched_leaves_nothing() {
    let Some(market) = market(&[PYTEST, XDIST, COVERAGE]) else {
        return;
    };
    let refused = market.fetch(&["wheels", "absent"]).expect(1);
    let pip = "No matching distribution found for absent";
    assert!(refused.stderr.contains(pip), "{refused}");
    let ours = "\nerror: pip could not fetch the wheels\nhint: ";
    assert!(refused.stderr.contains(ours), "{refused}");
    let refused = market
        .fetch(&["--platform", "beos_x86_64", "wheels"])
        .expect(1);
    assert!(
        refused.stderr.contains("the platform `beos_x86_64`"),
        "{refused}"
    );
    assert_eq!(market.desk.names("."), ["index"]);
}

#[test]
fn a_folder_is_replaced_when_told_so_and_only_if_it_is_of_the_script() {
    let Some(market) = market(&[PYTEST, XDIST, COVERAGE, "more|1|py3-none-any"]) else {
        return;
    };
    market.fetch(&["wheels", "more"]).expect(0);
    let refused = market.fetch(&["wheels"]).expect(1);
    insta::assert_snapshot!(refused.stderr, @r"
    error: `wheels` is there already
    hint: pass `--force` to replace it, or another name
    ");
    market.fetch(&["--force", "wheels"]).expect(0);
    assert_eq!(market.read("wheels/requirements.txt").lines().count(), 3);
    for (file, named) in [("wheels/notes.md", "`notes.md`"), ("own/a.whl", "`own`")] {
        market.desk.write(file, "precious");
        let folder = file.split('/').next().unwrap();
        let refused = market.fetch(&["--force", folder]).expect(1);
        assert!(refused.stderr.contains(named), "{refused}");
        assert_eq!(market.read(file), "precious");
    }
    assert_eq!(market.desk.names("."), ["index", "own", "wheels"]);
}
