//! Sealing of secrets that have to be read again: ChaCha20-Poly1305 (RFC 8439) with a key that is not
//! in the database. A secret that only has to be recognized is hashed instead.
//!
//! A sealed text is `v1.KEY.DATA`: the name of the key, and nonce, ciphertext and tag in base64url. It
//! opens only in the context that it was sealed for, so a row's secret cannot be moved to another row.

use std::{collections::HashMap, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::keyring::Keyring;

/// How errors call a key.
const WHAT: &str = "sealing key";
/// The format, of which there is one so far.
const VERSION: &str = "v1";

/// Seals secrets and opens them again.
pub struct Sealer {
    /// The name of the key that seals.
    current: String,
    keys: HashMap<String, LessSafeKey>,
}

/// Why a sealed text does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is not a sealed text.
    #[error("not a sealed value")]
    Format,
    /// Its key is not among those of the settings.
    #[error("the sealing key {0:?} is not among --sealing-keys")]
    UnknownKey(String),
    /// It was changed, or sealed for another context.
    #[error("a sealed value was changed, or sealed for another context")]
    Forged,
    /// The cipher refused to seal.
    #[error("a value could not be sealed")]
    Cipher,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer {{ current: {:?}, .. }}", self.current)
    }
}

impl Sealer {
    /// Seals with the first of these keys (`NAME:KEY`, with commas between, each key 32 bytes in
    /// base64url) and opens with all of them.
    pub fn new(keys: &str) -> Result<Self, String> {
        Self::of(&Keyring::parse(keys, WHAT)?)
    }

    /// The same with the keys in this file, which is made if there is none.
    pub fn of_file(path: &Path) -> Result<Self, String> {
        Self::of(&Keyring::of_file(path, WHAT)?)
    }

    fn of(ring: &Keyring) -> Result<Self, String> {
        let mut keys = HashMap::new();
        for (name, bytes) in ring.iter() {
            let key = UnboundKey::new(&CHACHA20_POLY1305, bytes);
            let key = key.map_err(|_| format!("the {WHAT} {name:?} cannot be used"))?;
            keys.insert(name.to_owned(), LessSafeKey::new(key));
        }
        let current = ring.iter().next().map(|(name, _)| name.to_owned());
        let current = current.ok_or_else(|| format!("no {WHAT} is set"))?;
        Ok(Self { current, keys })
    }

    /// Seals a secret for a context: the table and id of its row, such as `webhooks/17`. The same secret
    /// is another text every time.
    pub fn seal(&self, context: &str, secret: &[u8]) -> Result<String, SealError> {
        let key = self.keys.get(&self.current).ok_or(SealError::Cipher)?;
        let nonce: [u8; NONCE_LEN] = crate::secret::nonce();
        let mut data = secret.to_vec();
        let aad = Aad::from(context.as_bytes());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut data)
            .map_err(|_| SealError::Cipher)?;
        let data = URL_SAFE_NO_PAD.encode([&nonce[..], &data].concat());
        Ok(format!("{VERSION}.{}.{data}", self.current))
    }

    /// Opens what was sealed for this context.
    pub fn open(&self, context: &str, text: &str) -> Result<Vec<u8>, SealError> {
        let (name, data) = parts(text).ok_or(SealError::Format)?;
        let data = URL_SAFE_NO_PAD.decode(data);
        let data = data.map_err(|_| SealError::Format)?;
        let (nonce, data) = data
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(SealError::Format)?;
        let key = self.keys.get(name);
        let key = key.ok_or_else(|| SealError::UnknownKey(name.to_owned()))?;
        let mut data = data.to_vec();
        let aad = Aad::from(context.as_bytes());
        let opened = key.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut data);
        let length = opened.map_err(|_| SealError::Forged)?.len();
        data.truncate(length);
        Ok(data)
    }

    /// Whether a text is sealed with the current key. One that is not is sealed anew when keys are
    /// rotated.
    pub fn is_current(&self, text: &str) -> bool {
        parts(text).is_some_and(|(name, _)| name == self.current)
    }
}

/// The key's name and the data of a sealed text.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (version, rest) = text.split_once('.')?;
    (version == VERSION).then_some(())?;
    rest.split_once('.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keyring::new_key;

    #[test]
    fn what_is_sealed_opens_in_its_context_alone() {
        let sealer = Sealer::new(&new_key()).unwrap();
        let text = sealer.seal("webhooks/1", b"s3cret").unwrap();
        assert!(!text.contains("s3cret"));
        assert_ne!(text, sealer.seal("webhooks/1", b"s3cret").unwrap());
        assert_eq!(sealer.open("webhooks/1", &text).unwrap(), b"s3cret");
        assert_eq!(sealer.open("webhooks/2", &text), Err(SealError::Forged));
        let other = Sealer::new(&new_key()).unwrap();
        assert!(matches!(
            other.open("webhooks/1", &text),
            Err(SealError::UnknownKey(_))
        ));
        let empty = sealer.seal("", b"").unwrap();
        assert_eq!(sealer.open("", &empty).unwrap(), b"");
    }

    #[test]
    fn a_key_follows_another_and_both_open() {
        let (one, two) = (new_key(), new_key());
        let before = Sealer::new(&one).unwrap();
        let both = Sealer::new(&format!("{two},{one}")).unwrap();
        let after = Sealer::new(&two).unwrap();
        let old = before.seal("a", b"x").unwrap();
        let new = both.seal("a", b"x").unwrap();
        assert_eq!(both.open("a", &old).unwrap(), b"x");
        assert_eq!(after.open("a", &new).unwrap(), b"x");
        assert!(both.is_current(&new) && !both.is_current(&old));
        assert!(after.open("a", &old).is_err() && !after.is_current(""));
        // A key with a name that is known and other bytes is another key.
        let forged = format!("{}{}", &one[..8], &two[8..]);
        let forged = Sealer::new(&forged).unwrap();
        assert_eq!(forged.open("a", &old), Err(SealError::Forged));
    }

    proptest! {
        /// No text makes it panic, and a change of any character is noticed.
        #[test]
        fn only_what_was_sealed_opens(noise in "[ -~]{0,120}", at in any::<usize>()) {
            let sealer = Sealer::new(&new_key()).unwrap();
            prop_assert!(sealer.open("a", &noise).is_err());
            let text = sealer.seal("a", noise.as_bytes()).unwrap();
            let mut wrong = text.clone().into_bytes();
            let at = at % (wrong.len() - 1);
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(wrong).unwrap();
            prop_assert!(sealer.open("a", &wrong).is_err());
        }
    }
}
