//! Dates in header fields (RFC 9110 §5.6.7).

use std::time::SystemTime;

/// Parses a date. The grammar is case-sensitive, but this parser also accepts other cases and a
/// wrong day name: rejecting them would make responses stale for no benefit.
pub fn parse(text: &str) -> Option<SystemTime> {
    if let Ok(time) = httpdate::parse_http_date(text) {
        return Some(time);
    }
    let usual = in_usual_case(text);
    let rest = usual.get(3..).unwrap_or_default();
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let others = days.map(|day| format!("{day}{rest}"));
    let mut spellings = std::iter::once(&usual).chain(&others);
    spellings.find_map(|it| httpdate::parse_http_date(it).ok())
}

/// Normalizes case as the grammar has it: names with a capital, the zone in capitals.
fn in_usual_case(text: &str) -> String {
    let mut usual = String::with_capacity(text.len());
    for word in text.split_inclusive(|it: char| !it.is_ascii_alphabetic()) {
        let letters = word.trim_end_matches(|it: char| !it.is_ascii_alphabetic());
        if letters.eq_ignore_ascii_case("gmt") {
            usual.push_str("GMT");
        } else {
            let mut letters = letters.chars();
            usual.extend(letters.next().map(|it| it.to_ascii_uppercase()));
            usual.extend(letters.map(|it| it.to_ascii_lowercase()));
        }
        usual.push_str(&word[letters.len()..]);
    }
    usual
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_case_of_a_date_does_not_matter() {
        let expected = httpdate::parse_http_date("Thu, 18 Aug 2050 02:01:18 GMT").unwrap();
        for text in [
            "Thu, 18 Aug 2050 02:01:18 GMT",
            "THU, 18 Aug 2050 02:01:18 GMT",
            "Thu, 18 AUG 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02:01:18 gMT",
            "thu, 18 aug 2050 02:01:18 gmt",
            "THURSDAY, 18-AUG-50 02:01:18 gmt",
            "thu aug 18 02:01:18 2050",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert!(parse("Thu Aug  8 02:01:18 2050").is_some());
    }

    #[test]
    fn an_invalid_date_is_rejected() {
        for text in [
            "",
            "0",
            "never",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
