//! Authenticated encryption of secrets that have to be read again: ChaCha20-Poly1305 (RFC 8439)
//! with a key that is not in the database. Secrets that only have to be recognised are hashed
//! instead.
//!
//! A sealed text is `v1.KEY.DATA`: the name of the key, and nonce, ciphertext and tag in base64url.
//! The context is associated data, so the secret of a row cannot be moved to another row.

use std::{collections::HashMap, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::keyring::Keyring;

/// The name of a key in errors.
const WHAT: &str = "sealing key";
/// The only version of the format so far.
const VERSION: &str = "v1";

/// Encrypts and decrypts secrets.
pub struct Sealer {
    /// The name of the encryption key.
    current: String,
    keys: HashMap<String, LessSafeKey>,
}

/// Why a secret cannot be encrypted or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is not a sealed text.
    #[error("not a sealed value")]
    Format,
    /// Its key is not in the settings.
    #[error("the sealing key {0:?} is not among --sealing-keys")]
    UnknownKey(String),
    /// It was modified, or sealed for another context.
    #[error("a sealed value was changed, or sealed for another context")]
    Forged,
    /// The encryption failed.
    #[error("a value could not be sealed")]
    Cipher,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer {{ current: {:?}, .. }}", self.current)
    }
}

impl Sealer {
    /// A sealer that encrypts with the first of these keys (`NAME:KEY` separated by commas, each
    /// key 32 bytes in base64url) and decrypts with all of them.
    pub fn new(keys: &str) -> Result<Self, String> {
        Self::of(&Keyring::parse(keys, WHAT)?)
    }

    /// A sealer with the keys in a file, which is created if it is missing.
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

    /// Encrypts a secret for a context: the table and id of its row, such as `webhooks/17`. The
    /// result differs each time, because of the nonce.
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

    /// Decrypts a text that was sealed for this context.
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

    /// Whether a text is encrypted with the current key. Others are re-encrypted when keys are
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
    fn a_sealed_text_opens_in_its_context_only() {
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
    fn both_keys_open_texts_during_a_rotation() {
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
        // The same key name with other bytes is another key.
        let forged = format!("{}{}", &one[..8], &two[8..]);
        let forged = Sealer::new(&forged).unwrap();
        assert_eq!(forged.open("a", &old), Err(SealError::Forged));
    }

    proptest! {
        /// No text panics, and a change of any character is detected.
        #[test]
        fn forged_texts_are_rejected(noise in "[ -~]{0,120}", at in any::<usize>()) {
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
