//! [`PackError`]: the reasons that keep an image from being made.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::archive::error::ArchiveError;
use crate::diag::Hint;
use crate::image::wheel::WheelProblem;
use crate::model::ExitCode;

/// The reason why no image was made. Nothing is left behind.
#[derive(Debug, Error)]
pub enum PackError {
    /// The name of the output says no format.
    #[error(
        "the output `{}` is named for no known format: expected .tar, .tar.gz, .tgz, .tar.zst or .tzst",
        .0.display()
    )]
    OutputName(PathBuf),
    /// The output is there already.
    #[error("the output `{}` is there already", .0.display())]
    OutputExists(PathBuf),
    /// The output is something that is not replaced.
    #[error("the output `{}` is there already, and is no file", .0.display())]
    OutputNotAFile(PathBuf),
    /// The output, or a temporary file beside it, cannot be written.
    #[error("cannot write the output `{}`", path.display())]
    Output { path: PathBuf, source: io::Error },
    /// The root file system cannot be read.
    #[error(transparent)]
    Rootfs(#[from] ArchiveError),
    /// The archive is no root file system.
    #[error("`{}` is no root file system: {reason}", path.display())]
    NotARootfs { path: PathBuf, reason: &'static str },
    /// The programs in it are for another machine.
    #[error(
        "the root file system `{}` is not for {wanted}: its `{program}` is for {found}",
        path.display()
    )]
    Machine {
        path: PathBuf,
        program: String,
        /// The machine that the program is for, in words.
        found: String,
        /// The platform that was asked for.
        wanted: String,
    },
    /// Wheels have no place to go.
    #[error("the root file system `{}` has no Python to install wheels for: {reason}", path.display())]
    NoPython {
        path: PathBuf,
        /// The interpreters that were found or looked for, in words.
        reason: String,
    },
    /// The wheels cannot be listed or read.
    #[error("cannot read the wheels in `{}`", path.display())]
    Wheels {
        /// The folder or the wheel.
        path: PathBuf,
        source: io::Error,
    },
    /// The folder holds no wheel.
    #[error("there is no wheel in `{}`", .0.display())]
    NoWheels(PathBuf),
    /// A source distribution, which would have to be built.
    #[error("`{}` is a source distribution; wheels were expected", .0.display())]
    SourceDistribution(PathBuf),
    /// A wheel cannot be installed.
    #[error("cannot install the wheel `{}`", path.display())]
    Wheel {
        path: PathBuf,
        #[source]
        problem: WheelProblem,
    },
    /// Two wheels are for one distribution.
    #[error("`{one}` and `{other}` are both for the distribution `{distribution}`")]
    SameDistribution {
        distribution: String,
        one: String,
        other: String,
    },
    /// Two wheels bring one file.
    #[error("`{one}` and `{other}` both install `{file}`")]
    SameFile {
        /// The path in the image.
        file: String,
        one: String,
        other: String,
    },
    /// The root file system has the distribution in the same folder.
    #[error("the root file system has `{found}` already, and `{wheel}` would be mixed with it")]
    Installed { found: String, wheel: String },
    /// A folder that wheels need is a link.
    #[error("`{0}` is a link in the root file system, and wheels need a folder there")]
    LinkedFolder(String),
    /// The archive that was written does not pass its own check.
    #[error("the archive that was written does not pass its check, and was removed")]
    Check(#[source] ArchiveError),
}

impl Hint for PackError {
    fn exit_code(&self) -> ExitCode {
        let is_usage = matches!(self, Self::OutputName(_) | Self::OutputExists(_));
        if is_usage {
            ExitCode::USAGE
        } else {
            ExitCode::ENVIRONMENT
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::OutputName(path) => {
                return Some(format!("name it `-o {}.tar.gz`", path.display()));
            }
            Self::OutputExists(_) => "name another file, or pass `--force` to replace it",
            Self::OutputNotAFile(_) => "name another file with `-o FILE.tar.gz`",
            Self::Output { .. } => {
                "the folder has to be writable and to have room for the image, unpacked and packed"
            }
            Self::Rootfs(error) | Self::Check(error) => return error.hint(),
            Self::NotARootfs { .. } => {
                "make one with `mmdebstrap --variant=minbase --include=python3 bookworm ROOTFS.tar`"
            }
            Self::Machine { .. } => "name its platform with `--platform OS/ARCHITECTURE`",
            Self::NoPython { .. } => {
                "add Python to it, such as with `mmdebstrap --include=python3`, or leave out `--wheels`"
            }
            Self::Wheels { .. } => "name a folder of wheels that you can read",
            Self::NoWheels(_) => {
                "collect them on a connected machine: `pip download --only-binary :all: -d DIR …`"
            }
            Self::SourceDistribution(_) => {
                "build a wheel of it on a connected machine: `pip wheel --no-deps -w DIR FILE`"
            }
            Self::Wheel { problem, .. } => return Some(wheel_hint(problem).to_owned()),
            Self::SameDistribution { .. } => "keep the one that you want",
            Self::SameFile { .. } => "remove one of the two wheels",
            Self::Installed { .. } => "remove the wheel, or the package from the root file system",
            Self::LinkedFolder(_) => "make the root file system with a folder there",
        };
        Some(hint.to_owned())
    }
}

fn wheel_hint(problem: &WheelProblem) -> &'static str {
    match problem {
        WheelProblem::Target { .. } => {
            "get the wheel for the image's Python: `pip download --only-binary :all: --python-version 3.N --platform manylinux2014_ARCH -d DIR …`"
        }
        WheelProblem::Name => "keep the name that the wheel was published under",
        _ => "fetch or copy the wheel again, and compare checksums on both sides",
    }
}
