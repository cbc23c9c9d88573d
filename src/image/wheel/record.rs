//! RECORD: every file of a wheel with its digest and size, as comma-separated values.

use std::collections::BTreeMap;

use super::problem::WheelProblem;
use crate::image::Digest;

/// The digests that a wheel's RECORD lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// By file: `sha256=…`, or empty for the files that cannot list themselves.
    digests: BTreeMap<String, String>,
}

impl Record {
    /// Reads the document; its errors call it `name`.
    pub fn parse(name: &str, text: &str) -> Result<Self, WheelProblem> {
        let mut digests = BTreeMap::new();
        for (index, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
        {
            let malformed = |message: &str| WheelProblem::Metadata {
                name: name.to_owned(),
                message: format!("line {}: {message}", index + 1),
            };
            let Some([path, digest, _size]) = fields(line) else {
                return Err(malformed("expected a path, a digest and a size"));
            };
            if !digest.is_empty() && !digest.starts_with("sha256=") {
                return Err(malformed("expected a digest with SHA-256"));
            }
            if digests.insert(path, digest).is_some() {
                return Err(malformed("the file is listed twice"));
            }
        }
        Ok(Self { digests })
    }

    /// Takes `file` off the list: its digest was `found`.
    pub fn check(&mut self, file: &str, found: &Digest) -> Result<(), WheelProblem> {
        let wanted = self
            .digests
            .remove(file)
            .filter(|wanted| !wanted.is_empty());
        let wanted = wanted.ok_or_else(|| WheelProblem::Unlisted(file.to_owned()))?;
        let found = record_digest(found);
        if wanted.trim_end_matches('=') == found {
            return Ok(());
        }
        Err(WheelProblem::Digest {
            name: file.to_owned(),
            wanted,
            found,
        })
    }

    /// Takes `file` off the list, if it is there.
    pub fn forget(&mut self, file: &str) {
        self.digests.remove(file);
    }

    /// A file that is still on the list.
    pub fn rest(&self) -> Option<&str> {
        self.digests.keys().next().map(String::as_str)
    }
}

/// `digest` as RECORD has it: `sha256=` and URL-safe base64 without padding.
pub fn record_digest(digest: &Digest) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = "sha256=".to_owned();
    for chunk in digest.bytes().chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..=chunk.len() {
            let sextet = (bits >> (18 - 6 * place)) & 0x3f;
            text.push(char::from(ALPHABET[sextet as usize]));
        }
    }
    text
}

/// A line of RECORD, with its line end. `digest` is empty for RECORD itself.
pub fn record_line(path: &str, digest: &str, size_bytes: Option<u64>) -> String {
    let size = size_bytes.map_or_else(String::new, |size| size.to_string());
    let path = if path.contains([',', '"']) {
        format!("\"{}\"", path.replace('"', "\"\""))
    } else {
        path.to_owned()
    };
    format!("{path},{digest},{size}\n")
}

/// The three fields of a line; quotes surround a field with commas, and are doubled inside.
fn fields(line: &str) -> Option<[String; 3]> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut()?;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    if quoted {
        return None;
    }
    fields.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_listed_digest_or_is_refused() {
        let digest = Digest::of(b"");
        let text = "a.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\"b,c.py\",sha256=x,1\nR,,\n";
        let mut record = Record::parse("R", text).unwrap();
        assert_eq!(record.check("a.py", &digest), Ok(()));
        assert!(matches!(
            record.check("b,c.py", &digest),
            Err(WheelProblem::Digest { .. })
        ));
        assert!(matches!(
            record.check("a.py", &digest),
            Err(WheelProblem::Unlisted(_))
        ));
        assert_eq!(record.rest(), Some("R"));
        assert!(matches!(
            record.check("R", &digest),
            Err(WheelProblem::Unlisted(_))
        ));
    }

    #[test]
    fn malformed_lines_are_named() {
        for text in [
            "a.py\n",
            "a,b\n",
            "a,md5=x,1\n",
            "\"a,sha256=x,1\n",
            "a,,\na,,\n",
        ] {
            let error = Record::parse("R", text).unwrap_err();
            assert!(matches!(error, WheelProblem::Metadata { .. }), "{text}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let digest = record_digest(&Digest::of(b"x"));
        for path in ["a.py", "a,b.py", "a\"b.py"] {
            let mut record = Record::parse("R", &record_line(path, &digest, Some(1))).unwrap();
            assert_eq!(record.check(path, &Digest::of(b"x")), Ok(()));
        }
        assert_eq!(record_line("R", "", None), "R,,\n");
    }
}
