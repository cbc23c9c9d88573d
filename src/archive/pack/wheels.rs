//! The upper layer: wheels, installed as pip would install them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use super::destination::{Destination, header};
use super::error::PackError;
use super::facts::Facts;
use super::spool::{Spool, Spooled};
use super::wheel::{CopyError, Installed, Wheel};
use crate::image::Digest;
use crate::image::wheel::{Scheme, Target, WheelName, normalized, record_digest, record_line};

/// The layer of the wheels while it grows.
pub(super) struct WheelLayer<'a> {
    tar: tar::Builder<Spool>,
    destination: &'a Destination,
    facts: &'a Facts,
    scheme: Scheme,
    target: Target,
    mtime_s: u64,
    /// Folders that are in this layer.
    folders: BTreeSet<String>,
    /// Files that are in this layer, and the wheels that brought them.
    files: BTreeMap<String, String>,
}

/// A file that was installed, as RECORD lists it.
struct Written {
    path: String,
    digest: String,
    size_bytes: u64,
}

impl<'a> WheelLayer<'a> {
    pub(super) fn new(
        spool: Spool,
        destination: &'a Destination,
        facts: &'a Facts,
        scheme: Scheme,
        target: Target,
        mtime_s: u64,
    ) -> Self {
        Self {
            tar: tar::Builder::new(spool),
            destination,
            facts,
            scheme,
            target,
            mtime_s,
            folders: BTreeSet::new(),
            files: BTreeMap::new(),
        }
    }

    /// Installs every wheel of `folder`. All names are looked at before the first file is written.
    pub(super) fn install(mut self, folder: &Path) -> Result<Spooled, PackError> {
        let mut chosen: BTreeMap<String, (PathBuf, String, WheelName)> = BTreeMap::new();
        for (path, file_name) in wheels_in(folder)? {
            let broken = |problem| PackError::Wheel {
                path: path.clone(),
                problem,
            };
            let name = WheelName::parse(&file_name).map_err(broken)?;
            name.check(&self.target).map_err(broken)?;
            let distribution = normalized(&name.distribution);
            self.refuse_installed(&distribution, &file_name)?;
            let entry = (path.clone(), file_name.clone(), name);
            if let Some((_, one, _)) = chosen.insert(distribution.clone(), entry) {
                return Err(PackError::SameDistribution {
                    distribution,
                    one,
                    other: file_name,
                });
            }
        }
        if chosen.is_empty() {
            return Err(PackError::NoWheels(folder.to_owned()));
        }
        for (path, file_name, name) in chosen.into_values() {
            self.wheel(&path, &file_name, &name)?;
        }
        let output = self.destination;
        let failed = |error| output.failed(error);
        self.tar
            .into_inner()
            .map_err(failed)?
            .finish()
            .map_err(failed)
    }

    fn refuse_installed(&self, distribution: &str, wheel: &str) -> Result<(), PackError> {
        let same = |info: &&str| {
            let name = info.split('-').next().unwrap_or_default();
            normalized(name) == distribution
        };
        match self.facts.distributions(&self.scheme.site).find(same) {
            None => Ok(()),
            Some(found) => Err(PackError::Installed {
                found: found.to_owned(),
                wheel: wheel.to_owned(),
            }),
        }
    }

    fn wheel(&mut self, path: &Path, file_name: &str, name: &WheelName) -> Result<(), PackError> {
        let broken = |problem| PackError::Wheel {
            path: path.to_owned(),
            problem,
        };
        let mut wheel = Wheel::open(path, name).map_err(broken)?;
        let mut written = Vec::new();
        for index in 0..wheel.len() {
            let place = wheel.place(index, &self.scheme).map_err(broken)?;
            let Some(place) = place else { continue };
            self.claim(&place.path, file_name)?;
            let content = wheel.content(index, &place, &self.scheme);
            let mut content = content.map_err(broken)?;
            let (mode, size_bytes) = (content.mode, content.size_bytes);
            let copied = self.add(&place.path, mode, size_bytes, &mut content);
            let (installed, original) = content.finish(copied).map_err(|error| match error {
                CopyError::Wheel(problem) => broken(problem),
                CopyError::Layer(error) => self.destination.failed(error),
            })?;
            wheel.check(index, &original).map_err(broken)?;
            written.push(self.written(&place.path, &installed));
        }
        wheel.finish().map_err(broken)?;
        for entry in wheel.entry_points().map_err(broken)? {
            let script = entry.script(&self.scheme.python);
            let path = Scheme::command(&entry.command);
            written.push(self.generated(&path, 0o755, script, file_name)?);
        }
        let info = format!("{}/{}", self.scheme.site, wheel.dist_info());
        let installer = format!("{info}/INSTALLER");
        written.push(self.generated(&installer, 0o644, "agent\n".to_owned(), file_name)?);
        self.record(&format!("{info}/RECORD"), &written, file_name)
    }

    fn written(&self, path: &str, installed: &Installed) -> Written {
        Written {
            path: self.scheme.relative(path),
            digest: record_digest(&installed.digest),
            size_bytes: installed.size_bytes,
        }
    }

    /// The list of what was installed. It cannot list its own digest.
    fn record(&mut self, path: &str, written: &[Written], wheel: &str) -> Result<(), PackError> {
        let lines = written
            .iter()
            .map(|file| record_line(&file.path, &file.digest, Some(file.size_bytes)));
        let own = record_line(&self.scheme.relative(path), "", None);
        let text: String = lines.chain([own]).collect();
        self.generated(path, 0o644, text, wheel).map(drop)
    }

    /// Adds a file that no wheel holds.
    fn generated(
        &mut self,
        path: &str,
        mode: u32,
        text: String,
        wheel: &str,
    ) -> Result<Written, PackError> {
        self.claim(path, wheel)?;
        let installed = Installed {
            size_bytes: text.len() as u64,
            digest: Digest::of(text.as_bytes()),
        };
        let mut content = Cursor::new(text);
        let added = self.add(path, mode, installed.size_bytes, &mut content);
        added.map_err(|error| self.destination.failed(error))?;
        Ok(self.written(path, &installed))
    }

    /// Refuses a path that is taken, and writes the folders above it.
    fn claim(&mut self, path: &str, wheel: &str) -> Result<(), PackError> {
        if let Some(one) = self.files.insert(path.to_owned(), wheel.to_owned()) {
            return Err(same_file(path, one, wheel));
        }
        if self.folders.contains(path) {
            return Err(same_file(path, "another wheel".to_owned(), wheel));
        }
        for (end, _) in path.match_indices('/') {
            let folder = &path[..end];
            if let Some(one) = self.files.get(folder) {
                return Err(same_file(folder, one.clone(), wheel));
            }
            if self.facts.has_link(folder) {
                return Err(PackError::LinkedFolder(folder.to_owned()));
            }
            if self.facts.has_folder(folder) || !self.folders.insert(folder.to_owned()) {
                continue;
            }
            let mut header = header(tar::EntryType::Directory, 0o755, self.mtime_s);
            let added = self
                .tar
                .append_data(&mut header, format!("{folder}/"), io::empty());
            added.map_err(|error| self.destination.failed(error))?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        path: &str,
        mode: u32,
        size_bytes: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let mut header = header(tar::EntryType::Regular, mode, self.mtime_s);
        header.set_size(size_bytes);
        self.tar.append_data(&mut header, path, content)
    }
}

fn same_file(file: &str, one: String, other: &str) -> PackError {
    PackError::SameFile {
        file: file.to_owned(),
        one,
        other: other.to_owned(),
    }
}

/// The wheels of `folder` in the order of their names. Other files may be there, but nothing that
/// would have to be built: its distribution would be missing without a word.
fn wheels_in(folder: &Path) -> Result<Vec<(PathBuf, String)>, PackError> {
    let failed = |source| PackError::Wheels {
        path: folder.to_owned(),
        source,
    };
    let mut wheels = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match path.extension().and_then(OsStr::to_str) {
            Some("whl") => wheels.push((path, name)),
            Some("gz" | "zip" | "bz2") => return Err(PackError::SourceDistribution(path)),
            _ => {}
        }
    }
    wheels.sort();
    Ok(wheels)
}
