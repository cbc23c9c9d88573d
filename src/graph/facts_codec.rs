//! A [`Reading`] as bytes for the state file, and back.
//!
//! ```text
//!  version u8 · checksum u32 · 0 facts: flags u8, imports, mentions, changes of paths,
//!                                exports
//!                              1 problem: line or 0, message
//!  numbers are LEB128, texts a length and UTF-8; lines are kept as differences
//! ```
//!
//! **Invariant:** bytes that are damaged, or of another version, are `None`, never a wrong reading
//! and never a large allocation.

use xxhash_rust::xxh3::xxh3_64;

use super::facts::{
    CollectProblem, Evidence, FileFacts, Import, ImportKind, Mention, PathChange, PathChangeKind,
    Reading, SourceFile,
};

/// Counts up with every change of this layout, and of the facts that [`collect`](super::collect())
/// finds.
const VERSION: u8 = 3;
const HEADER_BYTES: usize = 5;

const KINDS: [ImportKind; 5] = [
    ImportKind::Eager,
    ImportKind::Conditional,
    ImportKind::Lazy,
    ImportKind::Never,
    ImportKind::Elsewhere,
];
const EVIDENCE: [Evidence; 11] = [
    Evidence::ImportCall,
    Evidence::PytestPlugin,
    Evidence::ImportOrSkip,
    Evidence::Patch,
    Evidence::Command,
    Evidence::Text,
    Evidence::RunModule,
    Evidence::File,
    Evidence::Script,
    Evidence::Application,
    Evidence::Stub,
];
const CHANGES: [PathChangeKind; 5] = [
    PathChangeKind::Search,
    PathChangeKind::Package,
    PathChangeKind::ExtendedPackage,
    PathChangeKind::Ignored,
    PathChangeKind::IgnoredGlob,
];

/// The flags of a file: it has code under a main guard, is a script, changes paths.
const MAIN_GUARD: u8 = 1;
const WORKS: u8 = 1 << 1;
const CHANGES_PATHS: u8 = 1 << 2;
/// The position of the flags in the bytes of facts.
const FLAGS_AT: usize = HEADER_BYTES + 1;

/// Set in the kind of an import that has a member.
const HAS_MEMBER: u8 = 1 << 3;
/// Set in the kind of an import with the level and module of the one before.
const SAME_MODULE: u8 = 1 << 4;

impl SourceFile {
    /// A file with this reading, which is encoded here.
    pub fn new(path: String, reading: &Reading) -> Self {
        Self::of_encoded(path, encode(reading))
    }

    /// A file whose reading is encoded already, as the state file keeps it.
    pub fn of_encoded(path: String, encoded: Vec<u8>) -> Self {
        Self { path, encoded }
    }

    /// The facts of the file, or the problem that kept it from being read.
    pub fn reading(&self) -> Reading<&str> {
        decode(&self.encoded)
            .unwrap_or_else(|| Err(CollectProblem::of_file("what was read of it is damaged")))
    }

    /// True if the file may change the places that Python and pytest look at. Only then does it
    /// have to be decoded before the files that these places hold are known.
    pub(super) fn changes_paths(&self) -> bool {
        let flags = self.encoded.get(FLAGS_AT);
        self.encoded.get(HEADER_BYTES) == Some(&0)
            && flags.is_some_and(|flags| flags & CHANGES_PATHS != 0)
    }
}

/// The bytes of a reading.
pub fn encode(reading: &Reading) -> Vec<u8> {
    let mut out = vec![0; HEADER_BYTES];
    match reading {
        Ok(facts) => put_facts(&mut out, facts),
        Err(problem) => {
            out.push(1);
            put_number(&mut out, problem.line.unwrap_or(0));
            put_text(&mut out, &problem.message);
        }
    }
    let sum = checksum(&out[HEADER_BYTES..]);
    out[0] = VERSION;
    out[1..HEADER_BYTES].copy_from_slice(&sum);
    out
}

/// True if the bytes have this version and their checksum. Much faster than to decode them.
pub fn is_whole(bytes: &[u8]) -> bool {
    bytes
        .split_at_checked(HEADER_BYTES)
        .is_some_and(|(header, body)| header[0] == VERSION && header[1..] == checksum(body))
}

/// The reading that was encoded; `None` for anything else.
pub fn decode(bytes: &[u8]) -> Option<Reading<&str>> {
    if !is_whole(bytes) {
        return None;
    }
    let mut input = Input(&bytes[HEADER_BYTES..]);
    let reading = match input.byte()? {
        0 => Ok(take_facts(&mut input)?),
        1 => {
            let line = input.number()?;
            Err(CollectProblem {
                line: (line > 0).then_some(line),
                message: input.text()?.to_owned(),
            })
        }
        _ => return None,
    };
    input.0.is_empty().then_some(reading)
}

fn checksum(body: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = xxh3_64(body).to_le_bytes();
    [a, b, c, d]
}

fn put_facts(out: &mut Vec<u8>, facts: &FileFacts) {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let flags = flag(facts.main_guard, MAIN_GUARD)
        | flag(facts.works, WORKS)
        | flag(!facts.path_changes.is_empty(), CHANGES_PATHS);
    out.extend([0, flags]);
    put_number(out, count(facts.imports.len()));
    let mut line = 0;
    let mut before: Option<&Import> = None;
    for import in &facts.imports {
        let is_same =
            before.is_some_and(|last| last.level == import.level && last.module == import.module);
        out.push(
            import.kind as u8
                | if import.member.is_some() {
                    HAS_MEMBER
                } else {
                    0
                }
                | if is_same { SAME_MODULE } else { 0 },
        );
        put_number(out, import.line.wrapping_sub(line));
        if !is_same {
            put_number(out, import.level);
            put_text(out, &import.module);
        }
        if let Some(member) = &import.member {
            put_text(out, member);
        }
        (line, before) = (import.line, Some(import));
    }
    put_number(out, count(facts.mentions.len()));
    line = 0;
    for mention in &facts.mentions {
        out.push(mention.evidence as u8);
        put_number(out, mention.line.wrapping_sub(line));
        put_text(out, &mention.name);
        line = mention.line;
    }
    put_number(out, count(facts.path_changes.len()));
    for change in &facts.path_changes {
        out.push(change.kind as u8);
        put_text(out, &change.path);
    }
    put_number(out, count(facts.exports.len()));
    for name in &facts.exports {
        put_text(out, name);
    }
}

fn take_facts<'a>(input: &mut Input<'a>) -> Option<FileFacts<&'a str>> {
    let flags = input.byte()?;
    if flags > MAIN_GUARD | WORKS | CHANGES_PATHS {
        return None;
    }
    let count = input.count(3)?;
    let mut imports: Vec<Import<&str>> = Vec::with_capacity(count);
    let mut line = 0_u32;
    for _ in 0..count {
        let flags = input.byte()?;
        line = line.wrapping_add(input.number()?);
        let (level, module) = if flags & SAME_MODULE == 0 {
            (input.number()?, input.text()?)
        } else {
            let last = imports.last()?;
            (last.level, last.module)
        };
        let member = if flags & HAS_MEMBER == 0 {
            None
        } else {
            Some(input.text()?)
        };
        imports.push(Import {
            kind: *KINDS.get(usize::from(flags & !(HAS_MEMBER | SAME_MODULE)))?,
            level,
            module,
            member,
            line,
        });
    }
    let count = input.count(3)?;
    let mut mentions = Vec::with_capacity(count);
    line = 0;
    for _ in 0..count {
        let evidence = *EVIDENCE.get(usize::from(input.byte()?))?;
        line = line.wrapping_add(input.number()?);
        mentions.push(Mention {
            evidence,
            name: input.text()?,
            line,
        });
    }
    let count = input.count(2)?;
    let mut path_changes = Vec::with_capacity(count);
    for _ in 0..count {
        path_changes.push(PathChange {
            kind: *CHANGES.get(usize::from(input.byte()?))?,
            path: input.text()?,
        });
    }
    let count = input.count(1)?;
    let mut exports = Vec::with_capacity(count);
    for _ in 0..count {
        exports.push(input.text()?);
    }
    Some(FileFacts {
        imports,
        mentions,
        path_changes,
        exports,
        main_guard: flags & MAIN_GUARD != 0,
        works: flags & WORKS != 0,
    })
}

/// A length as it is kept. No length comes near the limit, because files are small.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn put_number(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, count(text.len()));
    out.extend_from_slice(text.as_bytes());
}

/// The bytes that are still to be decoded.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(number).ok();
            }
        }
        None
    }

    /// The number of entries that follow; `None` if so many, of `least` bytes each, cannot be left.
    fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len() / least + 1).then_some(count)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn any_import() -> impl Strategy<Value = Import> {
        let member = proptest::option::of("[a-zé*]{0,3}");
        (
            select(&KINDS[..]),
            0..3_u32,
            "[a-c.]{0,4}",
            member,
            any::<u32>(),
        )
            .prop_map(|(kind, level, module, member, line)| Import {
                kind,
                level,
                module,
                member,
                line,
            })
    }

    fn any_reading() -> impl Strategy<Value = Reading> {
        let mention = (select(&EVIDENCE[..]), "[a-zé.]{0,9}", any::<u32>()).prop_map(
            |(evidence, name, line)| Mention {
                evidence,
                name,
                line,
            },
        );
        let change = (select(&CHANGES[..]), "[a-zé./*]{0,9}")
            .prop_map(|(kind, path)| PathChange { kind, path });
        let facts = (
            vec(any_import(), 0..20),
            vec(mention, 0..20),
            vec(change, 0..5),
            vec("[a-zé_]{0,5}", 0..5),
            any::<bool>(),
            any::<bool>(),
        )
            .prop_map(
                |(imports, mentions, path_changes, exports, main_guard, works)| FileFacts {
                    imports,
                    mentions,
                    path_changes,
                    exports,
                    main_guard,
                    works,
                },
            );
        let problem = (proptest::option::of(1..u32::MAX), ".*")
            .prop_map(|(line, message)| CollectProblem { line, message });
        prop_oneof![4 => facts.prop_map(Ok), 1 => problem.prop_map(Err)]
    }

    fn owned(reading: Reading<&str>) -> Reading {
        let facts = reading?;
        let import = |import: Import<&str>| Import {
            kind: import.kind,
            level: import.level,
            module: import.module.to_owned(),
            member: import.member.map(str::to_owned),
            line: import.line,
        };
        let mention = |mention: Mention<&str>| Mention {
            evidence: mention.evidence,
            name: mention.name.to_owned(),
            line: mention.line,
        };
        let change = |change: PathChange<&str>| PathChange {
            kind: change.kind,
            path: change.path.to_owned(),
        };
        Ok(FileFacts {
            imports: facts.imports.into_iter().map(import).collect(),
            mentions: facts.mentions.into_iter().map(mention).collect(),
            path_changes: facts.path_changes.into_iter().map(change).collect(),
            exports: facts.exports.into_iter().map(str::to_owned).collect(),
            main_guard: facts.main_guard,
            works: facts.works,
        })
    }

    /// `body` as it would have been written.
    fn sealed(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(checksum(body));
        bytes.extend(body);
        bytes
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(reading in any_reading()) {
            prop_assert_eq!(decode(&encode(&reading)).map(owned), Some(reading));
        }

        #[test]
        fn damage_is_noticed(reading in any_reading(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut bytes = encode(&reading);
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert_eq!(decode(&bytes), None);
            prop_assert_eq!(decode(&bytes[..at]), None);
        }

        #[test]
        fn any_bytes_are_borne(body in vec(any::<u8>(), 0..200)) {
            decode(&body);
            decode(&sealed(&body));
        }
    }

    #[test]
    fn a_file_that_changes_paths_is_told_without_decoding_it() {
        let file = |facts: FileFacts| SourceFile::new("a.py".to_owned(), &Ok(facts));
        let change = PathChange {
            kind: PathChangeKind::Search,
            path: "lib".to_owned(),
        };
        assert!(!file(FileFacts::default()).changes_paths());
        let facts = FileFacts {
            path_changes: vec![change],
            ..FileFacts::default()
        };
        assert!(file(facts).changes_paths());
        let problem = SourceFile::new("a.py".to_owned(), &Err(CollectProblem::of_file("dddd")));
        assert!(!problem.changes_paths());
    }

    #[test]
    fn a_count_that_cannot_be_is_refused_before_memory_is_asked_for() {
        let mut body = vec![0, 0];
        put_number(&mut body, u32::MAX);
        assert_eq!(decode(&sealed(&body)), None);
    }
}
