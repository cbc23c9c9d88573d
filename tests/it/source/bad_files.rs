//! Files that are no good Python: each is a problem of its own, and none ends a scan.

use std::fmt::Write;
use std::fs::File;

use super::{facts, fresh_scan, paths, problem, project, write};

#[test]
fn bad_files_are_problems_that_say_where_and_others_are_read() {
    let project = project(&[
        ("good.py", b"import a"),
        ("python2.py", b"import a\nprint 'hello'\n"),
        ("syntax.py", b"import a\n\ndef f(:\n  pass\n"),
        ("nul.py", b"import a\n\0"),
        ("bytes.py", b"# \xff\n"),
        ("no_codec.py", b"#!/usr/bin/python\n# coding: klingon\n"),
        ("tabs.py", b"if a:\n  b\n c\n"),
    ]);
    let scan = fresh_scan(project.path());
    assert_eq!(facts(&scan, "good.py").imports.len(), 1);
    assert!(problem(&scan, "python2.py").starts_with("2: "));
    assert!(problem(&scan, "syntax.py").starts_with("3: "));
    assert!(problem(&scan, "tabs.py").starts_with("3: "));
    assert_eq!(problem(&scan, "nul.py"), "2: it holds a NUL byte");
    assert_eq!(
        problem(&scan, "bytes.py"),
        "1: it is not UTF-8 and names no other encoding"
    );
    assert_eq!(
        problem(&scan, "no_codec.py"),
        "2: its encoding `klingon` is not known"
    );
    assert_eq!(scan.files.len(), 7);
}

#[test]
fn files_are_read_in_their_own_encodings() {
    let project = project(&[
        ("bom.py", b"\xef\xbb\xbfimport a"),
        ("latin.py", b"# coding: latin-1\nimport a\nx = '\xe9'"),
        ("kanji.py", b"# coding: shift_jis\nimport a\nx = '\x83\x5c'"),
        ("letters.py", "import été".as_bytes()),
        ("returns.py", b"x = 1\rimport a\r"),
    ]);
    let scan = fresh_scan(project.path());
    for file in paths(&scan) {
        assert_eq!(facts(&scan, file).imports.len(), 1, "{file}");
    }
    assert_eq!(facts(&scan, "letters.py").imports[0].module, "été");
    assert_eq!(facts(&scan, "returns.py").imports[0].line, 2);
}

#[test]
fn a_file_of_fifty_megabytes_is_not_read() {
    let project = project(&[("a.py", b"")]);
    let file = File::create(project.path().join("huge.py")).unwrap();
    file.set_len(50 << 20).unwrap();
    let scan = fresh_scan(project.path());
    assert_eq!(
        problem(&scan, "huge.py"),
        "it is too large: 50 MB, and 4 MB at most are read"
    );
    assert_eq!(scan.changed.len(), 1);
}

/// Sources that are nested deeply, in every way that Python has.
fn deep_sources() -> Vec<(&'static str, String)> {
    let if_else = "x if y else ".repeat(100_000);
    let mut blocks = String::new();
    for depth in 0..1000 {
        let _ = writeln!(blocks, "{}if x:", " ".repeat(depth));
    }
    let _ = writeln!(blocks, "{}pass", " ".repeat(1000));
    vec![
        ("brackets", "(".repeat(100_000)),
        (
            "closed",
            format!("{}{}", "(".repeat(100_000), ")".repeat(100_000)),
        ),
        ("lists", format!("{}{}", "[".repeat(9000), "]".repeat(9000))),
        ("braces", "{".repeat(9000)),
        (
            "dicts",
            format!("{}1{}", "{1:".repeat(4000), "}".repeat(4000)),
        ),
        ("tildes", format!("{}a", "~".repeat(1_000_000))),
        ("fewer tildes", format!("{}a", "~".repeat(9_900))),
        ("sums", format!("{}a", "a+".repeat(500_000))),
        ("a shorter sum", format!("{}a", "a+".repeat(4_900))),
        ("powers", format!("{}a", "a**".repeat(4_900))),
        ("nots", format!("{}a", "not ".repeat(500_000))),
        ("fewer nots", format!("{}a", "not ".repeat(9_900))),
        ("lambdas", format!("{}a", "lambda:".repeat(300_000))),
        ("fewer lambdas", format!("{}a", "lambda:".repeat(4_900))),
        ("attributes", format!("{}a", "a.".repeat(300_000))),
        ("fewer attributes", format!("{}a", "a.".repeat(4_900))),
        ("subscripts", format!("a{}", "[0]".repeat(300_000))),
        ("calls", format!("a{}", "()".repeat(300_000))),
        ("fewer calls", format!("a{}", "()".repeat(4_900))),
        ("conditions", format!("{if_else}1")),
        (
            "fewer conditions",
            format!("{}1", "x if y else ".repeat(2_400)),
        ),
        ("awaits", format!("{}a", "await ".repeat(9_900))),
        ("asyncs", "async ".repeat(9_900)),
        ("yields", format!("x = {}", "yield ".repeat(9_900))),
        ("stars", format!("x = {}a", "*".repeat(9_900))),
        (
            "f-strings",
            format!("{}1{}", "f'{".repeat(3_000), "}'".repeat(3_000)),
        ),
        ("more f-strings", "f'{".repeat(100_000)),
        (
            "specs",
            format!("f'{}a{}'", "{a:".repeat(3_000), "}".repeat(3_000)),
        ),
        ("blocks", blocks),
        ("withs", format!("{}a: pass", "with (".repeat(2_000))),
        ("matches", format!("match a:\n case {}", "[".repeat(9_000))),
        ("ones on a line", "if a: ".repeat(4_000)),
        ("types", format!("type A = {}", "a[".repeat(4_900))),
        ("comparisons", format!("{}a", "a < ".repeat(4_900))),
        ("walruses", format!("({}1", "a := ".repeat(4_900))),
        ("decorators", "@".repeat(9_900)),
        ("starred arguments", "f(*".repeat(3_300)),
    ]
}

#[test]
fn no_nesting_ends_the_process() {
    let cases = deep_sources();
    let project = project(&[]);
    for (name, source) in &cases {
        write(project.path(), &format!("{name}.py"), source);
    }
    let scan = fresh_scan(project.path());
    assert_eq!(scan.files.len(), cases.len());
    for name in [
        "brackets",
        "tildes",
        "sums",
        "nots",
        "lambdas",
        "attributes",
        "subscripts",
    ] {
        let problem = problem(&scan, &format!("{name}.py"));
        assert_eq!(problem, "it is nested too deeply", "{name}");
    }
    for name in [
        "fewer tildes",
        "a shorter sum",
        "fewer nots",
        "fewer calls",
        "lists",
    ] {
        assert_eq!(facts(&scan, &format!("{name}.py")).imports, [], "{name}");
    }
}
