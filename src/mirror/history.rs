//! The history file: a JSON array that older tools read, with a record for each cycle.
//!
//! Old records stay, byte for byte: a record is put before the last bracket of a copy, and the copy
//! takes the place of the file. Neither the memory nor the time for a record grows with what the
//! records say; a file is only read through.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use serde::Serialize;
use serde::de::IgnoredAny;

use super::document::Damage;
use super::file::set_aside;
use crate::diag::Hint;
use crate::model::Notice;
use crate::replacement::Replacement;

/// The figures of a cycle, under the names that older tools know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryRecord {
    pub passed: u64,
    /// All failures: failed, error, crashed and timed out.
    pub failed: u64,
    /// Coverage in percent; null when it was not measured.
    pub coverage: Option<f64>,
    /// The duration of the run in seconds.
    pub runtime: f64,
    /// The end of the run, RFC 3339 in UTC.
    pub ts: String,
}

/// An error that kept a record from the file; it is tried again after the next cycle.
#[derive(Debug, thiserror::Error)]
#[error("cannot append to the history `{}`", path.display())]
pub struct HistoryError {
    path: PathBuf,
    source: io::Error,
}

impl Hint for HistoryError {
    fn hint(&self) -> Option<String> {
        Some(
            "the record follows as soon as the file and its folder can be written to; the view \
             `self_test_history` of the state file has it already"
                .to_owned(),
        )
    }
}

/// Older tools run as other users, who may read how the tests went.
const NEW_MODE: u32 = 0o644;

/// Appends a record, unless it is the last one already. A file that is no JSON array is kept under
/// another name, which the notice says, and a new one begins.
pub fn append_to_history(
    path: &Path,
    record: &HistoryRecord,
) -> Result<Option<Notice>, HistoryError> {
    let failed = |source| HistoryError {
        path: path.to_owned(),
        source,
    };
    let text = serde_json::to_string(record).map_err(|error| failed(error.into()))?;
    let (array, notice) = match Array::open(path).map_err(failed)? {
        HistoryPlace::Nothing => (None, None),
        HistoryPlace::Array(array) => (Some(array), None),
        HistoryPlace::Damaged(why) => {
            let mut notice = set_aside(path, &why);
            if path.exists() {
                // It could not be set aside, and is not ours to write over.
                let why = io::Error::new(ErrorKind::InvalidData, notice.message);
                return Err(failed(why));
            }
            let hint =
                "a new array has begun; what can be saved of the old one can be put before it";
            notice.hint = Some(hint.to_owned());
            (None, Some(notice))
        }
    };
    append(path, array, &text).map_err(failed)?;
    Ok(notice)
}

/// The findings at the place of the file.
enum HistoryPlace {
    Nothing,
    Array(Array),
    Damaged(Damage),
}

/// An array, and the place of its end.
struct Array {
    file: File,
    /// The bytes before its last bracket and the white space there.
    end: u64,
    is_empty: bool,
}

impl Array {
    fn open(path: &Path) -> io::Result<HistoryPlace> {
        let mut options = OpenOptions::new();
        // Pipes and devices are not waited for.
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let mut file = match options.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HistoryPlace::Nothing),
            Err(error) => return Err(error),
        };
        let data = file.metadata()?;
        if !data.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"));
        }
        let Some(end) = last_byte(&mut file, data.len())? else {
            // Somebody made it for us.
            return Ok(HistoryPlace::Nothing);
        };
        file.rewind()?;
        // Entries without a size: the memory does not grow with the file.
        let entries: Vec<IgnoredAny> = match serde_json::from_reader(BufReader::new(&file)) {
            Ok(entries) => entries,
            Err(error) if error.is_io() => return Err(error.into()),
            Err(error) if error.is_data() => {
                return Ok(HistoryPlace::Damaged(Damage::Shape(error.to_string())));
            }
            Err(error) => return Ok(HistoryPlace::Damaged(Damage::Json(error))),
        };
        let end = last_byte(&mut file, end)?.map_or(0, |before| before + 1);
        Ok(HistoryPlace::Array(Self {
            file,
            end,
            is_empty: entries.is_empty(),
        }))
    }

    /// True if the last entry is `record`.
    fn ends_with(&mut self, record: &str) -> io::Result<bool> {
        let length = record.len() as u64;
        if self.is_empty || self.end < length {
            return Ok(false);
        }
        self.file.seek(SeekFrom::Start(self.end - length))?;
        let mut last = vec![0; record.len()];
        self.file.read_exact(&mut last)?;
        Ok(last == record.as_bytes())
    }
}

/// Finds the last byte before `end` that is no white space, and returns its offset.
fn last_byte(file: &mut File, mut end: u64) -> io::Result<Option<u64>> {
    const STEP: u64 = 4096;
    let mut bytes = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let piece = &mut bytes[..usize::try_from(end - start).unwrap_or(4096)];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(piece)?;
        if let Some(at) = piece.iter().rposition(|byte| !byte.is_ascii_whitespace()) {
            return Ok(Some(start + at as u64));
        }
        end = start;
    }
    Ok(None)
}

fn append(path: &Path, array: Option<Array>, record: &str) -> io::Result<()> {
    let mut replacement = Replacement::following_links(path, NEW_MODE)?;
    let file = replacement.file();
    match array {
        None => write!(file, "[\n  {record}\n]\n")?,
        Some(mut array) => {
            if array.ends_with(record)? {
                return Ok(());
            }
            array.file.rewind()?;
            io::copy(&mut array.file.take(array.end), file)?;
            let comma = if array.is_empty { "" } else { "," };
            write!(file, "{comma}\n  {record}\n]\n")?;
        }
    }
    replacement.put_on_disk().map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn record(passed: u64) -> HistoryRecord {
        HistoryRecord {
            passed,
            failed: 1,
            coverage: Some(87.5),
            runtime: 1.25,
            ts: format!("2026-01-01T00:00:0{passed}.000Z"),
        }
    }

    fn append_all(path: &Path, numbers: &[u64]) -> String {
        for number in numbers {
            assert_eq!(append_to_history(path, &record(*number)).unwrap(), None);
        }
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn records_follow_each_other_in_an_array() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.json");
        let text = append_all(&path, &[1, 2, 2, 3]);
        insta::assert_snapshot!(text, @r#"
        [
          {"passed":1,"failed":1,"coverage":87.5,"runtime":1.25,"ts":"2026-01-01T00:00:01.000Z"},
          {"passed":2,"failed":1,"coverage":87.5,"runtime":1.25,"ts":"2026-01-01T00:00:02.000Z"},
          {"passed":3,"failed":1,"coverage":87.5,"runtime":1.25,"ts":"2026-01-01T00:00:03.000Z"}
        ]
        "#);
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "nothing is left beside it");
    }

    #[test]
    fn what_others_wrote_stays_as_it_is() {
        let one = r#"{"passed":1,"failed":1,"coverage":87.5,"runtime":1.25,"ts":"2026-01-01T00:00:01.000Z"}"#;
        let cases = [
            ("empty file", "", format!("[\n  {one}\n]\n")),
            ("white space", " \n", format!("[\n  {one}\n]\n")),
            ("empty array", "[]", format!("[\n  {one}\n]\n")),
            ("spread array", "[\n\n ] \n", format!("[\n  {one}\n]\n")),
            (
                "one line",
                r#"[{"ts": "x", "mine": [1]}]"#,
                format!("[{{\"ts\": \"x\", \"mine\": [1]}},\n  {one}\n]\n"),
            ),
            (
                "odd entries",
                "[null , 3\n]",
                format!("[null , 3,\n  {one}\n]\n"),
            ),
        ];
        for (name, before, after) in cases {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("history.json");
            fs::write(&path, before).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
            assert_eq!(append_all(&path, &[1]), after, "{name}");
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o640, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_no_array_is_kept_under_another_name() {
        for damaged in [
            r#"{"passed": 1}"#,
            "[1, 2",
            "[1] [2]",
            "\u{feff}[]",
            "nothing",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("history.json");
            fs::write(&path, damaged).unwrap();
            let notice = append_to_history(&path, &record(1)).unwrap().unwrap();
            assert!(notice.message.contains("is damaged"), "{}", notice.message);
            let kept = fs::read_to_string(folder.path().join("history.json.damaged")).unwrap();
            assert_eq!(kept, damaged);
            let entries: Vec<IgnoredAny> =
                serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(entries.len(), 1);
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/history.json");
        let error = append_to_history(&missing, &record(1)).unwrap_err();
        assert!(error.to_string().contains("no/history.json"), "{error}");
        let error = append_to_history(folder.path(), &record(1)).unwrap_err();
        assert_eq!(error.source.to_string(), "it is no file");
    }

    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (
            folder.path().join("real.json"),
            folder.path().join("link.json"),
        );
        fs::write(&real, "[]").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        append_all(&link, &[1]);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&real).unwrap().contains("passed"));
    }
}
