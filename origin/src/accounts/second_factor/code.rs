//! Codes of an authenticator (TOTP, RFC 6238) and recovery codes. Nothing here uses the database.

use shared::{id::UserId, time::Timestamp};
use totp_rs::{Builder, Totp};

/// Accepted time steps before and after the current one, for clocks that differ (RFC 6238 §6).
const SKEW: u16 = 1;
/// The time step in seconds (RFC 6238 §5.2).
const STEP_S: u64 = 30;
/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;

/// A code as a person typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TypedCode {
    /// The six digits of an authenticator.
    Digits(String),
    /// A recovery code, normalized for hashing.
    Recovery(String),
}

impl TypedCode {
    /// Parses a code leniently: spaces, hyphens, lower case, and letters that look like digits.
    pub(super) fn parse(text: &str) -> Self {
        let signs = text
            .chars()
            .filter(|it| !matches!(it, ' ' | '-' | '\u{a0}'));
        let text: String = signs.take(64).collect();
        if text.len() == 6 && text.bytes().all(|it| it.is_ascii_digit()) {
            return Self::Digits(text);
        }
        let signs = text.chars().map(|it| match it.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            it => it,
        });
        Self::Recovery(signs.collect())
    }
}

/// The code generator of a secret, labelled with the shop and the email address.
pub(super) fn totp(secret: &[u8], shop: &str, email: &str) -> Totp {
    // A colon separates issuer and account in an authenticator's label.
    let plain = |text: &str| text.replace(':', " ");
    Builder::new()
        .with_secret(secret.to_vec())
        .with_skew(SKEW)
        .with_step_duration(STEP_S)
        .with_issuer(Some(plain(shop)))
        .with_account_name(plain(email))
        .build_noncompliant()
}

/// The time step of a code, if it is valid now.
pub(super) fn step_of(totp: &Totp, digits: &str, now: Timestamp) -> Option<i64> {
    let seconds = u64::try_from(now.as_millis() / 1_000).ok()?;
    totp.check(digits, seconds)
        .and_then(|step| i64::try_from(step).ok())
}

/// New recovery codes of 60 random bits each, formatted to be shown.
pub(super) fn recovery_codes() -> Vec<String> {
    (0..RECOVERY_CODES)
        .map(|_| crate::secret::number())
        .collect()
}

/// The stored hash of a recovery code. It includes the account, so that no precomputed table fits
/// all accounts.
pub(super) fn recovery_hash(user: UserId, typed: &str) -> String {
    super::super::links::hash(&format!("recovery:{user}:{typed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfc() {
        let totp = totp(SECRET, "Shop: Teal", "a@b.example");
        // RFC 6238, appendix B, the last six digits.
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let at = |second: i64| Timestamp::from_millis(second * 1_000);
            let step = Some(second / 30);
            assert_eq!(step_of(&totp, code, at(second)), step, "{second}");
            // One step to each side, and not two.
            assert_eq!(step_of(&totp, code, at(second + 30)), step, "{second}");
            assert_eq!(step_of(&totp, code, at(second - 30)), step, "{second}");
            assert_eq!(step_of(&totp, code, at(second + 60)), None, "{second}");
            assert_eq!(step_of(&totp, code, at(second - 60)), None, "{second}");
        }
        let url = totp.to_url().unwrap();
        assert!(
            url.starts_with("otpauth://totp/Shop%20%20Teal:a%40b.example?"),
            "{url}"
        );
    }

    #[test]
    fn codes_are_parsed_leniently() {
        assert_eq!(
            TypedCode::parse(" 287 082 "),
            TypedCode::Digits("287082".to_owned())
        );
        let recovery = TypedCode::Recovery("AB01CD12EF01".to_owned());
        for text in ["AB01-CD12-EF01", "abo1 cdl2 efoi"] {
            assert_eq!(TypedCode::parse(text), recovery, "{text}");
        }
        for text in ["", "28708", "2870822", "28708２", "+28708"] {
            assert!(
                matches!(TypedCode::parse(text), TypedCode::Recovery(_)),
                "{text}"
            );
        }
        for code in recovery_codes() {
            let typed = TypedCode::parse(&code.to_lowercase());
            assert_eq!(typed, TypedCode::Recovery(code.replace('-', "")));
        }
        assert_ne!(
            recovery_hash(UserId::new(1), "A"),
            recovery_hash(UserId::new(2), "A")
        );
    }
}
