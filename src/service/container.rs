//! Decides if a run is carried out in containers, and in which ones.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::images::{self, ImageError};
use super::left_here;
use crate::archive;
use crate::diag::{self, Hint};
use crate::engine::container::{
    ContainerExecutor, Engine, EngineError, ImageFacts, Limits, ProjectSource, takes_a_layer,
};
use crate::engine::git;
use crate::links;
use crate::model::{ExitCode, Level, Notice};
use crate::run::{LeaseError, LeaseKeeper, LeaseRequest, Mailbox, Thoroughness, Waiting, sweep};
use crate::settings::{DEFAULT_IMAGE, Origin, ProjectMount, Settings};
use crate::source::{self, FilesError};
use crate::store::{Counter, ImageArchiveRow, Store, StoreError};

/// The longest time until a harness in a container says hello: the disk of an engine can be slow.
const HELLO_LIMIT: Duration = Duration::from_mins(2);
/// The same if the project has to be sent first; the time-out of a shard comes before it.
const SENDING_LIMIT: Duration = Duration::from_mins(30);

/// Variables that tests are meant to see, by the start of their names.
const HANDED_ON: [&str; 5] = ["SELF_TEST_", "SANDBOX_", "PYTEST_", "PYTHON", "LC_"];
/// And by their whole names.
const HANDED_ON_WHOLE: [&str; 3] = ["LANG", "TZ", "CI"];
/// Variables that would send the interpreter of the image to places of this machine.
const KEPT_BACK: [&str; 4] = [
    "PYTHONHOME",
    "PYTHONEXECUTABLE",
    "PYTHONUSERBASE",
    "PYTHONPYCACHEPREFIX",
];

/// The reason for which nothing can run in a container.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The engine is missing, or a call to it failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The tarball of the image cannot be used.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The lease of runs in containers could not be taken.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The state file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such image, and it may not or cannot be fetched.
    #[error("{engine} has no image `{image}`{}", if *.offline { ", and nothing is fetched offline" } else { "" })]
    NoImage {
        /// The name of the engine: `docker` or `podman`.
        engine: &'static str,
        /// The image that was asked for.
        image: String,
        /// True if the run is offline, so that nothing may be fetched.
        offline: bool,
    },
    /// There is no such image, and it could not be fetched.
    #[error("cannot fetch the image `{image}`")]
    Pull {
        /// The image that was asked for.
        image: String,
        /// The error that the engine reported.
        #[source]
        source: Box<EngineError>,
    },
    /// The image is for another machine.
    #[error("the image `{image}` is for {found}, and {engine} runs {expected}")]
    Platform {
        /// The name of the engine: `docker` or `podman`.
        engine: &'static str,
        /// The image that was asked for.
        image: String,
        /// The platform of the image, such as `linux/arm64`.
        found: String,
        /// The platform of the engine, such as `linux/amd64`.
        expected: String,
    },
    /// The project cannot be sent.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A folder for byte code could not be made.
    #[error("cannot make the folder `{}`", .path.display())]
    Folder {
        /// The folder that could not be made.
        path: PathBuf,
        /// The error that the system reported.
        #[source]
        source: std::io::Error,
    },
}

impl ContainerError {
    /// True if there is no engine, or no such image in it. A tarball that cannot be used is an
    /// error whoever asked for containers.
    fn is_of_readiness(&self) -> bool {
        match self {
            Self::Engine(_) | Self::NoImage { .. } | Self::Pull { .. } | Self::Platform { .. } => {
                true
            }
            Self::Image(_)
            | Self::Lease(_)
            | Self::Store(_)
            | Self::Files(_)
            | Self::Folder { .. } => false,
        }
    }
}

impl Hint for ContainerError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Lease(error) => error.exit_code(),
            Self::Store(error) => error.exit_code(),
            Self::Image(error) => error.exit_code(),
            Self::Engine(_)
            | Self::NoImage { .. }
            | Self::Pull { .. }
            | Self::Platform { .. }
            | Self::Files(_)
            | Self::Folder { .. } => ExitCode::ENVIRONMENT,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Engine(error) => return error.hint(),
            Self::Image(error) => return error.hint(),
            Self::Lease(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::Files(error) => return error.hint(),
            Self::NoImage { .. } | Self::Pull { .. } => {
                "make one with `offline/build-image.sh` and pass it by \
                 `--image-tar FILE`, or name one that is there by `--container-image`"
                    .to_owned()
            }
            Self::Platform { .. } => {
                "make an image for this machine with `offline/build-image.sh`".to_owned()
            }
            Self::Folder { .. } => {
                "choose another data folder with SANDBOX_DATA_DIR, or make room".to_owned()
            }
        })
    }
}

/// The wish of the user for a run in containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// The run stays on the host.
    No,
    /// In containers if an engine answers and has the image that somebody named, or can have it
    /// from a tarball. Nothing is fetched for it, and no such engine or image is no error.
    WhereReady,
    /// In containers if an engine answers.
    Yes,
}

impl Wish {
    /// The wish that the settings express. If nobody said anything, `preferred` says if naming an
    /// image is as good as asking for containers.
    pub(super) fn of(settings: &Settings, preferred: bool) -> Self {
        let wishes = &settings.container;
        let names_image = wishes.image.is_some() || wishes.image_tar.is_some();
        let is_silent = settings.origin("use-container") == Origin::Default;
        if wishes.enabled {
            Self::Yes
        } else if preferred && names_image && is_silent {
            Self::WhereReady
        } else {
            Self::No
        }
    }
}

/// The executor for the run's containers, and its turn to start them; `None` if it runs on the
/// host.
pub(super) fn prepare(
    settings: &Settings,
    wish: Wish,
    store: &mut Store,
    mailbox: &Mailbox,
    notices: &mut Vec<Notice>,
    on_wait: impl FnMut(&Waiting),
) -> Result<Option<(ContainerExecutor, LeaseKeeper)>, ContainerError> {
    if wish == Wish::No {
        return Ok(None);
    }
    let prepared = prepare_containers(settings, wish, store, mailbox, notices, on_wait);
    match prepared {
        Err(error) if wish == Wish::WhereReady && error.is_of_readiness() => {
            notices.push(not_ready(settings, &error));
            Ok(None)
        }
        prepared => prepared,
    }
}

fn prepare_containers(
    settings: &Settings,
    wish: Wish,
    store: &mut Store,
    mailbox: &Mailbox,
    notices: &mut Vec<Notice>,
    on_wait: impl FnMut(&Waiting),
) -> Result<Option<(ContainerExecutor, LeaseKeeper)>, ContainerError> {
    let wishes = &settings.container;
    let found = Engine::detect(&images::wanted(settings), &mailbox.cancel());
    // A tarball that cannot be used is an error wherever the tests would run.
    let tarball = tarball(settings, store, found.as_ref().ok())?;
    let engine = match found {
        Ok(engine) => engine,
        Err(error) if wishes.required || wish == Wish::WhereReady => return Err(error.into()),
        Err(error) => {
            notices.push(on_the_host(&error));
            return Ok(None);
        }
    };
    let fetch = wish == Wish::Yes && !settings.offline;
    if wish == Wish::WhereReady && tarball.is_none() {
        // Nobody waits for a turn that would be of no use.
        find_image(&engine, image_name(settings), fetch, settings.offline)?;
    }
    let request =
        LeaseRequest::for_containers(store.path(), &settings.lock_file, settings.lock_timeout);
    let lease = LeaseKeeper::take(&request, mailbox, on_wait)?;
    sweep_first(&engine, wishes.retries, store, notices)?;
    let (name, image) = image(settings, &engine, tarball.as_ref(), fetch)?;
    check_platform(&engine, &name, &image)?;
    let executor = executor(settings, engine, name, image, notices)?;
    Ok(Some((executor, lease)))
}

/// The tarball of the settings, checked for the engine, or for this machine if there is none.
fn tarball(
    settings: &Settings,
    store: &mut Store,
    engine: Option<&Engine>,
) -> Result<Option<ImageArchiveRow>, ImageError> {
    let Some(path) = &settings.container.image_tar else {
        return Ok(None);
    };
    let tarball = images::check_tarball(store, path, &images::platform(engine))?;
    if let Some(name) = &settings.container.image {
        images::check_name(&tarball, name)?;
    }
    Ok(Some(tarball))
}

/// The same sweep as `agent cleanup`: leftovers of an earlier run would be in the way of this one.
fn sweep_first(
    engine: &Engine,
    retries: u32,
    store: &mut Store,
    notices: &mut Vec<Notice>,
) -> Result<(), StoreError> {
    let how = Thoroughness {
        retries,
        ..Thoroughness::default()
    };
    let swept = sweep(engine, how);
    store.add_to_counter(Counter::ContainerFailures, swept.failed_calls)?;
    store.add_to_counter(Counter::ContainersReaped, swept.reaped())?;
    if !swept.removed.is_empty() {
        let names: Vec<&str> = swept
            .removed
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        notices.push(Notice {
            level: Level::Info,
            code: "containers-removed".to_owned(),
            message: format!("removed what an interrupted run left: {}", names.join(", ")),
            hint: None,
        });
    }
    let failures = swept.failures.iter();
    notices.extend(failures.map(|error| Notice {
        level: Level::Warning,
        code: "container-left".to_owned(),
        message: error.in_one_line(),
        hint: Some("`agent cleanup` removes what is left".to_owned()),
    }));
    Ok(())
}

/// The image, and how messages name it.
fn image(
    settings: &Settings,
    engine: &Engine,
    tarball: Option<&ImageArchiveRow>,
    fetch: bool,
) -> Result<(String, ImageFacts), ContainerError> {
    let asked = settings.container.image.as_deref();
    if let Some(tarball) = tarball {
        let loaded = images::load_tarball(engine, tarball)?;
        let name = asked
            .map(str::to_owned)
            .or_else(|| tarball.tags.first().cloned());
        return Ok((name.unwrap_or_else(|| tarball.path.clone()), loaded.image));
    }
    let name = image_name(settings);
    let image = find_image(engine, name, fetch, settings.offline)?;
    Ok((name.to_owned(), image))
}

fn image_name(settings: &Settings) -> &str {
    settings.container.image.as_deref().unwrap_or(DEFAULT_IMAGE)
}

fn executor(
    settings: &Settings,
    engine: Engine,
    image_name: String,
    image: ImageFacts,
    notices: &mut Vec<Notice>,
) -> Result<ContainerExecutor, ContainerError> {
    let wishes = &settings.container;
    notices.extend(left_here::notices(settings, &image_name));
    let (source, hello_limit) = match wishes.mount {
        ProjectMount::Layer if engine.is_remote || !takes_a_layer(&settings.project) => {
            (streamed(settings)?, SENDING_LIMIT)
        }
        ProjectMount::Copy => (streamed(settings)?, SENDING_LIMIT),
        ProjectMount::ReadOnly if engine.is_remote => {
            notices.push(not_read_only());
            (streamed(settings)?, SENDING_LIMIT)
        }
        ProjectMount::Layer => (mounted(settings, &image, false)?, HELLO_LIMIT),
        ProjectMount::ReadOnly => (mounted(settings, &image, true)?, HELLO_LIMIT),
    };
    let offline = settings.offline.then(|| "none".to_owned());
    Ok(ContainerExecutor {
        engine: Arc::new(engine),
        image: image.id,
        image_name,
        python: python_in_image(settings, notices),
        project: settings.project.clone(),
        source,
        environment: environment(&wishes.env),
        limits: Limits {
            memory: wishes.memory.clone(),
            shm: wishes.shm.clone(),
            cpus: wishes.cpus.clone(),
            pids: wishes.pids,
        },
        network: wishes.network.clone().or(offline),
        extra: wishes.args.clone(),
        retries: wishes.retries,
        hello_limit,
    })
}

fn not_read_only() -> Notice {
    Notice {
        level: Level::Warning,
        code: "project-is-sent".to_owned(),
        message: "the project is not read-only in its containers: a remote engine gets a copy"
            .to_owned(),
        hint: None,
    }
}

fn on_the_host(error: &EngineError) -> Notice {
    Notice {
        level: Level::Warning,
        code: "no-engine".to_owned(),
        message: format!("runs on the host: {}", error.in_one_line()),
        hint: Some(
            "`--require-container` makes it an error; `--no-container` says that it is meant"
                .to_owned(),
        ),
    }
}

/// The notice that containers on which nobody insists are not used, with the reason.
fn not_ready(settings: &Settings, error: &ContainerError) -> Notice {
    let wishes = &settings.container;
    let named = match (&wishes.image, &wishes.image_tar) {
        (Some(name), _) => name.clone(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => DEFAULT_IMAGE.to_owned(),
    };
    Notice {
        level: Level::Warning,
        code: "image-not-ready".to_owned(),
        message: format!(
            "runs on the host, not in `{named}`: {}",
            diag::in_one_line(error)
        ),
        hint: Some("`--use-container` or `--no-container` says what is meant".to_owned()),
    }
}

fn find_image(
    engine: &Engine,
    name: &str,
    fetch: bool,
    offline: bool,
) -> Result<ImageFacts, ContainerError> {
    if let Some(image) = engine.image(name)? {
        return Ok(image);
    }
    let missing = || ContainerError::NoImage {
        engine: engine.name(),
        image: name.to_owned(),
        offline,
    };
    if !fetch {
        return Err(missing());
    }
    engine.pull(name).map_err(|source| ContainerError::Pull {
        image: name.to_owned(),
        source: Box::new(source),
    })?;
    engine.image(name)?.ok_or_else(missing)
}

fn check_platform(engine: &Engine, name: &str, image: &ImageFacts) -> Result<(), ContainerError> {
    let facts = &engine.facts;
    if image.os == facts.os && image.architecture == facts.architecture {
        return Ok(());
    }
    Err(ContainerError::Platform {
        engine: engine.name(),
        image: name.to_owned(),
        found: format!("{}/{}", image.os, image.architecture),
        expected: format!("{}/{}", facts.os, facts.architecture),
    })
}

/// A path of this machine means nothing in the image.
fn python_in_image(settings: &Settings, notices: &mut Vec<Notice>) -> String {
    match settings.python.as_deref() {
        Some(name) if !name.contains('/') => name.to_owned(),
        Some(path) => {
            notices.push(Notice {
                level: Level::Info,
                code: "python-of-image".to_owned(),
                message: format!("`{path}` is of the host: the image's `python3` runs the tests"),
                hint: Some("name the interpreter of the image: `--python python3.11`".to_owned()),
            });
            "python3".to_owned()
        }
        None => "python3".to_owned(),
    }
}

fn mounted(
    settings: &Settings,
    image: &ImageFacts,
    read_only: bool,
) -> Result<ProjectSource, ContainerError> {
    let data = &settings.data_dir;
    let short: String = image
        .id
        .trim_start_matches("sha256:")
        .chars()
        .take(12)
        .collect();
    let byte_code = data.join("pycache").join(short);
    // Containers write there.
    let made = links::keep_in(&byte_code, data)
        .and_then(|()| fs::create_dir_all(&byte_code))
        .and_then(|()| give_to_owner(&byte_code, &settings.project));
    made.map_err(|source| ContainerError::Folder {
        path: byte_code.clone(),
        source,
    })?;
    let inside = data.starts_with(&settings.project) && data != &settings.project;
    Ok(ProjectSource::Mounted {
        read_only,
        hidden: inside.then(|| data.clone()).into_iter().collect(),
        byte_code: Some(byte_code),
    })
}

/// Lets the owner of the project write to `folder` if root runs the agent: tests run as that user.
fn give_to_owner(folder: &Path, project: &Path) -> std::io::Result<()> {
    let (owner, is) = (fs::metadata(project)?, fs::metadata(folder)?);
    if nix::unistd::geteuid().is_root() && owner.uid() != is.uid() {
        chown(folder, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

/// The files to send are chosen once, so that every container of the run has the same.
fn streamed(settings: &Settings) -> Result<ProjectSource, ContainerError> {
    let project = settings.project.clone();
    let tracked = git::tracked_though_ignored(&project);
    let exclude = &settings.container.exclude;
    let files = source::files(&project, &settings.data_dir, exclude, &tracked)?;
    Ok(ProjectSource::Streamed(Arc::new(move |sink| {
        archive::write_project(&project, &files, sink)
    })))
}

/// Secrets of this machine stay here: only what tests are meant to see is handed on.
fn environment(given: &[String]) -> Vec<(String, Option<String>)> {
    let is_meant = |name: &str| {
        !KEPT_BACK.contains(&name)
            && (HANDED_ON.iter().any(|start| name.starts_with(start))
                || HANDED_ON_WHOLE.contains(&name))
    };
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut names: Vec<String> = names.filter(|name| is_meant(name)).collect();
    names.sort();
    let handed_on = names.into_iter().map(|name| (name, None));
    let given = given.iter().map(|word| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word.clone(), None),
    });
    handed_on.chain(given).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{FlagValues, Layers};

    fn settings(words: &[(&'static str, &str)]) -> Settings {
        let folder = tempfile::TempDir::new().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        let mut flags = FlagValues::default();
        for (flag, word) in words {
            flags.set(flag, *word);
        }
        let layers = Layers {
            flags,
            cwd: folder.path().to_path_buf(),
            ..Layers::default()
        };
        Settings::load(&layers).unwrap().0
    }

    #[test]
    fn an_image_is_a_wish_for_containers_where_nobody_said_anything() {
        let none: &[(&str, &str)] = &[];
        let cases = [
            (none, Wish::No, Wish::No),
            (&[("--container-image", "i")], Wish::No, Wish::WhereReady),
            (&[("--image-tar", "i.tar")], Wish::No, Wish::WhereReady),
            (&[("--use-container", "on")], Wish::Yes, Wish::Yes),
            (
                &[("--container-image", "i"), ("--no-container", "off")],
                Wish::No,
                Wish::No,
            ),
            (
                &[("--container-image", "i"), ("--use-container", "on")],
                Wish::Yes,
                Wish::Yes,
            ),
        ];
        for (words, otherwise, preferred) in cases {
            let settings = settings(words);
            assert_eq!(Wish::of(&settings, false), otherwise, "{words:?}");
            assert_eq!(Wish::of(&settings, true), preferred, "{words:?}");
        }
    }

    #[test]
    fn variables_of_the_command_line_come_last_and_win() {
        let given = ["A=1=2".to_owned(), "B".to_owned()];
        let variables = environment(&given);
        let last = &variables[variables.len() - 2..];
        assert_eq!(last[0], ("A".to_owned(), Some("1=2".to_owned())));
        assert_eq!(last[1], ("B".to_owned(), None));
        let names = variables.iter().map(|(name, _)| name.as_str());
        assert!(names.clone().all(|name| name != "PATH" && name != "HOME"));
    }
}
