//! [`scan`]: the imports in the Python files of a project, with as little reading as possible.
//!
//! ```text
//!  walk ─► files, sizes, times ─┬─ as they are known ──────────────► facts from the state file
//!                               └─ new or changed ─► read ─► hash ─┬─ known content ──► the same
//!                                                                  └─ decode ─► parse ─► facts
//! ```
//!
//! A file whose time is less than two seconds before it was read is read again the next time: a
//! second change within the tick of a file system's clock would not show in its time. git does
//! the same.
//!
//! **Invariant:** no file ends a scan. One that went away is left out, and any other that cannot be
//! read, decoded or parsed is in the result with what is wrong.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::num::NonZero;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use nix::fcntl::OFlag;
use xxhash_rust::xxh3::xxh3_128;

use super::decode::decode;
use super::walk::{
    ScanError, ScanOptions, Stat, Unlisted, Walk, WalkedFile, cannot_read, is_python, walk,
};
use crate::clock;
use crate::graph::collect::STACK_BYTES;
use crate::graph::{
    CollectProblem, KnownFile, Link, Reading, SourceFile, collect, collect_examples, facts_codec,
};

/// The largest modules that people write or generate have a megabyte or two. A larger file is data,
/// and its tree may take a hundred times as much memory: 400 MB for `a` on each line.
const MAX_BYTES: u64 = 4 << 20;
/// Files from here on are parsed one at a time, for the sake of memory.
const LARGE_BYTES: usize = 1 << 20;
/// More threads than these wait for each other's memory.
const MAX_THREADS: usize = 16;
/// Files that a thread takes at once: few, so that all threads end together.
const BATCH: usize = 16;
/// The least age of a file, when it is read, for its time to show the next change.
const SETTLED_NS: i64 = 2_000_000_000;

/// The result of a scan: the project's Python files, and the changes to the memory of them.
#[derive(Debug, Default)]
pub struct Scan {
    /// The Python files, stubs and texts with examples, sorted by path.
    pub files: Vec<SourceFile>,
    /// Folders and names that could not be looked at, and may hold more of them.
    pub unlisted: Vec<Unlisted>,
    /// The files that were read and are to be remembered as they are now.
    pub changed: Vec<KnownFile>,
    /// Remembered paths that are not there any more, to be forgotten.
    pub gone: Vec<String>,
    /// Links to places in the project.
    pub links: Vec<Link>,
}

/// Scans a project; `known` gives what is remembered of the scan before. It is called on this
/// thread, while others look for files already.
pub fn scan<E: From<ScanError>>(
    options: &ScanOptions<'_>,
    known: impl FnOnce() -> Result<Vec<KnownFile>, E>,
) -> Result<Scan, E> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(MAX_THREADS);
    let (walk, known) = walk(options, threads, known)?;
    Ok(scan_files(options, threads, walk, known?)?)
}

fn scan_files(
    options: &ScanOptions<'_>,
    threads: usize,
    walk: Walk,
    mut known: Vec<KnownFile>,
) -> Result<Scan, ScanError> {
    if !known.is_sorted_by(|one, other| one.path <= other.path) {
        known.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    }
    let (matches, gone) = match_up(&walk.files, &known);
    let reader = Reader {
        project: options.project,
        known: &known,
        by_content: if matches.contains(&None) {
            let content = |file: &KnownFile| (is_text(&file.path), file.content_hash);
            known.iter().map(|file| (content(file), file)).collect()
        } else {
            HashMap::new()
        },
        large: Mutex::new(()),
    };
    let mut looked = reader
        .look_at_all(&walk.files, &matches, threads)?
        .into_iter();
    let mut scan = Scan {
        files: Vec::with_capacity(walk.files.len()),
        unlisted: walk.unlisted,
        changed: Vec::new(),
        gone,
        links: walk.links,
    };
    for (found, known_at) in walk.files.into_iter().zip(matches) {
        let encoded = match (looked.next(), known_at) {
            (Some(Looked::Same), Some(at)) => std::mem::take(&mut known[at].reading),
            (Some(Looked::Read(now)), _) => {
                let encoded = now.reading.clone();
                scan.changed.push(now);
                encoded
            }
            (Some(Looked::Problem(problem)), _) => facts_codec::encode(&Err(problem)),
            (Some(Looked::Gone), at) => {
                scan.gone.extend(at.map(|_| found.path));
                continue;
            }
            (Some(Looked::Same) | None, _) => continue,
        };
        scan.files.push(SourceFile::of_encoded(found.path, encoded));
    }
    Ok(scan)
}

/// For each file the position of what is known of it, and the paths of files that are not there.
fn match_up(files: &[WalkedFile], known: &[KnownFile]) -> (Vec<Option<usize>>, Vec<String>) {
    let mut gone = Vec::new();
    let mut matches = Vec::with_capacity(files.len());
    let mut rest = known.iter().enumerate().peekable();
    for file in files {
        while let Some((_, left)) = rest.next_if(|(_, known)| known.path < file.path) {
            gone.push(left.path.clone());
        }
        let found = rest.next_if(|(_, known)| known.path == file.path);
        matches.push(found.map(|(at, _)| at));
    }
    gone.extend(rest.map(|(_, left)| left.path.clone()));
    (matches, gone)
}

/// The outcome of looking at a file.
enum Looked {
    /// It is as the state file remembers it.
    Same,
    /// It was read, and is to be remembered like this.
    Read(KnownFile),
    /// It could not be read. That is not remembered: it may be mended without a change of the file.
    Problem(CollectProblem),
    /// It is not there any more.
    Gone,
}

impl Looked {
    fn problem(message: impl Into<String>) -> Self {
        Self::Problem(CollectProblem::of_file(message))
    }
}

struct Reader<'a> {
    project: &'a Path,
    known: &'a [KnownFile],
    /// Content that is known under any path: files are moved.
    by_content: HashMap<(bool, [u8; 16]), &'a KnownFile>,
    /// Held while a large file is parsed.
    large: Mutex<()>,
}

impl Reader<'_> {
    /// Looks at each file, on threads whose stacks suffice for any tree.
    fn look_at_all(
        &self,
        files: &[WalkedFile],
        matches: &[Option<usize>],
        threads: usize,
    ) -> Result<Vec<Looked>, ScanError> {
        let mut all = Vec::with_capacity(files.len());
        let mut left = Vec::new();
        for (at, (file, known_at)) in files.iter().zip(matches).enumerate() {
            let known = known_at.map(|at| &self.known[at]);
            all.push(match known {
                Some(known) if is_same(file, known) => Looked::Same,
                _ => {
                    left.push((at, file, known));
                    Looked::Gone
                }
            });
        }
        let next = AtomicUsize::new(0);
        let work = || {
            let (mut done, mut buffer) = (Vec::new(), Vec::new());
            loop {
                let from = next.fetch_add(BATCH, Ordering::Relaxed);
                let Some(batch) = left.get(from..left.len().min(from + BATCH)) else {
                    return done;
                };
                for (at, file, known) in batch {
                    done.push((*at, self.look_at(file, *known, &mut buffer)));
                }
                if batch.is_empty() {
                    return done;
                }
            }
        };
        thread::scope(|scope| {
            let mut workers = Vec::new();
            for _ in 0..threads.min(left.len().div_ceil(BATCH)) {
                let builder = thread::Builder::new().stack_size(STACK_BYTES);
                match builder.spawn_scoped(scope, work) {
                    Ok(worker) => workers.push(worker),
                    Err(error) if workers.is_empty() => return Err(ScanError::Thread(error)),
                    // Fewer of them take longer, and do the same.
                    Err(_) => break,
                }
            }
            for worker in workers {
                let done = worker.join().unwrap_or_else(|panic| resume_unwind(panic));
                for (at, looked) in done {
                    all[at] = looked;
                }
            }
            Ok(all)
        })
    }

    fn look_at(
        &self,
        found: &WalkedFile,
        known: Option<&KnownFile>,
        buffer: &mut Vec<u8>,
    ) -> Looked {
        let stat = match &found.stat {
            Ok(stat) => *stat,
            Err(message) => return Looked::problem(message),
        };
        if stat.size_bytes > MAX_BYTES {
            return too_large(stat.size_bytes);
        }
        let read_ms = clock::now_ms();
        let stat = match self.read(&found.path, buffer) {
            Ok(stat) => stat,
            Err(error) if error.kind() == ErrorKind::NotFound => return Looked::Gone,
            Err(error) => return Looked::problem(cannot_read(&error)),
        };
        if buffer.len() as u64 > MAX_BYTES {
            return too_large(stat.size_bytes);
        }
        let content_hash = xxh3_128(buffer).to_le_bytes();
        let reading = known
            .filter(|known| known.content_hash == content_hash)
            .or_else(|| {
                let content = (is_text(&found.path), content_hash);
                self.by_content.get(&content).copied()
            })
            .filter(|known| facts_codec::is_whole(&known.reading))
            .map(|known| known.reading.clone());
        let settled_ns = read_ms.saturating_mul(1_000_000) - SETTLED_NS;
        let now = KnownFile {
            path: found.path.clone(),
            size_bytes: stat.size_bytes,
            mtime_ns: (stat.mtime_ns < settled_ns).then_some(stat.mtime_ns),
            content_hash,
            reading: reading
                .unwrap_or_else(|| facts_codec::encode(&self.parse(&found.path, buffer))),
        };
        if known == Some(&now) {
            return Looked::Same;
        }
        Looked::Read(now)
    }

    /// Fills the buffer with the file, or with so much of it that it is too large.
    fn read(&self, path: &str, buffer: &mut Vec<u8>) -> io::Result<Stat> {
        // A pipe that took the place of the file must not be waited for.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(self.project.join(path))?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        buffer.clear();
        read_up_to(file, MAX_BYTES + 1, buffer)?;
        Ok(Stat::of(&metadata))
    }

    fn parse(&self, path: &str, bytes: &[u8]) -> Reading {
        let _large = (bytes.len() >= LARGE_BYTES)
            .then(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
        let text = decode(bytes)?;
        // A defect of the parser costs one file.
        let collect = if is_text(path) {
            collect_examples
        } else {
            collect
        };
        catch_unwind(AssertUnwindSafe(|| collect(&text)))
            .unwrap_or_else(|_| Err(CollectProblem::of_file("the parser stopped at it")))
    }
}

/// True for a file that is read for its examples.
fn is_text(path: &str) -> bool {
    !is_python(OsStr::new(path))
}

fn read_up_to(file: File, limit: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    file.take(limit).read_to_end(buffer).map(drop)
}

fn is_same(found: &WalkedFile, known: &KnownFile) -> bool {
    let stat = found.stat.as_ref();
    stat.is_ok_and(|stat| known.is_of(stat.size_bytes, stat.mtime_ns))
        && facts_codec::is_whole(&known.reading)
}

fn too_large(size_bytes: u64) -> Looked {
    Looked::problem(format!(
        "it is too large: {} MB, and {} MB at most are read",
        size_bytes >> 20,
        MAX_BYTES >> 20
    ))
}
