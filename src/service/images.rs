//! Image tarballs on their way into an engine: checked once, remembered, loaded if it lacks them.

use std::path::{Path, PathBuf};

use crate::archive::{self, ArchiveError, CopyError};
use crate::clock::now_ms;
use crate::diag::Hint;
use crate::engine::container::{Engine, EngineError, EngineKind, ImageFacts, Wanted};
use crate::image::{Digest, Format, Platform};
use crate::model::ExitCode;
use crate::settings::Settings;
use crate::store::{ImageArchiveRow, Store, StoreError};

/// The reason for which an image of a tarball cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The tarball is not one whole image for this machine.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The tarball changed on its way.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The record of it in the state file is damaged.
    #[error("the state file has no digest of `{0}`")]
    Record(String),
    /// The state file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine does not take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The tarball does not hold the image that was asked for.
    #[error("`{}` holds {found}, and not `{wanted}`", .path.display())]
    Other {
        /// The path of the tarball.
        path: PathBuf,
        /// The image that was asked for.
        wanted: String,
        /// The image that is there.
        found: String,
    },
    /// The engine took it, and still has no such image.
    #[error("{engine} loaded `{}`, and has no image {id}", .path.display())]
    NotThere {
        /// The name of the engine: `docker` or `podman`.
        engine: &'static str,
        /// The path of the tarball.
        path: PathBuf,
        /// The id of the image in the tarball.
        id: String,
    },
}

impl Hint for ImageError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Store(error) => error.exit_code(),
            Self::Archive(_)
            | Self::Copy(_)
            | Self::Record(_)
            | Self::Engine(_)
            | Self::Other { .. }
            | Self::NotThere { .. } => ExitCode::ENVIRONMENT,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Archive(error) => error.hint(),
            Self::Copy(error) => error.hint(),
            Self::Record(_) => Some("touch the file, so that it is checked again".to_owned()),
            Self::Store(error) => error.hint(),
            Self::Engine(error) => error.hint(),
            Self::Other { path, .. } => Some(format!(
                "leave `--container-image` out, or see what is there with `agent image inspect {}`",
                path.display()
            )),
            Self::NotThere { .. } => Some("see whether the engine's disk is full".to_owned()),
        }
    }
}

/// The engine that the settings ask for.
pub fn wanted(settings: &Settings) -> Wanted {
    Wanted {
        runtime: settings.container.runtime.clone(),
        host: settings.container.host.clone(),
    }
}

/// The platform that containers run on: the one of the engine, else of this machine.
pub fn platform(engine: Option<&Engine>) -> Platform {
    engine.map_or_else(archive::this_machine, |engine| {
        Platform::new(&engine.facts.os, &engine.facts.architecture, None)
    })
}

/// The result of loading a tarball.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// The image as the engine has it.
    pub image: ImageFacts,
    /// True if it was loaded just now; else it was there.
    pub loaded: bool,
}

/// The facts of a tarball that is whole and for `wanted`. A file that has not changed since it was
/// checked is not read again.
///
/// # Errors
///
/// A tarball that is not one whole image for `wanted`, or a state file that cannot be used.
pub fn check_tarball(
    store: &mut Store,
    path: &Path,
    wanted: &Platform,
) -> Result<ImageArchiveRow, ImageError> {
    let key = path.to_string_lossy().into_owned();
    if let (Some(known), Some((size, mtime_ns))) =
        (store.reader()?.image_archive(&key)?, archive::look(path))
        && known.is_of(size, mtime_ns)
        && wanted.runs(&Platform::new(&known.os, &known.architecture, None))
    {
        return Ok(known);
    }
    let verified = archive::verify(path, wanted)?;
    let archive = verified.archive;
    let row = ImageArchiveRow {
        path: key,
        size_bytes: archive.size_bytes,
        mtime_ns: archive.mtime_ns,
        sha256: verified.file_sha256.hex(),
        format: archive.format.as_str().to_owned(),
        image_id: archive.image_id.to_string(),
        architecture: archive.platform.architecture,
        os: archive.platform.os,
        tags: archive.tags,
        verified_ms: now_ms(),
    };
    store.put_image_archive(&row)?;
    Ok(row)
}

/// Brings a checked tarball into an engine that does not have its image yet.
///
/// # Errors
///
/// An engine that fails, or a tarball that changed since it was checked.
pub fn load_tarball(engine: &Engine, tarball: &ImageArchiveRow) -> Result<LoadedImage, ImageError> {
    if let Some(image) = engine.image(&tarball.image_id)? {
        return Ok(LoadedImage {
            image,
            loaded: false,
        });
    }
    let path = PathBuf::from(&tarball.path);
    let broken = || ImageError::Record(tarball.path.clone());
    let digest = Digest::from_hex(&tarball.sha256).ok_or_else(broken)?;
    // Not every docker reads OCI's layout, and no engine a folder that comes as a stream.
    let is_docker = engine.facts.kind == EngineKind::Docker;
    let is_foreign = (is_docker && tarball.format == Format::Oci.as_str()) || path.is_dir();
    let platform = Platform::new(&tarball.os, &tarball.architecture, None);
    // The engine gets exactly what was checked, or the image is not taken.
    let written = engine.load(|target| {
        if is_foreign {
            archive::copy_for_docker(&path, &digest, &platform, target)
        } else {
            archive::copy_tar(&path, &digest, target).map(drop)
        }
    })?;
    written?;
    let image = engine.image(&tarball.image_id)?;
    let image = image.ok_or_else(|| ImageError::NotThere {
        engine: engine.name(),
        path,
        id: tarball.image_id.clone(),
    })?;
    Ok(LoadedImage {
        image,
        loaded: true,
    })
}

/// Checks that a tarball holds the image that is called `name`.
pub(super) fn check_name(tarball: &ImageArchiveRow, name: &str) -> Result<(), ImageError> {
    let bare = |name: &str| {
        let name = name.trim_start_matches("docker.io/library/");
        let name = name.trim_start_matches("localhost/").to_owned();
        let has_tag = name
            .rsplit('/')
            .next()
            .is_some_and(|last| last.contains(':'));
        if has_tag {
            name
        } else {
            format!("{name}:latest")
        }
    };
    let is_id = |prefix: &str| {
        let id = tarball.image_id.trim_start_matches("sha256:");
        prefix.len() >= 12 && id.starts_with(prefix)
    };
    let named = tarball.tags.iter().any(|tag| bare(tag) == bare(name));
    if named || is_id(name.trim_start_matches("sha256:")) {
        return Ok(());
    }
    let names: Vec<String> = tarball.tags.iter().map(|tag| format!("`{tag}`")).collect();
    Err(ImageError::Other {
        path: PathBuf::from(&tarball.path),
        wanted: name.to_owned(),
        found: if names.is_empty() {
            "an image without a name".to_owned()
        } else {
            names.join(", ")
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tarball_is_asked_for_by_any_of_its_names() {
        let tarball = ImageArchiveRow {
            path: "/i.tar".to_owned(),
            size_bytes: 1,
            mtime_ns: 1,
            sha256: String::new(),
            format: "oci".to_owned(),
            image_id: format!("sha256:{}", "0123456789ab".repeat(5)),
            architecture: "amd64".to_owned(),
            os: "linux".to_owned(),
            tags: vec![
                "docker.io/library/lab:1".to_owned(),
                "a.b:5000/c".to_owned(),
            ],
            verified_ms: 1,
        };
        for name in [
            "lab:1",
            "localhost/lab:1",
            "a.b:5000/c:latest",
            "0123456789ab",
        ] {
            check_name(&tarball, name).unwrap();
        }
        for name in ["lab", "lab:2", "c", "0123"] {
            let error = check_name(&tarball, name).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`/i.tar` holds `docker.io/library/lab:1`, `a.b:5000/c`, and not `{name}`")
            );
        }
    }
}
