//! `agent module-map`: builds, shows, exports and imports the groups of modules, adds orphans that
//! passed, and takes back what a run added.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use schemars::JsonSchema;
use serde::Serialize;

use super::args::{
    BuildArgs, ExportArgs, ImportArgs, IntegrateArgs, ModuleMapArgs, ModuleMapCommand, RunRef,
    ShowMapArgs, UndoArgs,
};
use super::failure::Failure;
use super::project::{named, pick};
use super::streams::Streams;
use super::terminal::{added_lines, map_changes, map_groups, plan_lines};
use super::{json, reader};
use crate::clock::now_ms;
use crate::graph::integration::{built_map, entries};
use crate::mirror::{Mirrors, module_map_text, parse_module_map};
use crate::model::{
    ExitCode, GroupId, Groups, Level, MapEntry, Module, Notice, OrphanStatus, RunId, Source,
};
use crate::modules::{self, Analysis, Edited, plan_integration, read_mirrors, write_mirrors};
use crate::service::orphans::{analysis, request};
use crate::settings::Settings;
use crate::store::{Reader, Store};

/// The present version of [`MapReport`].
const MAP_VERSION: u32 = 1;

/// The JSON of `agent module-map show --json` and `build --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MapReport {
    /// The version of this contract; within one version, keys are only added.
    v: u32,
    /// The modules, sorted by file.
    modules: Vec<MapEntry>,
}

pub(super) fn run(
    args: &ModuleMapArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let text = match &args.command {
        ModuleMapCommand::Build(args) => build(args, settings, output)?,
        ModuleMapCommand::Show(args) => show(args, settings, output)?,
        ModuleMapCommand::Export(args) => export(args, settings)?,
        ModuleMapCommand::Import(args) => import(args, settings, output)?,
        ModuleMapCommand::Integrate(args) => integrate(args, settings, output)?,
        ModuleMapCommand::Undo(args) => undo(args, settings, output)?,
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

/// The analysed project, and its state file with the edits of the JSON files read in.
struct Desk {
    analysis: Analysis,
    store: Store,
    reader: Reader,
    mirrors: Mirrors,
    /// Notices about the JSON files that are printed already: writing these files may find the same
    /// problems again.
    said: Vec<Notice>,
}

impl Desk {
    fn open(settings: &Settings, output: &Streams) -> Result<Self, Failure> {
        let analysis = analysis(settings)?;
        let mut store = Store::open(&settings.db, now_ms())?;
        let mirrors = Mirrors::new(&settings.data_dir, &settings.project);
        let module_of = |file: &str| analysis.module_of(file);
        let said = read_mirrors(&mut store, &mirrors, None, now_ms(), module_of)?;
        for notice in &said {
            output.notice(notice);
        }
        Ok(Self {
            reader: store.reader()?,
            analysis,
            store,
            mirrors,
            said,
        })
    }

    fn orphans(&self) -> Result<BTreeSet<String>, Failure> {
        Ok(self.reader.orphan_files()?.into_iter().collect())
    }

    fn map(&self) -> Result<Groups, Failure> {
        Ok(groups(&self.reader.module_map()?))
    }

    /// Replaces the map in the state file, and writes the JSON files.
    fn replace(
        &mut self,
        map: &[(Module, GroupId)],
        source: Source,
        output: &Streams,
    ) -> Result<(), Failure> {
        self.store.replace_module_map(map, source, now_ms())?;
        self.write_files(output)
    }

    fn write_files(&mut self, output: &Streams) -> Result<(), Failure> {
        for notice in write_mirrors(&mut self.store, &self.mirrors)? {
            if !self.said.contains(&notice) {
                output.notice(&notice);
            }
        }
        Ok(())
    }
}

fn build(args: &BuildArgs, settings: &Settings, output: &Streams) -> Result<String, Failure> {
    let mut desk = Desk::open(settings, output)?;
    let analysed = desk.analysis.analysed();
    if analysed.analysed < analysed.files {
        output.notice(&Notice {
            level: Level::Warning,
            code: "partly-analysed".to_owned(),
            message: format!(
                "only {analysed} could be analysed; the groups are made of what these say"
            ),
            hint: None,
        });
    }
    let before = desk.map()?;
    let after = built_map(&desk.analysis.graph, &desk.orphans()?, &before);
    let map = entries(&desk.analysis.graph, &after);
    if !args.dry_run {
        desk.replace(&map, Source::Build, output)?;
    }
    if args.json {
        let built = map.into_iter().map(|(module, group)| MapEntry {
            module,
            group,
            source: Source::Build,
            run: None,
        });
        let modules = if args.dry_run {
            built.collect()
        } else {
            desk.reader.module_map()?
        };
        return json(&MapReport {
            v: MAP_VERSION,
            modules,
        });
    }
    Ok(map_changes(&before, &after, args.dry_run))
}

fn show(args: &ShowMapArgs, settings: &Settings, output: &Streams) -> Result<String, Failure> {
    let mut modules = with_edits(&reader(settings)?, settings, output)?.map;
    if let Some(what) = &args.what {
        let group = group_named(&modules, what, settings)?;
        modules.retain(|entry| entry.group == group);
    }
    if args.json {
        return json(&MapReport {
            v: MAP_VERSION,
            modules,
        });
    }
    Ok(map_groups(&modules, &output.data_palette))
}

/// The list of orphans and the map, with the edits of the JSON files, which stay unread by the state
/// file: whoever only looks changes nothing.
pub(super) fn with_edits(
    reader: &Reader,
    settings: &Settings,
    output: &Streams,
) -> Result<Edited, Failure> {
    let edited = modules::with_edits(reader, &request(settings))?;
    for notice in &edited.notices {
        output.notice(notice);
    }
    Ok(edited)
}

/// The group that `what` means: its number, or the dotted name or file of one of its modules.
fn group_named(modules: &[MapEntry], what: &str, settings: &Settings) -> Result<GroupId, Failure> {
    let group = what.parse().map(GroupId);
    if let Ok(group) = group
        && modules.iter().any(|entry| entry.group == group)
    {
        return Ok(group);
    }
    if group.is_ok() {
        return Err(Failure {
            hint: Some("`agent module-map show` lists them".to_owned()),
            ..Failure::usage(anyhow!("the module map has no group {what}"))
        });
    }
    let all = modules.iter().map(|entry| &entry.module);
    let module = pick(all, what, settings, "the module map")?;
    let entry = modules.iter().find(|entry| entry.module == module);
    entry
        .map(|entry| entry.group)
        .ok_or_else(|| Failure::usage(anyhow!("the module map has no module `{what}`")))
}

fn export(args: &ExportArgs, settings: &Settings) -> Result<String, Failure> {
    let map = reader(settings)?.module_map()?;
    let text = module_map_text(&groups(&map));
    if args.file == Path::new("-") {
        return Ok(text);
    }
    fs::write(&args.file, text)
        .with_context(|| format!("cannot write `{}`", args.file.display()))
        .map_err(Failure::environment)?;
    Ok(String::new())
}

fn import(args: &ImportArgs, settings: &Settings, output: &Streams) -> Result<String, Failure> {
    let shown = args.file.display();
    let bytes = fs::read(&args.file).with_context(|| format!("cannot read `{shown}`"));
    let bytes = bytes.map_err(Failure::usage)?;
    let read = parse_module_map(&bytes, &settings.project);
    let read = read.with_context(|| format!("cannot use `{shown}`"));
    let (found, odd) = read.map_err(|error| Failure {
        hint: Some("`agent module-map export` writes one of the right form".to_owned()),
        ..Failure::usage(error)
    })?;
    let mut desk = Desk::open(settings, output)?;
    let before = desk.map()?;
    let map: Vec<(Module, GroupId)> = found
        .iter()
        .filter_map(|(file, group)| Some((desk.analysis.module_of(file)?, *group)))
        .collect();
    let left = found.len() - map.len() + odd.len();
    let after = map
        .iter()
        .map(|(module, group)| (module.file.clone(), *group));
    let after: Groups = after.collect();
    if !args.dry_run {
        desk.replace(&map, Source::File, output)?;
    }
    let text = map_changes(&before, &after, args.dry_run);
    if left == 0 {
        return Ok(text);
    }
    let what = "of the file: not of this project, or without a group";
    Ok(format!(
        "{text}  left out {left} {what}
"
    ))
}

fn integrate(
    args: &IntegrateArgs,
    settings: &Settings,
    output: &Streams,
) -> Result<String, Failure> {
    let mut desk = Desk::open(settings, output)?;
    let named = match args.modules.as_slice() {
        [] => None,
        names => Some(passing(&desk, names, settings)?),
    };
    let (graph, analysed) = (&desk.analysis.graph, desk.analysis.analysed());
    let plan = plan_integration(
        &desk.reader,
        graph,
        analysed,
        named.as_ref(),
        args.new_workflow || settings.orphans.found_workflows,
    )?;
    let plan = plan.map_err(|refusal| Failure {
        exit: ExitCode::INCOMPLETE,
        hint: Some("mend the files that do not parse, or exclude them".to_owned()),
        error: refusal.into(),
    })?;
    if !args.dry_run {
        desk.store.integrate(&plan, None, now_ms())?;
        desk.write_files(output)?;
    }
    Ok(plan_lines(&plan, args.dry_run))
}

/// The files of the modules that `names` mean; an error if one is no orphan that passed.
fn passing(
    desk: &Desk,
    names: &[String],
    settings: &Settings,
) -> Result<BTreeSet<String>, Failure> {
    let orphans = desk.reader.orphans()?;
    let mut files = BTreeSet::new();
    for module in named(&desk.analysis, names, settings)? {
        let status = orphans
            .iter()
            .find(|record| record.orphan.module.file == module.file)
            .map(|record| record.status);
        if let Some(why) = why_not(status) {
            return Err(Failure {
                hint: Some("only orphans that passed their last trial can join".to_owned()),
                ..Failure::usage(anyhow!("`{}` {why}", module.file))
            });
        }
        files.insert(module.file);
    }
    Ok(files)
}

/// The reason why a module cannot join, as a fragment; `status` is from the list of orphans.
fn why_not(status: Option<OrphanStatus>) -> Option<&'static str> {
    match status {
        Some(OrphanStatus::Passed) => None,
        None => Some("is not on the list of orphans"),
        Some(OrphanStatus::Untried) => Some("was not tried yet"),
        Some(OrphanStatus::Integrated) => Some("is on the module map already"),
        Some(OrphanStatus::Redundant) => Some("repeats another module"),
        Some(OrphanStatus::Failed | OrphanStatus::Crashed | OrphanStatus::TimedOut) => {
            Some("did not pass its last trial")
        }
    }
}

fn undo(args: &UndoArgs, settings: &Settings, output: &Streams) -> Result<String, Failure> {
    let reader = reader(settings)?;
    let run = run_number(&reader, args.run)?;
    let added = if args.dry_run {
        reader.added_by(run)?
    } else {
        let mut desk = Desk::open(settings, output)?;
        let added = desk.store.undo_integration(run)?;
        desk.write_files(output)?;
        added
    };
    Ok(added_lines(&added, run, args.dry_run))
}

fn run_number(reader: &Reader, run: RunRef) -> Result<RunId, Failure> {
    let found = match run {
        RunRef::Latest => reader.latest_run()?,
        RunRef::Number(run) => reader.run(run)?,
    };
    found.map(|run| run.run_id).ok_or_else(|| Failure {
        hint: Some("`agent history` lists the runs".to_owned()),
        ..Failure::usage(match run {
            RunRef::Latest => anyhow!("there is no run yet"),
            RunRef::Number(run) => anyhow!("there is no run {run}"),
        })
    })
}

fn groups(map: &[MapEntry]) -> Groups {
    let entries = map.iter();
    entries
        .map(|entry| (entry.module.file.clone(), entry.group))
        .collect()
}
