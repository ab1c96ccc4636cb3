//! Types and validation rules of accounts. Nothing here uses the database.

use std::{collections::HashSet, sync::LazyLock};

use shared::{
    account::{NAME_MAX, PASSWORD_MAX, PASSWORD_MIN, Right, Role},
    id::{FamilyId, SessionId, UserId},
    time::Timestamp,
};

use crate::{audit::Actor, email::EmailAddress, limits::Network};

use super::{Error, devices::DeviceTokens};

/// A person who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their account.
    pub user: UserId,
    /// The credential of the request.
    pub credential: Credential,
    /// Customer, staff or owner.
    pub role: Role,
    /// The rights of staff.
    pub rights: Vec<Right>,
    /// Whether the account has a confirmed second factor.
    pub second_factor: bool,
    /// When the password was last checked.
    pub proved_at: Timestamp,
    /// Whether the rights are withheld until the account has a second factor.
    pub withheld: bool,
}

/// The credential that authenticates a person's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The session cookie of a browser.
    Session(SessionId),
    /// An access token of this family of refresh tokens.
    TokenFamily(FamilyId),
}

impl Person {
    /// The browser session, if the person uses one.
    pub fn session(&self) -> Option<SessionId> {
        match self.credential {
            Credential::Session(session) => Some(session),
            Credential::TokenFamily(_) => None,
        }
    }

    /// The person as the audit log names them.
    pub fn actor(&self) -> Actor {
        Actor(format!("user:{}", self.user))
    }

    /// Whether they are an owner of the shop.
    pub fn is_owner(&self) -> bool {
        self.role == Role::Owner && !self.withheld
    }

    /// Whether they have this right. Owners have every right, unless it is withheld.
    pub fn has_right(&self, right: Right) -> bool {
        match self.role {
            _ if self.withheld => false,
            Role::Owner => true,
            Role::Staff => self.rights.contains(&right),
            Role::Customer => false,
        }
    }
}

/// The client that a password is tried from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The `User-Agent` of the browser or program.
    pub agent: String,
    /// Its network, if known.
    pub network: Network,
    /// Its device cookie: tokens of accounts that it signed in to before.
    pub(super) device_tokens: DeviceTokens,
}

/// Role and rights from the columns of the table.
pub fn role_of(role: &str, rights: &str) -> Result<(Role, Vec<Right>), serde_json::Error> {
    Ok((
        Role::from_name(role).unwrap_or(Role::Customer),
        serde_json::from_str(rights)?,
    ))
}

/// An email address in its stored form.
pub(super) fn email(text: &str) -> Result<String, Error> {
    match EmailAddress::parse(text) {
        Ok(email) => Ok(email.into()),
        Err(why) => Err(Error::field("email", why.to_string())),
    }
}

/// A name in its stored form.
pub(super) fn name(text: &str) -> Result<String, Error> {
    let name = text.trim();
    let printable = !name.chars().any(char::is_control);
    if printable && name.chars().count() <= NAME_MAX {
        Ok(name.to_owned())
    } else {
        let why = format!("name must have at most {NAME_MAX} characters, all of them printable.");
        Err(Error::field("name", why))
    }
}

/// The most common passwords, which guessing tries first.
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("common-passwords.txt").lines().collect());

/// Checks a new password: its length, and that it is not a common one. There are no composition
/// rules (NIST SP 800-63B, 3.1.1.2).
pub(super) fn password(text: &str) -> Result<(), Error> {
    let why = if text.chars().count() < PASSWORD_MIN {
        format!("password must have at least {PASSWORD_MIN} characters.")
    } else if text.len() > PASSWORD_MAX {
        format!("password must have at most {PASSWORD_MAX} bytes.")
    } else if COMMON.contains(text.to_lowercase().as_str()) {
        "password is too common; choose another one.".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::field("password", why))
}

/// The part of a `User-Agent` that is stored.
pub(super) fn agent(text: &str) -> String {
    const MAX: usize = 200;
    text.chars()
        .filter(|it| !it.is_control())
        .take(MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_are_rejected() {
        assert_eq!(COMMON.len(), 3_000);
        for bad in ["", "short", "password", "PassWord", "iloveyou", "sunshine"] {
            assert!(password(bad).is_err(), "{bad}");
        }
        assert!(password(&"x".repeat(PASSWORD_MAX + 1)).is_err());
        for good in ["correct horse", "日本語のパスワード", "x8-Kq!d7"] {
            assert!(password(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn passwords_and_names_have_limits() {
        let text = "x8-Kq!d7".repeat(40);
        for (length, is_valid) in [(7, false), (8, true), (256, true), (257, false)] {
            assert_eq!(password(&text[..length]).is_ok(), is_valid, "{length}");
        }
        // At least eight characters, and at most 256 bytes, which are three for each of these.
        for (length, is_valid) in [(7, false), (8, true), (85, true), (86, false)] {
            assert_eq!(password(&"語".repeat(length)).is_ok(), is_valid, "{length}");
        }
        for (length, is_valid) in [(0, true), (100, true), (101, false)] {
            assert_eq!(name(&"語".repeat(length)).is_ok(), is_valid, "{length}");
        }
    }

    #[test]
    fn staff_have_their_rights_and_owners_have_all() {
        let person = |role, rights: &[Right]| Person {
            user: UserId::new(1),
            credential: Credential::Session(SessionId::new(1)),
            role,
            rights: rights.to_vec(),
            second_factor: false,
            proved_at: Timestamp::from_millis(0),
            withheld: false,
        };
        assert!(person(Role::Owner, &[]).has_right(Right::Settings));
        for role in [Role::Owner, Role::Staff] {
            let mut person = person(role, &[Right::Stock]);
            person.withheld = true;
            assert!(!person.is_owner() && !person.has_right(Right::Stock));
        }
        assert!(person(Role::Staff, &[Right::Stock]).has_right(Right::Stock));
        assert!(!person(Role::Staff, &[Right::Stock]).has_right(Right::Orders));
        assert!(!person(Role::Customer, &[Right::Stock]).has_right(Right::Stock));
    }
}
