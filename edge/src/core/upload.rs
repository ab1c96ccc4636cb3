//! Bodies of requests: what is taken from a client before the origin is asked.

use super::headers::Headers;

/// A body up to this size is taken whole before the origin is asked, so that nothing which a client does
/// reaches the origin, and the request can be sent again.
pub const BUFFERED_BYTES_MAX: u64 = 1_024 * 1_024;
/// The largest body that does not say how long it is; it is taken whole, too.
pub const UNDECLARED_BYTES_MAX: u64 = 8 * 1_024 * 1_024;

/// What to do with the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadDecision {
    /// There is none, or it means nothing (RFC 9110 §9.3.1).
    NoBody,
    /// Take it: whole up to so many bytes, the rest as it comes, and nothing beyond the limit.
    Take {
        /// The most bytes that are taken before the origin is asked.
        buffer_max: u64,
        /// The most bytes.
        max: u64,
    },
    /// It is too large.
    TooLarge,
}

/// What to do with a body. `present` is whether there is one, `max` is the largest that is passed on.
pub fn decide(method: &str, headers: &Headers, present: bool, max: u64) -> UploadDecision {
    if !present || matches!(method, "GET" | "HEAD") {
        return UploadDecision::NoBody;
    }
    match headers
        .get("content-length")
        .map(|it| it.trim().parse::<u64>())
    {
        Some(Ok(length)) if length > max => UploadDecision::TooLarge,
        Some(Ok(_)) => UploadDecision::Take {
            buffer_max: BUFFERED_BYTES_MAX.min(max),
            max,
        },
        Some(Err(_)) => UploadDecision::TooLarge,
        None => UploadDecision::Take {
            buffer_max: UNDECLARED_BYTES_MAX.min(max),
            max: UNDECLARED_BYTES_MAX.min(max),
        },
    }
}

/// Methods that a Worker cannot send on: they are for one connection (`CONNECT`) or show what clients sent
/// (`TRACE`), and the Fetch Standard forbids them.
pub fn is_forbidden_method(method: &str) -> bool {
    ["CONNECT", "TRACE", "TRACK"]
        .iter()
        .any(|it| method.eq_ignore_ascii_case(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, length: Option<&str>) -> UploadDecision {
        let headers = length.map(|it| ("content-length", it));
        decide(method, &headers.into_iter().collect(), true, 100)
    }

    #[test]
    fn the_body_of_a_get_means_nothing() {
        for length in [None, Some("0"), Some("4"), Some("999999999999")] {
            assert_eq!(of("GET", length), UploadDecision::NoBody);
            assert_eq!(of("HEAD", length), UploadDecision::NoBody);
        }
        assert_eq!(
            decide("POST", &Headers::new(), false, 1),
            UploadDecision::NoBody
        );
    }

    #[test]
    fn a_body_has_a_limit() {
        let taken = UploadDecision::Take {
            buffer_max: 100,
            max: 100,
        };
        for length in [None, Some("0"), Some("100")] {
            assert_eq!(of("POST", length), taken);
        }
        for length in ["101", "18446744073709551616", "-1", "x"] {
            assert_eq!(of("POST", Some(length)), UploadDecision::TooLarge);
        }
        let large = decide("PUT", &Headers::new(), true, u64::MAX);
        let max = UNDECLARED_BYTES_MAX;
        assert_eq!(
            large,
            UploadDecision::Take {
                buffer_max: max,
                max
            }
        );
    }

    #[test]
    fn a_worker_sends_no_trace() {
        assert!(is_forbidden_method("TRACE") && is_forbidden_method("connect"));
        assert!(!is_forbidden_method("GET") && !is_forbidden_method("OPTIONS"));
    }
}
