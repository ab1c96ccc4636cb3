//! Request bodies: limits and buffering.

use super::headers::Headers;

/// A body up to this size is buffered completely before the origin is asked. A client that aborts
/// or stalls then does not reach the origin, and the request can be sent again.
pub const BUFFERED_BYTES_MAX: u64 = 1_024 * 1_024;
/// The largest body without `Content-Length`; it is buffered completely, too.
pub const UNDECLARED_BYTES_MAX: u64 = 8 * 1_024 * 1_024;

/// The handling of a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadDecision {
    /// There is no body, or the method gives it no meaning (RFC 9110 §9.3.1).
    NoBody,
    /// Receive the body: buffer its beginning, stream the rest, and enforce the limit.
    Take {
        /// The most bytes that are buffered before the origin is asked.
        buffer_max: u64,
        /// The most bytes in total.
        max: u64,
    },
    /// The body is too large.
    TooLarge,
}

/// Decides how to handle a request body. `present` says whether there is one, and `max` is the
/// largest that is forwarded.
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

/// Whether a Worker cannot forward the method: `CONNECT` is for one connection, `TRACE` and `TRACK`
/// echo requests, and the Fetch Standard forbids all three.
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
    fn a_get_has_no_body() {
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
    fn the_body_size_is_limited() {
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
    fn trace_and_connect_are_forbidden() {
        assert!(is_forbidden_method("TRACE") && is_forbidden_method("connect"));
        assert!(!is_forbidden_method("GET") && !is_forbidden_method("OPTIONS"));
    }
}
