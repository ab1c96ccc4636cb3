//! Accounts: who somebody is, and what is theirs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    address::Address,
    cart::Cart,
    cursor::Cursor,
    id::{AddressId, KeyId, SessionId, UserId},
    locale::Locale,
    money::Money,
    order::{Order, OrderState},
    time::Timestamp,
};

/// The fewest characters of a password, and the most bytes.
pub const PASSWORD_MIN: usize = 8;
/// The most bytes of a password.
pub const PASSWORD_MAX: usize = 256;
/// The longest name, in characters.
pub const NAME_MAX: usize = 100;
/// The most addresses in a book.
pub const ADDRESSES_MAX: usize = 50;

/// Declares an enum of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $item:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $word)] $item,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$item),*];

            /// The word in JSON and in the table.
            pub const fn word(self) -> &'static str {
                match self {$(Self::$item => $word),*}
            }

            /// The one with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.word() == word)
            }
        }
    };
}

words! {
    /// What somebody is to the shop.
    Role {
        /// Buys here.
        Customer = "customer",
        /// Works here, with some rights.
        Staff = "staff",
        /// Has every right.
        Owner = "owner",
    }
}

words! {
    /// What somebody who works here may do.
    Right {
        /// Products, variants, prices, categories.
        Catalogue = "catalogue",
        /// Orders, payments, refunds, returns.
        Orders = "orders",
        /// Stock and locations.
        Stock = "stock",
        /// Accounts of customers.
        Customers = "customers",
        /// Webhooks, API keys, the audit log.
        Settings = "settings",
    }
}

/// Opens an account. The answer is the same whether there is one with this address or not; a message
/// says how it goes on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Where messages go.
    #[schemars(length(max = 254))]
    pub email: String,
    /// At least 8 characters, and none of the 3,000 that everybody tries first.
    #[schemars(length(min = 8, max = 256))]
    pub password: String,
    /// What to call them.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub name: String,
    /// The language of messages.
    #[serde(default)]
    pub locale: Locale,
}

/// It was taken; a message is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// It was.
    pub accepted: bool,
}

/// Uses the link of a message. For another address the account has to be signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UseLink {
    /// The token of the link.
    pub token: String,
    /// For a new account: the password that was given for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The id of the guest's cart; what is in it comes into the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart: Option<String>,
    /// Where the account has a second factor: a code of its authenticator, or a recovery code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub code: Option<String>,
}

/// Who has signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedIn {
    /// The account.
    pub account: Account,
    /// The id of its cart, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart: Option<String>,
}

/// Signs out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Logout {
    /// In every browser.
    pub everywhere: bool,
}

/// Asks for a link with which a new password can be set. The answer is always the same.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotPassword {
    /// The address.
    #[schemars(length(max = 254))]
    pub email: String,
    /// The language of the message.
    #[serde(default)]
    pub locale: Locale,
}

/// Sets a new password with the token of a link.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// The token of the link.
    pub token: String,
    /// The new password.
    #[schemars(length(min = 8, max = 256))]
    pub password: String,
    /// Where the account has a second factor: a code of its authenticator, or a recovery code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub code: Option<String>,
}

words! {
    /// How far a second factor is.
    SecondFactorState {
        /// There is none.
        Off = "off",
        /// There is a secret, and no code of it was shown yet: nothing is asked for.
        Pending = "pending",
        /// Signing in asks for a code.
        On = "on",
    }
}

/// The second factor of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactor {
    /// How far it is.
    pub state: SecondFactorState,
    /// How many recovery codes were not used yet.
    pub recovery_codes_left: i64,
    /// Whether the shop requires one of this account, and keeps its rights from it without one.
    pub required: bool,
}

/// Asks for the secret of a new second factor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolSecondFactor {
    /// The password.
    pub password: String,
}

/// The secret of a new second factor (TOTP, RFC 6238: SHA-1, six digits, 30 seconds).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactorSecret {
    /// The secret in base32, to be typed.
    pub secret: String,
    /// The same as an `otpauth:` address, to be scanned.
    pub uri: String,
}

/// Turns a second factor on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmSecondFactor {
    /// A code of the authenticator.
    #[schemars(length(max = 64))]
    pub code: String,
}

/// Shows that somebody has both the password and the second factor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProveSecondFactor {
    /// The password.
    pub password: String,
    /// A code of the authenticator, or a recovery code.
    #[schemars(length(max = 64))]
    pub code: String,
}

/// Codes that sign in once each, in the place of the authenticator's. They are shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub codes: Vec<String>,
}

/// Shows once more who somebody is, before they pay back money or change what others may do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reauthenticate {
    /// The password.
    pub password: String,
}

/// Sets another password. Every other session ends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password so far.
    pub current: String,
    /// The new one.
    #[schemars(length(min = 8, max = 256))]
    pub password: String,
}

/// Asks for another address; it counts once the link that goes there was used.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmail {
    /// The new address.
    #[schemars(length(max = 254))]
    pub email: String,
    /// The password.
    pub password: String,
}

/// Erases the person. Their orders stay, without them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseAccount {
    /// The password.
    pub password: String,
}

/// Changes an account; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateAccount {
    /// What to call them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub name: Option<String>,
    /// The language of messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Its identity.
    pub id: UserId,
    /// Where messages go. Whoever owns it has proved so.
    pub email: String,
    /// What to call them.
    pub name: String,
    /// The language of messages.
    pub locale: Locale,
    /// What they are to the shop.
    pub role: Role,
    /// What they may do, if they work here; an owner may do everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<Right>,
    /// Rises with every change.
    pub version: i64,
    /// Since when.
    pub created_at: Timestamp,
}

/// An address of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedAddress {
    /// Its identity.
    pub id: AddressId,
    /// The address.
    pub address: Address,
    /// Whether it is taken when nothing is said.
    pub preferred: bool,
}

/// An address for the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveAddress {
    /// The address.
    pub address: Address,
    /// Whether it is taken when nothing is said.
    #[serde(default)]
    pub preferred: bool,
}

/// The address book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Addresses {
    /// The preferred one first, then the first one first.
    pub addresses: Vec<SavedAddress>,
}

/// Which address: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressPath {
    /// Its id.
    pub address: AddressId,
}

/// A browser or a program that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Its identity; not what opens it.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub current: bool,
    /// Whether it is a program, with tokens in the place of a cookie.
    #[serde(default)]
    pub program: bool,
    /// What the browser calls itself.
    pub agent: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was used last, give or take some minutes.
    pub seen_at: Timestamp,
}

/// Every browser and program that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// The last used one first.
    pub sessions: Vec<Session>,
}

/// Which session: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionPath {
    /// Its id.
    pub session: SessionId,
}

/// Which page of one's orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListOrders {
    /// Where the page begins; the newest order when absent.
    pub cursor: Option<Cursor>,
    /// How many; 20 when absent, 100 at most.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of orders, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderList {
    /// The orders.
    pub orders: Vec<OrderSummary>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// An order in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderSummary {
    /// Its number.
    pub number: String,
    /// What has become of it.
    pub state: OrderState,
    /// What it came to.
    pub total: Money,
    /// When it was placed.
    pub created_at: Timestamp,
}

/// The cart of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OpenCart {
    /// The id of a guest's cart; what is in it comes into the account's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart: Option<String>,
}

/// Everything that the shop knows of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountExport {
    /// The account.
    pub account: Account,
    /// The address book.
    pub addresses: Vec<SavedAddress>,
    /// The browsers and programs that are signed in.
    pub sessions: Vec<Session>,
    /// What is in the cart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart: Option<Cart>,
    /// Every order.
    pub orders: Vec<Order>,
}

/// Tokens of a program that acts for somebody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tokens {
    /// For `Authorization: Bearer`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// For how many seconds the access token is good.
    pub expires_in: i64,
    /// Gives the next tokens, once.
    pub refresh_token: String,
}

/// Asks for the next tokens, or ends them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UseRefreshToken {
    /// The refresh token.
    pub refresh_token: String,
}

/// Makes a key for a program of the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    /// What it is for.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// What it may do.
    pub rights: Vec<Right>,
}

/// A key of a program of the shop.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKey {
    /// Its identity.
    pub id: KeyId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub rights: Vec<Right>,
    /// The key, for `Authorization: Bearer`; shown once, when it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

/// All keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeys {
    /// The first one first.
    pub keys: Vec<ApiKey>,
}

/// Which key: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyPath {
    /// Its id.
    pub key: KeyId,
}

/// Which page of the accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListUsers {
    /// Where the page begins; the newest account when absent.
    pub cursor: Option<Cursor>,
    /// How many; 20 when absent, 100 at most.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of accounts, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserList {
    /// The accounts.
    pub users: Vec<Account>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// Which account: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserPath {
    /// Its id.
    pub user: UserId,
}

/// Gives somebody another role. Every session of theirs ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRole {
    /// What they are to the shop.
    pub role: Role,
    /// What they may do, if they work here.
    #[serde(default)]
    pub rights: Vec<Right>,
}

/// Which page of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListAudit {
    /// Where the page begins; the newest entry when absent.
    pub cursor: Option<Cursor>,
    /// How many; 50 when absent, 200 at most.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// Only what was done to this: `order:7K3Q-9F2M-XXXX`, `user:17`.
    pub subject: Option<String>,
}

/// A page of the audit log, the newest entry first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditLog {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// Who has changed what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    /// Who: `user:17`, `key:4`, `operator`.
    pub actor: String,
    /// What was done, in a word.
    pub action: String,
    /// To what.
    pub subject: String,
    /// What it was before; null when it is new.
    pub before: serde_json::Value,
    /// What it is now; null when it is gone.
    pub after: serde_json::Value,
    /// When.
    pub at: Timestamp,
}

/// Redacts what must not be logged.
macro_rules! secret {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    )*};
}

secret!(
    Register,
    UseLink,
    Login,
    ForgotPassword,
    ResetPassword,
    ChangePassword,
    ChangeEmail,
    EraseAccount,
    Tokens,
    UseRefreshToken,
    ApiKey
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_json() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.word());
            assert_eq!(Role::from_word(role.word()), Some(*role));
        }
        for right in Right::ALL {
            assert_eq!(serde_json::to_value(right).unwrap(), right.word());
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let login = Login {
            email: "a@b.co".to_owned(),
            password: "hunter2hunter2".to_owned(),
            cart: None,
            code: None,
        };
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
