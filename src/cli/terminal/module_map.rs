//! The module map and workflows for people: groups, steps, what changes.

use std::collections::{BTreeMap, BTreeSet};

use super::palette::paint;
use super::text::{REPORT_COLUMNS, count, inline, push_line, shorten_middle, width, wrap};
use crate::diag::Palette;
use crate::graph::IntegrationPlan;
use crate::graph::integration::Reason;
use crate::model::{GroupId, Groups, MapEntry, Module, RunId, Source, Workflow};
use crate::store::Added;

/// The widest column of names: the rest of the line has room for most files.
const NAME_COLUMNS: usize = 36;

/// The groups of a map, each with its modules.
pub fn map_groups(modules: &[MapEntry], palette: &Palette) -> String {
    if modules.is_empty() {
        return "the module map is empty; `agent module-map build` builds it\n".to_owned();
    }
    let mut groups: BTreeMap<GroupId, Vec<&MapEntry>> = BTreeMap::new();
    for entry in modules {
        groups.entry(entry.group).or_default().push(entry);
    }
    let names = name_columns(modules.iter().map(|entry| &entry.module));
    let mut text = String::new();
    for (group, entries) in groups {
        let title = paint(palette.strong, format!("group {group}"));
        push_line(
            &mut text,
            &format!("{title}  {}", count(entries.len() as u64, "module")),
        );
        for entry in entries {
            let row = row(&entry.module, entry.source, entry.run, names, palette);
            push_line(&mut text, &format!("  {row}"));
        }
    }
    text
}

/// The workflows, a line each.
pub fn workflow_list(workflows: &[Workflow], palette: &Palette) -> String {
    if workflows.is_empty() {
        return "no workflow yet; `agent workflow create NAME` makes one\n".to_owned();
    }
    let mut text = String::new();
    for workflow in workflows {
        let name = paint(palette.strong, inline(&workflow.name));
        let modules = count(workflow.steps.len() as u64, "module");
        push_line(&mut text, &format!("{name}  {modules}"));
    }
    text
}

/// The modules of a workflow, in its order.
pub fn workflow_steps(workflow: &Workflow, palette: &Palette) -> String {
    let mut text = String::new();
    let name = paint(palette.strong, inline(&workflow.name));
    let modules = count(workflow.steps.len() as u64, "module");
    push_line(&mut text, &format!("{name}  {modules}"));
    let names = name_columns(workflow.steps.iter().map(|step| &step.module));
    for (position, step) in (1..).zip(&workflow.steps) {
        let row = row(&step.module, step.source, step.run, names, palette);
        push_line(&mut text, &format!("{position:>3}  {row}"));
    }
    text
}

/// The difference between a map and the one before it, in words.
pub fn map_changes(before: &Groups, after: &Groups, dry_run: bool) -> String {
    let groups: BTreeSet<&GroupId> = after.values().collect();
    let verb = if dry_run { "would have" } else { "has" };
    let mut text = format!(
        "the module map {verb} {} in {}\n",
        count(after.len() as u64, "module"),
        count(groups.len() as u64, "group")
    );
    let new = after.keys().filter(|file| !before.contains_key(*file));
    let gone = before.keys().filter(|file| !after.contains_key(*file));
    let moved = after
        .iter()
        .filter(|(file, group)| before.get(*file).is_some_and(|old| old != *group));
    let changes = [
        (new.count(), "new"),
        (moved.count(), "in another group"),
        (gone.count(), "gone"),
    ];
    let changes: Vec<String> = changes
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    let changes = if changes.is_empty() {
        "as before".to_owned()
    } else {
        changes.join(", ")
    };
    push_line(&mut text, &format!("  {changes}"));
    text
}

/// The lines about an integration: its changes, or with `dry_run` the changes that it would make.
pub fn plan_lines(plan: &IntegrationPlan, dry_run: bool) -> String {
    let mut text = String::new();
    let would = if dry_run { "would have " } else { "" };
    if !plan.built.is_empty() {
        let modules = count(plan.built.len() as u64, "module");
        push_sentence(
            &mut text,
            &format!("{would}built the module map of {modules}"),
        );
    }
    for addition in &plan.additions {
        let why = match addition.reason {
            Reason::Connected => "connected to it most",
            Reason::Package => "with its package",
            Reason::Kept => "in which it was before",
            Reason::New => "a new one: nothing connects it to the map",
        };
        let (name, group) = (inline(&addition.module.name), addition.group);
        push_sentence(
            &mut text,
            &format!("{would}added {name} to group {group}, {why}"),
        );
    }
    for workflow in &plan.founded {
        let workflow = inline(workflow);
        push_sentence(&mut text, &format!("{would}made the workflow `{workflow}`"));
    }
    for step in &plan.steps {
        let (name, workflow) = (inline(&step.module.name), inline(&step.workflow));
        push_sentence(
            &mut text,
            &format!("{would}added {name} to the workflow `{workflow}`"),
        );
    }
    for redundant in &plan.redundant {
        let (name, other) = (inline(&redundant.module.name), inline(&redundant.same_as));
        push_sentence(
            &mut text,
            &format!("left {name}: it has the content of {other}"),
        );
    }
    for module in &plan.held_back {
        let name = inline(&module.name);
        push_sentence(
            &mut text,
            &format!("left {name}: it was taken back; name it to add it"),
        );
    }
    for file in &plan.strangers {
        let file = inline(file);
        push_sentence(
            &mut text,
            &format!("left {file}: it is no module of the application any more"),
        );
    }
    if text.is_empty() {
        push_sentence(&mut text, "no orphan that passes is left to be added");
    }
    text
}

/// The lines about taking back a run: the modules that it removes, or with `dry_run` would remove.
pub fn added_lines(added: &Added, run: RunId, dry_run: bool) -> String {
    let mut text = String::new();
    let would = if dry_run { "would have " } else { "" };
    for entry in &added.modules {
        let (name, group) = (inline(&entry.module.name), entry.group);
        push_sentence(
            &mut text,
            &format!("{would}removed {name} from group {group}"),
        );
    }
    for (workflow, step) in &added.steps {
        let (name, workflow) = (inline(&step.module.name), inline(workflow));
        push_sentence(
            &mut text,
            &format!("{would}removed {name} from the workflow `{workflow}`"),
        );
    }
    if text.is_empty() {
        push_sentence(&mut text, &format!("nothing that run {run} added is there"));
    }
    text
}

/// Adds a line, broken at spaces if it is longer than the report is wide.
fn push_sentence(text: &mut String, line: &str) {
    let indent = "  ";
    for (index, line) in wrap(line, REPORT_COLUMNS - indent.len()).iter().enumerate() {
        push_line(
            text,
            &format!("{}{line}", if index > 0 { indent } else { "" }),
        );
    }
}

fn name_columns<'a>(modules: impl Iterator<Item = &'a Module>) -> usize {
    let widths = modules.map(|module| width(&inline(&module.name)));
    widths.max().unwrap_or(0).min(NAME_COLUMNS)
}

/// Name, file and what put it there, in 75 columns.
fn row(
    module: &Module,
    source: Source,
    run: Option<RunId>,
    names: usize,
    palette: &Palette,
) -> String {
    let origin = match (source, run) {
        (Source::Build, _) | (Source::Command, None) => String::new(),
        (_, Some(run)) => format!("  run {run}"),
        (source, None) => format!("  {}", source.as_str()),
    };
    let name = inline(&module.name);
    let name = shorten_middle(&name, names);
    let padding = " ".repeat(names.saturating_sub(width(&name)));
    let room = REPORT_COLUMNS - 5 - names - 2 - width(&origin);
    let file = inline(&module.file);
    let file = shorten_middle(&file, room);
    format!("{name}{padding}  {}{origin}", paint(palette.faint, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Step;

    fn module(name: &str) -> Module {
        Module {
            file: format!("{}.py", name.replace('.', "/")),
            name: name.to_owned(),
        }
    }

    #[test]
    fn every_row_fits_and_says_what_put_the_module_there() {
        let long = "a_package_of_the_project.with_a_part.and_one_more_part.module_of_it";
        let entry = |name, group, source, run| MapEntry {
            module: module(name),
            group: GroupId(group),
            source,
            run,
        };
        let map = [
            entry("b", 2, Source::Command, None),
            entry(long, 10, Source::Run, Some(RunId(1234))),
            entry("evil\u{1b}[31m", 2, Source::File, None),
            entry("shop.cart", 2, Source::Build, None),
        ];
        let text = map_groups(&map, &Palette::PLAIN);
        assert!(text.lines().all(|line| width(line) <= REPORT_COLUMNS));
        insta::assert_snapshot!(text, @r"
        group 2  3 modules
          b                                     b.py
          evil\x1b[31m                          evil\x1b[31m.py  file
          shop.cart                             shop/cart.py
        group 10  1 module
          a_package_o…e_more_part.module_of_it  a_packag…rt/module_of_it.py  run 1234
        ");
        let steps = map.map(|entry| Step {
            module: entry.module,
            source: entry.source,
            run: entry.run,
        });
        let workflow = Workflow {
            name: "nightly".to_owned(),
            steps: steps.into(),
        };
        let text = workflow_steps(&workflow, &Palette::PLAIN);
        assert!(text.lines().all(|line| width(line) <= REPORT_COLUMNS));
    }

    #[test]
    fn changes_of_a_map_are_counted() {
        let map = |entries: &[(&str, u32)]| -> Groups {
            let entries = entries.iter();
            entries
                .map(|(file, group)| ((*file).to_owned(), GroupId(*group)))
                .collect()
        };
        let before = map(&[("a.py", 1), ("b.py", 1), ("c.py", 2)]);
        let after = map(&[("a.py", 1), ("b.py", 3), ("d.py", 3)]);
        insta::assert_snapshot!(map_changes(&before, &after, true), @"
        the module map would have 3 modules in 2 groups
          1 new, 1 in another group, 1 gone
        ");
        insta::assert_snapshot!(map_changes(&before, &before, false), @"
        the module map has 3 modules in 2 groups
          as before
        ");
    }
}
