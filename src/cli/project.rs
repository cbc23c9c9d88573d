//! The names of modules as people type them.

use std::path::{Component, PathBuf};

use anyhow::anyhow;

use super::failure::Failure;
use crate::model::Module;
use crate::modules::Analysis;
use crate::settings::Settings;

/// The most names that a hint offers.
const OFFERED: usize = 3;

/// Names that have less in common are no help (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.8;

/// The modules of the project that the texts name.
pub(super) fn named(
    analysis: &Analysis,
    texts: &[String],
    settings: &Settings,
) -> Result<Vec<Module>, Failure> {
    let all = analysis.graph.nodes().iter().map(|node| &node.module);
    let texts = texts.iter();
    texts
        .map(|text| pick(all.clone(), text, settings, "the project"))
        .collect()
}

/// The module that `text` means, by dotted name or file, among the modules of `place`.
pub(super) fn pick<'a>(
    all: impl Iterator<Item = &'a Module> + Clone,
    text: &str,
    settings: &Settings,
    place: &str,
) -> Result<Module, Failure> {
    let file = from_project(text, settings);
    let shown = text.strip_prefix("./").unwrap_or(text);
    let meant: Vec<&Module> = all
        .clone()
        .filter(|module| module.name == text || module.file == file || module.file == shown)
        .collect();
    match meant.as_slice() {
        [] => Err(Failure {
            hint: nearest(
                all.flat_map(|module| [module.name.as_str(), &module.file]),
                text,
            ),
            ..Failure::usage(anyhow!("{place} has no module `{text}`"))
        }),
        [module] => Ok((*module).clone()),
        several => {
            let files: Vec<String> = several.iter().map(|of| format!("`{}`", of.file)).collect();
            Err(Failure {
                hint: Some(format!("name the file: {}", files.join(" or "))),
                ..Failure::usage(anyhow!("`{text}` is the name of {} modules", several.len()))
            })
        }
    }
}

/// A file, relative to the current folder or absolute, as it reads from the project.
pub(super) fn from_project(text: &str, settings: &Settings) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let path = here.map_or_else(|_| PathBuf::from(text), |here| here.join(text));
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain.strip_prefix(&settings.project).map_or_else(
        |_| text.to_owned(),
        |file| file.to_string_lossy().into_owned(),
    )
}

/// The names that are most like `text`, as a hint.
pub(super) fn nearest<'a>(names: impl Iterator<Item = &'a str>, text: &str) -> Option<String> {
    let alike = names.map(|name| (strsim::jaro_winkler(name, text), name));
    let mut alike: Vec<_> = alike.filter(|(score, _)| *score >= ALIKE).collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    alike.dedup();
    let alike: Vec<String> = alike
        .iter()
        .take(OFFERED)
        .map(|(_, name)| format!("`{name}`"))
        .collect();
    (!alike.is_empty()).then(|| format!("did you mean {}?", alike.join(" or ")))
}
