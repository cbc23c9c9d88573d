//! `agent graph --format json|dot`: the import graph of the project.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::args::{GraphArgs, GraphFormat};
use super::failure::Failure;
use super::json;
use super::streams::Streams;
use crate::model::ExitCode;
use crate::model::scan::GraphReport;
use crate::service::orphans::{graph, look};
use crate::settings::Settings;

pub(super) fn run(
    args: &GraphArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let analysis = look(settings)?;
    let report = graph(&analysis);
    let text = match args.format {
        GraphFormat::Json => json(&report)?,
        GraphFormat::Dot => dot(&report),
    };
    output.data(&text).map_err(Failure::stdout)?;
    for notice in &analysis.notices {
        output.notice(notice);
    }
    Ok(ExitCode::SUCCESS)
}

/// The graph in the language of Graphviz: modules by their names, orphans filled, weak evidence
/// dotted, imports that may not run dashed.
fn dot(report: &GraphReport) -> String {
    let mut text = "digraph imports {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    let numbers: HashMap<&str, usize> = report
        .modules
        .iter()
        .enumerate()
        .map(|(number, module)| (module.module.file.as_str(), number))
        .collect();
    for (number, module) in report.modules.iter().enumerate() {
        let style = match (module.verdict.as_str(), module.role.as_str()) {
            ("orphan", _) => " style=filled fillcolor=lightgrey",
            (_, "test" | "conftest") => " style=rounded",
            _ => "",
        };
        let name = quoted(&module.module.name);
        let file = quoted(&module.module.file);
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  n{number} [label={name} tooltip={file}{style}];");
    }
    for import in &report.imports {
        let ends = (
            numbers.get(import.from.as_str()),
            numbers.get(import.to.as_str()),
        );
        let (Some(from), Some(to)) = ends else {
            continue;
        };
        let style = match import.kind.as_str() {
            "mention" => " [style=dotted]",
            "conditional" | "lazy" | "never" | "elsewhere" => " [style=dashed]",
            _ => "",
        };
        let _ = writeln!(text, "  n{from} -> n{to}{style};");
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Module;
    use crate::model::scan::{GraphImport, GraphModule, SCAN_VERSION};

    #[test]
    fn names_are_quoted_and_kinds_are_drawn() {
        let module = |name: &str, verdict: &str| GraphModule {
            module: Module {
                file: format!("{name}.py"),
                name: name.to_owned(),
            },
            role: "module".to_owned(),
            verdict: verdict.to_owned(),
        };
        let report = GraphReport {
            v: SCAN_VERSION,
            modules: vec![module("a\"b", "tested"), module("c", "orphan")],
            imports: vec![GraphImport {
                from: "a\"b.py".to_owned(),
                to: "c.py".to_owned(),
                kind: "lazy".to_owned(),
                line: 1,
            }],
        };
        insta::assert_snapshot!(dot(&report), @r#"
        digraph imports {
          rankdir=LR;
          node [shape=box];
          n0 [label="a\"b" tooltip="a\"b.py"];
          n1 [label="c" tooltip="c.py" style=filled fillcolor=lightgrey];
          n0 -> n1 [style=dashed];
        }
        "#);
    }
}
