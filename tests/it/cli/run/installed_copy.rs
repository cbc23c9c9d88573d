//! A project whose tests import an installed copy of its package, as after `pip install .`.

use std::path::Path;

use crate::lab::{answer, lab};

#[test]
fn a_copy_that_tests_load_stands_for_the_files_of_the_project() {
    for copies in ["copy/site-packages", "copy/of/the/source"] {
        let files = [
            ("src/pkg/__init__.py", ""),
            ("src/pkg/used.py", ""),
            ("src/pkg/sub/__init__.py", ""),
            ("src/pkg/lonely.py", ""),
            (
                "tests/test_a.py",
                "import pkg.used, pkg.sub\ndef test(): assert 'src' not in pkg.used.__file__\n",
            ),
        ];
        let Some(lab) = lab(&files) else {
            return;
        };
        let elsewhere = tempfile::tempdir().unwrap();
        let copies = elsewhere.path().join(copies);
        for (file, text) in files
            .iter()
            .filter_map(|(file, text)| Some((file.strip_prefix("src/")?, text)))
        {
            let copy = copies.join(file);
            std::fs::create_dir_all(copy.parent().unwrap_or(Path::new(""))).unwrap();
            std::fs::write(copy, text).unwrap();
        }
        let mut run = lab.command(&["run", "--no-cov"]);
        answer(run.env("PYTHONPATH", &copies)).expect(0);
        assert_eq!(
            lab.rows("SELECT file FROM orphan_module"),
            ["src/pkg/lonely.py"],
            "{}",
            copies.display()
        );
    }
}
