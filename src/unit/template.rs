//! Filling in the placeholders of a line: `@NAME@`.

/// `line` with each placeholder replaced by the `value` of its name. Text that was filled in is not
/// searched for placeholders.
pub(super) fn fill(line: &str, value: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, name, after)) = next(rest) {
        filled.push_str(before);
        filled.push_str(&value(name));
        rest = after;
    }
    filled + rest
}

/// True if a line has the placeholder.
pub(super) fn has(line: &str, name: &str) -> bool {
    let mut rest = line;
    while let Some((_, found, after)) = next(rest) {
        if found == name {
            return true;
        }
        rest = after;
    }
    false
}

/// The text before the first placeholder, its name, and the text after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(at) = text[from..].find('@').map(|at| from + at) {
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_uppercase())?;
        if end > 0 && rest[end..].starts_with('@') {
            return Some((&text[..at], &rest[..end], &rest[end + 1..]));
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_placeholder_is_filled_once() {
        let value = |name: &str| match name {
            "A" => "@B@".to_owned(),
            name => name.to_lowercase(),
        };
        let cases = [
            ("", ""),
            ("a@b @ @@ @a@", "a@b @ @@ @a@"),
            ("@A@", "@B@"),
            ("x@B@@A@y", "xb@B@y"),
            ("@@B@", "@b"),
            ("@B", "@B"),
        ];
        for (line, filled) in cases {
            assert_eq!(fill(line, value), filled, "{line}");
        }
        assert!(has("a=@B@ @C@", "C"));
        assert!(!has("a=@B@ C", "C"));
    }
}
