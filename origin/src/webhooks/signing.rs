//! Secrets and signatures of webhooks. Secrets are sealed in the database.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;

use crate::{
    db,
    platform::Platform,
    seal::{SealError, Sealer},
    secret,
};

use super::store;

/// The prefix of a secret.
const SECRET_HEAD: &str = "whsec_";

fn context(id: i64) -> String {
    format!("webhooks/{id}")
}

/// Generates a secret, which is shown once.
pub(super) fn new_secret() -> String {
    format!("{SECRET_HEAD}{}", STANDARD.encode(secret::key()))
}

/// Seals a secret for the database.
pub(super) fn seal(sealer: &Sealer, id: i64, secret: &str) -> Result<String, db::Error> {
    let sealed = sealer.seal(&context(id), secret.as_bytes());
    sealed.map_err(|error| db::Error::Encode(error.into()))
}

/// Unseals a secret.
pub(super) fn open(sealer: &Sealer, id: i64, sealed: &str) -> Result<String, SealError> {
    let secret = sealer.open(&context(id), sealed)?;
    String::from_utf8(secret).map_err(|_| SealError::Format)
}

/// Seals secrets that were written by an older version or with an older key.
pub async fn protect_secrets(platform: &Platform) -> Result<(), db::Error> {
    let mut tx = platform.db.write().await?;
    for (id, in_clear, sealed) in store::list_secrets(tx.conn()).await? {
        let secret = match sealed {
            None => in_clear,
            Some(sealed) if platform.sealer.is_current(&sealed) => continue,
            Some(sealed) => match open(&platform.sealer, id, &sealed) {
                Ok(secret) => secret,
                Err(_) => continue,
            },
        };
        let sealed = seal(&platform.sealer, id, &secret)?;
        store::set_secret(&mut tx, id, &sealed).await?;
    }
    tx.commit().await
}

/// The signature of Standard Webhooks: HMAC-SHA256 of id, time and body.
pub(super) fn sign(secret: &str, id: &str, seconds: i64, body: &str) -> Result<String, String> {
    let secret = secret.strip_prefix(SECRET_HEAD).unwrap_or(secret);
    let key = STANDARD.decode(secret).map_err(|error| error.to_string())?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn the_signature_matches_the_specification() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = r#"{"test": 2432232314}"#;
        let signed = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed.unwrap(), expected);
    }
}
