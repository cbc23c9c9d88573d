//! [`Wheel`]: the file of one wheel, of which every part is checked as it is read.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::Path;

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use crate::archive::file;
use crate::diag::and_more;
use crate::image::limits::{MAX_ENTRIES, MAX_JSON_BYTES, MAX_WHEEL_BYTES, unpacked_limit};
use crate::image::wheel::{
    EntryPoint, Place, Record, Scheme, WheelName, WheelProblem, entry_points, normalized,
};
use crate::image::{Digest, Hasher};

/// The first bytes of a script that wants the interpreter of its environment.
const SCRIPT_MARK: &[u8] = b"#!python";
/// The longest first line of a script that is looked for, in bytes; kernels read 256 of them.
const FIRST_LINE_BYTES: u64 = 1024;

const INFO_SUFFIX: &str = ".dist-info";

/// Folders of metadata that an error names.
const NAMED: usize = 3;

pub(super) struct Wheel {
    zip: ZipArchive<BufReader<File>>,
    /// The name of each file and its index in the archive, sorted by name; folders are left out.
    files: Vec<(String, usize)>,
    /// `NAME-VERSION`: the name of its folder of metadata, without `.dist-info`.
    stem: String,
    distribution: String,
    record: Record,
}

/// The size and the digest of a file as it was installed.
pub(super) struct Installed {
    pub(super) size_bytes: u64,
    pub(super) digest: Digest,
}

/// The reason why a file was not installed.
pub(super) enum CopyError {
    /// It cannot be read, or is not the one that RECORD lists.
    Wheel(WheelProblem),
    /// The layer cannot be written.
    Layer(io::Error),
}

impl Wheel {
    /// Opens the wheel `path`, whose name was read as `name`.
    pub(super) fn open(path: &Path, name: &WheelName) -> Result<Self, WheelProblem> {
        let (file, stamp) =
            file::open(path).map_err(|problem| WheelProblem::Zip(problem.to_string()))?;
        if stamp.size_bytes > MAX_WHEEL_BYTES {
            return Err(too_large("the wheel", MAX_WHEEL_BYTES));
        }
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
        if zip.len() as u64 > MAX_ENTRIES {
            return Err(WheelProblem::TooMany {
                found: zip.len(),
                limit: MAX_ENTRIES,
            });
        }
        if zip.has_duplicate_names() {
            return Err(WheelProblem::Duplicate);
        }
        let files = list(&mut zip, unpacked_limit(stamp.size_bytes))?;
        let distribution = normalized(&name.distribution);
        let stem = stem(&files, &distribution)?;
        let mut wheel = Self {
            zip,
            files,
            stem,
            distribution,
            record: Record::default(),
        };
        wheel.check_version()?;
        let record = wheel.metadata("RECORD");
        let text = wheel.needed(&record)?;
        wheel.record = Record::parse(&record, &text)?;
        Ok(wheel)
    }

    /// The number of its files, without folders.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// The name of the folder of its metadata.
    pub(super) fn dist_info(&self) -> String {
        format!("{}{INFO_SUFFIX}", self.stem)
    }

    /// The place of the file `index`; `None` for RECORD and its signatures, which describe the
    /// wheel and not the installed files. These are taken off the list of RECORD.
    pub(super) fn place(
        &mut self,
        index: usize,
        scheme: &Scheme,
    ) -> Result<Option<Place>, WheelProblem> {
        let (name, _) = &self.files[index];
        let own = ["RECORD", "RECORD.jws", "RECORD.p7s"];
        if own.iter().any(|own| *name == self.metadata(own)) {
            self.record.forget(name);
            return Ok(None);
        }
        let data = format!("{}.data", self.stem);
        scheme.place(name, &data, &self.distribution).map(Some)
    }

    /// The content of the file `index` as it is to be installed at `place`.
    pub(super) fn content(
        &mut self,
        index: usize,
        place: &Place,
        scheme: &Scheme,
    ) -> Result<Content<'_>, WheelProblem> {
        let (name, at) = self.files[index].clone();
        let file = self.zip.by_index(at).map_err(broken)?;
        let executable = place.script || file.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let declared = file.size();
        let mut source = Source {
            // One byte more than is declared, so that a wrong size is noticed.
            file: file.take(declared.saturating_add(1)),
            hasher: Hasher::default(),
            read_bytes: 0,
        };
        let mut head = Vec::new();
        let mut size_bytes = declared;
        if place.script {
            let mut start = source.by_ref().take(FIRST_LINE_BYTES);
            start.read_to_end(&mut head).map_err(broken_read)?;
            let before = head.len() as u64;
            head = with_interpreter(head, &scheme.python);
            size_bytes = (declared + head.len() as u64).saturating_sub(before);
        }
        Ok(Content {
            name,
            mode: if executable { 0o755 } else { 0o644 },
            size_bytes,
            declared,
            reader: Cursor::new(head).chain(source),
            hasher: Hasher::default(),
            failed: None,
        })
    }

    /// Compares the digest of the file `index` with RECORD.
    pub(super) fn check(&mut self, index: usize, found: &Digest) -> Result<(), WheelProblem> {
        self.record.check(&self.files[index].0, found)
    }

    /// Refuses the wheel if RECORD lists a file that it does not have. All of its files have to be
    /// checked before.
    pub(super) fn finish(&self) -> Result<(), WheelProblem> {
        match self.record.rest() {
            Some(name) => Err(WheelProblem::Absent(name.to_owned())),
            None => Ok(()),
        }
    }

    /// The commands that it defines, from `entry_points.txt`.
    pub(super) fn entry_points(&mut self) -> Result<Vec<EntryPoint>, WheelProblem> {
        let name = self.metadata("entry_points.txt");
        match self.text(&name)? {
            Some(text) => entry_points(&name, &text),
            None => Ok(Vec::new()),
        }
    }

    fn check_version(&mut self) -> Result<(), WheelProblem> {
        let name = self.metadata("WHEEL");
        let text = self.needed(&name)?;
        let version = text
            .lines()
            .find_map(|line| line.strip_prefix("Wheel-Version:"))
            .map(str::trim);
        match version {
            Some(version) if version.split('.').next() == Some("1") => Ok(()),
            found => Err(WheelProblem::Metadata {
                name,
                message: format!(
                    "expected Wheel-Version 1, found {}",
                    found.unwrap_or("none")
                ),
            }),
        }
    }

    fn metadata(&self, name: &str) -> String {
        format!("{}{INFO_SUFFIX}/{name}", self.stem)
    }

    fn needed(&mut self, name: &str) -> Result<String, WheelProblem> {
        let text = self.text(name)?;
        text.ok_or_else(|| WheelProblem::Missing(name.to_owned()))
    }

    /// The file `name` as a text, if it is there.
    fn text(&mut self, name: &str) -> Result<Option<String>, WheelProblem> {
        let Some((_, at)) = self.files.iter().find(|(found, _)| found == name) else {
            return Ok(None);
        };
        let file = self.zip.by_index(*at).map_err(broken)?;
        let mut bytes = Vec::new();
        let mut file = file.take(MAX_JSON_BYTES + 1);
        file.read_to_end(&mut bytes).map_err(broken_read)?;
        if bytes.len() as u64 > MAX_JSON_BYTES {
            return Err(too_large(name, MAX_JSON_BYTES));
        }
        let text = String::from_utf8(bytes).map_err(|_| WheelProblem::Metadata {
            name: name.to_owned(),
            message: "it is not UTF-8".to_owned(),
        })?;
        Ok(Some(text))
    }
}

/// The files of the archive, sorted by name. Refuses a link, and files of more than `limit` bytes
/// together.
fn list(
    zip: &mut ZipArchive<BufReader<File>>,
    limit: u64,
) -> Result<Vec<(String, usize)>, WheelProblem> {
    let mut files = Vec::with_capacity(zip.len());
    let mut left = limit;
    for index in 0..zip.len() {
        let file = zip.by_index(index).map_err(broken)?;
        let name = file.name().map_err(broken)?.into_owned();
        if file.is_symlink() {
            return Err(WheelProblem::Link(name));
        }
        if file.is_dir() {
            continue;
        }
        left = left
            .checked_sub(file.size())
            .ok_or_else(|| too_large("the unpacked wheel", limit))?;
        files.push((name, index));
    }
    files.sort();
    Ok(files)
}

/// The `NAME-VERSION` of the folder of metadata. There has to be one such folder, and its name has
/// to be that of `distribution`.
fn stem(files: &[(String, usize)], distribution: &str) -> Result<String, WheelProblem> {
    let folders = files.iter().filter_map(|(name, _)| name.split_once('/'));
    let mut stems: Vec<&str> = folders
        .filter_map(|(folder, _)| folder.strip_suffix(INFO_SUFFIX))
        .collect();
    stems.dedup();
    let fits = |stem: &str| {
        let name = stem.split('-').next().unwrap_or_default();
        normalized(name) == distribution
    };
    match stems.as_slice() {
        [stem] if fits(stem) => Ok((*stem).to_owned()),
        other => Err(WheelProblem::DistInfo {
            found: named(other),
            wanted: distribution.to_owned(),
        }),
    }
}

/// The first few folders of metadata, by name.
fn named(stems: &[&str]) -> String {
    if stems.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<String> = stems
        .iter()
        .take(NAMED)
        .map(|stem| format!("`{stem}{INFO_SUFFIX}`"))
        .collect();
    names.join(", ") + &and_more(stems.len().saturating_sub(NAMED))
}

/// A file of a wheel on its way into a layer.
pub(super) struct Content<'a> {
    name: String,
    pub(super) mode: u32,
    /// The size in the layer: `declared`, changed by a new first line.
    pub(super) size_bytes: u64,
    /// The size that the zip archive states.
    declared: u64,
    reader: Chain<Cursor<Vec<u8>>, Source<'a>>,
    hasher: Hasher,
    failed: Option<WheelProblem>,
}

/// Reads a file as it is in the wheel, and computes its digest.
struct Source<'a> {
    file: io::Take<ZipFile<'a, BufReader<File>>>,
    hasher: Hasher,
    read_bytes: u64,
}

impl Content<'_> {
    /// The file as it was installed, and the digest of the file in the wheel. `copied` is the
    /// result of copying this content.
    pub(super) fn finish(self, copied: io::Result<()>) -> Result<(Installed, Digest), CopyError> {
        if let Some(problem) = self.failed {
            return Err(CopyError::Wheel(problem));
        }
        copied.map_err(CopyError::Layer)?;
        let (_, source) = self.reader.into_inner();
        if source.read_bytes != self.declared {
            let message = format!(
                "`{}` does not have the size that the zip archive states",
                self.name
            );
            return Err(CopyError::Wheel(WheelProblem::Zip(message)));
        }
        let installed = Installed {
            size_bytes: self.size_bytes,
            digest: self.hasher.finish(),
        };
        Ok((installed, source.hasher.finish()))
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Ok(count) => {
                self.hasher.update(&buffer[..count]);
                Ok(count)
            }
            Err(error) => {
                self.failed = Some(WheelProblem::Zip(format!("`{}`: {error}", self.name)));
                Err(error)
            }
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.read_bytes += count as u64;
        Ok(count)
    }
}

/// `head`, with `python` as its interpreter if the first line begins with [`SCRIPT_MARK`].
fn with_interpreter(head: Vec<u8>, python: &str) -> Vec<u8> {
    if !head.starts_with(SCRIPT_MARK) {
        return head;
    }
    let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
        return head;
    };
    let mut replaced = format!("#!{python}").into_bytes();
    replaced.extend_from_slice(&head[end..]);
    replaced
}

fn too_large(name: &str, limit: u64) -> WheelProblem {
    WheelProblem::TooLarge {
        name: name.to_owned(),
        limit,
    }
}

fn broken(error: ZipError) -> WheelProblem {
    WheelProblem::Zip(match error {
        ZipError::Io(error) => error.to_string(),
        error => error.to_string(),
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that `map_err` calls"
)]
fn broken_read(error: io::Error) -> WheelProblem {
    WheelProblem::Zip(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_interpreter_of_the_image() {
        let cases: [(&[u8], &[u8]); 4] = [
            (b"#!python\nx", b"#!/p\nx"),
            (b"#!pythonw -E\nx", b"#!/p\nx"),
            (b"#!/bin/sh\nx", b"#!/bin/sh\nx"),
            (b"#!python", b"#!python"),
        ];
        for (head, wanted) in cases {
            assert_eq!(with_interpreter(head.to_vec(), "/p"), wanted);
        }
    }
}
