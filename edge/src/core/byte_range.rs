//! Byte ranges (RFC 9110 §14): selects one range from a complete or partial stored body.

/// How a `Range` field applies to a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedRange {
    /// Send these bytes; both ends are included.
    Satisfiable(usize, usize),
    /// The range starts beyond the end of the body: 416 (Range Not Satisfiable).
    Unsatisfiable,
    /// The field is ignored and the complete body is sent, as RFC 9110 §14.2 allows: it has several
    /// ranges, another unit, or is malformed.
    Ignored,
}

/// Parses a `Range` field for a body of this length.
pub fn parse_range(field: &str, length: usize) -> RequestedRange {
    let Some((unit, set)) = field.split_once('=') else {
        return RequestedRange::Ignored;
    };
    let set = set.trim();
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return RequestedRange::Ignored;
    }
    let Some((first, last)) = set.split_once('-') else {
        return RequestedRange::Ignored;
    };
    match (range_position(first), range_position(last)) {
        (Some(RangePosition::Absent), Some(RangePosition::At(count))) => match count.min(length) {
            0 => RequestedRange::Unsatisfiable,
            count => RequestedRange::Satisfiable(length - count, length - 1),
        },
        (Some(RangePosition::At(first)), Some(_)) if first >= length => {
            RequestedRange::Unsatisfiable
        }
        (Some(RangePosition::At(first)), Some(RangePosition::Absent)) => {
            RequestedRange::Satisfiable(first, length - 1)
        }
        (Some(RangePosition::At(first)), Some(RangePosition::At(last))) if last >= first => {
            RequestedRange::Satisfiable(first, last.min(length - 1))
        }
        _ => RequestedRange::Ignored,
    }
}

/// The range of the complete representation that a partial stored body holds, with both ends
/// included (`Content-Range`, RFC 9110 §14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The position of the first byte.
    pub first: usize,
    /// The position of the last byte.
    pub last: usize,
    /// The length of the complete representation, if it is known.
    pub complete_length: Option<usize>,
}

/// The bytes that satisfy a range request: their position in the stored body, and their position in
/// the complete representation. All ends are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeSlice {
    /// The first byte, as a position in the stored body.
    pub start: usize,
    /// The last byte, as a position in the stored body.
    pub end: usize,
    /// The same bytes as positions in the complete representation.
    pub content_range: ContentRange,
}

impl RangeSlice {
    /// A slice of a body that is stored completely.
    pub const fn of_whole(first: usize, last: usize, length: usize) -> Self {
        Self {
            start: first,
            end: last,
            content_range: ContentRange {
                first,
                last,
                complete_length: Some(length),
            },
        }
    }
}

impl ContentRange {
    /// Parses a `Content-Range` field. None if the unit is not bytes, or no range is named.
    pub fn parse(field: &str) -> Option<Self> {
        let (unit, rest) = field.trim().split_once(' ')?;
        let (range, complete_length) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let of = |text: &str| match range_position(text) {
            Some(RangePosition::At(number)) => Some(number),
            _ => None,
        };
        let complete_length = match complete_length {
            "*" => None,
            number => Some(of(number)?),
        };
        let (first, last) = (of(first)?, of(last)?);
        let fits =
            first <= last && complete_length.is_none_or(|complete_length| last < complete_length);
        (unit.eq_ignore_ascii_case("bytes") && fits).then_some(Self {
            first,
            last,
            complete_length,
        })
    }

    /// The value of a `Content-Range` field.
    pub fn field_value(&self) -> String {
        let complete_length = self.complete_length.map(|it| it.to_string());
        let complete_length = complete_length.as_deref().unwrap_or("*");
        format!("bytes {}-{}/{complete_length}", self.first, self.last)
    }

    /// The slice of this partial body that satisfies a `Range` field, when `held` bytes are stored.
    /// None if any requested byte is missing.
    pub fn slice(&self, field: &str, held: usize) -> Option<RangeSlice> {
        let (unit, set) = field.split_once('=')?;
        let (first, last) = set.trim().split_once('-')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") || held == 0 {
            return None;
        }
        let to_the_end = self.complete_length == Some(self.last + 1);
        let (first, last) = match (range_position(first)?, range_position(last)?) {
            (RangePosition::Absent, RangePosition::At(count)) if to_the_end && count > 0 => {
                // A suffix range is counted from the end of the stored bytes, which is the end of
                // the representation.
                let from = held.checked_sub(count)?;
                let first = (self.last + 1).checked_sub(count)?;
                // When all stored bytes are sent, the range is the stored one, whatever its
                // declared length.
                let first = if from == 0 { self.first } else { first };
                return Some(self.between(from, held - 1, first, self.last));
            }
            (RangePosition::At(first), RangePosition::Absent) if to_the_end => (first, self.last),
            (RangePosition::At(first), RangePosition::At(last)) if first <= last => {
                let end = self
                    .complete_length
                    .map_or(usize::MAX, |complete_length| complete_length - 1);
                (first, last.min(end))
            }
            _ => return None,
        };
        let from = first.checked_sub(self.first)?;
        let inside = last <= self.last && from < held && first <= last;
        let to = last.checked_sub(self.first)?.min(held - 1);
        inside.then(|| self.between(from, to, first, last))
    }

    const fn between(&self, start: usize, end: usize, first: usize, last: usize) -> RangeSlice {
        RangeSlice {
            start,
            end,
            content_range: Self {
                first,
                last,
                complete_length: self.complete_length,
            },
        }
    }
}

enum RangePosition {
    Absent,
    At(usize),
}

/// A byte position, or its absence. None if it is malformed. A position that does not fit the type
/// is the greatest one.
fn range_position(text: &str) -> Option<RangePosition> {
    match text {
        "" => Some(RangePosition::Absent),
        _ if text.bytes().all(|it| it.is_ascii_digit()) => {
            Some(RangePosition::At(text.parse().unwrap_or(usize::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of RFC 9110 §14.1.2, and their edge cases.
    #[test]
    fn a_single_range_is_parsed() {
        for (field, expected) in [
            ("bytes=0-499", RequestedRange::Satisfiable(0, 499)),
            ("bytes=500-999", RequestedRange::Satisfiable(500, 999)),
            ("bytes=-500", RequestedRange::Satisfiable(9_500, 9_999)),
            ("bytes=9500-", RequestedRange::Satisfiable(9_500, 9_999)),
            ("Bytes= 0-0", RequestedRange::Satisfiable(0, 0)),
            (
                "bytes=0-99999999999999999999999",
                RequestedRange::Satisfiable(0, 9_999),
            ),
            (
                "bytes=-99999999999999999999999",
                RequestedRange::Satisfiable(0, 9_999),
            ),
            ("bytes=10000-", RequestedRange::Unsatisfiable),
            (
                "bytes=99999999999999999999999-",
                RequestedRange::Unsatisfiable,
            ),
            ("bytes=-0", RequestedRange::Unsatisfiable),
            ("bytes=5-4", RequestedRange::Ignored),
            ("bytes=0-0,-1", RequestedRange::Ignored),
            ("bytes=-", RequestedRange::Ignored),
            ("bytes=a-", RequestedRange::Ignored),
            ("lines=0-1", RequestedRange::Ignored),
            ("bytes", RequestedRange::Ignored),
        ] {
            assert_eq!(parse_range(field, 10_000), expected, "{field}");
        }
        assert_eq!(parse_range("bytes=0-", 0), RequestedRange::Unsatisfiable);
        assert_eq!(parse_range("bytes=-1", 0), RequestedRange::Unsatisfiable);
    }

    #[test]
    fn a_content_range_is_parsed_and_formatted() {
        for (field, expected) in [
            ("bytes 4-9/10", Some((4, 9, Some(10)))),
            ("bytes 0-0/*", Some((0, 0, None))),
            ("Bytes 4-9/10", Some((4, 9, Some(10)))),
            ("bytes */10", None),
            ("bytes 4-3/10", None),
            ("bytes 4-10/10", None),
            ("bytes 4-9", None),
            ("bytes -9/10", None),
            ("lines 4-9/10", None),
            ("", None),
        ] {
            let read = ContentRange::parse(field);
            let parts = read.map(|it| (it.first, it.last, it.complete_length));
            assert_eq!(parts, expected, "{field}");
        }
        assert_eq!(
            ContentRange::parse("bytes 4-9/*").unwrap().field_value(),
            "bytes 4-9/*"
        );
        assert_eq!(
            ContentRange::parse("bytes 4-9/10").unwrap().field_value(),
            "bytes 4-9/10"
        );
    }

    /// RFC 9111 §3.3: a stored partial response satisfies only ranges that lie completely within
    /// it.
    #[test]
    fn a_partial_body_satisfies_ranges_within_it() {
        let cut = |stored: &str, field: &str| {
            let part = ContentRange::parse(stored).unwrap();
            let cut = part.slice(field, part.last + 1 - part.first)?;
            Some((cut.start, cut.end, cut.content_range.field_value()))
        };
        let found = |from, to, field: &str| Some((from, to, field.to_owned()));
        for (stored, field, expected) in [
            ("bytes 4-9/10", "bytes=4-9", found(0, 5, "bytes 4-9/10")),
            ("bytes 4-9/10", "bytes=6-8", found(2, 4, "bytes 6-8/10")),
            ("bytes 4-9/10", "bytes=6-", found(2, 5, "bytes 6-9/10")),
            ("bytes 4-9/10", "bytes=6-99", found(2, 5, "bytes 6-9/10")),
            ("bytes 4-9/10", "bytes=-2", found(4, 5, "bytes 8-9/10")),
            ("bytes 4-9/10", "bytes=-6", found(0, 5, "bytes 4-9/10")),
            ("bytes 4-9/10", "bytes=-7", None),
            ("bytes 4-9/10", "bytes=3-5", None),
            ("bytes 4-9/10", "bytes=10-", None),
            ("bytes 4-9/10", "bytes=5-4", None),
            ("bytes 4-9/10", "bytes=4-4,6-6", None),
            ("bytes 4-9/10", "bytes=-0", None),
            ("bytes 4-9/10", "lines=4-5", None),
            ("bytes 4-8/10", "bytes=6-", None),
            ("bytes 4-8/10", "bytes=-2", None),
            ("bytes 4-8/10", "bytes=6-9", None),
            ("bytes 4-8/*", "bytes=6-8", found(2, 4, "bytes 6-8/*")),
            ("bytes 4-8/*", "bytes=6-9", None),
            ("bytes 4-8/*", "bytes=6-", None),
            ("bytes 4-8/*", "bytes=-1", None),
        ] {
            assert_eq!(cut(stored, field), expected, "{stored} {field}");
        }
    }

    proptest! {
        #[test]
        fn a_slice_equals_that_of_the_complete_body(
            length in 1_usize..50, first in 0_usize..50, count in 1_usize..50,
            field in "bytes=[0-9]{0,2}-[0-9]{0,2}",
        ) {
            prop_assume!(first < length);
            let last = (first + count - 1).min(length - 1);
            let part = ContentRange { first, last, complete_length: Some(length) };
            let whole: Vec<usize> = (0..length).collect();
            let held = &whole[first..=last];
            if let Some(cut) = part.slice(&field, held.len()) {
                let expected = match parse_range(&field, length) {
                    RequestedRange::Satisfiable(first, last) => &whole[first..=last],
                    other => return Err(TestCaseError::fail(format!("{other:?}"))),
                };
                prop_assert_eq!(&held[cut.start..=cut.end], expected);
                let ends = (cut.content_range.first, cut.content_range.last);
                prop_assert_eq!(ends, (expected[0], expected[expected.len() - 1]));
            }
        }

        #[test]
        fn a_satisfiable_range_lies_within_the_body(
            field in "bytes=[0-9]{0,3}-[0-9]{0,3}", length in 0_usize..500,
        ) {
            if let RequestedRange::Satisfiable(first, last) = parse_range(&field, length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
