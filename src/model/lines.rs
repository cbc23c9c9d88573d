//! Sets of line numbers, as coverage needs them: united over processes, counted, written as ranges.

use std::fmt;
use std::str::FromStr;

/// A set of line numbers from 1, kept as a bitmap.
///
/// The text form is ascending ranges, `1-3,7,9-12`; the empty set is the empty string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineSet {
    words: Vec<u64>,
}

/// Lines above this are refused, so that a damaged message cannot ask for gigabytes.
const MAX_LINE: u32 = 10_000_000;

/// A text that is no list of ranges.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a list of line ranges such as `1-3,7`")]
pub struct LineSetError(String);

impl LineSet {
    /// Adds every line of `other`.
    pub fn unite(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    /// The number of lines in the set.
    pub fn len(&self) -> u64 {
        self.words
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }

    /// True if no line is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The number of lines that are in both sets.
    pub fn count_common(&self, other: &Self) -> u64 {
        self.words
            .iter()
            .zip(&other.words)
            .map(|(mine, theirs)| u64::from((mine & theirs).count_ones()))
            .sum()
    }

    fn insert_range(&mut self, first: u32, last: u32) {
        let needed = (last / 64) as usize + 1;
        if self.words.len() < needed {
            self.words.resize(needed, 0);
        }
        for line in first..=last {
            self.words[(line / 64) as usize] |= 1 << (line % 64);
        }
    }

    fn contains(&self, line: u32) -> bool {
        self.words
            .get((line / 64) as usize)
            .is_some_and(|word| word & (1 << (line % 64)) != 0)
    }
}

impl FromStr for LineSet {
    type Err = LineSetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut set = Self::default();
        let bad = || LineSetError(text.chars().take(60).collect());
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: u32 = first.parse().map_err(|_| bad())?;
            let last: u32 = last.parse().map_err(|_| bad())?;
            if first > last || last > MAX_LINE {
                return Err(bad());
            }
            set.insert_range(first, last);
        }
        Ok(set)
    }
}

impl fmt::Display for LineSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = u32::try_from(self.words.len() * 64).unwrap_or(u32::MAX);
        let mut separator = "";
        let mut line = 0;
        while line < end {
            if !self.contains(line) {
                line += 1;
                continue;
            }
            let first = line;
            while line + 1 < end && self.contains(line + 1) {
                line += 1;
            }
            if first == line {
                write!(f, "{separator}{first}")?;
            } else {
                write!(f, "{separator}{first}-{line}")?;
            }
            separator = ",";
            line += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(text: &str) -> LineSet {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_are_merged_and_sorted() {
        assert_eq!(set("7,1-3,4,9-12").to_string(), "1-4,7,9-12");
        assert_eq!(set("").to_string(), "");
        assert_eq!(set("63-64,128").to_string(), "63-64,128");
    }

    #[test]
    fn lines_of_two_processes_are_united_not_averaged() {
        let mut first = set("1-5");
        first.unite(&set("4-10,200"));
        assert_eq!(first.to_string(), "1-10,200");
        assert_eq!(first.len(), 11);
        assert_eq!(first.count_common(&set("9-12,200")), 3);
    }

    #[test]
    fn texts_that_are_no_ranges_are_refused() {
        for text in ["a", "3-1", "1-", "-1", "1-99999999999", "0-4000000000"] {
            assert!(text.parse::<LineSet>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_set_survives_its_text_form(lines in prop::collection::btree_set(1u32..2000, 0..200)) {
            let text: Vec<String> = lines.iter().map(u32::to_string).collect();
            let set = set(&text.join(","));
            prop_assert_eq!(set.len(), lines.len() as u64);
            prop_assert_eq!(set.to_string().parse::<LineSet>().unwrap(), set);
        }
    }
}
