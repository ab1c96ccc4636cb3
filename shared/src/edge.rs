//! What edge and origin say to each other beside the requests of clients: signed, so that nobody else
//! can say it.

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

/// The field for a client's address at this time.
pub fn signed_address(secret: &str, address: Option<&str>, seconds: i64) -> String {
    let text = format!("{} {seconds}", address.unwrap_or("-"));
    let signature = blake3::Hash::from_bytes(sign(secret, &text)).to_hex();
    format!("{text} {signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_secret_or_text_is_another_signature() {
        let one = signed_address("secret", Some("192.0.2.7"), 1_700_000_000);
        assert!(one.starts_with("192.0.2.7 1700000000 "));
        assert_eq!(one.len(), "192.0.2.7 1700000000 ".len() + 64);
        assert_ne!(sign("secret", "a"), sign("secreu", "a"));
        assert_ne!(sign("secret", "a"), sign("secret", "b"));
    }
}
