//! From the bytes of a Python file to its text, as PEP 263 says: UTF-8, unless a comment in the
//! first two lines names something else.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::graph::CollectProblem;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Names of Python's codecs that `encoding_rs` knows under another one. The rest of them differ in
/// `-` and `_` alone.
const CODECS: [(&str, &str); 22] = [
    ("932", "shift_jis"),
    ("936", "gbk"),
    ("949", "euc-kr"),
    ("950", "big5"),
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp949", "euc-kr"),
    ("cp950", "big5"),
    ("cyrillic", "iso-8859-5"),
    ("eucjp", "euc-jp"),
    ("euckr", "euc-kr"),
    ("koi8r", "koi8-r"),
    ("koi8u", "koi8-u"),
    ("l9", "iso-8859-15"),
    ("latin9", "iso-8859-15"),
    ("latin10", "iso-8859-16"),
    ("maccyrillic", "x-mac-cyrillic"),
    ("macroman", "macintosh"),
    ("ms932", "shift_jis"),
    ("ms936", "gbk"),
    ("sjis", "shift_jis"),
    ("uhc", "euc-kr"),
];

/// The text of a file.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, CollectProblem> {
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(at_byte(bytes, at, "it holds a NUL byte"));
    }
    let (has_bom, bytes) = match bytes.strip_prefix(BOM) {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    let Some((line, name)) = cookie(bytes) else {
        return utf8(bytes, "it is not UTF-8 and names no other encoding");
    };
    let problem = |message: String| CollectProblem {
        line: Some(line),
        message,
    };
    let plain = plain_name(name);
    // Python takes `utf8` for UTF-8, but not beside a mark.
    let is_utf8 = plain.starts_with("utf8");
    if has_bom && !(is_utf8 && name[3..].starts_with(['-', '_'])) {
        return Err(problem(format!(
            "it begins with a mark of UTF-8 and names the encoding `{name}`"
        )));
    }
    if is_utf8 {
        return utf8(bytes, "it is not UTF-8");
    }
    match &*plain {
        "ascii" | "usascii" | "646" if bytes.is_ascii() => utf8(bytes, "it is not ASCII"),
        "ascii" | "usascii" | "646" => Err(problem("it is not ASCII".to_owned())),
        // encoding_rs takes it for windows-1252, as browsers do.
        "latin1" | "latin" | "l1" | "iso88591" | "8859" | "isolatin1" | "cp819" => {
            Ok(encoding_rs::mem::decode_latin1(bytes))
        }
        _ => {
            let encoding = encoding(name, &plain)
                .ok_or_else(|| problem(format!("its encoding `{name}` is not known")))?;
            encoding
                .decode_without_bom_handling_and_without_replacement(bytes)
                .ok_or_else(|| problem(format!("it is not in its encoding `{name}`")))
        }
    }
}

fn utf8<'a>(bytes: &'a [u8], message: &str) -> Result<Cow<'a, str>, CollectProblem> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => Err(at_byte(bytes, error.valid_up_to(), message)),
    }
}

fn at_byte(bytes: &[u8], at: usize, message: &str) -> CollectProblem {
    let before = bytes[..at].split(|byte| *byte == b'\n').count();
    CollectProblem {
        line: u32::try_from(before).ok(),
        message: message.to_owned(),
    }
}

/// The encoding that a comment in the first two lines names, and the line. The second line counts
/// if the first holds no code.
fn cookie(bytes: &[u8]) -> Option<(u32, &str)> {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let end = bytes.iter().position(is_end).unwrap_or(bytes.len());
    let (first, rest) = bytes.split_at(end);
    let comment = comment_of(first)?;
    if let Some(name) = named_in(comment) {
        return Some((1, name));
    }
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    named_in(comment_of(&rest[..end])?).map(|name| (2, name))
}

/// The comment of a line that holds nothing else; `None` for a line with code.
fn comment_of(line: &[u8]) -> Option<&[u8]> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\x0c');
    let start = line.iter().position(|byte| !is_space(byte));
    match start.map(|at| &line[at..]) {
        None => Some(&[]),
        Some(comment) if comment[0] == b'#' => Some(comment),
        Some(_) => None,
    }
}

/// Finds the NAME of `coding: NAME` or `coding=NAME` in a comment.
fn named_in(comment: &[u8]) -> Option<&str> {
    let word = b"coding";
    for (at, _) in (comment.windows(word.len()).enumerate()).filter(|(_, part)| part == word) {
        let rest = &comment[at + word.len()..];
        let Some((b':' | b'=', rest)) = rest.split_first() else {
            continue;
        };
        let name = rest.trim_ascii_start();
        let is_in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let end = name.iter().position(|byte| !is_in_name(byte));
        let name = std::str::from_utf8(&name[..end.unwrap_or(name.len())]).ok()?;
        if !name.is_empty() {
            return Some(name);
        }
    }
    None
}

/// The name without what Python overlooks in it: `ISO_8859-1` is `iso88591`. A suffix for the end
/// of lines as Emacs writes it, `utf-8-unix`, stays.
fn plain_name(name: &str) -> String {
    let kept = name.chars().filter(|c| !matches!(c, '-' | '_' | '.'));
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

fn encoding(name: &str, plain: &str) -> Option<&'static Encoding> {
    let known = CODECS.iter().find(|(python, _)| *python == plain);
    let labels = match known {
        Some((_, label)) => [(*label).to_owned(), String::new(), String::new()],
        None => [
            name.replace('_', "-"),
            plain.to_owned(),
            plain.replacen("iso8859", "iso-8859-", 1),
        ],
    };
    let mut found = labels
        .iter()
        .filter_map(|label| Encoding::for_label_no_replacement(label.as_bytes()));
    // These cannot be read by Python either: a line of ASCII would not be one in them.
    found.find(|encoding| ![UTF_8, UTF_16BE, UTF_16LE].contains(encoding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_the_encoding_that_they_name() {
        let cases: [(&str, &[u8], &str); 17] = [
            ("plain", b"a = 1", "a = 1"),
            ("UTF-8", "a = 'é'".as_bytes(), "a = 'é'"),
            ("a mark", b"\xef\xbb\xbfa", "a"),
            (
                "a mark and a name",
                b"\xef\xbb\xbf# coding: utf-8",
                "# coding: utf-8",
            ),
            (
                "Emacs",
                b"# -*- coding: utf-8-unix -*-\n",
                "# -*- coding: utf-8-unix -*-\n",
            ),
            (
                "latin-1",
                b"# coding: latin-1\n\xe9\x80",
                "# coding: latin-1\n\u{e9}\u{80}",
            ),
            (
                "ISO_8859-1",
                b"#coding=ISO_8859-1\n\xe9",
                "#coding=ISO_8859-1\né",
            ),
            (
                "iso-8859-15",
                b"# coding: iso-8859-15\n\xa4",
                "# coding: iso-8859-15\n€",
            ),
            (
                "iso8859_2",
                b"# coding: iso8859_2\n\xb1",
                "# coding: iso8859_2\ną",
            ),
            ("cp1252", b"# coding: cp1252\n\x80", "# coding: cp1252\n€"),
            (
                "windows-1251",
                b"# coding: windows_1251\n\xff",
                "# coding: windows_1251\nя",
            ),
            (
                "koi8-r",
                b"# vim: set fileencoding=koi8-r :\n\xd1",
                "# vim: set fileencoding=koi8-r :\nя",
            ),
            ("gbk", b"# coding: cp936\n\xc4\xe3", "# coding: cp936\n你"),
            (
                "euc_jp",
                b"# coding: euc_jp\n\xa4\xa2",
                "# coding: euc_jp\nあ",
            ),
            (
                "shift_jis",
                b"# coding: sjis\n\x82\xa0",
                "# coding: sjis\nあ",
            ),
            (
                "the second line",
                b"#!/usr/bin/python\r\n# coding: latin-1\r\n\xe9",
                "#!/usr/bin/python\r\n# coding: latin-1\r\né",
            ),
            (
                "a line of code before it, or two lines",
                "x\n# coding: nope\né".as_bytes(),
                "x\n# coding: nope\né",
            ),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(decode(bytes).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_a_problem_with_its_line() {
        let cases: [(&[u8], u32, &str); 9] = [
            (
                b"\xef\xbb\xbf# coding: utf8",
                1,
                "it begins with a mark of UTF-8 and names the encoding `utf8`",
            ),
            (b"a\nb\0", 2, "it holds a NUL byte"),
            (b"a\n\xff", 2, "it is not UTF-8 and names no other encoding"),
            (b"# coding: utf-8\n\xff", 2, "it is not UTF-8"),
            (b"# coding: ascii\n\xe9", 1, "it is not ASCII"),
            (
                b"\n# coding: klingon\n",
                2,
                "its encoding `klingon` is not known",
            ),
            (
                b"# coding: utf-16\n",
                1,
                "its encoding `utf-16` is not known",
            ),
            (
                b"# coding: euc-jp\n\xff",
                1,
                "it is not in its encoding `euc-jp`",
            ),
            (
                b"\xef\xbb\xbf# coding: latin-1",
                1,
                "it begins with a mark of UTF-8 and names the encoding `latin-1`",
            ),
        ];
        for (bytes, line, message) in cases {
            let problem = decode(bytes).unwrap_err();
            assert_eq!((problem.line, &*problem.message), (Some(line), message));
        }
    }
}
