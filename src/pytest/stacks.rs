//! Finds the Python stacks that faulthandler wrote, in the middle of whatever else is on stderr.
//!
//! faulthandler writes them when a process crashes, when a time-out's signal arrives and when
//! `dump_traceback_later` fires. Its form differs a little from Python 3.8 to 3.14: names of
//! threads, the list of extension modules, a C stack. Lines of other threads and processes may be
//! in between, and a dump may begin in the middle of a line that a test left open.

/// The words that begin a dump or a part of it, wherever they stand in a line.
const HEADS: [&str; 7] = [
    "Fatal Python error: ",
    "Current thread's C stack trace (most recent call first):",
    "Current thread 0x",
    "Thread 0x",
    "Stack (most recent call first):",
    "Timeout (",
    "Windows fatal exception: ",
];

/// The words before the list of extension modules, which is as long as the imports of a program.
const EXTENSIONS: &str = "Extension modules: ";

/// More than this of the list of extension modules tells nobody anything.
const EXTENSIONS_CHARS: usize = 100;

/// The last dump in `stderr`, without the lines that are not part of it; `None` when there is none.
///
/// A dump is the fatal error, if there was one, and the stacks of all threads: the current one
/// first, because faulthandler writes it last, where a shortened text would lose it.
pub fn python_stacks(stderr: &str) -> Option<String> {
    let mut dump = Dump::default();
    for line in stderr.lines() {
        dump.add(line.trim_end_matches('\r'));
    }
    dump.finish()
}

/// Parts of the lines of frames that run tests and are none.
const RUNNER: [&str; 6] = [
    "/_pytest/",
    "/pluggy/",
    "/xdist/",
    "/execnet/",
    "\"<_menace.",
    "\"<string>\"",
];

/// Stacks with each series of pytest's own frames folded into one line: they are the same for
/// every test.
pub fn fold_runner(stacks: &str) -> String {
    let mut folded = String::with_capacity(stacks.len());
    let mut count = 0;
    for line in stacks.lines() {
        if is_frame(line) && RUNNER.iter().any(|runner| line.contains(runner)) {
            count += 1;
            continue;
        }
        push_fold(&mut folded, &mut count);
        folded.push_str(line);
        folded.push('\n');
    }
    push_fold(&mut folded, &mut count);
    folded
}

fn push_fold(text: &mut String, count: &mut usize) {
    match std::mem::take(count) {
        0 => {}
        1 => text.push_str("  … 1 frame of pytest\n"),
        frames => text.push_str(&["  … ", &frames.to_string(), " frames of pytest\n"].concat()),
    }
}

#[derive(Default)]
struct Dump {
    lines: Vec<String>,
    threads: Vec<String>,
    in_stack: bool,
}

impl Dump {
    fn add(&mut self, line: &str) {
        if let Some(head) = find_head(line) {
            self.add_head(head);
        } else if self.lines.is_empty() {
            // Nothing counts before the first head.
        } else if (self.in_stack && is_frame(line)) || line.starts_with("Python runtime state: ") {
            self.lines.push(line.to_owned());
        } else if let Some(modules) = line.strip_prefix(EXTENSIONS) {
            self.lines.push(String::new());
            self.lines.push(extension_modules(modules));
            self.in_stack = false;
        }
    }

    fn add_head(&mut self, head: &str) {
        let opens_dump = head.starts_with("Fatal") || head.starts_with("Timeout (");
        let thread = thread_id(head);
        let repeated = thread.is_some_and(|id| self.threads.iter().any(|known| known == id));
        if opens_dump || repeated {
            self.lines.clear();
            self.threads.clear();
        }
        if let Some(id) = thread {
            self.threads.push(id.to_owned());
        }
        if !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.lines.push(head.to_owned());
        self.in_stack = !opens_dump;
    }

    fn finish(self) -> Option<String> {
        let blocks: Vec<&[String]> = self.lines.split(String::is_empty).collect();
        // `dump_traceback_later` marks no thread; the oldest one is the main one and stands last.
        let marked = blocks.iter().any(|block| is_current(block));
        let last = blocks
            .iter()
            .rposition(|block| head_of(block).contains("hread 0x"));
        let rank = |index: usize, block: &[String]| match head_of(block) {
            _ if is_current(block) || (!marked && Some(index) == last) => 1,
            head if head.starts_with("Fatal") || head.starts_with("Timeout (") => 0,
            head if head.starts_with(EXTENSIONS) => 3,
            _ => 2,
        };
        let mut ranked: Vec<(u8, String)> = blocks
            .iter()
            .enumerate()
            .filter(|(_, block)| !block.is_empty())
            .map(|(index, block)| (rank(index, block), block.join("\n")))
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let texts: Vec<String> = ranked.into_iter().map(|(_, text)| text).collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    }
}

fn head_of(block: &[String]) -> &str {
    block.first().map_or("", String::as_str)
}

fn is_current(block: &[String]) -> bool {
    head_of(block).starts_with("Current thread 0x")
}

fn find_head(line: &str) -> Option<&str> {
    let start = HEADS.iter().filter_map(|head| line.find(head)).min()?;
    let head = line.get(start..)?;
    let complete = if head.starts_with("Timeout (") {
        head.ends_with(")!")
    } else if head.contains("hread 0x") {
        head.contains("(most recent call first):")
    } else {
        true
    };
    complete.then_some(head)
}

fn thread_id(head: &str) -> Option<&str> {
    let (_, rest) = head.split_once("hread 0x")?;
    rest.split(|c: char| !c.is_ascii_hexdigit()).next()
}

fn is_frame(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("  ") else {
        return false;
    };
    let frame = rest.strip_prefix("File ").is_some_and(|rest| {
        (rest.starts_with('"') || rest.starts_with("???")) && rest.contains(", line ")
    });
    frame
        || rest == "..."
        || rest == "Garbage-collecting"
        || rest.starts_with("Binary file \"")
        || (rest.starts_with('<') && rest.ends_with('>'))
}

fn extension_modules(modules: &str) -> String {
    let total = modules.rfind(" (total: ").unwrap_or(modules.len());
    let (names, total) = modules.split_at(total);
    let mut kept: String = names.chars().take(EXTENSIONS_CHARS).collect();
    if kept.len() < names.len() {
        let whole_names = kept.rfind(", ").unwrap_or(kept.len());
        kept.truncate(whole_names);
        kept.push_str(", …");
    }
    format!("{EXTENSIONS}{kept}{total}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_pytest_are_folded_and_counted() {
        let stacks = "Current thread 0x1 (most recent call first):\n  \
             File \"/p/t.py\", line 3 in helper\n  \
             File \"/v/site-packages/_pytest/python.py\", line 187 in pytest_pyfunc_call\n  \
             File \"/v/site-packages/pluggy/_execution.py\", line 147 in _multicall\n  \
             File \"<_menace.harness.main>\", line 39 in run_pytest\n\nThread 0x2 (most recent call first):\n  \
             File \"/p/t.py\", line 9 in other\n";
        assert_eq!(
            fold_runner(stacks),
            "Current thread 0x1 (most recent call first):\n  \
             File \"/p/t.py\", line 3 in helper\n  … 3 frames of pytest\n\n\
             Thread 0x2 (most recent call first):\n  File \"/p/t.py\", line 9 in other\n"
        );
    }
    use proptest::prelude::*;

    #[test]
    fn a_segfault_of_python_3_11_is_found_in_noise() {
        let stderr = r#"warming up
progress 10%Fatal Python error: Segmentation fault

Thread 0x00007f5e3a7fe700 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 324 in wait
DEBUG noise of a thread
  File "/usr/lib/python3.11/threading.py", line 982 in run

Current thread 0x00007f5e4b1c2740 (most recent call first):
  File "/p/tests/test_native.py", line 7 in test_crash
  ...

Extension modules: a, b (total: 2)
Segmentation fault (core dumped)
"#;
        insta::assert_snapshot!(python_stacks(stderr).unwrap(), @r#"
        Fatal Python error: Segmentation fault

        Current thread 0x00007f5e4b1c2740 (most recent call first):
          File "/p/tests/test_native.py", line 7 in test_crash
          ...

        Thread 0x00007f5e3a7fe700 (most recent call first):
          File "/usr/lib/python3.11/threading.py", line 324 in wait
          File "/usr/lib/python3.11/threading.py", line 982 in run

        Extension modules: a, b (total: 2)
        "#);
    }

    #[test]
    fn names_of_threads_and_c_stacks_of_python_3_14_are_kept() {
        let stderr = r#"Fatal Python error: Aborted

Thread 0x00007f5e3a7fe700 [worker-1] (most recent call first):
  <no Python frame>

Current thread 0x00007f5e4b1c2740 [MainThread] (most recent call first):
  File "/p/t.py", line 3 in f

Current thread's C stack trace (most recent call first):
  Binary file "python3.14", at _Py_DumpStack+0x4e [0x5d2f]
  <truncated rest of calls>
"#;
        insta::assert_snapshot!(python_stacks(stderr).unwrap(), @r#"
        Fatal Python error: Aborted

        Current thread 0x00007f5e4b1c2740 [MainThread] (most recent call first):
          File "/p/t.py", line 3 in f

        Thread 0x00007f5e3a7fe700 [worker-1] (most recent call first):
          <no Python frame>

        Current thread's C stack trace (most recent call first):
          Binary file "python3.14", at _Py_DumpStack+0x4e [0x5d2f]
          <truncated rest of calls>
        "#);
    }

    #[test]
    fn where_no_thread_is_marked_the_main_one_comes_first() {
        let stderr = "Timeout (0:00:00.200000)!\n\
            Thread 0x02 (most recent call first):\n  File \"t.py\", line 5 in pump\n\n\
            Thread 0x01 (most recent call first):\n  File \"t.py\", line 16 in test_hang\n";
        insta::assert_snapshot!(python_stacks(stderr).unwrap(), @r#"
        Timeout (0:00:00.200000)!

        Thread 0x01 (most recent call first):
          File "t.py", line 16 in test_hang

        Thread 0x02 (most recent call first):
          File "t.py", line 5 in pump
        "#);
    }

    #[test]
    fn of_two_dumps_the_last_one_counts() {
        let stderr = "Current thread 0x01 (most recent call first):\n  File \"a\", line 1 in old\n\
            Current thread 0x01 (most recent call first):\n  File \"a\", line 2 in new\n";
        let stacks = python_stacks(stderr).unwrap();
        assert!(
            stacks.contains("in new") && !stacks.contains("in old"),
            "{stacks}"
        );
    }

    #[test]
    fn the_list_of_extension_modules_is_shortened_between_names() {
        let names = vec!["numpy.core"; 60].join(", ");
        let stderr = format!("Fatal Python error: Aborted\nExtension modules: {names} (total: 60)");
        let stacks = python_stacks(&stderr).unwrap();
        assert!(stacks.ends_with("numpy.core, … (total: 60)"), "{stacks}");
        assert!(stacks.len() < 200, "{stacks}");
    }

    #[test]
    fn text_that_only_mentions_threads_is_no_dump() {
        for text in [
            "",
            "Thread 0x12 started\n",
            "Timeout (of 3 s) reached",
            "  File \"a\", line 1 in f",
        ] {
            assert_eq!(python_stacks(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            parts in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(HEADS.to_vec()).prop_map(str::to_owned),
                    Just("\n".to_owned()),
                    Just("Extension modules: ".to_owned()),
                    Just("  File \"é\", line 1 in f".to_owned()),
                    any::<String>(),
                ],
                0..30,
            )
        ) {
            let _ = python_stacks(&parts.concat());
        }
    }
}
