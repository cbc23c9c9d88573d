//! `orphan_modules.json`: a list of files, or an object of files with fields.
//!
//! Of the fields, `redundant` and `trial` are the agent's; all others are the user's. A list has no
//! place for fields, and leaves out what repeats another module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::value::RawValue;

use super::document::{Document, file_of, quoted};
use crate::model::mirror::OrphanEntry;

/// The orphans by file, and the entries that are no file of the project.
pub(super) fn entries(document: &Document, project: &Path) -> (Vec<OrphanEntry>, Vec<String>) {
    let mut found: BTreeMap<String, Fields> = BTreeMap::new();
    let mut odd = Vec::new();
    match document {
        Document::List(items) => {
            for item in items {
                match file_of(item, project) {
                    Some(file) => drop(found.insert(file, Fields::default())),
                    None => odd.push(item.clone()),
                }
            }
        }
        Document::Mapping(fields) => {
            // A field that is no file is a field of the whole, and nothing odd.
            for (key, value) in fields {
                if let Some(file) = file_of(key, project) {
                    found.insert(file, Fields::of(value));
                }
            }
        }
    }
    let list = found.into_iter().map(|(file, fields)| OrphanEntry {
        file,
        extra: fields.users(),
        redundant: fields.is_redundant(),
        trial: None,
    });
    (list.collect(), odd)
}

/// Writes the entries of `list` and no others into the file. An entry that is there stays as it is
/// written but for the agent's fields; new ones come last. Without a file it is an object.
pub(super) fn update(document: Option<Document>, list: &[OrphanEntry], project: &Path) -> Document {
    let is_list = matches!(document, Some(Document::List(_)));
    let wanted: BTreeMap<&str, &OrphanEntry> = list
        .iter()
        .filter(|orphan| !(is_list && orphan.redundant))
        .map(|orphan| (orphan.file.as_str(), orphan))
        .collect();
    let document = document.unwrap_or_else(Document::empty);
    let mut there = BTreeSet::new();
    let mut stays = |key: &str| match file_of(key, project) {
        Some(file) => {
            let stays = wanted.contains_key(file.as_str());
            there.insert(file);
            stays
        }
        None => true,
    };
    match document {
        Document::List(mut items) => {
            items.retain(|item| stays(item));
            let new = wanted.keys().filter(|file| !there.contains(**file));
            items.extend(new.map(|file| (*file).to_owned()));
            Document::List(items)
        }
        Document::Mapping(mut fields) => {
            fields.retain(|(key, _)| stays(key));
            for (key, value) in &mut fields {
                let file = file_of(key, project);
                let orphan = file.and_then(|file| wanted.get(file.as_str()));
                if let Some(new) = orphan.and_then(|orphan| with_ours(value, orphan)) {
                    *value = new;
                }
            }
            let new = wanted
                .values()
                .filter(|orphan| !there.contains(&orphan.file));
            fields.extend(new.filter_map(|orphan| {
                let extra = orphan.extra.clone().unwrap_or_else(|| "{}".to_owned());
                let extra = RawValue::from_string(extra).ok()?;
                let value = with_ours(&extra, orphan).unwrap_or(extra);
                Some((orphan.file.clone(), value))
            }));
            Document::Mapping(fields)
        }
    }
}

/// The names of the agent's fields.
const REDUNDANT: &str = "redundant";
const TRIAL: &str = "trial";

/// The fields of an entry, as they were written.
#[derive(Default)]
struct Fields {
    all: Vec<(String, Box<RawValue>)>,
    /// The whole entry.
    text: String,
}

impl Fields {
    /// None if the entry is no object.
    fn of(value: &RawValue) -> Self {
        match serde_json::from_str(value.get()) {
            Ok(Document::Mapping(all)) => Self {
                all,
                text: value.get().to_owned(),
            },
            Ok(Document::List(_)) | Err(_) => Self::default(),
        }
    }

    fn is_redundant(&self) -> bool {
        let mut all = self.all.iter();
        all.any(|(name, value)| name == REDUNDANT && value.get() == "true")
    }

    /// The fields of the user, if there are some.
    fn users(&self) -> Option<String> {
        let users = || self.all.iter().filter(|(name, _)| !is_ours(name));
        if users().count() == self.all.len() {
            return (!self.all.is_empty()).then(|| self.text.clone());
        }
        (users().count() > 0).then(|| text_of(users()))
    }
}

fn is_ours(name: &str) -> bool {
    [REDUNDANT, TRIAL].contains(&name)
}

fn text_of<'a>(fields: impl Iterator<Item = &'a (String, Box<RawValue>)>) -> String {
    let fields = fields.map(|(name, value)| format!("{}: {}", quoted(name), value.get()));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

/// An entry with the agent's fields as they are now; `None` if it has these.
fn with_ours(value: &RawValue, orphan: &OrphanEntry) -> Option<Box<RawValue>> {
    let mut ours = Vec::new();
    if orphan.redundant {
        ours.push((REDUNDANT, "true".to_owned()));
    }
    if let Some(trial) = &orphan.trial {
        ours.push((TRIAL, serde_json::to_string(trial).ok()?));
    }
    let (there, mut fields): (Vec<_>, Vec<_>) = Fields::of(value)
        .all
        .into_iter()
        .partition(|(name, _)| is_ours(name));
    let there = there
        .iter()
        .map(|(name, value)| (name.as_str(), value.get()));
    if there.eq(ours.iter().map(|(name, text)| (*name, text.as_str()))) {
        return None;
    }
    for (name, text) in ours {
        fields.push((name.to_owned(), RawValue::from_string(text).ok()?));
    }
    RawValue::from_string(text_of(fields.iter())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mirror::TrialFigures;
    use crate::model::{RunId, TrialOutcome};

    const PROJECT: &str = "/p";

    fn read(text: &str) -> (Vec<OrphanEntry>, Vec<String>) {
        let document = Document::parse(text.as_bytes()).unwrap();
        entries(&document, Path::new(PROJECT))
    }

    fn listed(file: &str, extra: Option<&str>) -> OrphanEntry {
        OrphanEntry {
            file: file.to_owned(),
            extra: extra.map(str::to_owned),
            redundant: false,
            trial: None,
        }
    }

    fn written(text: Option<&str>, list: &[OrphanEntry]) -> String {
        let document = text.map(|text| Document::parse(text.as_bytes()).unwrap());
        update(document, list, Path::new(PROJECT)).to_text()
    }

    #[test]
    fn both_forms_are_read() {
        let (list, odd) = read(r#"["b.py", "/p/a.py", "pkg.mod", "b.py"]"#);
        assert_eq!(list, [listed("a.py", None), listed("b.py", None)]);
        assert_eq!(odd, ["pkg.mod"]);
        let text = r#"{"_v": 1, "b.py": {}, "a.py": {"parents": ["b.py"]}, "c.py": null}"#;
        let (list, odd) = read(text);
        let fields = r#"{"parents": ["b.py"]}"#;
        let expected = [
            listed("a.py", Some(fields)),
            listed("b.py", None),
            listed("c.py", None),
        ];
        assert_eq!(list, expected);
        assert_eq!(odd, [""; 0]);
    }

    #[test]
    fn a_list_stays_a_list_in_its_order() {
        let text = "[\n  \"z.py\",\n  \"pkg.mod\",\n  \"./gone.py\",\n  \"/p/a.py\"\n]\n";
        let list = [
            listed("a.py", Some("{\"x\":1}")),
            listed("new.py", None),
            listed("z.py", None),
        ];
        assert_eq!(
            written(Some(text), &list),
            "[\n  \"z.py\",\n  \"pkg.mod\",\n  \"/p/a.py\",\n  \"new.py\"\n]\n"
        );
    }

    #[test]
    fn an_object_keeps_the_fields_that_the_agent_does_not_know() {
        let text = r#"{"z.py": {"by": "me"}, "_v": [1,  2], "gone.py": {}, "a.py": null}"#;
        let list = [
            listed("a.py", None),
            listed("new.py", None),
            listed("z.py", None),
        ];
        assert_eq!(
            written(Some(text), &list),
            "{\n  \"z.py\": {\"by\": \"me\"},\n  \"_v\": [1,  2],\n  \"a.py\": null,\n  \"new.py\": {}\n}\n"
        );
    }

    #[test]
    fn without_a_file_it_is_an_object() {
        let list = [listed("a.py", Some("{\"x\":1}")), listed("b.py", None)];
        assert_eq!(
            written(None, &list),
            "{\n  \"a.py\": {\"x\":1},\n  \"b.py\": {}\n}\n"
        );
    }

    #[test]
    fn the_fields_of_the_agent_stand_beside_those_of_the_user() {
        let trial = TrialFigures {
            run: RunId(3),
            outcome: TrialOutcome::Passed,
            duration_s: Some(0.25),
            touched: Vec::new(),
        };
        let tried = OrphanEntry {
            trial: Some(trial),
            ..listed("a.py", None)
        };
        let copy = OrphanEntry {
            redundant: true,
            ..listed("copy.py", None)
        };
        let list = [tried, copy];
        let text = r#"{"a.py": {"by":  "me", "trial": {"run": 1}}, "copy.py": null}"#;
        let new = written(Some(text), &list);
        let figures = r#"{"run":3,"outcome":"passed","duration_s":0.25,"touched":[]}"#;
        let expected = format!(
            "{{\n  \"a.py\": {{\"by\": \"me\", \"trial\": {figures}}},\n  \
             \"copy.py\": {{\"redundant\": true}}\n}}\n"
        );
        assert_eq!(new, expected);
        assert_eq!(written(Some(&new), &list), new);
        let (found, _) = read(&new);
        let users = found.iter().map(|it| (it.extra.as_deref(), it.redundant));
        let expected = [(Some(r#"{"by": "me"}"#), false), (None, true)];
        assert_eq!(users.collect::<Vec<_>>(), expected);
        // What is not redundant any more loses the mark, and a list has no place for any.
        let plain = [listed("a.py", None), listed("copy.py", None)];
        assert_eq!(
            written(Some(&new), &plain),
            "{\n  \"a.py\": {\"by\": \"me\"},\n  \"copy.py\": {}\n}\n"
        );
        let of_files = r#"["copy.py", "a.py"]"#;
        assert_eq!(written(Some(of_files), &list), "[\n  \"a.py\"\n]\n");
    }
}
