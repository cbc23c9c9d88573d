//! The place that a path leads to, once every link is followed.
//!
//! A project may hold links that nobody of this machine made. Whoever writes to a place inside of a
//! folder asks here first if the place is inside of it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;

/// The place that `path`, which is absolute, leads to. A link is followed even if nothing is at its
/// end yet.
///
/// # Errors
///
/// Links in a circle.
pub fn end_of(path: &Path) -> io::Result<PathBuf> {
    let mut links = 0;
    let mut end = PathBuf::new();
    let mut way = steps(path);
    while let Some(step) = way.pop() {
        match step.components().next() {
            Some(Component::ParentDir) => {
                end.pop();
            }
            Some(Component::Normal(name)) => match fs::read_link(end.join(name)) {
                Ok(_) if links == MAX_LINKS => return Err(Errno::ELOOP.into()),
                Ok(target) => {
                    links += 1;
                    way.extend(steps(&target));
                }
                // No link, or nothing at all.
                Err(_) => end.push(name),
            },
            Some(Component::RootDir | Component::Prefix(_)) => end = step,
            Some(Component::CurDir) | None => {}
        }
    }
    Ok(end)
}

/// The place that `path` leads to, if that is not inside of `folder`; both are absolute. Of links in
/// a circle it is the path itself.
pub fn leads_out(path: &Path, folder: &Path) -> Option<PathBuf> {
    let (Ok(end), Ok(folder)) = (end_of(path), end_of(folder)) else {
        return Some(path.to_owned());
    };
    (!end.starts_with(folder)).then_some(end)
}

/// An error if `path` leads out of `folder`; both are absolute.
///
/// # Errors
///
/// The link, in words.
pub fn keep_in(path: &Path, folder: &Path) -> io::Result<()> {
    match leads_out(path, folder) {
        None => Ok(()),
        Some(end) => Err(io::Error::other(format!(
            "a link leads to `{}`",
            end.display()
        ))),
    }
}

/// The components of a path, the last one first.
fn steps(path: &Path) -> Vec<PathBuf> {
    let steps = path.components().rev();
    steps.map(|step| Path::new(&step).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_leads_to_the_end_of_all_links_and_dots() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("in/deep")).unwrap();
        fs::create_dir(root.join("out")).unwrap();
        let link = |to: &str, at: &str| symlink(to, root.join(at)).unwrap();
        link("../out", "in/link");
        link("link/none", "in/chain");
        link("deep", "in/near");
        link("circle", "in/circle");
        link(root.join("out").to_str().unwrap(), "in/deep/whole");
        for (path, end) in [
            ("in/new/file", None),
            ("in/./deep/../new", None),
            ("in/near/new", None),
            ("in", None),
            ("in/../out", Some("out")),
            ("in/link", Some("out")),
            ("in/link/new", Some("out/new")),
            ("in/chain", Some("out/none")),
            ("in/near/../../out", Some("out")),
            ("in/near/whole/..", Some("")),
            ("inside", Some("inside")),
            ("in/circle", Some("in/circle")),
        ] {
            let found = leads_out(&root.join(path), &root.join("in"));
            let end = end.map(|end| root.join(end).components().collect());
            assert_eq!(found, end, "{path}");
        }
    }
}
