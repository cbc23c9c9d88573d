//! The files and folders that a scan finds and leaves out.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use menace_agent::diag::Hint;
use menace_agent::source::{ScanError, ScanOptions, scan};

use super::{fresh_scan, paths, problem, project, scan_with, write};

#[test]
fn python_files_and_stubs_of_the_project_are_found_and_nothing_else() {
    let project = project(&[
        ("a.py", b""),
        ("a.pyi", b""),
        ("pkg/__init__.py", b""),
        ("pkg/build/b.py", b""),
        ("pkg/sub/generated.py", b""),
        ("pkg/data.json", b""),
        ("pkg/native.pyx", b""),
        (".hidden/c.py", b""),
        ("pkg/.c.py", b""),
        ("pkg/__pycache__/c.py", b""),
        ("web/node_modules/c.py", b""),
        ("env/pyvenv.cfg", b""),
        ("env/c.py", b""),
        ("env/lib/c.py", b""),
        ("lib/site-packages/c.py", b""),
        ("sandbox_data/c.py", b""),
        ("build/lib/c.py", b""),
        ("dist/c.py", b""),
        ("pkg.egg-info/c.py", b""),
        (".gitignore", b"generated.py\n"),
        (".git/HEAD", b""),
    ]);
    let scan = fresh_scan(project.path());
    assert_eq!(
        paths(&scan),
        [
            "a.py",
            "a.pyi",
            "pkg/__init__.py",
            "pkg/build/b.py",
            "pkg/sub/generated.py",
        ]
    );
    assert_eq!(scan.unlisted, []);
}

#[test]
fn a_project_that_is_an_environment_itself_is_scanned() {
    let project = project(&[("pyvenv.cfg", b""), ("a.py", b"")]);
    assert_eq!(paths(&fresh_scan(project.path())), ["a.py"]);
}

#[test]
fn patterns_leave_out_files_and_folders() {
    let project = project(&[
        ("a.py", b""),
        ("a_pb2.py", b""),
        ("data/a.py", b""),
        ("pkg/data/a.py", b""),
        ("pkg/b.py", b""),
    ]);
    let exclude = ["*_pb2.py".to_owned(), "/data/".to_owned()];
    let scan = scan_with(project.path(), Vec::new(), &exclude);
    assert_eq!(paths(&scan), ["a.py", "pkg/b.py", "pkg/data/a.py"]);
    let options = ScanOptions {
        project: project.path(),
        data_dir: project.path(),
        exclude: &["a[".to_owned()],
        texts: &[],
    };
    let error = scan_error(&options);
    assert!(error.contains("`a[`, which is no pattern"), "{error}");
}

fn scan_error(options: &ScanOptions<'_>) -> String {
    let error = scan(options, || Ok::<_, ScanError>(Vec::new())).unwrap_err();
    assert!(error.hint().is_some());
    error.to_string()
}

#[test]
fn a_project_that_is_not_there_is_an_error() {
    let project = project(&[]);
    let nowhere = project.path().join("nowhere");
    let error = scan_error(&ScanOptions {
        project: &nowhere,
        data_dir: &nowhere,
        exclude: &[],
        texts: &[],
    });
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn links_to_files_are_followed_and_links_to_folders_are_not() {
    let outside = project(&[("o.py", b"import o")]);
    let project = project(&[("pkg/a.py", b"import a")]);
    let link = |to: &Path, path: &str| symlink(to, project.path().join(path)).unwrap();
    link(&project.path().join("pkg"), "pkg/loop");
    link(Path::new("."), "here");
    link(outside.path(), "outside");
    link(&outside.path().join("o.py"), "linked.py");
    link(Path::new("nowhere.py"), "broken.py");
    link(Path::new("circle.py"), "circle.py");
    link(outside.path(), "folder.py");
    let scan = fresh_scan(project.path());
    assert_eq!(paths(&scan), ["circle.py", "linked.py", "pkg/a.py"]);
    assert!(problem(&scan, "circle.py").starts_with("it cannot be read: "));
}

#[test]
fn a_pipe_is_not_waited_for() {
    let project = project(&[("a.py", b"")]);
    let mode = nix::sys::stat::Mode::S_IRWXU;
    nix::unistd::mkfifo(&project.path().join("pipe.py"), mode).unwrap();
    assert_eq!(paths(&fresh_scan(project.path())), ["a.py"]);
}

#[test]
fn what_cannot_be_read_is_said() {
    let project = project(&[("a.py", b""), ("locked.py", b""), ("locked/b.py", b"")]);
    let forbid = |path: &str, mode| {
        let path = project.path().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    forbid("locked.py", 0);
    forbid("locked", 0);
    let scan = fresh_scan(project.path());
    forbid("locked", 0o700);
    if nix::unistd::geteuid().is_root() {
        // Nothing is forbidden to root.
        assert_eq!(paths(&scan), ["a.py", "locked.py", "locked/b.py"]);
        return;
    }
    assert_eq!(paths(&scan), ["a.py", "locked.py"]);
    assert!(problem(&scan, "locked.py").starts_with("it cannot be read: "));
    assert_eq!(scan.unlisted[0].path, "locked/");
    assert!(
        scan.unlisted[0]
            .message
            .starts_with("it cannot be listed: ")
    );
    assert_eq!(
        scan.changed.len(),
        1,
        "a problem that may pass is not remembered"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_said() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let project = project(&[("a.py", b"")]);
    let name = OsStr::from_bytes(b"caf\xe9.py");
    fs::write(project.path().join(name), "").unwrap();
    let scan = fresh_scan(project.path());
    assert_eq!(paths(&scan), ["a.py"]);
    assert_eq!(scan.unlisted[0].path, "caf\u{fffd}.py");
}

#[test]
fn files_are_found_while_others_vanish() {
    let project = project(&[("keep/a.py", b"import a")]);
    for number in 0..400 {
        write(
            project.path(),
            &format!("p{}/m{number}.py", number % 20),
            "import b",
        );
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..20 {
                fs::remove_dir_all(project.path().join(format!("p{number}"))).unwrap();
            }
        });
        for _ in 0..5 {
            let scan = fresh_scan(project.path());
            assert!(paths(&scan).contains(&"keep/a.py"));
            for file in &scan.files {
                assert!(file.reading().is_ok(), "{file:?}");
            }
        }
    });
    assert_eq!(paths(&fresh_scan(project.path())), ["keep/a.py"]);
}
