//! W3C Trace Context, level 1: relates the requests of edge and origin.

/// A `traceparent`: the trace id, the parent span and the sampled flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace id; never zero.
    pub trace_id: u128,
    /// The span id of the caller; never zero.
    pub span_id: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

impl TraceParent {
    /// The same trace with a child span.
    #[must_use]
    pub const fn child(self, span_id: u64) -> Self {
        Self { span_id, ..self }
    }
}

impl std::fmt::Display for TraceParent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id,
            self.span_id,
            u8::from(self.sampled)
        )
    }
}

impl std::str::FromStr for TraceParent {
    type Err = InvalidTraceParent;

    /// Accepts every version but `ff`; of later versions it reads the part that version 00 defines
    /// (Trace Context §4.3).
    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let mut parts = text.split('-');
        let mut hex = |length: usize| {
            let part = parts.next().filter(|part| part.len() == length)?;
            let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            part.bytes()
                .all(lower)
                .then(|| u128::from_str_radix(part, 16).ok())?
        };
        let (version, trace_id, span_id, flags) = match (hex(2), hex(32), hex(16), hex(2)) {
            (Some(version), Some(trace), Some(span), Some(flags)) => (version, trace, span, flags),
            _ => return Err(InvalidTraceParent),
        };
        let more = parts.next().is_some();
        let span_id = u64::try_from(span_id).map_err(|_| InvalidTraceParent)?;
        if version == 0xff || (version == 0 && more) || trace_id == 0 || span_id == 0 {
            return Err(InvalidTraceParent);
        }
        Ok(Self {
            trace_id,
            span_id,
            sampled: flags & 1 == 1,
        })
    }
}

/// The header is malformed; the receiver starts a new trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTraceParent;

impl std::fmt::Display for InvalidTraceParent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a traceparent")
    }
}

impl std::error::Error for InvalidTraceParent {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_example_of_the_standard_round_trips() {
        let parent: TraceParent = EXAMPLE.parse().unwrap();
        assert!(parent.sampled);
        assert_eq!(parent.to_string(), EXAMPLE);
    }

    #[test]
    fn only_later_versions_may_have_more_fields() {
        assert!(
            format!("01{}-more", &EXAMPLE[2..])
                .parse::<TraceParent>()
                .is_ok()
        );
        assert!(format!("{EXAMPLE}-more").parse::<TraceParent>().is_err());
    }

    #[test]
    fn malformed_headers_are_rejected() {
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(
                bad.parse::<TraceParent>(),
                Err(InvalidTraceParent),
                "{bad:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn parsed_headers_round_trip(text in prop_oneof!["[0-9a-f-]{50,60}", "\\PC{0,60}"]) {
            if let Ok(parent) = text.parse::<TraceParent>() {
                let again: TraceParent = parent.to_string().parse().unwrap();
                prop_assert_eq!(parent.trace_id, again.trace_id);
                prop_assert_eq!(parent.span_id, again.span_id);
            }
        }
    }
}
