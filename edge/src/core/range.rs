//! Parts of a body (RFC 9110 §14): one range of bytes, cut from what is stored whole or in part.

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

/// Which bytes of the whole a stored part holds, both ends included (`Content-Range`, RFC 9110 §14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first byte.
    pub first: usize,
    /// The last byte.
    pub last: usize,
    /// How many bytes the whole has, if anybody said so.
    pub complete: Option<usize>,
}

/// The bytes that answer a request: where they lie in the stored body, and which bytes of the whole they
/// are. All ends are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Where they begin in the stored body.
    pub from: usize,
    /// Where they end in the stored body.
    pub to: usize,
    /// Which bytes of the whole they are.
    pub part: Part,
}

impl Cut {
    /// From a body that is stored whole.
    pub const fn of_whole(first: usize, last: usize, length: usize) -> Self {
        Self {
            from: first,
            to: last,
            part: Part {
                first,
                last,
                complete: Some(length),
            },
        }
    }
}

impl Part {
    /// Reads a `Content-Range`; nothing when it is none of bytes, or says nothing of them.
    pub fn read(field: &str) -> Option<Self> {
        let (unit, rest) = field.trim().split_once(' ')?;
        let (range, complete) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let of = |text: &str| match number(text) {
            Some(Number::Of(number)) => Some(number),
            _ => None,
        };
        let complete = match complete {
            "*" => None,
            number => Some(of(number)?),
        };
        let (first, last) = (of(first)?, of(last)?);
        let fits = first <= last && complete.is_none_or(|complete| last < complete);
        (unit.eq_ignore_ascii_case("bytes") && fits).then_some(Self {
            first,
            last,
            complete,
        })
    }

    /// What a `Content-Range` says of it.
    pub fn field(&self) -> String {
        let complete = self.complete.map(|it| it.to_string());
        let complete = complete.as_deref().unwrap_or("*");
        format!("bytes {}-{}/{complete}", self.first, self.last)
    }

    /// What a `Range` asks for, cut from this part, of which `held` bytes are stored; nothing when it is not
    /// all in there.
    pub fn cut(&self, field: &str, held: usize) -> Option<Cut> {
        let (unit, set) = field.split_once('=')?;
        let (first, last) = set.trim().split_once('-')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") || held == 0 {
            return None;
        }
        let to_the_end = self.complete == Some(self.last + 1);
        let (first, last) = match (number(first)?, number(last)?) {
            (Number::None, Number::Of(count)) if to_the_end && count > 0 => {
                // Counted from the end of what is stored, as it is counted from the end of the whole.
                let from = held.checked_sub(count)?;
                let first = (self.last + 1).checked_sub(count)?;
                // All that is stored is the part that it says it is.
                let first = if from == 0 { self.first } else { first };
                return Some(self.between(from, held - 1, first, self.last));
            }
            (Number::Of(first), Number::None) if to_the_end => (first, self.last),
            (Number::Of(first), Number::Of(last)) if first <= last => {
                let end = self.complete.map_or(usize::MAX, |complete| complete - 1);
                (first, last.min(end))
            }
            _ => return None,
        };
        let from = first.checked_sub(self.first)?;
        let inside = last <= self.last && from < held && first <= last;
        let to = last.checked_sub(self.first)?.min(held - 1);
        inside.then(|| self.between(from, to, first, last))
    }

    const fn between(&self, from: usize, to: usize, first: usize, last: usize) -> Cut {
        Cut {
            from,
            to,
            part: Self {
                first,
                last,
                complete: self.complete,
            },
        }
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

    #[test]
    fn a_content_range_is_read_and_written() {
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
            let read = Part::read(field);
            let parts = read.map(|it| (it.first, it.last, it.complete));
            assert_eq!(parts, expected, "{field}");
        }
        assert_eq!(Part::read("bytes 4-9/*").unwrap().field(), "bytes 4-9/*");
        assert_eq!(Part::read("bytes 4-9/10").unwrap().field(), "bytes 4-9/10");
    }

    /// RFC 9111 §3.3: what is not all in a stored part is not answered with it.
    #[test]
    fn a_part_answers_what_lies_in_it() {
        let cut = |stored: &str, field: &str| {
            let part = Part::read(stored).unwrap();
            let cut = part.cut(field, part.last + 1 - part.first)?;
            Some((cut.from, cut.to, cut.part.field()))
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
        fn a_cut_is_what_the_whole_would_give(
            length in 1_usize..50, first in 0_usize..50, count in 1_usize..50, field in "bytes=[0-9]{0,2}-[0-9]{0,2}",
        ) {
            prop_assume!(first < length);
            let last = (first + count - 1).min(length - 1);
            let part = Part { first, last, complete: Some(length) };
            let whole: Vec<usize> = (0..length).collect();
            let held = &whole[first..=last];
            if let Some(cut) = part.cut(&field, held.len()) {
                let expected = match asked(&field, length) {
                    Asked::Part(first, last) => &whole[first..=last],
                    other => return Err(TestCaseError::fail(format!("{other:?}"))),
                };
                prop_assert_eq!(&held[cut.from..=cut.to], expected);
                prop_assert_eq!((cut.part.first, cut.part.last), (expected[0], expected[expected.len() - 1]));
            }
        }

        #[test]
        fn a_part_lies_in_the_body(field in "bytes=[0-9]{0,3}-[0-9]{0,3}", length in 0_usize..500) {
            if let Asked::Part(first, last) = asked(&field, length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
