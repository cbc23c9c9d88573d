//! Says what a run in containers leaves on this machine: wheels, the project's environment, and what
//! links of the project lead to. Its main function is [`notices`].

use std::path::Path;

use crate::model::{Level, Notice};
use crate::settings::Settings;
use crate::source::{LinkOut, links_out};

/// More links than these are counted.
const NAMED_LINKS: usize = 3;

/// The folders in which the host looks for an interpreter.
const ENVIRONMENTS: [&str; 2] = [".venv", "venv"];

/// What tests in a container of the image do not get, though the host would give it to them.
pub(super) fn notices(settings: &Settings, image: &str) -> Vec<Notice> {
    let links = links_out(
        &settings.project,
        &settings.data_dir,
        &settings.container.exclude,
    );
    let wheels = settings
        .wheels
        .as_deref()
        .map(|folder| wheels(folder, image));
    let all = [
        wheels,
        environment(settings, image),
        outer_links(&links, &settings.container.args),
    ];
    all.into_iter().flatten().collect()
}

fn wheels(folder: &Path, image: &str) -> Notice {
    let folder = folder.display();
    Notice {
        level: Level::Warning,
        code: "wheels-not-used".to_owned(),
        message: format!("`--wheels` is for runs on the host: nothing is installed in `{image}`"),
        hint: Some(format!(
            "make an image that has them: `offline/build-image.sh --wheels {folder}`, or `agent \
             image pack --rootfs FILE --wheels {folder}`"
        )),
    }
}

/// One that is named by `--python` is told apart already.
fn environment(settings: &Settings, image: &str) -> Option<Notice> {
    let is_named = settings
        .python
        .as_deref()
        .is_some_and(|name| name.contains('/'));
    let is_there = |name: &&str| settings.project.join(name).join("pyvenv.cfg").is_file();
    let name = ENVIRONMENTS
        .into_iter()
        .find(is_there)
        .filter(|_| !is_named)?;
    Some(Notice {
        level: Level::Info,
        code: "environment-of-host".to_owned(),
        message: format!("`{name}` is of the host: tests have the packages of `{image}` alone"),
        hint: None,
    })
}

fn outer_links(links: &[LinkOut], args: &[String]) -> Option<Notice> {
    let is_mounted = |end: &Path| {
        let mut folders = end.ancestors().filter(|folder| folder.parent().is_some());
        folders.any(|folder| {
            let folder = folder.to_string_lossy();
            args.iter().any(|arg| arg.contains(folder.as_ref()))
        })
    };
    let links: Vec<&LinkOut> = links.iter().filter(|link| !is_mounted(&link.end)).collect();
    let first = links.first()?;
    let named = links.iter().take(NAMED_LINKS);
    let named: Vec<String> = named
        .map(|LinkOut { link, end }| format!("`{}` to `{}`", link.display(), end.display()))
        .collect();
    let verb = if links.len() == 1 { "leads" } else { "lead" };
    let more = match links.len().saturating_sub(NAMED_LINKS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let end = first.end.display();
    Some(Notice {
        level: Level::Warning,
        code: "links-lead-out".to_owned(),
        message: format!(
            "a container has only the project, and {}{more} {verb} out of it",
            named.join(", ")
        ),
        hint: Some(format!(
            "put a copy into the project, or let an engine of this machine mount it: \
             `--container-arg=--volume={end}:{end}:ro`"
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str) -> LinkOut {
        LinkOut {
            link: name.into(),
            end: Path::new("/data").join(name),
        }
    }

    #[test]
    fn the_first_links_are_named_with_their_ends_and_the_rest_is_counted() {
        let said = |links: &[LinkOut], args: &[&str]| {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            outer_links(links, &args).map(|notice| notice.message)
        };
        assert_eq!(said(&[], &[]), None);
        assert_eq!(
            said(&[link("a")], &[]).unwrap(),
            "a container has only the project, and `a` to `/data/a` leads out of it"
        );
        let many = said(&["a", "b", "c", "d"].map(link), &[]).unwrap();
        assert!(
            many.ends_with("`c` to `/data/c` and 1 more lead out of it"),
            "{many}"
        );
        assert_eq!(said(&[link("a")], &["--volume=/data:/data:ro"]), None);
        assert_eq!(
            said(&[link("a")], &["--volume=/other:/other"]),
            said(&[link("a")], &[])
        );
    }
}
