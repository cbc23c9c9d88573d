//! Modules of the module map: imported as a test of their own, beside the tests that they define.

use menace_agent::model::Module;

use super::driver::{Project, python};

const FILES: [(&str, &str); 5] = [
    (
        "src/pkg/fine.py",
        "'''\n>>> 1 + 1\n2\n'''\nfrom .part import value\nimport unittest\n\
         class Own(unittest.TestCase):\n    def test_own(self): self.assertEqual(value, 1)\n",
    ),
    ("src/pkg/__init__.py", ""),
    ("src/pkg/part.py", "value = 1\n"),
    ("src/pkg/broken.py", "import nonesuch\n"),
    ("src/pkg/leaves.py", "raise SystemExit(3)\n"),
];

fn project(python: &std::path::Path, names: &[&str]) -> Project {
    let files: Vec<String> = names
        .iter()
        .map(|name| format!("src/pkg/{name}.py"))
        .collect();
    let args: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut project = Project::new(python, &FILES).args(&args);
    project.command.roots = vec!["src".to_owned()];
    project.command.modules = names
        .iter()
        .zip(&files)
        .map(|(name, file)| Module {
            file: file.clone(),
            name: format!("pkg.{name}"),
        })
        .collect();
    project
}

#[test]
fn a_module_that_imports_passes_and_brings_its_own_tests() {
    let Some(python) = python() else { return };
    let talk = project(&python, &["fine"]).run();
    talk.assert_whole();
    assert_eq!(
        talk.verdicts(),
        ["Own::test_own passed", "import passed", "pkg.fine passed",]
    );
}

#[test]
fn a_module_that_does_not_import_is_a_failing_test_and_no_error_of_collection() {
    let Some(python) = python() else { return };
    let talk = project(&python, &["broken", "leaves"]).run();
    talk.assert_whole();
    assert_eq!(talk.verdicts(), ["import failed", "import failed",]);
}
