//! `orphan_modules.json`: a list of files, or an object of files with fields of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::value::RawValue;

use super::document::{Document, file_of};
use crate::model::mirror::OrphanEntry;

/// The orphans by file, and the entries that are no file of the project.
pub(super) fn entries(document: &Document, project: &Path) -> (Vec<OrphanEntry>, Vec<String>) {
    let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut odd = Vec::new();
    match document {
        Document::List(items) => {
            for item in items {
                match file_of(item, project) {
                    Some(file) => drop(found.insert(file, None)),
                    None => odd.push(item.clone()),
                }
            }
        }
        Document::Mapping(fields) => {
            // A field that is no file is a field of the whole, and nothing odd.
            for (key, value) in fields {
                if let Some(file) = file_of(key, project) {
                    found.insert(file, fields_of(value));
                }
            }
        }
    }
    let list = found
        .into_iter()
        .map(|(file, extra)| OrphanEntry { file, extra });
    (list.collect(), odd)
}

/// Writes the entries of `list` and no others into the file. An entry that is there stays as it is
/// written; new ones come last. Without a file it is a list, unless an entry has fields.
pub(super) fn update(document: Option<Document>, list: &[OrphanEntry], project: &Path) -> Document {
    let wanted: BTreeMap<&str, &OrphanEntry> = list
        .iter()
        .map(|orphan| (orphan.file.as_str(), orphan))
        .collect();
    let has_fields = list.iter().any(|orphan| orphan.extra.is_some());
    let document = document.unwrap_or_else(|| {
        if has_fields {
            Document::empty()
        } else {
            Document::List(Vec::new())
        }
    });
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
            let new = wanted
                .values()
                .filter(|orphan| !there.contains(&orphan.file));
            fields.extend(new.filter_map(|orphan| {
                let extra = orphan.extra.clone().unwrap_or_else(|| "{}".to_owned());
                Some((orphan.file.clone(), RawValue::from_string(extra).ok()?))
            }));
            Document::Mapping(fields)
        }
    }
}

/// The fields of an entry that has some.
fn fields_of(value: &RawValue) -> Option<String> {
    let text = value.get();
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    (!inner.trim().is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = "/p";

    fn read(text: &str) -> (Vec<OrphanEntry>, Vec<String>) {
        let document = Document::parse(text.as_bytes()).unwrap();
        entries(&document, Path::new(PROJECT))
    }

    fn listed(file: &str, extra: Option<&str>) -> OrphanEntry {
        OrphanEntry {
            file: file.to_owned(),
            extra: extra.map(str::to_owned),
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
    fn without_a_file_fields_decide_on_the_form() {
        assert_eq!(written(None, &[listed("a.py", None)]), "[\n  \"a.py\"\n]\n");
        let list = [listed("a.py", Some("{\"x\":1}")), listed("b.py", None)];
        assert_eq!(
            written(None, &list),
            "{\n  \"a.py\": {\"x\":1},\n  \"b.py\": {}\n}\n"
        );
    }
}
