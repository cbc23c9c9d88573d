//! `agent graph`.

use super::orphans::{json, project};

#[test]
fn the_graph_is_printed_for_programs_and_for_eyes() {
    let project = project();
    let report = json(&project, &["graph", "--format", "json"]);
    let imports = report["imports"].as_array().unwrap();
    assert!(imports.iter().any(|import| {
        import["from"] == "app/report.py" && import["to"] == "app/core.py" && import["line"] == 1
    }));
    let dot = project.call(&["graph", "--format", "dot"]);
    assert!(dot.stdout.starts_with("digraph imports {"), "{dot}");
    let refused = project.call(&["graph", "--format", "svg"]);
    assert_eq!(refused.code, 2, "{refused}");
}
