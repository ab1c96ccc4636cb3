//! Parts of a stored body (RFC 9110 §14): one range of bytes.

/// What a `Range` field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// These bytes, both ends included.
    Part(usize, usize),
    /// Bytes that are not there: 416.
    Beyond,
    /// Something that this cache does not cut, and may answer whole (§14.2): several ranges, another
    /// unit, or what is malformed.
    Whole,
}

/// Reads a `Range` field for a body of this length.
pub fn asked(field: &str, length: usize) -> Asked {
    let Some((unit, set)) = field.split_once('=') else {
        return Asked::Whole;
    };
    let set = set.trim();
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Asked::Whole;
    }
    let Some((first, last)) = set.split_once('-') else {
        return Asked::Whole;
    };
    match (number(first), number(last)) {
        (Some(Number::None), Some(Number::Of(count))) => match count.min(length) {
            0 => Asked::Beyond,
            count => Asked::Part(length - count, length - 1),
        },
        (Some(Number::Of(first)), Some(_)) if first >= length => Asked::Beyond,
        (Some(Number::Of(first)), Some(Number::None)) => Asked::Part(first, length - 1),
        (Some(Number::Of(first)), Some(Number::Of(last))) if last >= first => {
            Asked::Part(first, last.min(length - 1))
        }
        _ => Asked::Whole,
    }
}

enum Number {
    None,
    Of(usize),
}

/// A number of bytes, or that there is none; nothing when it is malformed. More than there can be is
/// as many as there can be.
fn number(text: &str) -> Option<Number> {
    match text {
        "" => Some(Number::None),
        _ if text.bytes().all(|it| it.is_ascii_digit()) => {
            Some(Number::Of(text.parse().unwrap_or(usize::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of RFC 9110 §14.1.2, and what surrounds them.
    #[test]
    fn one_range_is_cut() {
        for (field, expected) in [
            ("bytes=0-499", Asked::Part(0, 499)),
            ("bytes=500-999", Asked::Part(500, 999)),
            ("bytes=-500", Asked::Part(9_500, 9_999)),
            ("bytes=9500-", Asked::Part(9_500, 9_999)),
            ("Bytes= 0-0", Asked::Part(0, 0)),
            ("bytes=0-99999999999999999999999", Asked::Part(0, 9_999)),
            ("bytes=-99999999999999999999999", Asked::Part(0, 9_999)),
            ("bytes=10000-", Asked::Beyond),
            ("bytes=99999999999999999999999-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=5-4", Asked::Whole),
            ("bytes=0-0,-1", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=a-", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes", Asked::Whole),
        ] {
            assert_eq!(asked(field, 10_000), expected, "{field}");
        }
        assert_eq!(asked("bytes=0-", 0), Asked::Beyond);
        assert_eq!(asked("bytes=-1", 0), Asked::Beyond);
    }

    proptest! {
        #[test]
        fn a_part_lies_in_the_body(field in "bytes=[0-9]{0,3}-[0-9]{0,3}", length in 0_usize..500) {
            if let Asked::Part(first, last) = asked(&field, length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
