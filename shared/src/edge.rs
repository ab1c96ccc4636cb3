//! The signed protocol between edge and origin, in both directions.

use serde::{Deserialize, Serialize};

/// The prefix of all header fields between edge and origin. The edge removes them from clients'
/// requests and from responses; the origin believes them only beside an [`ADDRESS_HEADER`] with a
/// valid signature.
pub const FIELD_PREFIX: &str = "mallard-";

/// The field with the client's address: `ADDRESS SECONDS SIGNATURE`. Seconds are Unix time, the
/// signature is hexadecimal, and the address is `-` when the edge does not know it.
pub const ADDRESS_HEADER: &str = "mallard-client";

/// How many seconds the clock of a signature may differ from the verifier's.
pub const SIGNED_FOR_S: i64 = 60;

/// The key derivation context: it separates this use of the secret from all others.
const CONTEXT: &str = "Mallard 2026-11 edge to origin";

/// Signs a text with BLAKE3 in keyed mode, with a key derived from the secret (BLAKE3 §6.2).
pub fn sign(secret: &str, text: &str) -> [u8; 32] {
    let key = blake3::derive_key(CONTEXT, secret.as_bytes());
    *blake3::keyed_hash(&key, text.as_bytes()).as_bytes()
}

/// The field value for a client's address at this time. The address is signed as it was received,
/// so that the origin decides what it means; an empty address, or one that cannot be part of a
/// field value, is not the same as none.
pub fn signed_address(secret: &str, address: Option<&str>, seconds: i64) -> String {
    let harmless = |it: char| it.is_ascii_graphic() || it == ' ';
    let address = address.map(|it| it.trim().replace(|it| !harmless(it), "?"));
    let address = match address.as_deref() {
        None => "-",
        Some("" | "-") => "?",
        Some(address) => address,
    };
    let text = format!("{address} {seconds}");
    let signature = blake3::Hash::from_bytes(sign(secret, &text)).to_hex();
    format!("{text} {signature}")
}

/// The path prefix of the edge's own endpoints, for the origin and for operators: [`PURGE`] and
/// [`METRICS`].
pub const OWN: &str = "/_edge/";
/// Accepts a [`PurgeRequest`] by POST; 204.
pub const PURGE: &str = "/_edge/purge";
/// The metrics of this edge, in Prometheus' text format.
pub const METRICS: &str = "/_edge/metrics";

/// The origin's readiness endpoint for the edge alone: 204, or 503. A server without this endpoint
/// responds with another status below 500, which the edge treats like 204.
pub const READY: &str = "/_edge/ready";

/// The field that authenticates a request to the edge's own endpoints: `SECONDS SIGNATURE`.
pub const SIGNED_HEADER: &str = "mallard-signed";

/// The field value for a request to the edge's own endpoints.
pub fn signed_call(secret: &str, method: &str, path: &str, body: &[u8], seconds: i64) -> String {
    let body = blake3::hash(body).to_hex();
    let signature = sign(secret, &format!("call {method} {path} {seconds} {body}"));
    format!("{seconds} {}", blake3::Hash::from_bytes(signature).to_hex())
}

/// Whether the field value of a request is valid at this time.
pub fn is_signed(
    secret: &str,
    method: &str,
    path: &str,
    body: &[u8],
    field: &str,
    now_seconds: i64,
) -> bool {
    let Some(seconds) = field
        .split(' ')
        .next()
        .and_then(|it| it.parse::<i64>().ok())
    else {
        return false;
    };
    let expected = signed_call(secret, method, path, body, seconds);
    // Hashes are compared instead of the signatures, so that the time reveals nothing about them.
    let same = blake3::hash(expected.as_bytes()) == blake3::hash(field.as_bytes());
    same && now_seconds.abs_diff(seconds) <= SIGNED_FOR_S.unsigned_abs()
}

/// A purge request: which stored responses to invalidate. It is idempotent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PurgeRequest {
    /// What happens to the invalidated responses.
    pub mode: PurgeMode,
    /// Whether to purge all responses, whatever their tags.
    pub everything: bool,
    /// With `everything`: the version of the change; responses of this version or newer stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Purges the responses with any of these tags.
    pub tags: Vec<PurgeTag>,
}

/// What happens to purged responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PurgeMode {
    /// They are deleted.
    #[default]
    Hard,
    /// They become stale: served while they are revalidated or when the origin fails, where that is
    /// allowed.
    Soft,
}

/// A tag to purge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeTag {
    /// The tag, as in `Cache-Tag`.
    pub name: String,
    /// The version of the change; responses of this version or newer stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// The maximum number of tags of a purge request.
pub const PURGE_TAGS_MAX: usize = 1_000;
/// The maximum size of a purge request, in bytes.
pub const PURGE_BYTES_MAX: usize = 128 * 1_024;

/// The field with the version of a response: it contains every catalogue change up to this number.
pub const VERSION_HEADER: &str = "mallard-as-of";

/// The field with the newest version that the edge knows: the response must be at least as new.
pub const MIN_VERSION_HEADER: &str = "mallard-at-least";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_valid_for_its_request_and_for_a_minute() {
        let field = signed_call("secret", "POST", PURGE, b"{}", 1_000);
        let good = |secret, method, path, body: &[u8], now| {
            is_signed(secret, method, path, body, &field, now)
        };
        assert!(good("secret", "POST", PURGE, b"{}", 1_000));
        assert!(good("secret", "POST", PURGE, b"{}", 1_000 + SIGNED_FOR_S));
        assert!(good("secret", "POST", PURGE, b"{}", 1_000 - SIGNED_FOR_S));
        assert!(!good("secret", "POST", PURGE, b"{}", 1_001 + SIGNED_FOR_S));
        assert!(!good("other", "POST", PURGE, b"{}", 1_000));
        assert!(!good("secret", "GET", PURGE, b"{}", 1_000));
        assert!(!good("secret", "POST", METRICS, b"{}", 1_000));
        assert!(!good("secret", "POST", PURGE, b"{ }", 1_000));
        for bad in ["", "1000", "1000 ", "x 00"] {
            assert!(
                !is_signed("secret", "POST", PURGE, b"{}", bad, 1_000),
                "{bad}"
            );
        }
        // The same secret signs addresses; neither signature is valid in the other's place.
        let address = signed_address("secret", Some("192.0.2.7"), 1_000);
        assert!(!is_signed("secret", "POST", PURGE, b"{}", &address, 1_000));
    }

    /// An invalid address is signed as such and is not the same as an unknown one.
    #[test]
    fn an_invalid_address_is_not_an_unknown_one() {
        let text = |address| {
            let field = signed_address("secret", address, 1_000);
            field
                .rsplitn(3, ' ')
                .nth(2)
                .map(str::to_owned)
                .unwrap_or_default()
        };
        assert_eq!(text(None), "-");
        for odd in ["", " ", "-", "\u{e9}", "\u{7f}"] {
            assert_eq!(text(Some(odd)), "?", "{odd:?}");
        }
        assert_eq!(
            text(Some(" 192.0.2.7, 192.0.2.8:9 ")),
            "192.0.2.7, 192.0.2.8:9"
        );
    }

    #[test]
    fn a_signature_depends_on_secret_and_text() {
        let one = signed_address("secret", Some("192.0.2.7"), 1_700_000_000);
        assert!(one.starts_with("192.0.2.7 1700000000 "));
        assert_eq!(one.len(), "192.0.2.7 1700000000 ".len() + 64);
        assert_ne!(sign("secret", "a"), sign("secreu", "a"));
        assert_ne!(sign("secret", "a"), sign("secret", "b"));
    }
}
