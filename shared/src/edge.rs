//! What edge and origin say to each other beside the requests of clients: signed, so that nobody else
//! can say it.

use serde::{Deserialize, Serialize};

/// How the names of all fields between edge and origin begin. The edge takes them from no client and hands
/// them to none; the origin believes them only beside [`ADDRESS_HEADER`] with a good signature.
pub const FIELD_PREFIX: &str = "mallard-";

/// The field with a client's address: `ADDRESS SECONDS SIGNATURE`, where seconds are Unix time, the
/// signature is hexadecimal, and the address is `-` when the edge does not know it.
pub const ADDRESS_HEADER: &str = "mallard-client";

/// For how many seconds a signature is good, before and after.
pub const SIGNED_FOR_S: i64 = 60;

/// Parts this use of a secret from every other one.
const CONTEXT: &str = "Mallard 2026-11 edge to origin";

/// The signature of a text: BLAKE3 with a key derived from the secret (BLAKE3 §6.2).
pub fn sign(secret: &str, text: &str) -> [u8; 32] {
    let key = blake3::derive_key(CONTEXT, secret.as_bytes());
    *blake3::keyed_hash(&key, text.as_bytes()).as_bytes()
}

/// The field for a client's address at this time. The address is signed as it was sent, so that the origin
/// decides what it means; one that is empty or cannot be in a field is not the same as none.
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

/// What the edge answers itself, for the origin and for who runs it: [`PURGE`] and [`METRICS`].
pub const OWN: &str = "/_edge/";
/// Takes a [`PurgeRequest`] by POST; 204.
pub const PURGE: &str = "/_edge/purge";
/// What this edge counts, in the text format of Prometheus.
pub const METRICS: &str = "/_edge/metrics";

/// Where the origin says to the edge alone whether it can serve: 204, or 503. A server that does not know
/// this address answers something else below 500, which means the same as 204.
pub const READY: &str = "/_edge/ready";

/// The field by which a call to the edge itself is believed: `SECONDS SIGNATURE`.
pub const SIGNED_HEADER: &str = "mallard-signed";

/// The field for a call to the edge itself.
pub fn signed_call(secret: &str, method: &str, path: &str, body: &[u8], seconds: i64) -> String {
    let body = blake3::hash(body).to_hex();
    let signature = sign(secret, &format!("call {method} {path} {seconds} {body}"));
    format!("{seconds} {}", blake3::Hash::from_bytes(signature).to_hex())
}

/// Whether the field of a call is good at this time.
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
    // Hashes of both are compared, in the same time wherever they differ.
    let same = blake3::hash(expected.as_bytes()) == blake3::hash(field.as_bytes());
    same && now_seconds.abs_diff(seconds) <= SIGNED_FOR_S.unsigned_abs()
}

/// A purge: which stored answers are no longer right. Doing it twice is doing it once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PurgeRequest {
    /// What becomes of them.
    pub mode: PurgeMode,
    /// All of them, whatever their tags.
    pub everything: bool,
    /// The change because of which all of them are purged: what was made after it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Those that have one of these tags.
    pub tags: Vec<PurgeTag>,
}

/// What becomes of what is purged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PurgeMode {
    /// It is gone.
    #[default]
    Hard,
    /// It is stale: served while it is renewed or when the origin fails, if it allows that.
    Soft,
}

/// A tag that is purged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeTag {
    /// The tag, as in `Cache-Tag`.
    pub name: String,
    /// The change because of which it is purged: what was made after it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// The most tags of one order.
pub const PURGE_TAGS_MAX: usize = 1_000;
/// The most bytes of one order.
pub const PURGE_BYTES_MAX: usize = 128 * 1_024;

/// The field in which the origin says how new an answer is at least: every change of the catalogue up to
/// the one with this number is in it.
pub const VERSION_HEADER: &str = "mallard-as-of";

/// The field in which an edge says of which change it knows: an answer has to be as new as that.
pub const MIN_VERSION_HEADER: &str = "mallard-at-least";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_good_for_what_was_signed_and_for_a_minute() {
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
        // The same secret signs addresses, and neither passes for the other.
        let address = signed_address("secret", Some("192.0.2.7"), 1_000);
        assert!(!is_signed("secret", "POST", PURGE, b"{}", &address, 1_000));
    }

    /// A client that sends an odd address is not one whose address is unknown.
    #[test]
    fn an_odd_address_is_signed_as_one() {
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
    fn another_secret_or_text_is_another_signature() {
        let one = signed_address("secret", Some("192.0.2.7"), 1_700_000_000);
        assert!(one.starts_with("192.0.2.7 1700000000 "));
        assert_eq!(one.len(), "192.0.2.7 1700000000 ".len() + 64);
        assert_ne!(sign("secret", "a"), sign("secreu", "a"));
        assert_ne!(sign("secret", "a"), sign("secret", "b"));
    }
}
