//! [`Layer`]: what a container writes to the project, apart from the project.
//!
//! podman keeps such a layer with the container. docker mounts a volume for it, which goes with the
//! container, from folders of ours, which go when the container has ended; `remove_left` finds them
//! by the name of the container.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::engine::scratch::Scratch;

/// Characters that have a meaning in the options of a mount, for the kernel or for an engine.
const MEANINGFUL: [char; 4] = [':', ',', '\\', '"'];

/// The folders of a layer that docker mounts; they go with this value.
#[derive(Debug)]
pub(in crate::engine) struct Layer(Scratch);

impl Layer {
    /// Makes the folders for the container `name`. Files of the layer's root belong to whom the
    /// project belongs.
    pub(super) fn make(name: &str, project: &Path) -> io::Result<Self> {
        let layer = Self(Scratch::here(&format!("{name}-layer")));
        // Others must not find a way through it to what is theirs to read in the container only.
        DirBuilder::new().mode(0o700).create(layer.0.path())?;
        fs::create_dir(layer.work())?;
        fs::create_dir(layer.upper())?;
        let data = fs::metadata(project)?;
        if nix::unistd::geteuid().is_root() {
            chown(layer.upper(), Some(data.uid()), Some(data.gid()))?;
        }
        fs::set_permissions(layer.upper(), Permissions::from_mode(data.mode() & 0o7777))?;
        Ok(layer)
    }

    /// Removes the folders: the container has ended.
    pub(super) fn clear(&self) {
        self.0.clear();
    }

    fn upper(&self) -> PathBuf {
        self.0.path().join("upper")
    }

    fn work(&self) -> PathBuf {
        self.0.path().join("work")
    }

    /// The options of the mount, over `project`.
    pub(super) fn options(&self, project: &Path, rootless: bool) -> String {
        let features = if rootless {
            "userxattr"
        } else {
            // With the second, folders of the project can be renamed.
            "index=off,redirect_dir=on"
        };
        format!(
            "lowerdir={},upperdir={},workdir={},{features}",
            project.display(),
            self.upper().display(),
            self.work().display(),
        )
    }
}

/// True if a layer over `project` can be mounted.
pub fn takes_a_layer(project: &Path) -> bool {
    let scratch = std::env::temp_dir();
    let is_plain = |path: &Path| {
        let text = path.to_str();
        text.is_some_and(|text| !text.contains(MEANINGFUL))
    };
    // The kernel refuses a layer that is inside of what it covers.
    is_plain(project) && is_plain(&scratch) && !scratch.starts_with(project)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_has_the_owner_and_the_mode_of_the_project() {
        let project = tempfile::tempdir().unwrap();
        fs::set_permissions(project.path(), Permissions::from_mode(0o750)).unwrap();
        let name = format!("selftest{}", project.path().file_name().unwrap().display());
        let layer = Layer::make(&name, project.path()).unwrap();
        let (upper, root) = (layer.upper(), layer.0.path().to_owned());
        let data = fs::metadata(&upper).unwrap();
        let wanted = fs::metadata(project.path()).unwrap();
        assert_eq!((data.mode(), data.uid()), (wanted.mode(), wanted.uid()));
        fs::write(upper.join("x"), "").unwrap();
        drop(layer);
        assert!(!root.exists());
    }

    #[test]
    fn a_layer_is_mounted_only_where_the_kernel_and_the_engines_can() {
        assert!(takes_a_layer(Path::new("/home/a b/ö")));
        for odd in ["/a:b", "/a,b", "/a\\b", "/a\"b", "/"] {
            assert!(!takes_a_layer(Path::new(odd)), "{odd}");
        }
    }
}
