//! `agent image`: `inspect`, `verify` and `pack` read, check and make image archives without an
//! engine or a state file; `load` brings an archive into an engine, and `list` shows the ones that
//! are known.

use std::collections::BTreeSet;
use std::env;

use anyhow::anyhow;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::{ImageArgs, ImageCommand, ImageFileArgs, ImageLoadArgs, ImagePackArgs};
use super::failure::Failure;
use super::streams::Streams;
use super::terminal::image_facts;
use super::{json, reader};
use crate::archive::{self, PackOptions};
use crate::clock::now_ms;
use crate::diag::printable;
use crate::engine::child::Cancel;
use crate::engine::container::Engine;
use crate::image::{Digest, ImageArchive, ImageProblem, Platform, Verified};
use crate::model::{ExitCode, Level, Notice};
use crate::service::images;
use crate::settings::Settings;
use crate::store::Store;

/// The version of the report.
const IMAGE_VERSION: u32 = 1;

/// The variable that gives the creation time of reproducible files, in seconds since the epoch.
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// An image archive, as the commands print it with `--json`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "agent image --json")]
pub(super) struct ImageReport {
    /// The version of this format, 1.
    v: u32,
    #[serde(flatten)]
    archive: ImageArchive,
    /// The digest of the file; null if not every byte was read and checked.
    #[schemars(with = "Option<String>")]
    file_sha256: Option<Digest>,
}

pub(super) fn run(
    args: &ImageArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    match &args.command {
        ImageCommand::Load(args) => load(args, settings, output),
        ImageCommand::List(_) => list(settings, output),
        ImageCommand::Inspect(args) => inspect(args, output),
        ImageCommand::Verify(args) => {
            let verified = archive::verify(&args.file, &wanted(args.platform.as_ref()))?;
            print(verified.into(), args.json, output)
        }
        ImageCommand::Pack(args) => {
            let packed = archive::pack(&options(args)?)?;
            print(packed.into(), args.json, output)
        }
    }
}

fn load(
    args: &ImageLoadArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let engine = Engine::detect(&images::wanted(settings), &Cancel::default())?;
    let path = std::path::absolute(&args.file)
        .map_err(|error| Failure::environment(anyhow::Error::new(error)))?;
    let mut store = Store::open(&settings.db, now_ms())?;
    let tarball = images::check_tarball(&mut store, &path, &images::platform(Some(&engine)))?;
    let loaded = images::load_tarball(&engine, &tarball)?;
    let how = if loaded.loaded {
        "loaded"
    } else {
        "there already"
    };
    let name = loaded.image.tags.first().unwrap_or(&loaded.image.id);
    let text = format!("{how}: {} in {}\n", printable(name), engine.name());
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

/// The archives on record, and which engines have their images.
fn list(settings: &Settings, output: &mut Streams) -> Result<ExitCode, Failure> {
    let archives = reader(settings)?.image_archives()?;
    let found = Engine::detect_all(&images::wanted(settings), &Cancel::default());
    let engines = found.map_or_else(|_| Vec::new(), |(engines, _)| engines);
    let mut homes = Vec::new();
    for engine in &engines {
        homes.push((engine.name(), engine.image_ids()?));
    }
    let mut lines = Vec::new();
    for archive in &archives {
        let id = archive.image_id.trim_start_matches("sha256:");
        let tags = archive.tags.join(", ");
        let (os, architecture) = (&archive.os, &archive.architecture);
        lines.push(archive.path.clone());
        lines.push(format!(
            "  {}  {os}/{architecture}  {tags}",
            id.get(..12).unwrap_or(id)
        ));
        lines.push(format!("  {}", whereabouts(&archive.image_id, &homes)));
    }
    if archives.is_empty() {
        lines.push("no archive was checked yet: run `agent image load FILE`".to_owned());
    }
    let text: String = lines.iter().map(|line| printable(line) + "\n").collect();
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

fn whereabouts(id: &str, homes: &[(&str, BTreeSet<String>)]) -> String {
    let having = homes.iter().filter(|(_, ids)| ids.contains(id));
    let having: Vec<&str> = having.map(|(engine, _)| *engine).collect();
    if !having.is_empty() {
        return format!("loaded in {}", having.join(", "));
    }
    let asked: Vec<&str> = homes.iter().map(|(engine, _)| *engine).collect();
    if asked.is_empty() {
        "no engine answers".to_owned()
    } else {
        format!("not loaded in {}", asked.join(", "))
    }
}

fn inspect(args: &ImageFileArgs, output: &mut Streams) -> Result<ExitCode, Failure> {
    let wanted = wanted(args.platform.as_ref());
    let archive = archive::inspect(&args.file, &wanted)?;
    if !wanted.runs(&archive.platform) {
        let problem = ImageProblem::OtherPlatform {
            found: Box::new(archive.platform.clone()),
            wanted: Box::new(wanted),
        };
        output.notice(&Notice {
            code: "image-platform".to_owned(),
            level: Level::Warning,
            message: problem.to_string(),
            hint: Some(problem.hint().to_owned()),
        });
    }
    let report = ImageReport {
        v: IMAGE_VERSION,
        archive,
        file_sha256: None,
    };
    print(report, args.json, output)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "nobody needs the report afterwards"
)]
fn print(report: ImageReport, as_json: bool, output: &mut Streams) -> Result<ExitCode, Failure> {
    let text = if as_json {
        json(&report)?
    } else {
        let digest = report.file_sha256.as_ref();
        image_facts(&report.archive, digest, &output.data_palette)
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

fn wanted(platform: Option<&Platform>) -> Platform {
    platform.cloned().unwrap_or_else(archive::this_machine)
}

fn options(args: &ImagePackArgs) -> Result<PackOptions, Failure> {
    Ok(PackOptions {
        rootfs: args.rootfs.clone(),
        wheels: args.wheels.clone(),
        output: args.output.clone(),
        force: args.force,
        reference: args.tag.clone(),
        platform: wanted(args.platform.as_ref()),
        created: created()?,
    })
}

/// The time of `SOURCE_DATE_EPOCH`, else the epoch itself, so that the same input gives the same
/// archive.
fn created() -> Result<Timestamp, Failure> {
    let Some(value) = env::var_os(SOURCE_DATE_EPOCH).filter(|value| !value.is_empty()) else {
        return Ok(Timestamp::UNIX_EPOCH);
    };
    let text = value.to_string_lossy();
    let seconds = text.parse::<u32>().ok();
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds.into()).ok());
    time.ok_or_else(|| Failure {
        hint: Some(format!("run `unset {SOURCE_DATE_EPOCH}`")),
        ..Failure::usage(anyhow!(
            "the variable `{SOURCE_DATE_EPOCH}` is `{text}`; seconds since 1970 were expected"
        ))
    })
}

impl From<Verified> for ImageReport {
    fn from(verified: Verified) -> Self {
        Self {
            v: IMAGE_VERSION,
            archive: verified.archive,
            file_sha256: Some(verified.file_sha256),
        }
    }
}
