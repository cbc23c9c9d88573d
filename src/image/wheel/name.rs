//! The name of a wheel's file, and whether a wheel of that name fits an image's Python.

use std::fmt;

use super::problem::WheelProblem;
use crate::image::Platform;

/// The C library of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Libc {
    /// GNU's, as in Debian.
    Glibc,
    /// musl, as in Alpine.
    Musl,
}

/// The CPython 3 of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub minor: u32,
    pub platform: Platform,
    pub libc: Libc,
}

/// The parts of the name of a wheel's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelName {
    /// The distribution, as it is spelled.
    pub distribution: String,
    pub version: String,
    python: String,
    abi: String,
    platform: String,
}

impl WheelName {
    /// Reads the name of a file: `NAME-VERSION(-BUILD)-PYTHON-ABI-PLATFORM.whl`.
    pub fn parse(file_name: &str) -> Result<Self, WheelProblem> {
        let stem = file_name.strip_suffix(".whl").ok_or(WheelProblem::Name)?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (distribution, version, tags) = match parts.as_slice() {
            [name, version, tags @ ..] if tags.len() == 3 => (name, version, tags),
            [name, version, build, tags @ ..]
                if tags.len() == 3 && build.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                (name, version, tags)
            }
            _ => return Err(WheelProblem::Name),
        };
        let word = |part: &&str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '!'))
        };
        if !parts.iter().all(word) {
            return Err(WheelProblem::Name);
        }
        Ok(Self {
            distribution: (*distribution).to_owned(),
            version: (*version).to_owned(),
            python: tags[0].to_owned(),
            abi: tags[1].to_owned(),
            platform: tags[2].to_owned(),
        })
    }

    /// Refuses a wheel that `target` cannot import.
    ///
    /// The version of the C library is not known, so any `manylinux` of the right processor fits.
    pub fn check(&self, target: &Target) -> Result<(), WheelProblem> {
        let tags = self.python.split('.').flat_map(|python| {
            let abis = self.abi.split('.');
            abis.map(move |abi| (python, abi))
        });
        let any_tag = tags.into_iter().any(|(python, abi)| {
            let mut platforms = self.platform.split('.');
            platforms.any(|platform| target.takes(python, abi, platform))
        });
        if any_tag {
            return Ok(());
        }
        Err(WheelProblem::Target {
            found: format!("{}-{}-{}", self.python, self.abi, self.platform),
            wanted: target.to_string(),
        })
    }
}

impl Target {
    fn takes(&self, python: &str, abi: &str, platform: &str) -> bool {
        let minor_of = |prefix: &str| python.strip_prefix(prefix)?.parse::<u32>().ok();
        let python_fits = match (abi, minor_of("cp3"), minor_of("py3")) {
            ("none", Some(minor), _) => minor == self.minor,
            ("none", None, Some(minor)) => minor <= self.minor,
            ("none", None, None) => python == "py3",
            ("abi3", Some(minor), _) => (2..=self.minor).contains(&minor),
            (abi, Some(minor), _) => minor == self.minor && self.is_own_abi(abi),
            _ => false,
        };
        python_fits && self.takes_platform(platform)
    }

    /// Up to 3.7 the name of the ABI ends in `m`.
    fn is_own_abi(&self, abi: &str) -> bool {
        let own = format!("cp3{}", self.minor);
        abi == own || (self.minor <= 7 && abi == format!("{own}m"))
    }

    fn takes_platform(&self, platform: &str) -> bool {
        if platform == "any" {
            return true;
        }
        let fits = |machine: &str| {
            let Some(kind) = platform.strip_suffix(machine) else {
                return false;
            };
            match self.libc {
                Libc::Glibc => kind.starts_with("manylinux") || kind == "linux_",
                Libc::Musl => kind.starts_with("musllinux_") || kind == "linux_",
            }
        };
        self.platform.os == "linux" && self.machines().iter().any(|machine| fits(machine))
    }

    /// The names of the processor in the tags of wheels.
    fn machines(&self) -> &'static [&'static str] {
        match self.platform.architecture.as_str() {
            "amd64" => &["x86_64"],
            "arm64" => &["aarch64"],
            "386" => &["i686"],
            "arm" => &["armv7l", "armv6l"],
            "ppc64le" => &["ppc64le"],
            "riscv64" => &["riscv64"],
            "s390x" => &["s390x"],
            "loong64" => &["loongarch64"],
            _ => &[],
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let libc = match self.libc {
            Libc::Glibc => "",
            Libc::Musl => " with musl",
        };
        write!(f, "CPython 3.{} on {}{libc}", self.minor, self.platform)
    }
}

/// The spelling by which distributions are compared: lower case, runs of `-_.` as one `-`.
pub fn normalized(name: &str) -> String {
    let parts: Vec<&str> = name
        .split(['-', '_', '.'])
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(minor: u32, platform: &str, libc: Libc) -> Target {
        Target {
            minor,
            platform: platform.parse().unwrap(),
            libc,
        }
    }

    #[test]
    fn wheels_fit_by_their_tags() {
        let debian = target(11, "linux/amd64", Libc::Glibc);
        let cases = [
            ("py3-none-any", true),
            ("py2.py3-none-any", true),
            ("py2-none-any", false),
            ("py39-none-any", true),
            ("py312-none-any", false),
            ("cp311-none-any", true),
            (
                "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
                true,
            ),
            ("cp311-cp311-manylinux1_x86_64", true),
            ("cp311-cp311-linux_x86_64", true),
            ("cp311-cp311-manylinux_2_17_aarch64", false),
            ("cp311-cp311-musllinux_1_1_x86_64", false),
            ("cp311-cp311-win_amd64", false),
            ("cp311-cp311-macosx_11_0_arm64", false),
            ("cp310-cp310-manylinux_2_17_x86_64", false),
            ("cp37-abi3-manylinux_2_17_x86_64", true),
            ("cp312-abi3-manylinux_2_17_x86_64", false),
            ("cp311-cp311t-manylinux_2_17_x86_64", false),
            ("pp311-pypy311_pp73-manylinux_2_17_x86_64", false),
            ("py3-none-manylinux_2_17_x86_64", true),
        ];
        for (tags, fits) in cases {
            let name = WheelName::parse(&format!("a-1-{tags}.whl")).unwrap();
            assert_eq!(name.check(&debian).is_ok(), fits, "{tags}");
        }
    }

    #[test]
    fn the_machine_of_the_image_counts() {
        let name = WheelName::parse("a-1-cp37-cp37m-linux_armv7l.whl").unwrap();
        assert_eq!(name.check(&target(7, "linux/arm/v7", Libc::Glibc)), Ok(()));
        let error = name
            .check(&target(12, "linux/arm64", Libc::Musl))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "it is for cp37-cp37m-linux_armv7l, and the image has CPython 3.12 on linux/arm64 with musl"
        );
    }

    #[test]
    fn names_have_five_or_six_parts() {
        let name = WheelName::parse("My_Pkg-1.0+l-1b-py3-none-any.whl").unwrap();
        assert_eq!(
            (name.distribution.as_str(), name.version.as_str()),
            ("My_Pkg", "1.0+l")
        );
        for wrong in [
            "a.whl",
            "a-1-py3-none.whl",
            "a-1-py3-none-any.zip",
            "a-1-x-py3-none-any.whl",
            "a-1-2-3-py3-none-any.whl",
            "-1-py3-none-any.whl",
            "a/b-1-py3-none-any.whl",
        ] {
            assert_eq!(WheelName::parse(wrong), Err(WheelProblem::Name), "{wrong}");
        }
    }

    #[test]
    fn spellings_of_one_distribution_are_equal() {
        assert_eq!(normalized("Foo._-Bar"), "foo-bar");
        assert_eq!(normalized("foo_bar"), normalized("FOO.bar"));
    }
}
