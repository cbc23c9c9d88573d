//! [`Platform`]: the operating system and the processor that an image runs on, in the words of OCI.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

/// An operating system and a kind of processor, such as `linux/amd64` or `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Platform {
    /// The operating system in Go's words, such as `linux`.
    pub os: String,
    /// The processor in Go's words, such as `amd64`.
    pub architecture: String,
    /// The version of the processor, if its name leaves that open.
    pub variant: Option<String>,
}

/// A text that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/amd64, found `{0}`")]
pub struct PlatformError(String);

impl Platform {
    /// A platform, its parts brought to the names that OCI prefers.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let architecture = architecture.to_ascii_lowercase();
        let (name, implied) = match architecture.as_str() {
            "x86_64" | "x86-64" => ("amd64", None),
            "aarch64" => ("arm64", None),
            "x86" | "i386" | "i486" | "i586" | "i686" => ("386", None),
            "armhf" | "armv7l" => ("arm", Some("v7")),
            "armel" | "armv6l" => ("arm", Some("v6")),
            // Linux has no other 64-bit PowerPC that engines run on.
            "powerpc64" | "powerpc64le" | "ppc64el" => ("ppc64le", None),
            "loongarch64" => ("loong64", None),
            other => (other, None),
        };
        let variant = variant.filter(|variant| !variant.is_empty()).or(implied);
        // These variants are what the name says without them.
        let variant = variant
            .filter(|variant| !matches!((name, *variant), ("arm64", "v8" | "8") | ("amd64", "v1")));
        Self {
            os: os.to_ascii_lowercase(),
            architecture: name.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    /// The platform of containers on a machine with the processor `architecture`, as Rust or
    /// `uname` call it: Linux, also on a Mac.
    pub fn of_machine(architecture: &str) -> Self {
        Self::new("linux", architecture, None)
    }

    /// True if an image for `image` runs here. A variant that one side leaves open is no obstacle.
    pub fn runs(&self, image: &Self) -> bool {
        let variants = self.variant.as_ref().zip(image.variant.as_ref());
        self.os == image.os
            && self.architecture == image.architecture
            && variants.is_none_or(|(ours, theirs)| ours == theirs || self.architecture == "amd64")
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let good = |part: &&str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        };
        match parts.as_slice() {
            [os, architecture] if parts.iter().all(good) => Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] if parts.iter().all(good) => {
                Ok(Self::new(os, architecture, Some(variant)))
            }
            _ => Err(PlatformError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn machines_have_the_names_of_oci() {
        let cases = [
            ("x86_64", "linux/amd64"),
            ("aarch64", "linux/arm64"),
            ("x86", "linux/386"),
            ("armv7l", "linux/arm/v7"),
            ("powerpc64", "linux/ppc64le"),
            ("riscv64", "linux/riscv64"),
            ("s390x", "linux/s390x"),
        ];
        for (machine, name) in cases {
            assert_eq!(Platform::of_machine(machine).to_string(), name);
        }
    }

    #[test]
    fn spellings_of_one_platform_are_equal() {
        let same = [
            ("linux/arm64/v8", "linux/aarch64"),
            ("linux/x86_64", "Linux/amd64/v1"),
        ];
        for (one, other) in same {
            assert_eq!(platform(one), platform(other));
        }
    }

    #[test]
    fn an_image_runs_where_os_and_processor_agree() {
        let cases = [
            ("linux/amd64", "linux/amd64", true),
            ("linux/amd64", "linux/amd64/v3", true),
            ("linux/arm", "linux/arm/v7", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/amd64", "linux/386", false),
            ("linux/amd64", "linux/arm64", false),
            ("linux/amd64", "windows/amd64", false),
        ];
        for (machine, image, runs) in cases {
            assert_eq!(platform(machine).runs(&platform(image)), runs, "{image}");
        }
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for text in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/a md64"] {
            let error = text.parse::<Platform>().unwrap_err();
            assert!(error.to_string().ends_with(&format!("`{text}`")), "{error}");
        }
    }
}
