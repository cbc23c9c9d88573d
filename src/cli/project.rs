//! The modules of the project as commands need them: the import graph, and names that people type.

use std::collections::BTreeMap;
use std::fs;

use anyhow::anyhow;

use super::failure::Failure;
use crate::graph::{Edge, EdgeKind, ImportGraph, ImportKind, Node, NodeId, Role};
use crate::model::Module;
use crate::model::module_map::Analysed;
use crate::settings::Settings;
use crate::source::files;

/// How many names a hint offers.
const OFFERED: usize = 3;

/// Names that have less in common are no help (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.8;

/// The modules of the project.
pub(super) struct Project {
    pub(super) graph: ImportGraph,
    pub(super) analysed: Analysed,
}

/// Reads the project and finds its import graph.
pub(super) fn analyse(settings: &Settings) -> Result<Project, Failure> {
    let found = files(&settings.project, &settings.data_dir, &[]);
    let found = found.map_err(|error| Failure::environment(error.into()))?;
    let python = found.iter().filter_map(|path| path.to_str());
    let python = python.filter(|path| path.strip_suffix(".py").is_some());
    let mut nodes = Vec::new();
    let mut texts = Vec::new();
    for file in python {
        let name = file.trim_end_matches(".py").replace('/', ".");
        let stem = file.rsplit('/').next().unwrap_or(file);
        nodes.push(Node {
            module: Module {
                file: file.to_owned(),
                name: name.trim_end_matches(".__init__").to_owned(),
            },
            role: match stem {
                "conftest.py" => Role::Conftest,
                _ if stem.starts_with("test_") => Role::Test,
                _ => Role::Module,
            },
        });
        texts.push(fs::read_to_string(settings.project.join(file)).unwrap_or_default());
    }
    let ids: BTreeMap<String, NodeId> = (0..)
        .map(NodeId)
        .zip(&nodes)
        .map(|(id, node)| (node.module.name.clone(), id))
        .collect();
    let edges = texts.iter().map(|text| imports(text, &ids)).collect();
    let count = nodes.len() as u64;
    Ok(Project {
        graph: ImportGraph::new(nodes, edges),
        analysed: Analysed {
            files: count,
            analysed: count,
        },
    })
}

/// The absolute imports at the beginning of a line.
fn imports(text: &str, ids: &BTreeMap<String, NodeId>) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let words: Vec<&str> = text.split([' ', ',']).collect();
        let names = match words.as_slice() {
            ["import", names @ ..] => names.iter().map(|name| (*name).to_owned()).collect(),
            ["from", module, "import", names @ ..] => {
                let parts = names.iter().map(|name| format!("{module}.{name}"));
                parts.chain([(*module).to_owned()]).collect()
            }
            _ => Vec::new(),
        };
        edges.extend(
            names
                .iter()
                .filter_map(|name| ids.get(name))
                .map(|to| Edge {
                    to: *to,
                    kind: EdgeKind::Import(ImportKind::Eager),
                    line,
                }),
        );
    }
    edges
}

/// The test modules that reach one of `targets`, by file.
pub(super) fn tests_reaching(graph: &ImportGraph, targets: &[NodeId]) -> Vec<NodeId> {
    let mut seen = vec![false; graph.nodes().len()];
    let mut queue = targets.to_vec();
    while let Some(id) = queue.pop() {
        if std::mem::replace(&mut seen[id.as_usize()], true) {
            continue;
        }
        let back = graph.back_edges(id).iter();
        queue.extend(
            back.filter(|edge| edge.kind.is_followed())
                .map(|edge| edge.to),
        );
    }
    let reached = graph.ids().filter(|id| seen[id.as_usize()]);
    reached
        .filter(|id| graph.node(*id).role == Role::Test)
        .collect()
}

impl Project {
    /// The module of a file.
    pub(super) fn module_of(&self, file: &str) -> Option<Module> {
        let nodes = self.graph.nodes();
        let at = nodes.binary_search_by(|node| node.module.file.as_str().cmp(file));
        at.ok().map(|at| nodes[at].module.clone())
    }

    /// The modules that the texts name.
    pub(super) fn named(
        &self,
        texts: &[String],
        settings: &Settings,
    ) -> Result<Vec<Module>, Failure> {
        let all = self.graph.nodes().iter().map(|node| &node.module);
        let texts = texts.iter();
        texts
            .map(|text| pick(all.clone(), text, settings, "the project"))
            .collect()
    }
}

/// The module that `text` means, by dotted name or file, among those of `place`.
pub(super) fn pick<'a>(
    all: impl Iterator<Item = &'a Module> + Clone,
    text: &str,
    settings: &Settings,
    place: &str,
) -> Result<Module, Failure> {
    let project = settings.project.to_string_lossy();
    let file = text
        .strip_prefix(&*project)
        .map_or(text, |rest| rest.trim_start_matches('/'));
    let file = file.strip_prefix("./").unwrap_or(file);
    let meant: Vec<&Module> = all
        .clone()
        .filter(|module| module.file == file || module.name == text)
        .collect();
    match meant.as_slice() {
        [] => Err(Failure {
            hint: nearest(all.flat_map(|module| [&module.name, &module.file]), text),
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

/// The names that are most like `text`, as a hint.
pub(super) fn nearest<'a>(names: impl Iterator<Item = &'a String>, text: &str) -> Option<String> {
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
