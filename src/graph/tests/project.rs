//! Projects that are written as tables.

use std::sync::LazyLock;

use crate::graph::{
    CollectProblem, Evidence, FileFacts, Import, ImportKind, Layout, Mention, NodeId, Observed,
    Resolution, SourceFile, Verdicts, resolve,
};

/// A project of these files. A line of a file is `import a.b`, `from ..a import b` (`*` too),
/// `main`, or one of these after `typing`, `elsewhere`, `lazy` or `maybe`; or `text a.b`, `patch a.b`,
/// `call .a`, `plugin a.b`, `skip a.b`, `command a.b`. `!` alone makes it unreadable.
pub(super) fn project(layout: &Layout, files: &[(&str, &str)]) -> Resolution {
    let mut list: Vec<SourceFile> = files
        .iter()
        .map(|(path, text)| {
            let reading = match *text {
                "!" => Err(CollectProblem::of_file("it is broken")),
                text => Ok(facts(text)),
            };
            SourceFile::new((*path).to_owned(), &reading)
        })
        .collect();
    list.sort_by(|a, b| a.path.cmp(&b.path));
    resolve(layout, &list)
}

fn facts(text: &str) -> FileFacts {
    let mut facts = FileFacts::default();
    for (line, statement) in (1..).zip(text.split(';').map(str::trim)) {
        let mut words: Vec<&str> = statement.split(' ').collect();
        let kind = match words[0] {
            "typing" => ImportKind::Never,
            "elsewhere" => ImportKind::Elsewhere,
            "lazy" => ImportKind::Lazy,
            "maybe" => ImportKind::Conditional,
            _ => ImportKind::Eager,
        };
        if kind != ImportKind::Eager {
            words.remove(0);
        }
        let import = |name: &str, member: Option<&str>| Import {
            kind,
            level: u32::try_from(name.len() - name.trim_start_matches('.').len()).unwrap(),
            module: name.trim_start_matches('.').to_owned(),
            member: member.map(str::to_owned),
            line,
        };
        let evidence = match *words.as_slice() {
            ["import", name] => {
                facts.imports.push(import(name, None));
                continue;
            }
            ["from", name, "import", member] => {
                facts.imports.push(import(name, Some(member)));
                continue;
            }
            ["main"] => {
                facts.main_guard = true;
                continue;
            }
            [""] => continue,
            ["text", _] => Evidence::Text,
            ["patch", _] => Evidence::Patch,
            ["call", _] => Evidence::ImportCall,
            ["plugin", _] => Evidence::PytestPlugin,
            ["skip", _] => Evidence::ImportOrSkip,
            ["command", _] => Evidence::Command,
            _ => panic!("{statement}"),
        };
        facts.mentions.push(Mention {
            evidence,
            name: words[1].to_owned(),
            line,
        });
    }
    facts
}

/// The file of a node.
pub(super) fn file(found: &Resolution, id: NodeId) -> &str {
    &found.graph.node(id).module.file
}

/// The one node of a file.
pub(super) fn id(found: &Resolution, file: &str) -> NodeId {
    let found = found.graph.find(file);
    assert_eq!(found.len(), 1, "{file}");
    found[0]
}

/// The verdicts of a run that recorded no coverage.
pub(super) fn verdicts(found: &Resolution) -> Verdicts<'_> {
    static NOTHING: LazyLock<Observed> = LazyLock::new(Observed::default);
    Verdicts::new(&found.graph, &NOTHING)
}
