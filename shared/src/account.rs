//! Accounts: registration, sign-in, sessions, addresses, API keys and the audit log.

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

/// The minimum length of a password, in characters.
pub const PASSWORD_MIN: usize = 8;
/// The maximum length of a password, in bytes.
pub const PASSWORD_MAX: usize = 256;
/// The maximum length of a name, in characters.
pub const NAME_MAX: usize = 100;
/// The maximum number of addresses in an address book.
pub const ADDRESSES_MAX: usize = 50;

/// Declares an enum whose variants have fixed names in JSON and in the database.
macro_rules! named_values {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $item:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $value)] $item,)*
        }

        impl $name {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$item),*];

            /// The name in JSON and in the database.
            pub const fn as_str(&self) -> &'static str {
                match self {$(Self::$item => $value),*}
            }

            /// The value with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == name)
            }
        }
    };
}

named_values! {
    /// The role of an account.
    Role {
        /// A customer.
        Customer = "customer",
        /// A member of staff, with some rights.
        Staff = "staff",
        /// An owner, with every right.
        Owner = "owner",
    }
}

named_values! {
    /// A right of a member of staff or of an API key.
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

/// Registers an account. The response is the same whether or not the email address already has one;
/// an email says how to continue.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The email address.
    #[schemars(length(max = 254))]
    pub email: String,
    /// At least 8 characters, and none of the 3,000 most common passwords.
    #[schemars(length(min = 8, max = 256))]
    pub password: String,
    /// The name to address the person by.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub name: String,
    /// The language of emails.
    #[serde(default)]
    pub locale: Locale,
}

/// The request was accepted; an email may follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// Always true.
    pub accepted: bool,
}

/// Uses the token of an emailed link. To change an address, the account must be signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UseLink {
    /// The token of the link.
    pub token: String,
    /// For a new account: the password that was given at registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The email address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The id of the guest's cart; its lines are merged into the account's cart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart: Option<String>,
    /// If the account has a second factor: a code of its authenticator, or a recovery code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub code: Option<String>,
}

/// The result of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedIn {
    /// The account.
    pub account: Account,
    /// The id of the account's cart, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart: Option<String>,
}

/// Signs out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Logout {
    /// Whether to sign out of every session.
    pub everywhere: bool,
}

/// Requests an email with a link to set a new password. The response is always the same.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotPassword {
    /// The email address.
    #[schemars(length(max = 254))]
    pub email: String,
    /// The language of the email.
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
    /// If the account has a second factor: a code of its authenticator, or a recovery code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub code: Option<String>,
}

named_values! {
    /// The state of a second factor.
    SecondFactorState {
        /// No second factor.
        Off = "off",
        /// A secret exists, but no code has confirmed it yet; sign-in needs no code.
        Pending = "pending",
        /// Sign-in needs a code.
        On = "on",
    }
}

/// The second factor of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactor {
    /// The state.
    pub state: SecondFactorState,
    /// The number of unused recovery codes.
    pub recovery_codes_left: i64,
    /// Whether the shop requires a second factor of this account, and withholds its rights until it
    /// has one.
    pub required: bool,
}

/// Creates the secret of a new second factor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolSecondFactor {
    /// The password.
    pub password: String,
}

/// The secret of a new second factor (TOTP, RFC 6238: SHA-1, six digits, 30 seconds).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactorSecret {
    /// The secret in base32, for typing.
    pub secret: String,
    /// The same secret as an `otpauth:` URI, for scanning.
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

/// Proves possession of both the password and the second factor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProveSecondFactor {
    /// The password.
    pub password: String,
    /// A code of the authenticator, or a recovery code.
    #[schemars(length(max = 64))]
    pub code: String,
}

/// Single-use codes that replace a code of the authenticator. They are shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub codes: Vec<String>,
}

/// Enters the password again, as refunds and changes of roles and keys require.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reauthenticate {
    /// The password.
    pub password: String,
}

/// Changes the password. Every other session ends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The current password.
    pub current: String,
    /// The new password.
    #[schemars(length(min = 8, max = 256))]
    pub password: String,
}

/// Requests another email address; it takes effect once its emailed link has been used.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmail {
    /// The new address.
    #[schemars(length(max = 254))]
    pub email: String,
    /// The password.
    pub password: String,
}

/// Deletes the account and its personal data. Its orders stay without personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseAccount {
    /// The password.
    pub password: String,
}

/// Changes an account; absent fields stay unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateAccount {
    /// The name to address the person by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub name: Option<String>,
    /// The language of emails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// The id.
    pub id: UserId,
    /// The email address. Its owner has confirmed it.
    pub email: String,
    /// The name to address the person by.
    pub name: String,
    /// The language of emails.
    pub locale: Locale,
    /// The role.
    pub role: Role,
    /// The rights of a member of staff; an owner has every right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<Right>,
    /// Increases with every change.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// An address in the address book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedAddress {
    /// The id.
    pub id: AddressId,
    /// The address.
    pub address: Address,
    /// Whether it is the default address.
    pub preferred: bool,
}

/// An address for the address book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveAddress {
    /// The address.
    pub address: Address,
    /// Whether it is the default address.
    #[serde(default)]
    pub preferred: bool,
}

/// The address book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Addresses {
    /// The default address first, then the oldest first.
    pub addresses: Vec<SavedAddress>,
}

/// Path parameter: the address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressPath {
    /// The id.
    pub address: AddressId,
}

/// A signed-in browser or program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// The id; it is not the session's secret.
    pub id: SessionId,
    /// Whether it is the session of this request.
    pub current: bool,
    /// Whether it is a program, which uses tokens instead of a cookie.
    #[serde(default)]
    pub program: bool,
    /// The user agent of the browser.
    pub agent: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used, to within some minutes.
    pub seen_at: Timestamp,
}

/// All sessions of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// The most recently used first.
    pub sessions: Vec<Session>,
}

/// Path parameter: the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionPath {
    /// The id.
    pub session: SessionId,
}

/// Pagination of the account's orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListOrders {
    /// The cursor of the page; the newest orders when absent.
    pub cursor: Option<Cursor>,
    /// The number of rows a page; 20 when absent, at most 100.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of orders, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderList {
    /// The orders.
    pub orders: Vec<OrderSummary>,
    /// The cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// An order in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderSummary {
    /// The order number.
    pub number: String,
    /// The state of the order.
    pub state: OrderState,
    /// The total.
    pub total: Money,
    /// When it was placed.
    pub created_at: Timestamp,
}

/// Gets the cart of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OpenCart {
    /// The id of the guest's cart; its lines are merged into the account's cart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart: Option<String>,
}

/// All personal data of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountExport {
    /// The account.
    pub account: Account,
    /// The address book.
    pub addresses: Vec<SavedAddress>,
    /// The signed-in browsers and programs.
    pub sessions: Vec<Session>,
    /// The lines of the cart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart: Option<Cart>,
    /// All orders.
    pub orders: Vec<Order>,
}

/// The tokens of a program that acts for an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tokens {
    /// The access token, for `Authorization: Bearer`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// The lifetime of the access token, in seconds.
    pub expires_in: i64,
    /// The refresh token; it can be used once.
    pub refresh_token: String,
}

/// Refreshes or revokes tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UseRefreshToken {
    /// The refresh token.
    pub refresh_token: String,
}

/// Creates an API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    /// What the key is for.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// The rights of the key.
    pub rights: Vec<Right>,
}

/// An API key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKey {
    /// The id.
    pub id: KeyId,
    /// What the key is for.
    pub name: String,
    /// The rights of the key.
    pub rights: Vec<Right>,
    /// The key, for `Authorization: Bearer`; shown once, in the response that creates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// All API keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeys {
    /// The oldest first.
    pub keys: Vec<ApiKey>,
}

/// Path parameter: the API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyPath {
    /// The id.
    pub key: KeyId,
}

/// Pagination of the accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListUsers {
    /// The cursor of the page; the newest accounts when absent.
    pub cursor: Option<Cursor>,
    /// The number of rows a page; 20 when absent, at most 100.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of accounts, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserList {
    /// The accounts.
    pub users: Vec<Account>,
    /// The cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// Path parameter: the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserPath {
    /// The id.
    pub user: UserId,
}

/// Changes the role of an account. All its sessions end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRole {
    /// The role.
    pub role: Role,
    /// The rights of a member of staff.
    #[serde(default)]
    pub rights: Vec<Right>,
}

/// Pagination and filter of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListAudit {
    /// The cursor of the page; the newest entries when absent.
    pub cursor: Option<Cursor>,
    /// The number of entries a page; 50 when absent, at most 200.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// Only changes of this subject: `order:7K3Q-9F2M-XXXX`, `user:17`.
    pub subject: Option<String>,
}

/// A page of the audit log, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditLog {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// The cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// A change of the shop, and who made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    /// Who made the change: `user:17`, `key:4`, `operator`.
    pub actor: String,
    /// The name of the action.
    pub action: String,
    /// What was changed.
    pub subject: String,
    /// The value before; null when it is new.
    pub before: serde_json::Value,
    /// The value after; null when it was deleted.
    pub after: serde_json::Value,
    /// When the change was made.
    pub at: Timestamp,
}

/// Implements `Debug` without the values that must not be logged.
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
    fn names_match_json() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
            assert_eq!(Role::from_name(role.as_str()), Some(*role));
        }
        for right in Right::ALL {
            assert_eq!(serde_json::to_value(right).unwrap(), right.as_str());
        }
    }

    #[test]
    fn debug_output_never_contains_a_password() {
        let login = Login {
            email: "a@b.co".to_owned(),
            password: "hunter2hunter2".to_owned(),
            cart: None,
            code: None,
        };
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
