//! Names of archive entries: refuses the unsafe ones, and finds the targets of links.
//!
//! **Invariant:** a name that leaves this file cannot point out of the folder that it is joined to.

use thiserror::Error;

use super::limits::MAX_NAME_BYTES;

/// The reason why the name of an entry, or the target of a link, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameProblem {
    /// It starts at the root of the file system.
    #[error("is absolute")]
    Absolute,
    /// It climbs out of a folder by `..`.
    #[error("contains `..`")]
    Parent,
    /// It would end early in C.
    #[error("contains a NUL byte")]
    Nul,
    /// It is longer than a file system takes.
    #[error("is longer than {MAX_NAME_BYTES} bytes")]
    TooLong,
    #[error("is empty")]
    Empty,
    #[error("is not UTF-8")]
    NotText,
}

/// `raw` without `.` parts and doubled slashes; empty for the root of the archive itself.
pub fn clean(raw: &[u8]) -> Result<Vec<u8>, NameProblem> {
    if raw.len() as u64 > MAX_NAME_BYTES {
        return Err(NameProblem::TooLong);
    }
    match raw.first() {
        None => return Err(NameProblem::Empty),
        Some(b'/') => return Err(NameProblem::Absolute),
        Some(_) => {}
    }
    if raw.contains(&0) {
        return Err(NameProblem::Nul);
    }
    let mut name = Vec::with_capacity(raw.len());
    for part in raw.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(NameProblem::Parent),
            part => {
                if !name.is_empty() {
                    name.push(b'/');
                }
                name.extend_from_slice(part);
            }
        }
    }
    Ok(name)
}

/// As [`clean`], for names that have to be text.
pub fn clean_text(raw: &[u8]) -> Result<String, NameProblem> {
    String::from_utf8(clean(raw)?).map_err(|_| NameProblem::NotText)
}

/// The name that a symbolic link called `name` (clean) leads to; an error if that is outside of the
/// archive.
pub fn resolve(name: &str, target: &[u8]) -> Result<String, NameProblem> {
    let target = str::from_utf8(target).map_err(|_| NameProblem::NotText)?;
    if target.len() as u64 > MAX_NAME_BYTES {
        return Err(NameProblem::TooLong);
    }
    match target.as_bytes().first() {
        None => return Err(NameProblem::Empty),
        Some(b'/') => return Err(NameProblem::Absolute),
        Some(_) => {}
    }
    if target.contains('\0') {
        return Err(NameProblem::Nul);
    }
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or(NameProblem::Parent)?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_cleaned_or_refused() {
        let long = vec![b'a'; 4097];
        let cases: [(&[u8], Result<&str, NameProblem>); 11] = [
            (b"a/b", Ok("a/b")),
            (b"./a//b/./c/", Ok("a/b/c")),
            (b"./", Ok("")),
            (b"a/..b/c..", Ok("a/..b/c..")),
            (b"/a", Err(NameProblem::Absolute)),
            (b"a/../b", Err(NameProblem::Parent)),
            (b"..", Err(NameProblem::Parent)),
            (b"a\0b", Err(NameProblem::Nul)),
            (b"", Err(NameProblem::Empty)),
            (&long, Err(NameProblem::TooLong)),
            (b"a\xff", Err(NameProblem::NotText)),
        ];
        for (raw, wanted) in cases {
            let found = clean_text(raw);
            assert_eq!(found.as_deref(), wanted.as_ref().copied(), "{raw:?}");
        }
    }

    #[test]
    fn links_lead_to_a_name_or_nowhere() {
        let cases: [(&str, &[u8], Result<&str, NameProblem>); 7] = [
            ("a/layer.tar", b"../b/layer.tar", Ok("b/layer.tar")),
            ("layer.tar", b"b/./layer.tar", Ok("b/layer.tar")),
            ("a/b/c", b"../../d", Ok("d")),
            ("a/layer.tar", b"../../b", Err(NameProblem::Parent)),
            ("layer.tar", b"..", Err(NameProblem::Parent)),
            ("a/layer.tar", b"/etc/passwd", Err(NameProblem::Absolute)),
            ("a", b"", Err(NameProblem::Empty)),
        ];
        for (name, target, wanted) in cases {
            let found = resolve(name, target);
            assert_eq!(found.as_deref(), wanted.as_ref().copied(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_clean_name_leaves(raw in prop::collection::vec(prop::sample::select(b"./a\0".to_vec()), 0..12)) {
            if let Ok(name) = clean(&raw) {
                prop_assert!(!name.starts_with(b"/"));
                prop_assert!(!name.split(|byte| *byte == b'/').any(|part| part == b".."));
                prop_assert!(name.is_empty() || clean(&name) == Ok(name.clone()));
            }
        }
    }
}
