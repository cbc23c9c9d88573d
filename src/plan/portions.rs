//! The tests of a session in portions, each for a process of its own: in which order, and how large.

use std::collections::HashMap;

/// A test that is to run, as far as this plan has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its place in the order of the collection.
    pub place: u32,
    /// Its file, or another name that is the same for tests which have to share a process.
    pub together: &'a str,
    /// Milliseconds that it took in an earlier run; `None` if that is not known.
    pub expected_ms: Option<u32>,
}

/// Tests that a process runs one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portion {
    /// Their places, in the order of the collection.
    pub places: Vec<u32>,
    /// Milliseconds that they took together in an earlier run; those that are not known count as
    /// the median of those that are.
    pub expected_ms: u64,
}

/// Divides tests by what they share. For one worker the order stays that of the collection, which
/// is what everybody expects; several get the longest portions first, so that none of them is left
/// with a long one at the end.
pub fn portions(candidates: &[Candidate<'_>], workers: u32) -> Vec<Portion> {
    let mut known: Vec<u32> = candidates.iter().filter_map(|it| it.expected_ms).collect();
    known.sort_unstable();
    // If nothing is known, the number of tests decides.
    let median = known
        .get(known.len() / 2)
        .map_or(1, |median| (*median).max(1));
    let mut portions: Vec<Portion> = Vec::new();
    let mut positions: HashMap<&str, usize> = HashMap::new();
    for candidate in candidates {
        let position = *positions
            .entry(candidate.together)
            .or_insert(portions.len());
        if position == portions.len() {
            portions.push(Portion {
                places: Vec::new(),
                expected_ms: 0,
            });
        }
        let portion = &mut portions[position];
        portion.places.push(candidate.place);
        portion.expected_ms += u64::from(candidate.expected_ms.unwrap_or(median));
    }
    if workers > 1 {
        // A stable sort: equals stay in the order of the collection.
        portions.sort_by_key(|portion| std::cmp::Reverse(portion.expected_ms));
    }
    portions
}

/// Places as ranges, such as `0-3,7`.
pub fn ranges(places: &[u32]) -> String {
    let runs = places.chunk_by(|place, next| place.checked_add(1) == Some(*next));
    let texts = runs.map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        _ => run.iter().map(u32::to_string).collect(),
    });
    texts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidates<'a>(tests: &[(&'a str, Option<u32>)]) -> Vec<Candidate<'a>> {
        let tests = (0..).zip(tests);
        tests
            .map(|(place, (together, expected_ms))| Candidate {
                place,
                together,
                expected_ms: *expected_ms,
            })
            .collect()
    }

    fn places(portions: &[Portion]) -> Vec<String> {
        portions
            .iter()
            .map(|portion| ranges(&portion.places))
            .collect()
    }

    #[test]
    fn one_worker_keeps_the_order_and_several_begin_with_the_longest() {
        let tests = candidates(&[
            ("a", Some(1)),
            ("b", Some(5)),
            ("a", Some(2)),
            ("c", Some(9)),
        ]);
        assert_eq!(places(&portions(&tests, 1)), ["0,2", "1", "3"]);
        assert_eq!(places(&portions(&tests, 2)), ["3", "1", "0,2"]);
    }

    #[test]
    fn an_unknown_test_counts_as_the_median() {
        let tests = candidates(&[("a", Some(10)), ("b", None), ("c", Some(2)), ("d", Some(4))]);
        let expected: Vec<u64> = portions(&tests, 1)
            .iter()
            .map(|it| it.expected_ms)
            .collect();
        assert_eq!(expected, [10, 4, 2, 4]);
    }

    #[test]
    fn without_a_history_the_file_with_the_most_tests_comes_first() {
        let tests = candidates(&[("a", None), ("b", None), ("b", None), ("c", None)]);
        assert_eq!(places(&portions(&tests, 2)), ["1-2", "0", "3"]);
    }

    proptest! {
        #[test]
        fn each_test_is_in_one_portion(files in prop::collection::vec(0u8..5, 0..40), workers in 1u32..4) {
            let names: Vec<String> = files.iter().map(u8::to_string).collect();
            let tests: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
            let portions = portions(&candidates(&tests), workers);
            let mut all: Vec<u32> = portions.iter().flat_map(|it| it.places.clone()).collect();
            all.sort_unstable();
            prop_assert!(all.iter().copied().eq(0..u32::try_from(names.len()).unwrap()));
            for portion in portions {
                let names = portion.places.iter().map(|place| &names[*place as usize]);
                prop_assert_eq!(names.collect::<std::collections::HashSet<_>>().len(), 1);
                prop_assert!(portion.places.is_sorted());
            }
        }
    }
}
