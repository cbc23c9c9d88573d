//! SHA-256 over texts, for keys that must stay equal from version to version.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The digest of a list of texts as 64 hexadecimal digits. The ends of the texts count, so that
/// `["ab", "c"]` and `["a", "bc"]` differ.
pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.len().to_le_bytes());
        digest.update(text);
    }
    let mut hex = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::of_texts;

    #[test]
    fn boundaries_between_texts_matter() {
        assert_ne!(of_texts(["ab", "c"]), of_texts(["a", "bc"]));
        assert_eq!(of_texts([""]).len(), 64);
        assert_ne!(of_texts([""]), of_texts([]));
    }
}
