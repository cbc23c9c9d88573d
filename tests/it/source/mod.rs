//! Scans of real folders: the files that are found, the memory of them, and the effect of bad ones.

mod bad_files;
mod cache;
mod folders;

use std::fs;
use std::path::Path;

use menace_agent::graph::{FileFacts, KnownFile};
use menace_agent::source::{Scan, ScanError, ScanOptions, scan};

/// A project of these files.
fn project(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        write(folder.path(), path, content);
    }
    folder
}

fn write(project: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = project.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn scan_with(project: &Path, known: Vec<KnownFile>, exclude: &[String]) -> Scan {
    let options = ScanOptions {
        project,
        data_dir: &project.join("sandbox_data"),
        exclude,
        texts: &[],
    };
    scan(&options, || Ok::<_, ScanError>(known)).unwrap()
}

fn fresh_scan(project: &Path) -> Scan {
    scan_with(project, Vec::new(), &[])
}

fn paths(scan: &Scan) -> Vec<&str> {
    scan.files.iter().map(|file| file.path.as_str()).collect()
}

fn facts<'a>(scan: &'a Scan, path: &str) -> FileFacts<&'a str> {
    let file = scan.files.iter().find(|file| file.path == path);
    file.expect(path).reading().expect(path)
}

/// `line: message`, or the message alone.
fn problem(scan: &Scan, path: &str) -> String {
    let file = scan.files.iter().find(|file| file.path == path);
    let problem = file.expect(path).reading().unwrap_err();
    match problem.line {
        Some(line) => format!("{line}: {}", problem.message),
        None => problem.message,
    }
}
