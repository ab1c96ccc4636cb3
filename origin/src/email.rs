//! E-mail addresses, parsed once, at the boundary, by the parser that also sends.
//!
//! Invariant: mail can be sent to every address that [`EmailAddress::parse`] accepts. Rows of older
//! versions may contain text that it rejects; only mail to such an address fails.

use std::{fmt, net::IpAddr};

use lettre::{Address, message::Mailbox};

/// The longest address, in bytes (RFC 5321 §4.5.3.1.3, without the angle brackets).
const LENGTH_MAX: usize = 254;

/// A valid e-mail address.
///
/// It is normalised to lower case and a Unicode domain, because two spellings of one mailbox would
/// be two accounts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    /// As it is stored and shown.
    text: String,
    /// As it is sent to, with an ASCII domain.
    mailbox: Address,
}

/// Why a text is not an address, as a sentence for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// There is no `@`.
    #[error("email must be an email address such as ada@example.org.")]
    NoAt,
    /// It is too long.
    #[error("email must have at most {LENGTH_MAX} characters, and at most 64 before the @.")]
    TooLong,
    /// The local part is not valid (RFC 5321 §4.1.2).
    #[error(
        "The part of email before the @ must not begin or end with a dot, or contain two dots in a row, a \
         space, a comma, a quote or one of <>()[]:;\\ unless it is quoted as in \"a..b\"@example.org."
    )]
    Local,
    /// The part after the `@` is not a domain name.
    #[error("The part of email after the @ must be a domain name such as example.org.")]
    Domain,
}

impl EmailAddress {
    /// Parses an address; surrounding white space is ignored.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.trim().rsplit_once('@').ok_or(InvalidEmail::NoAt)?;
        if local.is_empty() || domain.is_empty() {
            return Err(InvalidEmail::NoAt);
        }
        let local = local.to_lowercase();
        if local.chars().any(char::is_control) {
            return Err(InvalidEmail::Local);
        }
        let domain = idna::domain_to_ascii(domain).map_err(|_| InvalidEmail::Domain)?;
        if !is_host(&domain) {
            return Err(InvalidEmail::Domain);
        }
        if local.len() > 64 || local.len() + 1 + domain.len() > LENGTH_MAX {
            return Err(InvalidEmail::TooLong);
        }
        let (shown, decoded) = idna::domain_to_unicode(&domain);
        decoded.map_err(|_| InvalidEmail::Domain)?;
        let text = format!("{local}@{shown}");
        let mailbox = Address::try_from((local, domain)).map_err(|error| match error {
            lettre::address::AddressError::InvalidDomain => InvalidEmail::Domain,
            _ => InvalidEmail::Local,
        })?;
        Ok(Self { text, mailbox })
    }

    /// As it is stored and shown.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The mailbox to send to.
    pub fn mailbox(&self) -> Mailbox {
        Mailbox::new(None, self.mailbox.clone())
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.text
    }
}

/// The text to look an account up by: the normalised address, or the trimmed lower-case text if an
/// older version stored text that is not an address.
pub fn lookup_text(text: &str) -> String {
    match EmailAddress::parse(text) {
        Ok(address) => address.into(),
        Err(_) => text.trim().to_lowercase(),
    }
}

/// Whether a domain is a host name below a top-level domain, and not an IP address or anything that
/// could be parsed as one.
fn is_host(domain: &str) -> bool {
    let top = domain.rsplit_once('.').map(|(_, top)| top);
    let plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.');
    top.is_some_and(|top| top.chars().any(|it| it.is_ascii_alphabetic()))
        && domain.parse::<IpAddr>().is_err()
        && domain.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn valid_addresses_are_normalized() {
        for (typed, stored, sent) in [
            (" Ada@Example.ORG ", "ada@example.org", "ada@example.org"),
            ("a@b.co", "a@b.co", "a@b.co"),
            ("ada.l+shop@x.org", "ada.l+shop@x.org", "ada.l+shop@x.org"),
            (
                "o'hara&co=1@x.org",
                "o'hara&co=1@x.org",
                "o'hara&co=1@x.org",
            ),
            ("\"a..b\"@x.org", "\"a..b\"@x.org", "\"a..b\"@x.org"),
            (
                "\"a @,<>\\\"\"@x.org",
                "\"a @,<>\\\"\"@x.org",
                "\"a @,<>\\\"\"@x.org",
            ),
            (
                "用户@例子.中国",
                "用户@例子.中国",
                "用户@xn--fsqu00a.xn--fiqs8s",
            ),
            (
                "ada@xn--bcher-kva.example",
                "ada@bücher.example",
                "ada@xn--bcher-kva.example",
            ),
            (
                "ada@BÜCHER.example",
                "ada@bücher.example",
                "ada@xn--bcher-kva.example",
            ),
            (
                "ada@1and1.example",
                "ada@1and1.example",
                "ada@1and1.example",
            ),
        ] {
            let address = EmailAddress::parse(typed).unwrap_or_else(|why| panic!("{typed}: {why}"));
            assert_eq!(address.as_str(), stored);
            assert_eq!(address.mailbox().email.to_string(), sent);
        }
    }

    #[test]
    fn undeliverable_addresses_are_rejected_with_a_reason() {
        use InvalidEmail::{Domain, Local, NoAt};
        for (typed, why) in [
            ("", NoAt),
            ("ada", NoAt),
            ("@x.org", NoAt),
            ("ada@", NoAt),
            ("a..b@docomo.example", Local),
            ("ada.@x.org", Local),
            (".ada@x.org", Local),
            ("a,b@x.org", Local),
            ("<a>@x.org", Local),
            ("a\"b@x.org", Local),
            ("\"a\"b@x.org", Local),
            ("a b@x.org", Local),
            ("a@b@x.org", Local),
            ("Ada <ada@x.org", Local),
            ("a\u{0}b@x.org", Local),
            ("\"a\tb\"@x.org", Local),
            ("\"a\nb\"@x.org", Local),
            ("ada@x", Domain),
            ("ada@x..org", Domain),
            ("ada@.x.org", Domain),
            ("ada@x.org.", Domain),
            ("ada@-x.org", Domain),
            ("ada@x_y.org", Domain),
            ("ada@x.org>", Domain),
            ("ada@127.0.0.1", Domain),
            ("ada@[127.0.0.1]", Domain),
            ("ada@[IPv6:::1]", Domain),
            ("ada@1.2.3.4.5", Domain),
        ] {
            assert_eq!(EmailAddress::parse(typed).err(), Some(why), "{typed:?}");
        }
    }

    #[test]
    fn addresses_have_a_maximum_length() {
        for (local, label, fits) in [(64, 59, true), (65, 59, false), (64, 60, false)] {
            let domain = format!("{0}.{0}.{1}.org", "d".repeat(62), "e".repeat(label));
            let text = format!("{}@{domain}", "l".repeat(local));
            assert_eq!(EmailAddress::parse(&text).is_ok(), fits, "{local} {label}");
        }
    }

    #[test]
    fn rows_of_older_versions_are_found_by_their_text() {
        assert_eq!(lookup_text(" A..B@Docomo.example "), "a..b@docomo.example");
        assert_eq!(lookup_text("Ada@BÜCHER.example"), "ada@bücher.example");
    }

    proptest! {
        /// A normalised address is parsed as itself, so rows can be read back.
        #[test]
        fn parsing_is_idempotent(text in "[a-zA-Zäß漢\"\\\\ .,<>@+]{1,12}@[a-zé0-9-]{1,9}\\.(org|中国)") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert_eq!(EmailAddress::parse(address.as_str()), Ok(address));
            }
        }
    }
}
