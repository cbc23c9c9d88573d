//! `agent workflow`: named lists of modules, and the tests that reach them.

use anyhow::anyhow;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::{
    AddArgs, ChangeArgs, ListWorkflowsArgs, NamedArgs, RunArgs, WorkflowArgs, WorkflowCommand,
};
use super::failure::Failure;
use super::project::{named, nearest, pick};
use super::streams::Streams;
use super::terminal::{count, workflow_list, workflow_steps};
use super::{json, reader};
use crate::clock::now_ms;
use crate::diag::printable;
use crate::graph::NodeId;
use crate::model::{ExitCode, Notice, Workflow};
use crate::modules::integrated_modules;
use crate::service::orphans::{analysis, request};
use crate::settings::Settings;
use crate::store::{Reader, Store};

/// The present version of [`WorkflowReport`].
const WORKFLOWS_VERSION: u32 = 1;

/// The JSON of `agent workflow list --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WorkflowReport {
    /// The version of this contract; within one version, keys are only added.
    v: u32,
    /// The workflows, by name.
    workflows: Vec<Workflow>,
}

pub(super) fn run(
    args: &WorkflowArgs,
    settings: &Settings,
    notices: Vec<Notice>,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let text = match &args.command {
        WorkflowCommand::List(args) => list(args, settings, output)?,
        WorkflowCommand::Show(args) => {
            let workflow = find(&reader(settings)?, &args.name)?;
            workflow_steps(&workflow, &output.data_palette)
        }
        WorkflowCommand::Create(args) => create(args, settings)?,
        WorkflowCommand::Add(args) => add(args, settings)?,
        WorkflowCommand::Remove(args) => remove(args, settings)?,
        WorkflowCommand::Run(args) => return run_tests(args, settings, notices, output),
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

fn list(
    args: &ListWorkflowsArgs,
    settings: &Settings,
    output: &Streams,
) -> Result<String, Failure> {
    let workflows = reader(settings)?.workflows()?;
    if args.json {
        return json(&WorkflowReport {
            v: WORKFLOWS_VERSION,
            workflows,
        });
    }
    Ok(workflow_list(&workflows, &output.data_palette))
}

fn create(args: &ChangeArgs, settings: &Settings) -> Result<String, Failure> {
    let name = args.name.trim();
    if name.is_empty() {
        return Err(Failure::usage(anyhow!("a workflow needs a name")));
    }
    let modules = named(&analysis(settings)?, &args.modules, settings)?;
    let mut store = Store::open(&settings.db, now_ms())?;
    if !store.create_workflow(name, &modules, now_ms())? {
        return Err(Failure {
            hint: Some("`agent workflow add` adds modules to it".to_owned()),
            ..Failure::usage(anyhow!("there is a workflow `{name}` already"))
        });
    }
    let steps = store
        .reader()?
        .workflow(name)?
        .map_or(0, |found| found.steps.len());
    let modules = count(steps as u64, "module");
    Ok(format!(
        "created the workflow `{}` with {modules}\n",
        printable(name)
    ))
}

fn add(args: &AddArgs, settings: &Settings) -> Result<String, Failure> {
    let workflow = find(&reader(settings)?, &args.name)?;
    let modules = named(&analysis(settings)?, &args.modules, settings)?;
    let mut store = Store::open(&settings.db, now_ms())?;
    let at = args.at.map(|at| at as usize);
    let added = store.add_to_workflow(&workflow.name, &modules, at, now_ms())?;
    let added = added.unwrap_or(0);
    let mut text = format!(
        "added {} to `{}`",
        count(added as u64, "module"),
        printable(&workflow.name)
    );
    if added < modules.len() {
        text += "; the others are in it already";
    }
    Ok(text + "\n")
}

fn remove(args: &ChangeArgs, settings: &Settings) -> Result<String, Failure> {
    let workflow = find(&reader(settings)?, &args.name)?;
    let shown = printable(&workflow.name);
    let mut files = Vec::new();
    for text in &args.modules {
        let all = workflow.steps.iter().map(|step| &step.module);
        files.push(pick(all, text, settings, &format!("the workflow `{shown}`"))?.file);
    }
    let mut store = Store::open(&settings.db, now_ms())?;
    if files.is_empty() {
        store.remove_workflow(&workflow.name)?;
        return Ok(format!("removed the workflow `{shown}`\n"));
    }
    let removed = store
        .remove_from_workflow(&workflow.name, &files)?
        .unwrap_or(0);
    Ok(format!(
        "removed {} from `{shown}`\n",
        count(removed as u64, "module")
    ))
}

fn run_tests(
    args: &NamedArgs,
    settings: &Settings,
    notices: Vec<Notice>,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let workflow = find(&reader(settings)?, &args.name)?;
    if workflow.steps.is_empty() {
        let shown = printable(&workflow.name);
        return Err(Failure {
            hint: Some("`agent workflow add` adds modules to it".to_owned()),
            ..Failure::usage(anyhow!("the workflow `{shown}` is empty"))
        });
    }
    let analysis = analysis(settings)?;
    let modules: Vec<NodeId> = workflow
        .steps
        .iter()
        .flat_map(|step| analysis.graph.find(&step.module.file))
        .collect();
    let tests = analysis.verdicts().tests_reaching(&modules);
    let (joined, _) = integrated_modules(
        &reader(settings)?,
        &request(settings),
        &settings.orphans.suppressions,
    )?;
    if tests.is_empty() && !joined.iter().any(|module| workflow.has(&module.file)) {
        let shown = printable(&workflow.name);
        return Err(Failure {
            exit: ExitCode::NO_TESTS,
            hint: Some("`agent orphans list` shows what no test reaches".to_owned()),
            error: anyhow!("no test reaches a module of the workflow `{shown}`"),
        });
    }
    let files = tests
        .iter()
        .map(|id| analysis.graph.node(*id).module.file.clone());
    let mut settings = settings.clone();
    settings.paths = files.collect();
    settings.narrowed_by = vec![format!("workflow {}", workflow.name)];
    let members = workflow.steps.into_iter().map(|step| step.module.file);
    settings.members = Some(members.collect());
    // The tests that reach its modules and the imports of those that joined, and no others.
    settings.orphans.include = false;
    settings.orphans.refresh = false;
    super::run::run(&RunArgs::default(), &settings, notices, output)
}

fn find(reader: &Reader, name: &str) -> Result<Workflow, Failure> {
    let workflows = reader.workflows()?;
    let names = workflows.iter().map(|workflow| workflow.name.as_str());
    let hint =
        nearest(names, name).unwrap_or_else(|| "`agent workflow list` lists them".to_owned());
    let found = workflows.into_iter().find(|workflow| workflow.name == name);
    found.ok_or_else(|| Failure {
        hint: Some(hint),
        ..Failure::usage(anyhow!("there is no workflow `{name}`"))
    })
}
