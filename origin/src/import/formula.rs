//! Protection against formula injection in CSV. Exports prefix a text that a spreadsheet program
//! would evaluate with `'`, which marks it as text; imports remove the prefix.

use std::borrow::Cow;

/// Characters that begin a formula in some program, full-width forms included.
const BEGIN: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
const MARK: char = '\'';

/// The cell for a text. Numbers are not prefixed.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if is_formula(text.trim_start_matches(MARK)) && !is_number(text) {
        Cow::Owned(format!("{MARK}{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text of a cell.
pub(super) fn unescape(cell: &str) -> &str {
    match cell.strip_prefix(MARK) {
        Some(text) if is_formula(text.trim_start_matches(MARK)) => text,
        _ => cell,
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(BEGIN)
}

/// Whether a cell is a number: digits with an optional minus and at most one dot. Numbers are no
/// formulas.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut parts = digits.splitn(2, '.');
    parts.all(|part| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_escaped_and_numbers_are_not() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+49 30 1234", "'+49 30 1234"),
            ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("-", "'-"),
            ("-1-1", "'-1-1"),
            ("-1.", "'-1."),
            ("-9", "-9"),
            ("-9.50", "-9.50"),
            ("a=1", "a=1"),
            ("'tis", "'tis"),
            ("", ""),
        ] {
            assert_eq!(escape(text), cell);
            assert_eq!(unescape(cell), text);
        }
    }

    proptest! {
        #[test]
        fn every_text_round_trips(text in "['=+@\t\r\n＝a1.-]{0,6}") {
            let cell = escape(&text);
            prop_assert_eq!(unescape(&cell), text.as_str());
            prop_assert!(is_number(&cell) || !is_formula(&cell));
        }
    }
}
