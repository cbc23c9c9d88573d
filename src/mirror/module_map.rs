//! `module_map.json`: an object of files with the numbers of their groups.
//!
//! A number may be written as a text, or stand as `group` in an object of further fields.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use serde_json::value::RawValue;

use super::document::{Damage, Document, file_of};
use crate::model::{GroupId, Groups};

/// Leaves as many numbers for groups to come.
const MAX_GROUP: u32 = u32::MAX / 2;

/// The field of an entry with further fields.
const GROUP: &str = "group";

/// The groups by file, and the files that have no number.
pub(super) fn entries(
    document: &Document,
    project: &Path,
) -> Result<(Groups, Vec<String>), Damage> {
    let Document::Mapping(fields) = document else {
        return Err(Damage::Shape("a list, expected an object".to_owned()));
    };
    let mut found = Groups::new();
    let mut odd = Vec::new();
    for (key, value) in fields {
        let Some(file) = file_of(key, project) else {
            continue;
        };
        match group_of(value) {
            Some(group) => drop(found.insert(file, group)),
            None => odd.push(key.clone()),
        }
    }
    Ok((found, odd))
}

/// Writes the groups of `map` and no others into the file. A field that has its group already stays
/// as it is written; new ones come last.
pub(super) fn update(document: Option<Document>, map: &Groups, project: &Path) -> Document {
    let Some(Document::Mapping(old)) = document else {
        return update(Some(Document::empty()), map, project);
    };
    let mut there = BTreeSet::new();
    let mut fields = Vec::new();
    for (key, value) in old {
        let Some(file) = file_of(&key, project) else {
            fields.push((key, value));
            continue;
        };
        match (group_of(&value), map.get(&file)) {
            (Some(old), Some(new)) if old != *new => {
                fields.extend(with_group(&value, *new).map(|value| (key, value)));
            }
            // A file without a number is nobody's entry, until it gets one.
            (None, Some(new)) => fields.extend(raw(new.to_string()).map(|value| (key, value))),
            (Some(_), Some(_)) | (None, None) => fields.push((key, value)),
            (Some(_), None) => {}
        }
        there.insert(file);
    }
    let new = map.iter().filter(|(file, _)| !there.contains(*file));
    fields.extend(new.filter_map(|(file, group)| Some((file.clone(), raw(group.to_string())?))));
    Document::Mapping(fields)
}

/// The group that a value names.
fn group_of(value: &RawValue) -> Option<GroupId> {
    // Deeper nesting than serde_json reads is no number.
    let value: Value = serde_json::from_str(value.get()).ok()?;
    let value = value.get(GROUP).unwrap_or(&value);
    let number = match value {
        Value::Number(number) => u32::try_from(number.as_u64()?).ok()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (number <= MAX_GROUP).then_some(GroupId(number))
}

/// The value with another group, in the way in which it has one.
fn with_group(value: &RawValue, group: GroupId) -> Option<Box<RawValue>> {
    let text = match value.get().as_bytes().first() {
        Some(b'"') => format!("\"{group}\""),
        Some(b'{') => {
            let Document::Mapping(mut fields) = Document::parse(value.get().as_bytes()).ok()?
            else {
                return None;
            };
            for (key, value) in &mut fields {
                if key == GROUP {
                    *value = with_group(value, group)?;
                }
            }
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", super::document::quoted(key), value.get()))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        _ => group.to_string(),
    };
    raw(text)
}

fn raw(text: String) -> Option<Box<RawValue>> {
    RawValue::from_string(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "_made by": {"tool": "x"},
  "z.py": 3,
  "b.py": "4",
  "/p/o.py": {"note": 1, "group": 5},
  "odd.py": [1],
  "gone.py": 3,
  "pkg.mod": 9
}
"#;

    fn map(entries: &[(&str, u32)]) -> Groups {
        let entries = entries.iter();
        entries
            .map(|(file, group)| ((*file).to_owned(), GroupId(*group)))
            .collect()
    }

    fn parse(text: &str) -> Document {
        Document::parse(text.as_bytes()).unwrap()
    }

    fn written(text: &str, new: &Groups) -> String {
        update(Some(parse(text)), new, Path::new("/p")).to_text()
    }

    #[test]
    fn numbers_are_read_in_every_way_in_which_they_are_written() {
        let (found, odd) = entries(&parse(TEXT), Path::new("/p")).unwrap();
        assert_eq!(
            found,
            map(&[("z.py", 3), ("b.py", 4), ("o.py", 5), ("gone.py", 3)])
        );
        assert_eq!(odd, ["odd.py"]);
        for value in [
            "-1",
            "1.5",
            "true",
            "null",
            "\"x\"",
            "2147483648",
            "{}",
            "{\"group\": []}",
        ] {
            let (found, odd) =
                entries(&parse(&format!("{{\"a.py\": {value}}}")), Path::new("/p")).unwrap();
            assert_eq!((found.len(), odd.len()), (0, 1), "{value}");
        }
        assert!(entries(&parse("[\"a.py\"]"), Path::new("/p")).is_err());
    }

    #[test]
    fn what_does_not_change_stays_as_it_is_written() {
        let same = map(&[("z.py", 3), ("b.py", 4), ("o.py", 5), ("gone.py", 3)]);
        assert_eq!(written(TEXT, &same), TEXT);
    }

    #[test]
    fn groups_change_in_their_place_and_new_files_come_last() {
        let new = map(&[
            ("a.py", 7),
            ("z.py", 8),
            ("b.py", 9),
            ("o.py", 10),
            ("odd.py", 11),
        ]);
        insta::assert_snapshot!(written(TEXT, &new), @r#"
        {
          "_made by": {"tool": "x"},
          "z.py": 8,
          "b.py": "9",
          "/p/o.py": {"note": 1, "group": 10},
          "odd.py": 11,
          "pkg.mod": 9,
          "a.py": 7
        }
        "#);
    }
}
