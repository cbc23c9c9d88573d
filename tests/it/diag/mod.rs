//! The house form of errors and warnings.

use std::error::Error;
use std::io;

use menace_agent::diag::{self, Palette};
use proptest::prelude::*;

#[derive(Debug, thiserror::Error)]
#[error("cannot start shard `{shard}`")]
struct Outer {
    shard: &'static str,
    source: Middle,
}

#[derive(Debug, thiserror::Error)]
#[error("the interpreter said\n  no\n  and stopped\n")]
struct Middle(#[source] io::Error);

fn failure() -> Outer {
    Outer {
        shard: "tests/unit",
        source: Middle(io::Error::other("broken \u{1b}[31mpipe\r")),
    }
}

#[test]
fn a_notice_has_the_whole_chain_of_an_error_in_one_line() {
    let text = diag::in_one_line(&failure());
    let lines = "cannot start shard `tests/unit`: the interpreter said · no · and stopped";
    assert_eq!(text, format!("{lines}: broken \u{1b}[31mpipe"));
}

#[test]
fn an_error_shows_its_whole_chain_and_its_hint() {
    let text = diag::render_error(&failure(), Some("install Python"), &Palette::PLAIN);
    insta::assert_snapshot!(text, @r"
    error: cannot start shard `tests/unit`
      caused by: the interpreter said
          no
          and stopped
      caused by: broken \u{1b}[31mpipe
    hint: install Python
    ");
}

#[test]
fn an_error_without_causes_and_hint_is_one_line() {
    let error = io::Error::other("the disk is full");
    let text = diag::render_error(&error, None, &Palette::PLAIN);
    assert_eq!(text, "error: the disk is full\n");
}

#[test]
fn anyhow_errors_render_like_any_other() {
    let error = anyhow::Error::new(failure()).context("cannot run the tests");
    let text = diag::render_error(error.as_ref(), None, &Palette::PLAIN);
    insta::assert_snapshot!(text, @r"
    error: cannot run the tests
      caused by: cannot start shard `tests/unit`
      caused by: the interpreter said
          no
          and stopped
      caused by: broken \u{1b}[31mpipe
    ");
}

#[test]
fn warnings_and_notes_have_the_form_of_errors() {
    let warning = diag::render_warning("two files", Some("keep one"), &Palette::PLAIN);
    assert_eq!(warning, "warning: two files\nhint: keep one\n");
    let note = diag::render_note("one file", None, &Palette::PLAIN);
    assert_eq!(note, "note: one file\n");
}

#[test]
fn colours_surround_the_labels_only() {
    let text = diag::render_error(&failure(), Some("install Python"), &Palette::ANSI);
    for line in text.lines().filter(|line| line.contains('\u{1b}')) {
        let (label, message) = line.split_once("\u{1b}[0m").expect("the style is reset");
        assert!(label.ends_with(':'), "{line:?}");
        assert!(!message.contains('\u{1b}'), "{line:?}");
    }
    let without: String = anstyle_free(&text);
    let plain = diag::render_error(&failure(), Some("install Python"), &Palette::PLAIN);
    assert_eq!(without, plain);
}

/// `text` without its escape codes for colours.
fn anstyle_free(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut free = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        free.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    free
}

proptest! {
    #[test]
    fn no_message_reaches_the_terminal_with_control_characters(message in "\\PC*|(?s).*") {
        let error: Box<dyn Error> = message.clone().into();
        let text = diag::render_error(error.as_ref(), Some(&message), &Palette::PLAIN);
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
    }
}
