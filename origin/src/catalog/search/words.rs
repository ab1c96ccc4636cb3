//! Text analysis: splits texts into index words, and queries into terms. Both are normalized by
//! [`fold`], so that they match.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The longest word, in characters. Longer ones are truncated, in the index and in queries.
pub const WORD_MAX: usize = 32;
/// The most words of one indexed text.
pub const WORDS_MAX: usize = 64;
/// The most terms of one search. Further ones are ignored.
pub const TERMS_MAX: usize = 8;

/// A word that a product must match to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The word as it was typed.
    pub word: String,
    /// Its singular, by which singular and plural match.
    pub stem: String,
    /// Whether words that begin with it match too.
    pub prefix: bool,
}

impl Term {
    fn new(word: &str, prefix: bool) -> Self {
        Self {
            stem: stem(word).unwrap_or_else(|| word.to_owned()),
            word: word.to_owned(),
            prefix,
        }
    }

    /// Whether it matches this index word.
    pub fn matches(&self, word: &str) -> bool {
        word == self.stem || (self.prefix && word.starts_with(&self.word))
    }
}

/// The index words of a text, each once: every word and its singular; for scripts that are written
/// without spaces, every pair of adjacent characters (bigrams).
pub fn words_of(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for run in runs_of(text).into_iter().take(WORDS_MAX) {
        if is_unspaced(&run) {
            // The last character alone as well: then a single character matches as a prefix
            // anywhere.
            words.extend(pairs(&run).chain(run.chars().last().map(String::from)));
        } else {
            words.extend(stem(&run));
            words.insert(run);
        }
    }
    words
}

/// The terms of a query, given its runs. The last one is a prefix, as it may be incomplete.
pub fn terms_of(runs: &[String]) -> Vec<Term> {
    let mut terms = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let last = index + 1 == runs.len();
        if is_unspaced(run) && run.chars().nth(1).is_some() {
            terms.extend(pairs(run).map(|pair| Term::new(&pair, false)));
        } else {
            // One such character is the beginning of the pairs that it stands in.
            terms.push(Term::new(run, last || is_unspaced(run)));
        }
    }
    deduplicated(terms)
}

/// The same, less strictly: characters of scripts without spaces match in any order.
pub fn loose_terms_of(runs: &[String]) -> Vec<Term> {
    let mut terms = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        if is_unspaced(run) {
            terms.extend(run.chars().map(|it| Term::new(&it.to_string(), true)));
        } else {
            terms.push(Term::new(run, index + 1 == runs.len()));
        }
    }
    deduplicated(terms)
}

fn deduplicated(terms: Vec<Term>) -> Vec<Term> {
    let mut kept: Vec<Term> = Vec::new();
    for term in terms {
        // "mug mugs" is one term.
        if kept.len() < TERMS_MAX && !kept.contains(&term) {
            kept.push(term);
        }
    }
    kept
}

/// The normalized runs of letters and digits of a text. Scripts without spaces form their own runs.
pub fn runs_of(text: &str) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    let mut open = false;
    for letter in fold(text).chars() {
        if matches!(letter, '\'' | '\u{2019}') {
            // "Paul's" is one word, with or without it.
            continue;
        }
        if !letter.is_alphanumeric() {
            open = false;
            continue;
        }
        let unspaced = is_unspaced_letter(letter);
        match runs.last_mut() {
            Some(run) if open && is_unspaced(run) == unspaced => {
                if run.chars().count() < WORD_MAX {
                    run.push(letter);
                } else if unspaced {
                    // A long sentence without spaces goes on.
                    runs.push(String::from(letter));
                }
            }
            _ => runs.push(String::from(letter)),
        }
        open = true;
    }
    runs
}

/// Normalizes a text (NFKD): removes compatibility forms, case and combining marks.
fn fold(text: &str) -> String {
    let bare = text.nfkd().filter(|it| !is_combining_mark(*it)).nfc();
    let lower = bare.flat_map(char::to_lowercase);
    let mut folded = String::with_capacity(text.len());
    for letter in lower {
        match letter {
            // Latin letters that do not decompose: ø, ł, ß, æ.
            '\u{df}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' if letter.is_alphabetic() => {
                let plain = deunicode::deunicode_char(letter).unwrap_or_default();
                folded.push_str(&plain.to_ascii_lowercase());
            }
            // Lower case can leave a mark behind, as of `İ`.
            _ if is_combining_mark(letter) => {}
            _ => folded.push(letter),
        }
    }
    folded
}

/// Whether the script of a letter has no spaces between words: Han, Hiragana, Katakana.
const fn is_unspaced_letter(letter: char) -> bool {
    matches!(letter,
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

fn is_unspaced(run: &str) -> bool {
    run.chars().next().is_some_and(is_unspaced_letter)
}

fn pairs(run: &str) -> impl Iterator<Item = String> {
    let after = run.chars().skip(1);
    run.chars()
        .zip(after)
        .map(|(one, other)| String::from_iter([one, other]))
}

/// The stem of a regular English plural. It is only compared with other stems and need not be a
/// word.
fn stem(word: &str) -> Option<String> {
    let is_plain = word.len() > 3 && word.bytes().all(|it| it.is_ascii_lowercase());
    if !is_plain || ["ss", "us", "is"].iter().any(|end| word.ends_with(end)) {
        return None;
    }
    if let Some(start) = word.strip_suffix("ies").filter(|it| it.len() > 1) {
        return Some(format!("{start}y"));
    }
    let hissing = ["sses", "shes", "ches", "xes", "zzes"];
    if hissing.iter().any(|end| word.ends_with(end)) {
        return word.strip_suffix("es").map(str::to_owned);
    }
    word.strip_suffix('s').map(str::to_owned)
}

/// The lengths of words whose spelling is corrected. Shorter ones resemble too many others.
const CORRECTED_LENGTHS: std::ops::RangeInclusive<usize> = 3..=16;

/// All words at a Damerau-Levenshtein distance of one: an inserted, deleted or replaced letter, or
/// two adjacent letters transposed. Empty for words with letters other than a to z.
pub fn single_edits_of(word: &str) -> Vec<String> {
    let is_plain = word.bytes().all(|it| it.is_ascii_lowercase());
    if !is_plain || !CORRECTED_LENGTHS.contains(&word.len()) {
        return Vec::new();
    }
    let mut found = BTreeSet::new();
    for at in 0..=word.len() {
        let (head, tail) = word.split_at(at);
        let mut rest = tail.chars();
        let first = rest.next();
        let rest = rest.as_str();
        for letter in 'a'..='z' {
            found.insert(format!("{head}{letter}{tail}"));
            if first.is_some() {
                found.insert(format!("{head}{letter}{rest}"));
            }
        }
        if let Some(first) = first {
            found.insert(format!("{head}{rest}"));
            let mut beyond = rest.chars();
            if let Some(second) = beyond.next() {
                found.insert(format!("{head}{second}{first}{}", beyond.as_str()));
            }
        }
    }
    found.remove(word);
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        words_of(text).into_iter().collect()
    }

    fn terms(query: &str) -> Vec<Term> {
        terms_of(&runs_of(query))
    }

    fn is_found(query: &str, text: &str) -> bool {
        let words = words_of(text);
        let terms = terms(query);
        !terms.is_empty()
            && terms
                .iter()
                .all(|term| words.iter().any(|it| term.matches(it)))
    }

    #[test]
    fn texts_are_split_into_index_words() {
        for (text, expected) in [
            ("Ridge mug", vec!["mug", "ridge"]),
            ("Crème Brûlée", vec!["brulee", "creme"]),
            (
                "Paul's Øresund-Straße №4",
                vec!["no4", "oresund", "paul", "pauls", "strasse"],
            ),
            ("ＭＵＧ ½", vec!["1", "2", "mug"]),
            (
                "Glasses, boxes & berries",
                vec!["berries", "berry", "box", "boxes", "glass", "glasses"],
            ),
            ("山脊马克杯", vec!["克杯", "山脊", "杯", "脊马", "马克"]),
            ("茶 tea茶", vec!["tea", "茶"]),
            ("…!?", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn queries_match_texts() {
        for (query, text) in [
            ("mug", "Ridge Mugs"),
            ("MUGS", "ridge mug"),
            ("rid", "Ridge mug"),
            ("mug ri", "Ridge mug"),
            ("berries", "Berry bowl"),
            ("creme", "Crème"),
            ("杯", "山脊马克杯"),
            ("山", "山脊马克杯"),
            ("马克杯", "山脊马克杯"),
            ("马克杯 fjell", "山脊马克杯 Fjell"),
            ("ridge-mug-moss", "RIDGE-MUG-MOSS"),
        ] {
            assert!(is_found(query, text), "{query} in {text}");
        }
        for (query, text) in [
            ("rid mug", "Ridge mug"),
            ("mug pan", "Ridge mug"),
            ("山马", "山脊马克杯"),
            ("", "Ridge mug"),
        ] {
            assert!(!is_found(query, text), "{query} in {text}");
        }
    }

    #[test]
    fn queries_have_limits() {
        let many = |count: u32| {
            let words = (0..count).map(|it| format!("w{it}"));
            terms(&words.collect::<Vec<_>>().join(" ")).len()
        };
        assert_eq!((many(8), many(9)), (8, TERMS_MAX));
        let long = "a".repeat(WORD_MAX);
        assert!(is_found(&format!("{long}bc"), &long));
        assert_eq!(terms(&format!("{long}b"))[0].word, long);
    }

    #[test]
    fn single_edits_include_every_kind_of_typo() {
        let edits = single_edits_of("mgu");
        for meant in ["mug", "gu", "mgus", "mga"] {
            assert!(edits.iter().any(|it| it == meant), "{meant}");
        }
        assert!(single_edits_of("mu").is_empty() && single_edits_of("杯子杯").is_empty());
        assert!(single_edits_of(&"a".repeat(17)).is_empty());
    }

    proptest! {
        #[test]
        fn every_text_matches_itself(text in "\\PC{0,40}") {
            let words = words_of(&text);
            for term in terms(&text).iter().chain(&loose_terms_of(&runs_of(&text))) {
                prop_assert!(words.iter().any(|it| term.matches(it)), "{term:?} of {words:?}");
            }
        }

        #[test]
        fn index_words_are_short_and_alphanumeric(text in any::<String>()) {
            for word in words_of(&text) {
                prop_assert!(word.chars().all(char::is_alphanumeric), "{word:?}");
                prop_assert!((1..=WORD_MAX).contains(&word.chars().count()), "{word:?}");
            }
        }

        #[test]
        fn index_words_are_idempotent(text in "\\PC{0,40}") {
            for word in words_of(&text) {
                prop_assert!(words_of(&word).contains(&word), "{word:?}");
            }
        }

        #[test]
        fn case_and_spaces_make_no_difference(text in "[a-zA-Zäöü 茶杯]{0,30}") {
            let spaced = format!("  {}  ", text.replace(' ', "   ").to_uppercase());
            prop_assert_eq!(terms(&spaced), terms(&text));
        }

        #[test]
        fn single_edits_are_those_at_distance_one(word in "[a-z]{4,10}", other in "[a-z]{4,10}") {
            let near = strsim::osa_distance(&word, &other) == 1;
            prop_assert_eq!(single_edits_of(&word).contains(&other), near);
            for edit in single_edits_of(&word) {
                prop_assert_eq!(strsim::osa_distance(&word, &edit), 1);
            }
        }
    }
}
