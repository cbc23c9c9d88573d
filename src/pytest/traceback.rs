//! The useful part of pytest's report of a failure (`longrepr`): what a person reads first.
//!
//! That is the last frame in the project, the call in the test that led there, the lines that say
//! what went wrong (`E`), and their locations. It understands the styles of `--tb` (long, auto,
//! short, native, line), chains of exceptions, and reports that are no traceback at all: of those
//! the begin and the end count. It only selects lines; it never rewrites one.

use std::borrow::Cow;

/// The most lines of one failure that are shown while a run goes on.
pub const MAX_LINES: usize = 25;

/// Lines of source before the failing one.
const CONTEXT: usize = 4;

/// Lines that say what went wrong are cut to this many, or to more if there is room.
const LEAST_ERROR_LINES: usize = 8;

/// Lines for each earlier exception of a chain, and earlier exceptions.
const CAUSE_LINES: usize = 3;
const CAUSES: usize = 2;

const CHAIN: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];
const TRACEBACK: &str = "Traceback (most recent call last):";

/// Folders of code that is not the project's, wherever they are.
const FOREIGN: [&str; 6] = [
    "site-packages/",
    "dist-packages/",
    "/lib/python",
    "/lib64/python",
    "<frozen ",
    "_pytest/",
];

/// Selected lines of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsefulPart<'a> {
    /// The lines in their order; at most [`MAX_LINES`].
    pub lines: Vec<Cow<'a, str>>,
    /// Lines of frames and messages that are not among them. Source lines around a shown frame,
    /// arguments and locals do not count.
    pub left_out: usize,
}

/// Selects the useful part of `longrepr`.
///
/// `project` is the project's folder as it stands in absolute paths of the report; relative paths
/// are the project's anyhow, because pytest prints paths relative to where it was started.
pub fn useful_part<'a>(longrepr: &'a str, project: Option<&str>) -> UsefulPart<'a> {
    let lines: Vec<&str> = longrepr.lines().map(str::trim_end).collect();
    let mut parts = chain_parts(trim_blank(&lines));
    let Some(last) = parts.pop() else {
        return UsefulPart::default();
    };
    let mut useful = UsefulPart::default();
    let causes = parts.len();
    for (index, part) in parts.into_iter().enumerate() {
        if index == 0 || index + CAUSES > causes {
            useful.add_cause(&part);
        } else {
            useful.left_out += count_text(part.lines);
        }
    }
    useful.add_part(last.lines, project);
    useful.squeeze();
    useful
}

/// True if `line` only says where something is: `path:12: ValueError`, `  File "path", line 12`.
pub fn is_location(line: &str) -> bool {
    location_path(line).is_some() || native_path(line).is_some()
}

/// True if `line` says what went wrong: pytest puts an `E` before it.
pub fn is_error_line(line: &str) -> bool {
    line == "E" || line.starts_with("E  ")
}

/// One exception of a chain, and the sentence that connects it with the next one.
struct ChainPart<'l, 'a> {
    lines: &'l [&'a str],
    sentence: Option<&'a str>,
}

fn chain_parts<'l, 'a>(lines: &'l [&'a str]) -> Vec<ChainPart<'l, 'a>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (index, line) in lines.iter().enumerate() {
        if CHAIN.contains(line) {
            let lines = trim_blank(&lines[start..index]);
            let sentence = Some(*line);
            parts.push(ChainPart { lines, sentence });
            start = index + 1;
        }
    }
    let lines = trim_blank(&lines[start..]);
    let sentence = None;
    parts.push(ChainPart { lines, sentence });
    parts
}

/// One call in a traceback, in any style.
#[derive(Default)]
struct Frame<'a> {
    path: Option<&'a str>,
    lines: Vec<&'a str>,
    /// pytest's long style, with arguments, source lines and `>` before the failing one.
    long: bool,
}

/// A traceback in its pieces.
#[derive(Default)]
struct Traceback<'a> {
    preamble: Vec<&'a str>,
    frames: Vec<Frame<'a>>,
    /// The lines that say what went wrong, if the last frame does not hold them (native style).
    message: Vec<&'a str>,
}

impl<'a> Traceback<'a> {
    fn of(lines: &[&'a str]) -> Self {
        if lines.contains(&TRACEBACK) && lines.iter().any(|line| native_path(line).is_some()) {
            Self::native(lines)
        } else {
            Self::pytest(lines)
        }
    }

    fn native(lines: &[&'a str]) -> Self {
        let mut traceback = Self::default();
        for line in lines {
            if let Some(path) = native_path(line) {
                traceback.frames.push(Frame {
                    path: Some(path),
                    lines: vec![line],
                    long: false,
                });
            } else if !traceback.message.is_empty() || !line.starts_with(' ') {
                let list = if traceback.frames.is_empty() {
                    &mut traceback.preamble
                } else {
                    &mut traceback.message
                };
                list.push(line);
            } else if let Some(frame) = traceback.frames.last_mut() {
                frame.lines.push(line);
            } else {
                traceback.preamble.push(line);
            }
        }
        traceback
    }

    fn pytest(lines: &[&'a str]) -> Self {
        let mut traceback = Self::default();
        for chunk in lines.split(|line| is_separator(line)) {
            let chunk = trim_blank(chunk);
            if chunk.iter().any(|line| short_path(line).is_some()) {
                traceback.add_short_frames(chunk);
            } else if chunk.iter().any(|line| line.starts_with('>')) {
                traceback.frames.push(Frame {
                    path: chunk.iter().rev().find_map(|line| location_path(line)),
                    lines: chunk.to_vec(),
                    long: true,
                });
            } else if let Some(frame) = traceback.frames.last_mut() {
                frame.lines.extend(chunk);
            } else {
                traceback.preamble.extend(chunk);
            }
        }
        traceback
    }

    fn add_short_frames(&mut self, chunk: &[&'a str]) {
        let first = self.frames.len();
        for line in chunk {
            if let Some(path) = short_path(line) {
                self.frames.push(Frame {
                    path: Some(path),
                    lines: vec![line],
                    long: false,
                });
            } else if self.frames.len() == first {
                self.preamble.push(line);
            } else if let Some(frame) = self.frames.last_mut() {
                frame.lines.push(line);
            }
        }
    }
}

impl<'a> UsefulPart<'a> {
    fn add_cause(&mut self, part: &ChainPart<'_, 'a>) {
        let mut message: Vec<&str> = part.lines.iter().copied().filter(is_error).collect();
        if message.is_empty() {
            message = Traceback::of(part.lines).message;
        }
        let shown = message.len().min(CAUSE_LINES);
        self.left_out += count_text(part.lines).saturating_sub(shown);
        self.push_all(&message[..shown]);
        let location = part
            .lines
            .iter()
            .rev()
            .find(|line| location_path(line).is_some() && !message.contains(line));
        if let Some(location) = location {
            self.left_out = self.left_out.saturating_sub(1);
            self.push(location);
        }
        if let Some(sentence) = part.sentence {
            self.push(sentence);
        }
    }

    fn add_part(&mut self, lines: &[&'a str], project: Option<&str>) {
        let traceback = Traceback::of(lines);
        let Some(last) = traceback.frames.len().checked_sub(1) else {
            return self.push_all(lines);
        };
        let is_ours = |frame: &Frame| frame.path.is_some_and(|path| in_project(path, project));
        let first_ours = traceback.frames.iter().position(is_ours);
        let last_ours = traceback.frames.iter().rposition(is_ours).unwrap_or(last);

        let room = MAX_LINES.saturating_sub(self.lines.len());
        self.add_preamble(&traceback.preamble);
        for (index, frame) in traceback.frames.iter().enumerate() {
            if index == last_ours {
                self.add_frame(frame, CONTEXT, room);
            } else if Some(index) == first_ours || index == last {
                self.add_frame(frame, 0, room);
            } else {
                self.left_out += count_text(&frame.lines);
            }
        }
        self.add_errors(&traceback.message, room);
    }

    /// Adds what stands before the first frame: all of a doctest's example, else the first line.
    fn add_preamble(&mut self, preamble: &[&'a str]) {
        let is_doctest = preamble.first().is_some_and(|line| is_doctest_line(line));
        let shown = preamble
            .iter()
            .rposition(|line| is_doctest && *line != TRACEBACK)
            .map_or(preamble.len().min(1), |last| last + 1);
        let skipped = if is_doctest {
            shown.saturating_sub(CONTEXT)
        } else {
            0
        };
        for line in &preamble[skipped..shown] {
            if *line != TRACEBACK {
                self.push(line);
            }
        }
    }

    fn add_frame(&mut self, frame: &Frame<'a>, context: usize, room: usize) {
        let source_end = frame
            .lines
            .iter()
            .position(is_error)
            .unwrap_or(frame.lines.len());
        let (source, rest) = frame.lines.split_at(source_end);
        // A syntax error names its own place; the frame is only Python's parser.
        let names_place = rest.iter().any(|line| line.starts_with("E     File \""));
        if frame.long {
            self.push_all(failing_source(source, context));
        } else if !names_place {
            self.push_all(source);
        }
        let errors: Vec<&str> = rest.iter().copied().filter(is_error).collect();
        self.add_errors(&errors, room);
        let location = frame.lines.iter().rev();
        if frame.long
            && let Some(location) = location
                .into_iter()
                .find(|line| location_path(line).is_some())
        {
            self.push(location);
        }
    }

    /// Adds the lines that say what went wrong: the first ones and the last two when they do not
    /// fit into `room` together with what is there already.
    fn add_errors(&mut self, errors: &[&'a str], room: usize) {
        const TAIL: usize = 2;
        // One line each for the location and for the mark of what is left out.
        let free = room.saturating_sub(self.lines.len() + 2);
        let allowed = free.max(LEAST_ERROR_LINES);
        if errors.len() <= allowed {
            return self.push_all(errors);
        }
        let head = allowed - TAIL - 1;
        let dropped = errors.len() - head - TAIL;
        self.push_all(&errors[..head]);
        self.lines
            .push(Cow::Owned(format!("E   … {dropped} lines left out")));
        self.left_out += dropped;
        self.push_all(&errors[errors.len() - TAIL..]);
    }

    /// Cuts the middle out when there are more lines than can be shown: the end says more.
    fn squeeze(&mut self) {
        const HEAD: usize = 8;
        while self.lines.last().is_some_and(|line| line.is_empty()) {
            self.lines.pop();
        }
        let excess = (self.lines.len() + 1).saturating_sub(MAX_LINES);
        if excess < 2 {
            return;
        }
        let gap: Vec<_> = self
            .lines
            .splice(HEAD..HEAD + excess, [Cow::Borrowed("…")])
            .collect();
        self.left_out += gap.iter().filter(|line| !line.is_empty()).count();
    }

    fn push_all(&mut self, lines: &[&'a str]) {
        for line in lines {
            self.push(line);
        }
    }

    /// Adds a line; of several blank ones only the first.
    fn push(&mut self, line: &'a str) {
        let after_blank = self.lines.last().is_none_or(|line| line.is_empty());
        if !(line.is_empty() && after_blank) {
            self.lines.push(Cow::Borrowed(line));
        }
    }
}

/// The failing statement in the source of a long frame, with some lines before it.
fn failing_source<'l, 'a>(source: &'l [&'a str], context: usize) -> &'l [&'a str] {
    let Some(failing) = source.iter().position(|line| line.starts_with('>')) else {
        return &[];
    };
    let before = source[..failing]
        .iter()
        .rev()
        .take(context)
        .take_while(|line| line.is_empty() || line.starts_with("    "))
        .count();
    let after = source[failing + 1..]
        .iter()
        .take_while(|line| line.starts_with([' ', '>']))
        .count();
    trim_blank(&source[failing - before..=failing + after])
}

fn in_project(path: &str, project: Option<&str>) -> bool {
    if FOREIGN.iter().any(|folder| path.contains(folder)) || path.starts_with("..") {
        return false;
    }
    match project {
        Some(project) if path.starts_with('/') => path
            .strip_prefix(project)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || project.ends_with('/')),
        _ => !path.starts_with('<'),
    }
}

/// A line of a docstring as doctest failures show it: `005     >>> boom(1)`.
fn is_doctest_line(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    digits >= 3
        && line
            .get(digits..)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn is_error(line: &&str) -> bool {
    is_error_line(line)
}

/// pytest's line between two entries of a long traceback: `_ _ _ _`.
fn is_separator(line: &str) -> bool {
    line.len() >= 8 && line.starts_with("_ _ ") && line.bytes().all(|b| matches!(b, b'_' | b' '))
}

/// The path of `path:12: in function`.
fn short_path(line: &str) -> Option<&str> {
    let (path, rest) = split_location(line)?;
    rest.starts_with(": in ").then_some(path)
}

/// The path of `path:12: ValueError`, `path:12:` or `path:12`.
fn location_path(line: &str) -> Option<&str> {
    let (path, rest) = split_location(line)?;
    (rest.is_empty() || rest == ":" || rest.starts_with(": ")).then_some(path)
}

/// The path of `  File "path", line 12, in function`.
fn native_path(line: &str) -> Option<&str> {
    let (path, rest) = line.strip_prefix("  File \"")?.split_once('"')?;
    rest.starts_with(", line ").then_some(path)
}

/// Splits `path:12rest`. Lines of source and of messages are indented or marked, paths are not.
fn split_location(line: &str) -> Option<(&str, &str)> {
    if line.starts_with([' ', '>']) || line.starts_with("E  ") {
        return None;
    }
    let mut from = 0;
    while let Some(colon) = line.get(from..)?.find(':') {
        let colon = from + colon;
        let after = line.get(colon + 1..)?;
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let path = line.get(..colon)?;
        if digits > 0 && path.contains(['.', '/', '<']) && !path.contains(" = ") {
            return Some((path, after.get(digits..)?));
        }
        from = colon + 1;
    }
    None
}

fn count_text(lines: &[&str]) -> usize {
    lines.iter().filter(|line| !line.is_empty()).count()
}

fn trim_blank<'l, 'a>(lines: &'l [&'a str]) -> &'l [&'a str] {
    let Some(first) = lines.iter().position(|line| !line.is_empty()) else {
        return &[];
    };
    let last = lines.iter().rposition(|line| !line.is_empty());
    &lines[first..=last.unwrap_or(first)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(longrepr: &str) -> String {
        let useful = useful_part(longrepr, Some("/p"));
        let mut lines = useful.lines.join("\n");
        if useful.left_out > 0 {
            lines += &["\n(", &useful.left_out.to_string(), " left out)"].concat();
        }
        lines
    }

    #[test]
    fn the_call_in_the_test_and_the_failing_frame_are_shown() {
        let longrepr = r#"def test_helper():
>       foo.boom(3)

tests/test_a.py:11: 
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ 

x = 3

    def boom(x):
        y = x
>       return helper(y)
               ^^^^^^^^^

src/foo.py:9: 
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ 

y = 3

    def helper(y):
        z = y + 1
>       raise ValueError("boom %d" % z)
E       ValueError: boom 4

y          = 3
z          = 4

src/foo.py:13: ValueError"#;
        insta::assert_snapshot!(shown(longrepr), @r#"
        >       foo.boom(3)
        tests/test_a.py:11:
            def helper(y):
                z = y + 1
        >       raise ValueError("boom %d" % z)
        E       ValueError: boom 4
        src/foo.py:13: ValueError
        (6 left out)
        "#);
    }

    #[test]
    fn frames_of_libraries_give_way_to_the_project_and_the_message() {
        let longrepr = r#"tests/test_a.py:13: in test_lib
    foo.parse("{")
src/foo.py:16: in parse
    return json.loads(text)
/usr/lib/python3.11/json/__init__.py:346: in loads
    return _default_decoder.decode(s)
/usr/lib/python3.11/json/decoder.py:337: in decode
    obj, end = self.raw_decode(s, idx=_w(s, 0).end())
/usr/lib/python3.11/json/decoder.py:353: in raw_decode
    obj, end = self.scan_once(s, idx)
E   json.decoder.JSONDecodeError: Expecting property name"#;
        insta::assert_snapshot!(shown(longrepr), @r#"
        tests/test_a.py:13: in test_lib
            foo.parse("{")
        src/foo.py:16: in parse
            return json.loads(text)
        /usr/lib/python3.11/json/decoder.py:353: in raw_decode
            obj, end = self.scan_once(s, idx)
        E   json.decoder.JSONDecodeError: Expecting property name
        (4 left out)
        "#);
    }

    #[test]
    fn a_native_traceback_keeps_the_project_and_the_message() {
        let longrepr = r#"Traceback (most recent call last):
  File "/v/lib/python3.11/site-packages/_pytest/runner.py", line 361, in from_call
    result = func()
             ^^^^^^
  File "/p/tests/test_a.py", line 11, in test_helper
    foo.boom(3)
  File "/p/src/foo.py", line 13, in helper
    raise ValueError("boom %d" % z)
ValueError: boom 4"#;
        insta::assert_snapshot!(shown(longrepr), @r#"
          File "/p/tests/test_a.py", line 11, in test_helper
            foo.boom(3)
          File "/p/src/foo.py", line 13, in helper
            raise ValueError("boom %d" % z)
        ValueError: boom 4
        (3 left out)
        "#);
    }

    #[test]
    fn of_a_chain_each_cause_is_named() {
        let longrepr = r#"def wrap(x):
        try:
>           helper(x)

src/foo.py:20: 
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ 

    def helper(y):
>       raise ValueError("boom")
E       ValueError: boom

src/foo.py:13: ValueError

The above exception was the direct cause of the following exception:

    def test_chain():
>       foo.wrap(1)

tests/test_a.py:15: 
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ 

    def wrap(x):
        try:
            helper(x)
        except ValueError as e:
>           raise RuntimeError("wrapped") from e
E           RuntimeError: wrapped

src/foo.py:22: RuntimeError"#;
        insta::assert_snapshot!(shown(longrepr), @r#"
        E       ValueError: boom
        src/foo.py:13: ValueError
        The above exception was the direct cause of the following exception:
        >       foo.wrap(1)
        tests/test_a.py:15:
            def wrap(x):
                try:
                    helper(x)
                except ValueError as e:
        >           raise RuntimeError("wrapped") from e
        E           RuntimeError: wrapped
        src/foo.py:22: RuntimeError
        (7 left out)
        "#);
    }

    #[test]
    fn a_file_that_cannot_be_imported_names_the_import() {
        let longrepr = "ImportError while importing test module '/p/tests/test_imp.py'.
Hint: make sure your test modules/packages have valid Python names.
Traceback:
/usr/lib/python3.11/importlib/__init__.py:126: in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
tests/test_imp.py:1: in <module>
    import nope
E   ModuleNotFoundError: No module named 'nope'";
        insta::assert_snapshot!(shown(longrepr), @"
        ImportError while importing test module '/p/tests/test_imp.py'.
        tests/test_imp.py:1: in <module>
            import nope
        E   ModuleNotFoundError: No module named 'nope'
        (2 left out)
        ");
    }

    #[test]
    fn a_syntax_error_names_its_own_place() {
        let longrepr = r#"../v/lib/python3.11/site-packages/_pytest/python.py:528: in importtestmodule
    mod = import_path(
/usr/lib/python3.11/ast.py:50: in parse
    return compile(source, filename, mode, flags,
E     File "/p/tests/test_syn.py", line 1
E       def f(
E            ^
E   SyntaxError: '(' was never closed"#;
        insta::assert_snapshot!(shown(longrepr), @r#"
        E     File "/p/tests/test_syn.py", line 1
        E       def f(
        E            ^
        E   SyntaxError: '(' was never closed
        (2 left out)
        "#);
    }

    #[test]
    fn a_doctest_shows_its_example() {
        let wrong = "003     >>> add(1, 1)\nExpected:\n    3\nGot:\n    2\n\n/p/src/foo.py:3: DocTestFailure";
        insta::assert_snapshot!(shown(wrong), @"
        003     >>> add(1, 1)
        Expected:
            3
        Got:
            2

        /p/src/foo.py:3: DocTestFailure
        ");
        let raised = r#"003 Adds.
004 
005     >>> boom(1)
UNEXPECTED EXCEPTION: ValueError('boom 2')
Traceback (most recent call last):
  File "/usr/lib/python3.11/doctest.py", line 1353, in __run
    exec(compile(example.source, filename, "single",
  File "<doctest foo.boom[0]>", line 1, in <module>
  File "/p/src/foo.py", line 13, in helper
    raise ValueError("boom %d" % z)
ValueError: boom 2
/p/src/foo.py:5: UnexpectedException"#;
        insta::assert_snapshot!(shown(raised), @r#"
        003 Adds.
        004
        005     >>> boom(1)
        UNEXPECTED EXCEPTION: ValueError('boom 2')
          File "/p/src/foo.py", line 13, in helper
            raise ValueError("boom %d" % z)
        ValueError: boom 2
        /p/src/foo.py:5: UnexpectedException
        (3 left out)
        "#);
    }

    #[test]
    fn a_missing_fixture_is_named_without_the_list_of_others() {
        let longrepr = "file /p/tests/test_a.py, line 30
  def test_nofix(nofix):
E       fixture 'nofix' not found
>       available fixtures: cache, capfd, capsys, monkeypatch, tmp_path
>       use 'pytest --fixtures [testpath]' for help on them.

/p/tests/test_a.py:30";
        insta::assert_snapshot!(shown(longrepr), @"
        E       fixture 'nofix' not found
        /p/tests/test_a.py:30
        ");
    }

    #[test]
    fn a_huge_difference_keeps_its_begin_and_its_end() {
        let diff: String = (0..500)
            .map(|n| ["E     - ", &n.to_string(), "\n"].concat())
            .collect();
        let longrepr = [
            ">   assert a == b\nE   assert False\n",
            &diff,
            "\nt.py:3: AssertionError",
        ];
        let useful = useful_part(&longrepr.concat(), None).lines.join("\n");
        assert!(
            useful.starts_with(">   assert a == b\nE   assert False\nE     - 0\n"),
            "{useful}"
        );
        assert!(
            useful.ends_with("E     - 499\nt.py:3: AssertionError"),
            "{useful}"
        );
    }

    #[test]
    fn a_multi_line_statement_stays_whole() {
        let longrepr = "    def test_multi():
        setup()
>       assert parse(
            text,
        ) == [
            1,
        ]
E       assert [2] == [1]

tests/test_a.py:24: AssertionError";
        insta::assert_snapshot!(shown(longrepr), @"
            def test_multi():
                setup()
        >       assert parse(
                    text,
                ) == [
                    1,
                ]
        E       assert [2] == [1]
        tests/test_a.py:24: AssertionError
        ");
    }

    #[test]
    fn a_report_that_is_no_traceback_is_shown_as_it_is() {
        assert_eq!(
            shown("[XPASS(strict)] should fail"),
            "[XPASS(strict)] should fail"
        );
        assert_eq!(
            shown("/p/t.py:5: ValueError: x"),
            "/p/t.py:5: ValueError: x"
        );
        assert_eq!(shown("\n\n"), "");
        assert_eq!(shown(""), "");
    }

    proptest! {
        #[test]
        fn any_text_gives_few_lines_of_itself(
            parts in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec![
                        "\n", "E   x\n", ">   y\n", "    z\n", "a.py:1: in f\n", "a.py:1: E\n",
                        "_ _ _ _ _ _ _\n", TRACEBACK, "  File \"/p/x\", line 1, in f\n",
                        CHAIN[0], CHAIN[1], "001 >>> x\n", "::1:é:2:", "\r\n",
                    ]).prop_map(str::to_owned),
                    any::<String>(),
                ],
                0..80,
            )
        ) {
            let text = parts.concat();
            let useful = useful_part(&text, Some("/p"));
            prop_assert!(useful.lines.len() <= MAX_LINES, "{}", useful.lines.len());
            for line in &useful.lines {
                let is_mark = line.contains('…');
                prop_assert!(is_mark || text.contains(line.as_ref()), "{line}");
            }
        }
    }
}
