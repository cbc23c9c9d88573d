//! Reads the answers of engines into one shape: docker and podman name the same things differently.

use serde::Deserialize;
use serde_json::Value;

use super::kind::EngineKind;

/// The facts of an engine, from its answer to `version` or `info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// Docker or podman, by the answer and not by the name of the program.
    pub kind: EngineKind,
    pub version: String,
    /// True if it runs without root.
    pub rootless: bool,
    /// True if podman says that its service is another machine's; false for docker.
    pub service_is_remote: bool,
    /// The operating system of its containers: `linux`.
    pub os: String,
    /// Their architecture, in the words of images: `amd64`, `arm64` …
    pub architecture: String,
}

/// The facts of an image, from the answer to `image inspect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// `sha256:` and the digest of its configuration.
    pub id: String,
    /// The operating system that it is for.
    pub os: String,
    /// The architecture that it is for.
    pub architecture: String,
    /// Its names with their tags; empty if it has none.
    pub tags: Vec<String>,
}

/// A container that carries the agent's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundContainer {
    pub id: String,
    pub name: String,
    pub labels: Vec<(String, String)>,
}

/// The place of a docker that no flag and no variable names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The socket of this machine that docker is made for.
    Usual,
    /// Some context of the user decides.
    Unknown,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Versions {
    client: Part,
    server: Option<Part>,
}

/// A part of an engine, by both names of each key: docker's, and podman's.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part {
    #[serde(default)]
    version: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    arch: String,
    /// Podman's alone.
    os_arch: Option<String>,
    /// Docker's alone.
    context: Option<String>,
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    name: String,
}

/// The first docker that names the parts which let it run without root.
const NAMES_ITS_PARTS: u32 = 20;

/// The facts in an answer to `version`, if they are all there. `is_root` is true if root asks: a
/// podman of this machine does what it does as who asks.
pub(super) fn of_version(answer: &str, is_root: bool) -> Option<(EngineFacts, Place)> {
    let Versions { client, server } = serde_json::from_str(answer).ok()?;
    let Some(platform) = client.os_arch else {
        return docker_of_version(&client, server?);
    };
    // A service does what it does as somebody else.
    let is_here = server.is_none();
    let (os, architecture) = platform.split_once('/').filter(|_| is_here)?;
    let facts = EngineFacts {
        kind: EngineKind::Podman,
        version: client.version,
        rootless: !is_root,
        service_is_remote: false,
        os: os.to_owned(),
        // A variant may follow.
        architecture: architecture.split('/').next()?.to_owned(),
    };
    Some((facts, Place::Unknown))
}

fn docker_of_version(client: &Part, server: Part) -> Option<(EngineFacts, Place)> {
    let major: u32 = server.version.split('.').next()?.parse().ok()?;
    let parts = server.components.filter(|_| major >= NAMES_ITS_PARTS)?;
    let place = match client.context.as_deref() {
        Some("default") => Place::Usual,
        Some(_) | None => Place::Unknown,
    };
    let is_whole = !server.os.is_empty() && !server.arch.is_empty();
    let facts = EngineFacts {
        kind: EngineKind::Docker,
        version: server.version,
        rootless: parts.iter().any(|part| part.name == "rootlesskit"),
        service_is_remote: false,
        os: server.os,
        architecture: server.arch,
    };
    is_whole.then_some((facts, place))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerInfo {
    #[serde(default)]
    server_version: String,
    #[serde(default)]
    security_options: Option<Vec<String>>,
    #[serde(rename = "OSType", default)]
    os_type: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    server_errors: Option<Vec<String>>,
}

/// Reads the answer to `info`; the error is what the engine complains of, or what is wrong with
/// the answer.
pub(super) fn engine(answer: &str) -> Result<EngineFacts, String> {
    let value: Value = serde_json::from_str(answer).map_err(|error| error.to_string())?;
    if value.get("host").is_some() {
        return podman(&value).ok_or_else(|| "a part of the answer is missing".to_owned());
    }
    let info: DockerInfo = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if let Some(errors) = info.server_errors.filter(|errors| !errors.is_empty()) {
        return Err(errors.join("; "));
    }
    if info.server_version.is_empty() {
        return Err("it names no version of its server".to_owned());
    }
    let options = info.security_options.unwrap_or_default();
    Ok(EngineFacts {
        kind: EngineKind::Docker,
        version: info.server_version,
        rootless: options.iter().any(|option| option == "name=rootless"),
        service_is_remote: false,
        os: info.os_type,
        architecture: in_words_of_images(&info.architecture).to_owned(),
    })
}

fn podman(info: &Value) -> Option<EngineFacts> {
    let text = |pointer: &str| info.pointer(pointer)?.as_str().map(str::to_owned);
    let on = |pointer: &str| info.pointer(pointer).and_then(Value::as_bool);
    Some(EngineFacts {
        kind: EngineKind::Podman,
        version: text("/version/Version")?,
        rootless: on("/host/security/rootless")?,
        service_is_remote: on("/host/serviceIsRemote").unwrap_or(false),
        os: text("/host/os")?,
        architecture: in_words_of_images(&text("/host/arch")?).to_owned(),
    })
}

/// docker answers with the kernel's names.
fn in_words_of_images(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" => "arm",
        "i386" | "i686" => "386",
        other => other,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    id: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
}

/// An image's id with the name of its digest, which podman leaves out.
pub(super) fn image_id(id: &str) -> String {
    let digits = id.trim().trim_start_matches("sha256:");
    format!("sha256:{digits}")
}

/// Reads the answer to `image inspect`.
pub(super) fn image(answer: &str) -> Result<ImageFacts, String> {
    let images: Vec<Image> = serde_json::from_str(answer).map_err(|error| error.to_string())?;
    let image = images.into_iter().next().ok_or("the answer is empty")?;
    Ok(ImageFacts {
        id: image_id(&image.id),
        os: image.os,
        architecture: image.architecture,
        tags: image.repo_tags.unwrap_or_default(),
    })
}

/// Reads the answer to `ps`: docker prints an object a line, podman one array; the labels come as
/// one text or as a mapping.
pub(super) fn containers(answer: &str) -> Result<Vec<FoundContainer>, String> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_str(answer).into_iter::<Value>() {
        match value.map_err(|error| error.to_string())? {
            Value::Array(values) => {
                for value in &values {
                    found.push(container(value)?);
                }
            }
            value => found.push(container(&value)?),
        }
    }
    Ok(found)
}

fn container(value: &Value) -> Result<FoundContainer, String> {
    let missing = |key: &str| format!("`{key}` is missing in `{value}`");
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let id = text("ID").or_else(|| text("Id"));
    let name = text("Names").or_else(|| {
        let names = value.get("Names")?.as_array()?;
        names.first()?.as_str().map(str::to_owned)
    });
    let labels = match value.get("Labels") {
        Some(Value::String(text)) => text.split(',').filter_map(pair).collect(),
        Some(Value::Object(map)) => map
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        _ => Vec::new(),
    };
    Ok(FoundContainer {
        id: id.ok_or_else(|| missing("ID"))?,
        name: name.ok_or_else(|| missing("Names"))?,
        labels,
    })
}

fn pair(label: &str) -> Option<(String, String)> {
    let (key, value) = label.split_once('=')?;
    Some((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_are_told_apart_by_what_they_answer() {
        let docker = r#"{"ServerVersion":"20.10.24","OSType":"linux","Architecture":"x86_64",
            "SecurityOptions":["name=seccomp,profile=default","name=rootless"]}"#;
        let facts = engine(docker).unwrap();
        assert_eq!((facts.kind, facts.rootless), (EngineKind::Docker, true));
        assert_eq!(facts.architecture, "amd64");
        let podman = r#"{"host":{"arch":"arm64","os":"linux","security":{"rootless":false}},
            "version":{"Version":"4.3.1"}}"#;
        let facts = engine(podman).unwrap();
        assert_eq!((facts.kind, facts.rootless), (EngineKind::Podman, false));
        assert_eq!(facts.version, "4.3.1");
    }

    #[test]
    fn a_version_tells_the_facts_or_nothing() {
        let docker = |version: &str, context: &str, part: &str| {
            let answer = format!(
                r#"{{"Client":{{"Version":"28.2.2","Context":"{context}"}},"Server":{{"Version":
                "{version}","Os":"linux","Arch":"arm64","Components":[{{"Name":"{part}"}}]}}}}"#
            );
            of_version(&answer, true)
        };
        let (facts, place) = docker("20.10.24+dfsg1", "default", "Engine").unwrap();
        assert_eq!((facts.kind, facts.rootless), (EngineKind::Docker, false));
        assert_eq!(facts.version, "20.10.24+dfsg1");
        assert_eq!(
            (facts.os.as_str(), facts.architecture.as_str()),
            ("linux", "arm64")
        );
        assert_eq!(place, Place::Usual);
        let (facts, place) = docker("29.0.1", "lab", "rootlesskit").unwrap();
        assert_eq!((facts.rootless, place), (true, Place::Unknown));
        assert_eq!(docker("19.03.15", "default", "Engine"), None);

        let podman = |server: &str, is_root| {
            let version = r#"{"APIVersion":"4.3.1","Version":"4.3.1","OsArch":"linux/amd64"}"#;
            of_version(&format!(r#"{{"Client":{version}{server}}}"#), is_root)
        };
        let (facts, _) = podman("", false).unwrap();
        assert_eq!((facts.kind, facts.rootless), (EngineKind::Podman, true));
        assert_eq!(
            (facts.os.as_str(), facts.architecture.as_str()),
            ("linux", "amd64")
        );
        assert!(!podman("", true).unwrap().0.rootless);
        // A service: who it runs as is not said.
        let server = r#","Server":{"Version":"4.3.1","OsArch":"linux/amd64"}"#;
        assert_eq!(podman(server, true), None);
        for unknown in ["", "{}", r#"{"Client":{"Version":"28.2.2"},"Server":null}"#] {
            assert_eq!(of_version(unknown, true), None, "{unknown}");
        }
    }

    #[test]
    fn a_docker_without_its_daemon_is_no_engine() {
        let answer =
            r#"{"ServerErrors":["Cannot connect to the Docker daemon"],"ServerVersion":""}"#;
        assert_eq!(
            engine(answer).unwrap_err(),
            "Cannot connect to the Docker daemon"
        );
        assert!(engine("{}").is_err());
        assert!(engine("").is_err());
    }

    #[test]
    fn containers_have_labels_in_both_shapes() {
        assert_eq!(containers("[]\n"), Ok(vec![]));
        let docker = r#"{"ID":"a1","Names":"selftest_1","State":"running","Labels":"menace_self_test=1,x=y=z"}"#;
        let podman = r#"[{"Id":"b2","Names":["selftest_2"],"State":"exited","Labels":{"menace_self_test":"1"}}]"#;
        let found = containers(&format!("{docker}\n\n{podman}\n")).unwrap();
        assert_eq!(found[0].labels[1], ("x".to_owned(), "y=z".to_owned()));
        assert_eq!(found[1].name, "selftest_2");
        assert!(containers("{}").is_err());
    }

    #[test]
    fn image_ids_have_one_form() {
        let bare = image(r#"[{"Id":"ab","Os":"linux","Architecture":"amd64"}]"#).unwrap();
        assert_eq!(bare.id, "sha256:ab");
        let full = image(r#"[{"Id":"sha256:ab","RepoTags":["a:1"]}]"#).unwrap();
        assert_eq!((full.id, full.tags), (bare.id, vec!["a:1".to_owned()]));
        assert!(image("[]").is_err());
    }
}
