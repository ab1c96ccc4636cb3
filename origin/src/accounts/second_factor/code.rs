//! Codes: those of an authenticator (TOTP, RFC 6238), and recovery codes. No database.

use shared::{id::UserId, time::Timestamp};
use totp_rs::{Builder, Totp};

/// Time steps before and after the present one whose codes are accepted, for clocks that differ.
const SKEW: u16 = 1;
/// How long a code is shown.
const STEP_S: u64 = 30;
/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;

/// What somebody has typed in the place of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TypedCode {
    /// The six digits of an authenticator.
    Digits(String),
    /// A recovery code, as it is hashed.
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

/// The codes of a secret, for the account with this address in this shop.
pub(super) fn totp(secret: &[u8], shop: &str, email: &str) -> Totp {
    // A colon separates the two, where an authenticator reads them.
    let plain = |text: &str| text.replace(':', " ");
    Builder::new()
        .with_secret(secret.to_vec())
        .with_skew(SKEW)
        .with_step_duration(STEP_S)
        .with_issuer(Some(plain(shop)))
        .with_account_name(plain(email))
        .build_noncompliant()
}

/// The time step of a code, if it is one of those of this time.
pub(super) fn step_of(totp: &Totp, digits: &str, now: Timestamp) -> Option<i64> {
    let seconds = u64::try_from(now.as_millis() / 1_000).ok()?;
    totp.check(digits, seconds)
        .and_then(|step| i64::try_from(step).ok())
}

/// New recovery codes, each 60 random bits, as they are shown once.
pub(super) fn recovery_codes() -> Vec<String> {
    (0..RECOVERY_CODES)
        .map(|_| crate::secret::number())
        .collect()
}

/// What is kept of a recovery code. With the account, so that no table of hashes serves for all of them.
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
