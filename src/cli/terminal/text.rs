//! Text for terminals: made safe, measured, shortened, wrapped; numbers and durations in words.
//!
//! **Invariant:** nothing that a test chose (names, messages, output) reaches a terminal without
//! [`inline`] or [`block`], so that no test can move the cursor, change colours or hide text.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Columns of the report. Wider terminals do not make it wider: it is read, pasted and compared.
pub(super) const REPORT_COLUMNS: usize = 80;

/// Text without any width is cut after this many characters a column, lest marks pile up forever.
const CHARS_PER_COLUMN: usize = 4;

/// Nobody reads a longer line; what it stands for is whole in the state file.
const INLINE_COLUMNS: usize = 1000;

/// Columns of a line of a failure. pytest itself shortens most values to less.
const LINE_COLUMNS: usize = 4000;

/// Columns of a tab in a block.
const TAB: &str = "    ";

/// `text` on one line: control characters and such that reorder or hide text are spelled out in
/// Python's way, `\n`, `\x1b`, `\u202e`. Of a very long one, `…` stands for the middle.
pub(in crate::cli) fn inline(text: &str) -> Cow<'_, str> {
    // No character has more columns than bytes.
    let text = if text.len() <= INLINE_COLUMNS {
        Cow::Borrowed(text)
    } else {
        shorten_middle(text, INLINE_COLUMNS)
    };
    if !text.contains(is_unsafe) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        push_safe(&mut safe, c);
    }
    Cow::Owned(safe)
}

/// `text` over several lines: as [`inline`], but line ends stay, tabs become spaces, escape
/// sequences of terminals go, and of a line that was rewritten with `\r` the last version counts.
pub(super) fn block(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut safe = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            safe.push('\n');
        }
        let line = line.trim_end_matches('\r');
        let line = line.rsplit_once('\r').map_or(line, |(_, last)| last);
        for c in without_sequences(line).chars() {
            match c {
                '\t' => safe.push_str(TAB),
                c => push_safe(&mut safe, c),
            }
        }
    }
    safe
}

/// The number of columns that `text` takes; the larger one if terminals disagree.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// `text` in at most `columns`, with `…` for what its end lost.
pub(super) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if fits(text, columns) {
        return Cow::Borrowed(text);
    }
    let Some(columns) = columns.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    Cow::Owned(format!("{}…", &text[..head_len(text, columns)]))
}

/// `text` in at most `columns`, with `…` for what its middle lost. Two thirds of what remains are
/// the end, because the name of a test stands there.
pub(super) fn shorten_middle(text: &str, columns: usize) -> Cow<'_, str> {
    if fits(text, columns) {
        return Cow::Borrowed(text);
    }
    let Some(columns) = columns.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let head = &text[..head_len(text, columns / 3)];
    let tail = &text[tail_start(text, columns - columns / 3)..];
    Cow::Owned(format!("{head}…{tail}"))
}

/// `text` broken at spaces into lines of at most `columns`; a longer word gets a line of its own
/// and stays whole, so that paths and commands can be copied.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A line of a failure, as it is, so that it can be searched and copied; of one that nobody reads to
/// its end, `…` stands for the rest.
pub(super) fn within_reason(line: &str) -> Cow<'_, str> {
    cut(line, LINE_COLUMNS)
}

/// Seconds as people say them: `0.31s`, `12.3s`, `2m 05s`, `1h 03m`.
pub(in crate::cli) fn duration(seconds: f64) -> String {
    let seconds = if seconds.is_finite() {
        seconds.max(0.0)
    } else {
        0.0
    };
    if seconds < 9.995 {
        return format!("{seconds:.2}s");
    }
    if seconds < 59.95 {
        return format!("{seconds:.1}s");
    }
    whole_seconds(seconds)
}

/// As [`duration`], without fractions: `3s`, `2m 05s`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is rounded and not negative; casts of floats saturate"
)]
pub(in crate::cli) fn whole_seconds(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
    }
}

/// A number of bytes as people say it: `312 B`, `4.1 KiB`, `1.2 GiB`.
#[expect(
    clippy::cast_precision_loss,
    reason = "one digit after the point is shown"
)]
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // A number that would be shown as 1024.0 is shown in the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Adds `line` and a line end.
pub(super) fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// A number with its noun: `1 test`, `2 tests`.
pub(in crate::cli) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn push_safe(safe: &mut String, c: char) {
    match c {
        c if !is_unsafe(c) => safe.push(c),
        '\n' => safe.push_str(r"\n"),
        '\r' => safe.push_str(r"\r"),
        '\t' => safe.push_str(r"\t"),
        c => {
            let code = u32::from(c);
            let escape = match code {
                0..=0xff => format!(r"\x{code:02x}"),
                0x100..=0xffff => format!(r"\u{code:04x}"),
                _ => format!(r"\U{code:08x}"),
            };
            safe.push_str(&escape);
        }
    }
}

/// `line` without CSI sequences (colours, cursor) and OSC sequences (titles, links).
fn without_sequences(line: &str) -> Cow<'_, str> {
    if !line.contains('\x1b') {
        return Cow::Borrowed(line);
    }
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        let sequence_len = match after.chars().next() {
            Some('[') => after[1..]
                .find(|c| matches!(c, '\x40'..='\x7e'))
                .map(|end| end + 2),
            Some(']') => after.find('\x07').map(|end| end + 1),
            _ => None,
        };
        // An incomplete sequence stays, and its escape character is spelled out later.
        let Some(sequence) = sequence_len else {
            plain.push('\x1b');
            rest = after;
            continue;
        };
        rest = after.get(sequence..).unwrap_or_default();
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// A variation selector can make the character before it one column wider.
fn char_width(c: char) -> usize {
    if c == '\u{fe0f}' {
        return 1;
    }
    c.width().unwrap_or(0)
}

fn fits(text: &str, columns: usize) -> bool {
    width(text) <= columns && text.chars().count() <= columns * CHARS_PER_COLUMN
}

fn head_len(text: &str, columns: usize) -> usize {
    let (mut used, mut end) = (0, 0);
    for c in text.chars().take(columns * CHARS_PER_COLUMN) {
        used += char_width(c);
        if used > columns {
            break;
        }
        end += c.len_utf8();
    }
    end
}

fn tail_start(text: &str, columns: usize) -> usize {
    let (mut used, mut start) = (0, text.len());
    for c in text.chars().rev().take(columns * CHARS_PER_COLUMN) {
        used += char_width(c);
        if used > columns {
            break;
        }
        start -= c.len_utf8();
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_humane() {
        let cases = [
            (0.0, "0.00s"),
            (0.314, "0.31s"),
            (9.994, "9.99s"),
            (9.996, "10.0s"),
            (12.34, "12.3s"),
            (59.96, "1m 00s"),
            (125.2, "2m 05s"),
            (3599.7, "1h 00m"),
            (3790.0, "1h 03m"),
            (-1.0, "0.00s"),
            (f64::NAN, "0.00s"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
        assert_eq!(whole_seconds(0.4), "0s");
        assert_eq!(whole_seconds(59.6), "1m 00s");
    }

    #[test]
    fn control_and_invisible_characters_are_spelled_out() {
        assert_eq!(
            inline("a[\x1b[31m\n\t\u{202e}\u{e0041}]"),
            r"a[\x1b[31m\n\t\u202e\U000e0041]"
        );
        assert_eq!(inline("日本é"), "日本é");
        assert_eq!(inline("\u{9b}1m"), r"\x9b1m");
    }

    #[test]
    fn a_name_of_a_million_characters_is_shortened() {
        let nodeid = format!("tests/test_a.py::test[{}-end]", "a".repeat(1_000_000));
        let line = inline(&nodeid);
        assert_eq!(width(&line), INLINE_COLUMNS);
        assert!(line.starts_with("tests/test_a.py::test[aaa") && line.ends_with("aaa-end]"));
        let fits = "a".repeat(INLINE_COLUMNS);
        assert_eq!(inline(&fits), fits);
    }

    #[test]
    fn a_block_loses_colours_and_keeps_its_lines() {
        let text =
            "\x1b[31mred\x1b[0m\tx\n10%\r20%\r\nlink \x1b]8;;u\x07t\x1b]8;;\x07\nbell\x07\x1b\n";
        assert_eq!(block(text), "red    x\n20%\nlink t\nbell\\x07\\x1b");
    }

    #[test]
    fn the_middle_goes_and_the_name_of_the_test_stays() {
        let nodeid = "tests/unit/deep/test_parser.py::TestTokens::test_empty";
        assert_eq!(shorten_middle(nodeid, 30), "tests/uni…stTokens::test_empty");
    }

    #[test]
    fn wrapping_keeps_long_words_whole() {
        let lines = wrap("see tests/a_very_long_path_that_is_wider.py for more", 12);
        assert_eq!(
            lines,
            ["see", "tests/a_very_long_path_that_is_wider.py", "for more"]
        );
    }

    proptest! {
        #[test]
        fn shortened_text_fits_and_is_safe(text in any::<String>(), columns in 0usize..60) {
            let safe = inline(&text);
            prop_assert!(!safe.contains(is_unsafe));
            prop_assert!(width(&cut(&safe, columns)) <= columns);
            prop_assert!(width(&shorten_middle(&safe, columns)) <= columns);
        }

        #[test]
        fn a_block_never_holds_an_escape(text in "[\\x1b\\[\\]a;0-9m\\x07\\r\\n\\tü\u{202e}]{0,80}") {
            prop_assert!(!block(&text).contains(|c| c != '\n' && is_unsafe(c)));
        }
    }
}
