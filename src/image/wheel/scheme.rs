//! [`Scheme`]: the places of the files of a wheel in an image.

use super::problem::WheelProblem;
use crate::image::name;

/// The folders of an image's Python, without a leading slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// The interpreter, as an absolute path for the first line of scripts.
    pub python: String,
    /// The minor version of the interpreter.
    pub minor: u32,
    /// The folder of modules, pure or compiled.
    pub site: String,
}

/// The place of one file in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path in the image, without a leading slash.
    pub path: String,
    /// True for a script, whose first line may name the interpreter.
    pub script: bool,
}

/// The folder of commands, which is on `PATH`.
const SCRIPTS: &str = "usr/local/bin";
/// The folder that the files of `data` and `headers` go below.
const PREFIX: &str = "usr/local";

impl Scheme {
    /// The place of the file `raw` of a wheel whose data folder is `data` (`NAME-VERSION.data`).
    ///
    /// Pure and compiled modules share a folder.
    pub fn place(&self, raw: &str, data: &str, distribution: &str) -> Result<Place, WheelProblem> {
        let file = name::clean_text(raw.as_bytes()).map_err(|problem| WheelProblem::FileName {
            name: raw.to_owned(),
            problem,
        })?;
        let in_data = file
            .strip_prefix(data)
            .and_then(|rest| rest.strip_prefix('/'));
        let Some(rest) = in_data else {
            return Ok(Place::file(&self.site, &file));
        };
        match rest.split_once('/') {
            Some(("purelib" | "platlib", path)) => Ok(Place::file(&self.site, path)),
            Some(("scripts", path)) => Ok(Place {
                script: true,
                ..Place::file(SCRIPTS, path)
            }),
            Some(("data", path)) => Ok(Place::file(PREFIX, path)),
            Some(("headers", path)) => {
                let folder = format!("{PREFIX}/include/python3.{}/{distribution}", self.minor);
                Ok(Place::file(&folder, path))
            }
            _ => Err(WheelProblem::NoPlace(file)),
        }
    }

    /// The path of the command `name`.
    pub fn command(name: &str) -> String {
        format!("{SCRIPTS}/{name}")
    }

    /// `path` relative to the folder of modules, as RECORD has it.
    pub fn relative(&self, path: &str) -> String {
        let site: Vec<&str> = self.site.split('/').collect();
        let parts: Vec<&str> = path.split('/').collect();
        let shared = site.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        let up = "../".repeat(site.len() - shared);
        format!("{up}{}", parts[shared..].join("/"))
    }
}

impl Place {
    fn file(folder: &str, name: &str) -> Self {
        Self {
            path: format!("{folder}/{name}"),
            script: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme() -> Scheme {
        Scheme {
            python: "/usr/bin/python3".to_owned(),
            minor: 11,
            site: "usr/local/lib/python3.11/dist-packages".to_owned(),
        }
    }

    #[test]
    fn files_go_where_pip_puts_them() {
        let cases = [
            ("a/b.py", "usr/local/lib/python3.11/dist-packages/a/b.py"),
            (
                "a-1.data/platlib/b.so",
                "usr/local/lib/python3.11/dist-packages/b.so",
            ),
            ("a-1.data/scripts/run", "usr/local/bin/run"),
            ("a-1.data/data/share/x", "usr/local/share/x"),
            ("a-1.data/headers/x.h", "usr/local/include/python3.11/a/x.h"),
            (
                "a-1.datax/y",
                "usr/local/lib/python3.11/dist-packages/a-1.datax/y",
            ),
        ];
        for (file, path) in cases {
            assert_eq!(scheme().place(file, "a-1.data", "a").unwrap().path, path);
        }
        assert!(
            scheme()
                .place("a-1.data/scripts/run", "a-1.data", "a")
                .unwrap()
                .script
        );
    }

    #[test]
    fn nothing_leaves_or_lands_nowhere() {
        for file in [
            "../x",
            "/x",
            "a/../../x",
            "a-1.data/scripts/../../../x",
            "a-1.data/other/x",
            "a-1.data/x",
        ] {
            assert!(scheme().place(file, "a-1.data", "a").is_err(), "{file}");
        }
    }

    #[test]
    fn record_has_relative_paths() {
        let scheme = scheme();
        assert_eq!(scheme.relative("usr/local/bin/x"), "../../../bin/x");
        let inside = scheme.place("a/b.py", "d", "a").unwrap().path;
        assert_eq!(scheme.relative(&inside), "a/b.py");
    }
}
