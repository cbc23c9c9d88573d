//! Image archives: read, checked and made, each test with archives of its own making.

mod bad_documents;
mod bad_input;
mod damage;
mod layouts;
mod loads;
mod pack;
pub(crate) mod sample;
mod wheels;

use std::path::{Path, PathBuf};

use menace_agent::archive::{ArchiveError, this_machine, verify};
use menace_agent::diag::{Hint, Palette, render_error};
use menace_agent::image::{Platform, Verified};
use tempfile::TempDir;

/// A folder for the archives of one test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Verifies an archive of these bytes.
    fn verify(&self, bytes: &[u8]) -> Result<Verified, ArchiveError> {
        verify(&self.write("image.tar", bytes), &amd64())
    }

    /// The error about an archive of these bytes.
    fn complaint(&self, bytes: &[u8]) -> String {
        match self.verify(bytes) {
            Ok(verified) => panic!("nothing is wrong with {verified:?}"),
            Err(error) => said(&error),
        }
    }

    /// The names of the files.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

fn amd64() -> Platform {
    "linux/amd64".parse().unwrap()
}

/// An error as the command prints it, without the folders of the test.
fn said(error: &(impl Hint + 'static)) -> String {
    let text = render_error(error, error.hint().as_deref(), &Palette::PLAIN);
    text.replace(std::env::temp_dir().to_str().unwrap(), "")
}

#[test]
fn this_machine_runs_linux_containers() {
    let machine = this_machine();
    assert_eq!(machine.os, "linux");
    assert!(machine.runs(&machine));
}
