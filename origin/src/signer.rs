//! Named Ed25519 keys that sign access tokens. The first key signs and all of them verify, so that
//! keys can be rotated without signing anyone out.

use std::{collections::HashMap, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::ErrorKind,
};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Serialize, de::DeserializeOwned};
use shared::time::Timestamp;

use crate::keyring::Keyring;

/// A token could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token could not be signed")]
pub struct SigningError;

/// The name of such a key in error messages.
const WHAT: &str = "token key";

/// Signs and verifies tokens, and seals data that only origins of this shop read.
pub struct Signer {
    /// The name of the signing key.
    name: String,
    key: EncodingKey,
    known: HashMap<String, DecodingKey>,
    /// The sealing keys, derived from the signing keys and by their names.
    seals: HashMap<String, [u8; 32]>,
}

/// The context string of BLAKE3's key derivation: no other use derives the same key.
const SEAL: &str = "mallard 2026-11-25 what origins share";

fn sealed(key: &[u8; 32], parts: &[&[u8]]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        // Each part is hashed with its length, so that different lists never hash the same bytes.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize()
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer {{ name: {:?}, .. }}", self.name)
    }
}

impl Signer {
    /// Parses keys: `NAME:KEY`, separated by commas, each key 32 bytes in base64url.
    pub fn new(keys: &str) -> Result<Self, String> {
        Self::of(&Keyring::parse(keys, WHAT)?)
    }

    /// Reads the keys from a file, which is created with access for its owner alone if it is
    /// missing.
    pub fn of_file(path: &Path) -> Result<Self, String> {
        Self::of(&Keyring::of_file(path, WHAT)?)
    }

    fn of(ring: &Keyring) -> Result<Self, String> {
        // It fails if another signer has installed the same provider.
        let _ = PROVIDER.install_default();
        let mut known = HashMap::new();
        let mut seals = HashMap::new();
        let mut first = None;
        for (name, seed) in ring.iter() {
            let pair = Ed25519KeyPair::from_seed_unchecked(seed);
            let pair = pair.map_err(|error| format!("the {WHAT} {name:?}: {error}"))?;
            let public = URL_SAFE_NO_PAD.encode(pair.public_key());
            let public = DecodingKey::from_ed_components(&public).map_err(|it| it.to_string())?;
            known.insert(name.to_owned(), public);
            seals.insert(name.to_owned(), blake3::derive_key(SEAL, seed));
            first.get_or_insert((name.to_owned(), EncodingKey::from_ed_der(seed)));
        }
        let (name, key) = first.ok_or_else(|| format!("no {WHAT} is set"))?;
        Ok(Self {
            name,
            key,
            known,
            seals,
        })
    }

    /// A keyed hash (MAC) of these parts in this order, made with the current key.
    pub fn seal(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = self.seals.get(&self.name);
        key.map_or([0; 32], |key| *sealed(key, parts).as_bytes())
    }

    /// Whether the seal was made from these parts with one of the keys.
    pub fn has_sealed(&self, parts: &[&[u8]], seal: [u8; 32]) -> bool {
        // Hashes are compared in constant time.
        let seal = blake3::Hash::from_bytes(seal);
        self.seals.values().any(|key| sealed(key, parts) == seal)
    }

    /// Signs claims into a token.
    pub fn sign<T: Serialize>(&self, claims: &T) -> Result<String, SigningError> {
        let header = Header {
            kid: Some(self.name.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, claims, &self.key).map_err(|_| SigningError)
    }

    /// The claims of a token, if it is signed with one of the keys for this shop and is valid now.
    pub fn verify<T: DeserializeOwned + ValidityPeriod>(
        &self,
        token: &str,
        shop: &str,
        now: Timestamp,
    ) -> Option<T> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let key = self.known.get(header.kid.as_deref()?)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[shop]);
        validation.set_audience(&[shop]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        // The library would use the system clock; here the time is a parameter.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims: T = jsonwebtoken::decode(token, key, &validation).ok()?.claims;
        claims
            .is_valid_at(now.as_millis() / 1_000)
            .then_some(claims)
    }
}

/// Claims with a validity period.
pub trait ValidityPeriod {
    /// Whether they are valid at this time, in seconds.
    fn is_valid_at(&self, now: i64) -> bool;
}

/// The cryptography under `jsonwebtoken`: only ring's Ed25519.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match algorithm {
        Algorithm::EdDSA => Ed25519KeyPair::from_seed_unchecked(key.as_bytes())
            .map(|pair| Box::new(Signing(pair)) as Box<dyn JwtSigner>)
            .map_err(|_| ErrorKind::InvalidEddsaKey.into()),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::EdDSA => Ok(Box::new(Verifying(key.try_get_as_bytes()?.to_vec()))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Signing(Ed25519KeyPair);

impl signature::Signer<Vec<u8>> for Signing {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for Signing {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct Verifying(Vec<u8>);

impl signature::Verifier<Vec<u8>> for Verifying {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Verifying {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keyring::new_key;

    #[test]
    fn a_seal_covers_the_parts_and_their_order() {
        let (one, other) = (
            Signer::new(&new_key()).unwrap(),
            Signer::new(&new_key()).unwrap(),
        );
        let seal = one.seal(&[b"key", b"value"]);
        assert!(one.has_sealed(&[b"key", b"value"], seal));
        for parts in [
            [b"value".as_slice(), b"key"],
            [b"keyv", b"alue"],
            [b"key", b"valve"],
        ] {
            assert!(!one.has_sealed(&parts, seal), "{parts:?}");
        }
        assert!(!other.has_sealed(&[b"key", b"value"], seal));
    }

    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    struct Claims {
        iss: String,
        aud: String,
        sub: String,
        exp: i64,
        nbf: i64,
    }

    impl ValidityPeriod for Claims {
        fn is_valid_at(&self, now: i64) -> bool {
            self.nbf <= now && now < self.exp
        }
    }

    fn claims() -> Claims {
        Claims {
            iss: "shop".to_owned(),
            aud: "shop".to_owned(),
            sub: "1".to_owned(),
            exp: 200,
            nbf: 100,
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(150_000);

    #[test]
    fn both_keys_verify_tokens_during_a_rotation() {
        let (one, two) = (new_key(), new_key());
        let first = Signer::new(&one).unwrap();
        let both = Signer::new(&format!("{two}, {one}")).unwrap();
        let second = Signer::new(&two).unwrap();
        let (old, new) = (
            first.sign(&claims()).unwrap(),
            both.sign(&claims()).unwrap(),
        );
        let verifies =
            |signer: &Signer, token: &str| signer.verify::<Claims>(token, "shop", NOW).is_some();
        assert!(verifies(&both, &old) && verifies(&both, &new) && verifies(&second, &new));
        assert!(!verifies(&second, &old) && !verifies(&first, &new));
        for bad in ["", "a", "a:b", "a:AAAA", &format!("{one},{one}")] {
            assert!(Signer::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_file_is_created_once_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token-keys");
        let token = Signer::of_file(&path).unwrap().sign(&claims()).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let again = Signer::of_file(&path).unwrap();
        assert!(again.verify::<Claims>(&token, "shop", NOW).is_some());
        assert!(Signer::of_file(&folder.path().join("none/token-keys")).is_err());
    }

    proptest! {
        /// No token causes a panic, and changing one character invalidates it.
        #[test]
        fn invalid_tokens_are_rejected(text in "[ -~]{0,200}", place in any::<usize>()) {
            let signer = Signer::new(&new_key()).unwrap();
            prop_assert!(signer.verify::<Claims>(&text, "shop", NOW).is_none());
            let right = signer.sign(&claims()).unwrap();
            let mut wrong = right.clone().into_bytes();
            let place = place % (wrong.len() - 1);
            wrong[place] = if wrong[place] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(wrong).unwrap();
            prop_assert!(signer.verify::<Claims>(&wrong, "shop", NOW).is_none());
        }
    }
}
