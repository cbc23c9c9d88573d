//! [`Document`]: a JSON file of entries, with everything in it that the agent does not know.

use std::fmt;
use std::path::Path;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use thiserror::Error;

/// The reasons to refuse a file.
#[derive(Debug, Error)]
pub enum Damage {
    /// The file is not JSON.
    #[error("it is not JSON: {0}")]
    Json(serde_json::Error),
    /// It is JSON of another shape.
    #[error("it has another shape: {0}")]
    Shape(String),
}

/// The entries of a file, in its order, values as they were written.
#[derive(Debug)]
pub(super) enum Document {
    /// A list of keys, which have no values.
    List(Vec<String>),
    /// An object, whose values stay as they were written.
    Mapping(Vec<(String, Box<RawValue>)>),
}

impl Document {
    pub(super) fn empty() -> Self {
        Self::Mapping(Vec::new())
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Damage> {
        // Some editors put a mark before the text that JSON does not know.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(bytes).map_err(|error| {
            if error.is_data() {
                Damage::Shape(error.to_string())
            } else {
                Damage::Json(error)
            }
        })
    }

    /// Indented by two, an entry a line, with a line break at the end.
    pub(super) fn to_text(&self) -> String {
        let (lines, [open, close]): (Vec<String>, _) = match self {
            Self::List(items) => (items.iter().map(|item| quoted(item)).collect(), ["[", "]"]),
            Self::Mapping(fields) => {
                let line = |(key, value): &(String, Box<RawValue>)| {
                    format!("{}: {}", quoted(key), value.get())
                };
                (fields.iter().map(line).collect(), ["{", "}"])
            }
        };
        if lines.is_empty() {
            return format!("{open}{close}\n");
        }
        format!("{open}\n  {}\n{close}\n", lines.join(",\n  "))
    }

    /// The fields for which `is_entry` says no, as a JSON object; `None` when there are none.
    pub(super) fn extra(&self, is_entry: impl Fn(&str) -> bool) -> Option<String> {
        let Self::Mapping(fields) = self else {
            return None;
        };
        let fields = fields.iter().filter(|(key, _)| !is_entry(key));
        let fields: Vec<String> = fields
            .map(|(key, value)| format!("{}:{}", quoted(key), value.get()))
            .collect();
        (!fields.is_empty()).then(|| format!("{{{}}}", fields.join(",")))
    }
}

pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The file that a key means, relative to the project with `/`; `None` for a key that is none:
/// something without `.py`, or outside of the project. Dotted names are not guessed at.
pub(super) fn file_of(key: &str, project: &Path) -> Option<String> {
    let inside = match Path::new(key).strip_prefix(project) {
        Ok(inside) if !project.as_os_str().is_empty() => inside.to_str()?,
        _ => key,
    };
    if inside.starts_with('/')
        || inside.contains('\\')
        || Path::new(inside).extension().is_none_or(|end| end != "py")
    {
        return None;
    }
    let parts: Vec<&str> = inside
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return None;
    }
    Some(parts.join("/"))
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyShape)
    }
}

struct AnyShape;

impl<'de> Visitor<'de> for AnyShape {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Document, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Document::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Document::Mapping(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_house_form_comes_out_as_it_went_in() {
        for text in [
            "[]\n",
            "{}\n",
            "[\n  \"a.py\",\n  \"b \\\"c\\\".py\"\n]\n",
            "{\n  \"z.py\": {\"note\": [1, 2.50], \"x\":null},\n  \"_version\": 1e3,\n  \"a.py\": 7\n}\n",
        ] {
            let document = Document::parse(text.as_bytes()).unwrap();
            assert_eq!(document.to_text(), text);
        }
    }

    #[test]
    fn what_is_neither_a_list_nor_an_object_is_damage() {
        let cases: [&[u8]; 10] = [
            b"",
            b"{\"a.py\": 1",
            b"[\"a.py\"] x",
            b"\x00\x01",
            b"[\"\xff\"]",
            b"3",
            b"null",
            b"[1]",
            b"[\"a.py\", {}]",
            b"[[[[",
        ];
        let damage = cases.map(|bytes| Document::parse(bytes).unwrap_err().to_string());
        insta::assert_snapshot!(damage.join("\n"), @"
        it is not JSON: EOF while parsing a value at line 1 column 0
        it is not JSON: EOF while parsing an object at line 1 column 10
        it is not JSON: trailing characters at line 1 column 10
        it is not JSON: expected value at line 1 column 1
        it is not JSON: invalid unicode code point at line 1 column 3
        it has another shape: invalid type: integer `3`, expected a list of texts or an object at line 1 column 1
        it has another shape: invalid type: null, expected a list of texts or an object at line 1 column 4
        it has another shape: invalid type: integer `1`, expected a string at line 1 column 2
        it has another shape: invalid type: map, expected a string at line 1 column 9
        it has another shape: invalid type: sequence, expected a string at line 1 column 1
        ");
    }

    #[test]
    fn values_may_be_nested_as_deep_as_they_like() {
        let deep = format!(
            "{{\"a.py\": {}{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        let document = Document::parse(deep.as_bytes()).unwrap();
        assert!(document.to_text().len() > 200_000);
    }

    #[test]
    fn keys_are_files_of_the_project_or_nothing() {
        let cases = [
            ("a.py", Some("a.py")),
            ("./p//a.py", Some("p/a.py")),
            ("/home/lab/p/a.py", Some("p/a.py")),
            ("/home/other/a.py", None),
            ("/home/laboratory/a.py", None),
            ("../a.py", None),
            ("p/../a.py", None),
            ("p\\a.py", None),
            ("p.a", None),
            ("_comment", None),
            (".py", None),
            ("p/.py", None),
            ("", None),
        ];
        for (key, file) in cases {
            let found = file_of(key, Path::new("/home/lab"));
            assert_eq!(found.as_deref(), file, "{key}");
        }
        assert_eq!(file_of("a.py", Path::new("")).as_deref(), Some("a.py"));
    }
}
