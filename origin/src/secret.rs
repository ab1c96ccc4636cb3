//! Random secrets.

use std::fmt::Write as _;

/// 128 random bits as 32 hexadecimal digits.
pub fn token() -> String {
    let mut text = String::with_capacity(TOKEN_LENGTH);
    for byte in random::<16>() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The number of digits in a token.
pub const TOKEN_LENGTH: usize = 32;

/// The hash of a token that only has to be recognised: 64 hexadecimal digits. Tokens are random, so
/// a fast hash is enough.
pub fn hash(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

/// An order number: 60 random bits as twelve characters of Crockford's base 32, in groups of four.
/// It is easy to read aloud and does not reveal how many there are.
pub fn number() -> String {
    const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut text = String::with_capacity(14);
    for (index, byte) in random::<12>().into_iter().enumerate() {
        if index > 0 && index.is_multiple_of(4) {
            text.push('-');
        }
        text.push(char::from(SIGNS[usize::from(byte % 32)]));
    }
    text
}

/// 192 random bits: a signing key.
pub fn key() -> [u8; 24] {
    random()
}

/// 160 random bits: the secret of an authenticator, as long as its hash (RFC 4226, section 4).
pub fn totp() -> [u8; 20] {
    random()
}

/// 256 random bits: a key seed.
pub fn seed() -> [u8; 32] {
    random()
}

/// 96 random bits: a nonce.
pub fn nonce() -> [u8; 12] {
    random()
}

/// Eight random bits.
pub fn byte() -> u8 {
    random::<1>()[0]
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness no secret is safe, so the process must not continue.
    #[expect(clippy::expect_used, reason = "there is no safe way on")]
    getrandom::fill(&mut bytes).expect("the system has no randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn tokens_and_numbers_are_unique_and_well_formed() {
        let tokens: HashSet<_> = (0..1_000).map(|_| token()).collect();
        let numbers: HashSet<_> = (0..1_000).map(|_| number()).collect();
        assert_eq!((tokens.len(), numbers.len()), (1_000, 1_000));
        assert!(tokens.iter().all(|it| it.len() == 32));
        assert!(
            numbers
                .iter()
                .all(|it| it.len() == 14 && !it.contains(['I', 'L', 'O', 'U']))
        );
    }
}
