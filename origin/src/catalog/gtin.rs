//! Global Trade Item Numbers (GTIN-8, GTIN-12 or UPC, GTIN-13 or EAN, GTIN-14), as the GS1 General
//! Specifications define them.

/// The valid numbers of digits, check digit included.
const LENGTHS: [usize; 4] = [8, 12, 13, 14];

/// Why a text is not a GTIN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongGtin {
    /// It has characters other than digits, spaces and hyphens.
    #[error("must be digits, with spaces and hyphens between them or not; {0:?} is neither")]
    NoDigit(char),
    /// The number of digits is wrong.
    #[error("must have 8, 12, 13 or 14 digits, not {0}; zeros at its beginning count")]
    Length(usize),
    /// The check digit is wrong.
    #[error(
        "one of its digits is wrong: after the others the last one must be {expected}, not {found}"
    )]
    CheckDigit {
        /// The correct check digit.
        expected: u8,
        /// The given one.
        found: u8,
    },
}

/// The digits of a GTIN, without the spaces and hyphens that people write between them.
pub fn read(text: &str) -> Result<String, WrongGtin> {
    let is_between =
        |letter: char| letter.is_whitespace() || matches!(letter, '-' | '\u{2010}' | '\u{2011}');
    let digits: String = text.chars().filter(|letter| !is_between(*letter)).collect();
    if let Some(other) = digits.chars().find(|letter| !letter.is_ascii_digit()) {
        return Err(WrongGtin::NoDigit(other));
    }
    if !LENGTHS.contains(&digits.len()) {
        return Err(WrongGtin::Length(digits.len()));
    }
    let (before, found) = digits.split_at(digits.len() - 1);
    let (expected, found) = (check_digit(before), found.as_bytes()[0] - b'0');
    if expected != found {
        return Err(WrongGtin::CheckDigit { expected, found });
    }
    Ok(digits)
}

/// The check digit of these digits. From the right, their weights are three and one in turn; the
/// check digit makes the sum a multiple of ten (GS1 General Specifications, 7.9.1).
fn check_digit(digits: &str) -> u8 {
    let weighted = digits.bytes().rev().zip([3, 1].into_iter().cycle());
    let sum: u32 = weighted
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    u8::try_from((10 - sum % 10) % 10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gtins_of_every_length_are_valid() {
        // Examples from the specifications of GS1 and ISBN.
        for right in [
            "96385074",
            "73513537",
            "036000291452",
            "614141999996",
            "4006381333931",
            "9780306406157",
            "5901234123457",
            "10614141000415",
            "00012345600012",
        ] {
            assert_eq!(read(right).as_deref(), Ok(right));
        }
    }

    #[test]
    fn spaces_and_hyphens_are_removed() {
        for written in [
            " 4006381333931 ",
            "4 006381 333931",
            "400-6381-33393-1",
            "4006381\u{a0}333\u{2011}931\t",
        ] {
            assert_eq!(read(written).as_deref(), Ok("4006381333931"), "{written}");
        }
    }

    #[test]
    fn invalid_gtins_are_rejected_with_a_reason() {
        let long = "0".repeat(100_000);
        for (text, wrong) in [
            ("", WrongGtin::Length(0)),
            ("-", WrongGtin::Length(0)),
            ("9638507", WrongGtin::Length(7)),
            ("963850741", WrongGtin::Length(9)),
            ("36000291452", WrongGtin::Length(11)),
            ("106141410004150", WrongGtin::Length(15)),
            (&long, WrongGtin::Length(100_000)),
            ("4.00638E+12", WrongGtin::NoDigit('.')),
            ("400638133393O", WrongGtin::NoDigit('O')),
            ("٤006381333931", WrongGtin::NoDigit('٤')),
            (
                "4006381333930",
                WrongGtin::CheckDigit {
                    expected: 1,
                    found: 0,
                },
            ),
        ] {
            assert_eq!(read(text), Err(wrong), "{}", &text[..text.len().min(20)]);
        }
    }

    proptest! {
        /// The check digit detects every single wrong digit.
        #[test]
        fn one_wrong_digit_is_detected(
            before in "[0-9]{7}|[0-9]{11,13}",
            place in any::<prop::sample::Index>(),
            by in 1_u8..10,
        ) {
            let mut gtin = format!("{before}{}", check_digit(&before)).into_bytes();
            prop_assert!(read(std::str::from_utf8(&gtin).unwrap()).is_ok());
            let digit = place.get_mut(&mut gtin);
            *digit = b'0' + (*digit - b'0' + by) % 10;
            let read = read(std::str::from_utf8(&gtin).unwrap());
            let is_detected = matches!(read, Err(WrongGtin::CheckDigit { .. }));
            prop_assert!(is_detected);
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = read(&text);
        }
    }
}
