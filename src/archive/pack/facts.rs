//! [`Facts`]: the facts that the entries of a root file system tell, noted as they pass.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::tape::Kind;
use crate::image::Platform;
use crate::image::wheel::{Libc, Scheme};

/// The folders of commands, in the order of `PATH`.
const COMMANDS: [&str; 2] = ["usr/local/bin", "usr/bin"];

/// The machines of ELF by the names of OCI; the numbers come from the gABI.
const ELF_MACHINES: [(&str, u16); 8] = [
    ("386", 3),
    ("ppc64le", 21),
    ("s390x", 22),
    ("arm", 40),
    ("amd64", 62),
    ("arm64", 183),
    ("riscv64", 243),
    ("loong64", 258),
];

/// The facts of a root file system that are known so far.
#[derive(Debug, Default)]
pub(super) struct Facts {
    entries: u64,
    is_image: bool,
    has_programs: bool,
    is_debian: bool,
    /// musl if its loader is there; `None` counts as glibc, which Debian has.
    libc: Option<Libc>,
    /// Minor versions by the folder of the interpreter.
    pythons: BTreeSet<(&'static str, u32)>,
    /// The minor version that `python3` leads to, by its folder.
    defaults: BTreeMap<&'static str, u32>,
    /// A program and its machine.
    program: Option<(String, u16)>,
    /// Folders that wheels may need.
    folders: BTreeSet<String>,
    /// Links in the place of such folders.
    links: BTreeSet<String>,
    /// Distributions that are installed where wheels may go.
    distributions: BTreeSet<String>,
}

impl Facts {
    /// Takes note of an entry.
    pub(super) fn note(&mut self, name: &str, kind: &Kind) {
        if !name.is_empty() {
            self.entries += 1;
        }
        self.is_image |= name == "oci-layout" || name == "manifest.json";
        self.has_programs |= name.starts_with("usr/") || name.starts_with("bin/");
        self.is_debian |=
            name.starts_with("usr/lib/python3/dist-packages") || name == "var/lib/dpkg";
        if name.starts_with("lib/ld-musl-") || name.starts_with("usr/lib/ld-musl-") {
            self.libc = Some(Libc::Musl);
        }
        self.note_python(name, kind);
        match kind {
            Kind::Folder if is_needed(name) => {
                self.folders.insert(name.to_owned());
            }
            Kind::Symlink(_) if is_needed(name) => {
                self.links.insert(name.to_owned());
            }
            Kind::Folder if is_distribution(name) => {
                self.distributions.insert(name.to_owned());
            }
            _ => {}
        }
    }

    fn note_python(&mut self, name: &str, kind: &Kind) {
        let Some((folder, command)) = name.rsplit_once('/') else {
            return;
        };
        let Some(folder) = COMMANDS.into_iter().find(|known| *known == folder) else {
            return;
        };
        if matches!(kind, Kind::File | Kind::Symlink(_) | Kind::Hardlink(_)) {
            self.pythons
                .extend(minor_of(command).map(|minor| (folder, minor)));
        }
        if let (Kind::Symlink(target) | Kind::Hardlink(target), "python3") = (kind, command) {
            let target = String::from_utf8_lossy(target);
            let target = target.rsplit('/').next().unwrap_or_default();
            self.defaults
                .extend(minor_of(target).map(|minor| (folder, minor)));
        }
    }

    /// True if the first bytes of the file `name` are wanted: it may be the first program.
    pub(super) fn wants_program(&self, name: &str) -> bool {
        let folder = name.rsplit_once('/').map(|(folder, _)| folder);
        let known =
            |folder| COMMANDS.contains(&folder) || matches!(folder, "bin" | "sbin" | "usr/sbin");
        self.program.is_none() && folder.is_some_and(known)
    }

    /// Takes note of the first bytes of a file.
    pub(super) fn note_program(&mut self, name: &str, head: &[u8]) {
        const LITTLE_ENDIAN: u8 = 1;
        let ([0x7f, b'E', b'L', b'F', _, order, ..], Some(&[a, b])) = (
            head,
            head.get(18..20).and_then(|machine| machine.as_array()),
        ) else {
            return;
        };
        let machine = if *order == LITTLE_ENDIAN {
            u16::from_le_bytes([a, b])
        } else {
            u16::from_be_bytes([a, b])
        };
        self.program = Some((name.to_owned(), machine));
    }

    /// The reason why this is no root file system; `None` if nothing speaks against it.
    pub(super) fn objection(&self) -> Option<&'static str> {
        if self.entries == 0 {
            Some("it holds no files")
        } else if self.is_image && !self.has_programs {
            Some("it is an image archive already")
        } else {
            None
        }
    }

    /// A program that is not for `platform`, and what it is for.
    pub(super) fn foreign_program(&self, platform: &Platform) -> Option<(&str, String)> {
        let (program, machine) = self.program.as_ref()?;
        let wanted = |(name, _): &&(&str, u16)| *name == platform.architecture;
        let (_, wanted) = ELF_MACHINES.iter().find(wanted)?;
        if machine == wanted {
            return None;
        }
        let found = ELF_MACHINES.iter().find(|(_, number)| number == machine);
        let found = found.map_or_else(
            || format!("ELF machine {machine}"),
            |(name, _)| format!("{}/{name}", platform.os),
        );
        Some((program, found))
    }

    pub(super) fn libc(&self) -> Libc {
        self.libc.unwrap_or(Libc::Glibc)
    }

    /// The folders for the wheels of the image's `python3`.
    ///
    /// # Errors
    ///
    /// The reason why there is no such Python, in words.
    pub(super) fn scheme(&self) -> Result<Scheme, String> {
        let folders = COMMANDS.into_iter();
        let with_python = |folder: &&str| self.pythons.iter().any(|(found, _)| found == folder);
        let Some(folder) = folders.into_iter().find(with_python) else {
            return Err(
                "it has neither `usr/bin/python3.N` nor `usr/local/bin/python3.N`".to_owned(),
            );
        };
        let minors = self.pythons.iter().filter(|(found, _)| *found == folder);
        let minors: Vec<u32> = minors.map(|(_, minor)| *minor).collect();
        let minor = match (minors.as_slice(), self.defaults.get(folder)) {
            (_, Some(default)) if minors.contains(default) => *default,
            ([minor], _) => *minor,
            _ => {
                let names: Vec<String> = minors.iter().map(|minor| format!("3.{minor}")).collect();
                return Err(format!(
                    "it has {} in `{folder}`, and `python3` leads to none of them",
                    names.join(", ")
                ));
            }
        };
        let site = match (folder, self.is_debian) {
            ("usr/local/bin", _) => format!("usr/local/lib/python3.{minor}/site-packages"),
            // Debian keeps what its packages bring apart from everything else.
            (_, true) => format!("usr/local/lib/python3.{minor}/dist-packages"),
            (_, false) => format!("usr/lib/python3.{minor}/site-packages"),
        };
        Ok(Scheme {
            python: format!("/{folder}/python3.{minor}"),
            minor,
            site,
        })
    }

    pub(super) fn has_folder(&self, path: &str) -> bool {
        self.folders.contains(path)
    }

    pub(super) fn has_link(&self, path: &str) -> bool {
        self.links.contains(path)
    }

    /// The names of the `.dist-info` folders in `site`.
    pub(super) fn distributions<'a>(&'a self, site: &'a str) -> impl Iterator<Item = &'a str> {
        self.distributions.iter().filter_map(move |path| {
            let name = path.strip_prefix(site)?.strip_prefix('/')?;
            (!name.contains('/')).then_some(name)
        })
    }
}

/// The 11 of `python3.11`.
fn minor_of(command: &str) -> Option<u32> {
    command.strip_prefix("python3.")?.parse().ok()
}

/// True if `path` is the metadata of a distribution in a folder that wheels may go to.
fn is_distribution(path: &str) -> bool {
    let parts = path.rsplit_once('/');
    parts.is_some_and(|(site, name)| name.ends_with(".dist-info") && is_needed(site))
}

/// True if wheels may need the folder `path`: it is one of the few above the places of a
/// [`Scheme`](crate::image::wheel::Scheme).
fn is_needed(path: &str) -> bool {
    let mut parts = path.split('/');
    if parts.next() != Some("usr") {
        return false;
    }
    let rest: Vec<&str> = parts.filter(|part| *part != "local").collect();
    match rest.as_slice() {
        [] | ["lib" | "bin" | "include" | "share"] => true,
        ["lib" | "include", python] => python.starts_with("python3"),
        ["lib", python, site] => {
            python.starts_with("python3") && matches!(*site, "site-packages" | "dist-packages")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(entries: &[(&str, Kind)]) -> Facts {
        let mut facts = Facts::default();
        for (name, kind) in entries {
            facts.note(name, kind);
        }
        facts
    }

    fn link(target: &str) -> Kind {
        Kind::Symlink(target.as_bytes().to_vec())
    }

    #[test]
    fn the_python_that_the_image_runs_is_found() {
        let debian = ("usr/lib/python3/dist-packages", Kind::Folder);
        let cases = [
            (
                vec![debian.clone(), ("usr/bin/python3.11", Kind::File)],
                Ok((
                    "/usr/bin/python3.11",
                    "usr/local/lib/python3.11/dist-packages",
                )),
            ),
            (
                vec![
                    debian.clone(),
                    ("usr/bin/python3.11", Kind::File),
                    ("usr/local/bin/python3.13", Kind::File),
                ],
                Ok((
                    "/usr/local/bin/python3.13",
                    "usr/local/lib/python3.13/site-packages",
                )),
            ),
            (
                vec![
                    ("usr/bin/python3.12", Kind::File),
                    ("usr/bin/python3.12-config", Kind::File),
                ],
                Ok(("/usr/bin/python3.12", "usr/lib/python3.12/site-packages")),
            ),
            (
                vec![
                    ("usr/bin/python3.9", Kind::File),
                    ("usr/bin/python3.10", Kind::File),
                    ("usr/bin/python3", link("/usr/bin/python3.9")),
                ],
                Ok(("/usr/bin/python3.9", "usr/lib/python3.9/site-packages")),
            ),
            (
                vec![
                    ("usr/bin/python3.9", Kind::File),
                    ("usr/bin/python3.10", Kind::File),
                ],
                Err("it has 3.9, 3.10 in `usr/bin`, and `python3` leads to none of them"),
            ),
            (
                vec![
                    ("opt/bin/python3.9", Kind::File),
                    ("usr/bin/python3.10", Kind::Folder),
                ],
                Err("it has neither `usr/bin/python3.N` nor `usr/local/bin/python3.N`"),
            ),
        ];
        for (entries, wanted) in cases {
            let found = facts(&entries).scheme();
            let found = found
                .as_ref()
                .map(|scheme| (scheme.python.as_str(), scheme.site.as_str()));
            assert_eq!(found.map_err(String::as_str), wanted, "{entries:?}");
        }
    }

    #[test]
    fn a_program_tells_the_machine() {
        let mut arm = b"\x7fELF\x02\x01\x01".to_vec();
        arm.resize(18, 0);
        arm.extend([183, 0]);
        let mut facts = Facts::default();
        facts.note_program("usr/bin/env", b"#!/bin/sh");
        assert!(facts.wants_program("usr/bin/python3.11"));
        facts.note_program("usr/bin/python3.11", &arm);
        assert!(!facts.wants_program("usr/bin/python3.11"));
        let amd64 = "linux/amd64".parse().unwrap();
        let foreign = facts.foreign_program(&amd64);
        assert_eq!(
            foreign,
            Some(("usr/bin/python3.11", "linux/arm64".to_owned()))
        );
        assert_eq!(facts.foreign_program(&"linux/arm64".parse().unwrap()), None);
    }

    #[test]
    fn only_the_folders_above_wheels_are_kept() {
        for path in [
            "usr",
            "usr/local/bin",
            "usr/local/lib/python3.11/dist-packages",
            "usr/lib/python3.9/site-packages",
        ] {
            assert!(is_needed(path), "{path}");
        }
        for path in [
            "",
            "etc",
            "usr/share/doc",
            "usr/lib/x86_64-linux-gnu",
            "usr/lib/python3.9/site-packages/a",
        ] {
            assert!(!is_needed(path), "{path}");
        }
    }
}
