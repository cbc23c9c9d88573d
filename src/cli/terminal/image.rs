//! `agent image`: the facts about an image archive, as aligned lines.

use super::palette::paint;
use super::text::{count, inline, push_line, size};
use crate::diag::Palette;
use crate::image::{Digest, ImageArchive};

/// The facts about `archive`, one a line; `file_sha256` is there if every byte of it was checked.
pub fn image_facts(
    archive: &ImageArchive,
    file_sha256: Option<&Digest>,
    palette: &Palette,
) -> String {
    let mut text = String::new();
    for (name, value) in facts(archive, file_sha256) {
        let name = paint(palette.strong, format!("{name:<8}"));
        push_line(&mut text, &format!("{name} {}", inline(&value)));
    }
    text
}

fn facts(archive: &ImageArchive, file_sha256: Option<&Digest>) -> Vec<(&'static str, String)> {
    let mut facts = vec![("image", archive.image_id.to_string())];
    facts.extend(archive.tags.iter().map(|tag| ("tag", tag.clone())));
    facts.push(("platform", archive.platform.to_string()));
    let command: Vec<String> = archive
        .entrypoint
        .iter()
        .chain(&archive.cmd)
        .cloned()
        .collect();
    if !command.is_empty() {
        facts.push(("runs", shell_words::join(command)));
    }
    if let Some(created) = &archive.created {
        facts.push(("created", created.clone()));
    }
    let stored = archive.layers.iter().map(|layer| layer.size_bytes).sum();
    let layers = count(archive.layers.len() as u64, "layer");
    facts.push(("content", format!("{layers}, {}", size(stored))));
    let digests = archive.layers.iter().map(|layer| layer.diff_id.to_string());
    facts.extend(digests.map(|digest| ("layer", digest)));
    facts.push((
        "format",
        format!("{}, compression: {}", archive.format, archive.compression),
    ));
    facts.push((
        "size",
        format!(
            "{} ({} bytes)",
            size(archive.size_bytes),
            archive.size_bytes
        ),
    ));
    if let Some(digest) = file_sha256 {
        facts.push(("file", digest.to_string()));
        facts.push(("verified", "sizes, checksums and digests agree".to_owned()));
    }
    facts
}
