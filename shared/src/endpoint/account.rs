//! What somebody with an account may ask about what is theirs, and how they come in.

use std::marker::PhantomData;

use schemars::SchemaGenerator;

use crate::{
    account::{
        Accepted, Account, AccountExport, AddressPath, Addresses, ChangeEmail, ChangePassword,
        ConfirmSecondFactor, EnrolSecondFactor, EraseAccount, ForgotPassword, ListOrders, Login,
        Logout, OpenCart, OrderList, ProveSecondFactor, Reauthenticate, RecoveryCodes, Register,
        ResetPassword, SaveAddress, SecondFactor, SecondFactorSecret, SessionPath, Sessions,
        SignedIn, Tokens, UpdateAccount, UseLink, UseRefreshToken,
    },
    cart::Cart,
    catalog::InLocale,
    order::{Order, OrderPath},
    problem::ProblemKind::{
        CodeRequired, Forbidden, Invalid, NotFound, OpenOrders, SecondFactorOn,
        SecondFactorRequired, Unauthorized, WrongCode, WrongCredentials,
    },
};

use super::{About, Caching, Endpoint, Method, NoParameters, Schemas};

endpoints! {
    /// A new account.
    REGISTER: Post(NoParameters, NoParameters, Register) -> Accepted = {
        id: "register", path: "/api/v1/account/register",
        summary: "Open an account; a message with a link proves the address",
        query: &[], caching: Caching::Private, done: &[202], problems: &[Invalid],
    }
    /// The link of a message.
    VERIFY_EMAIL: Post(NoParameters, NoParameters, UseLink) -> SignedIn = {
        id: "verify_email", path: "/api/v1/account/verify",
        summary: "Use the link of a message: the account is there, or has its new address",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, WrongCredentials],
    }
    /// Somebody comes.
    LOGIN: Post(NoParameters, NoParameters, Login) -> SignedIn = {
        id: "login", path: "/api/v1/account/login",
        summary: "Sign in; the answer sets the session's cookie, and a guest's cart comes along",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, WrongCredentials, CodeRequired, WrongCode],
    }
    /// Somebody goes.
    LOGOUT: Post(NoParameters, NoParameters, Logout) -> Accepted = {
        id: "logout", path: "/api/v1/account/logout",
        summary: "Sign out, here or everywhere",
        query: &[], caching: Caching::Private, problems: &[Invalid],
    }
    /// A password was forgotten.
    FORGOT_PASSWORD: Post(NoParameters, NoParameters, ForgotPassword) -> Accepted = {
        id: "forgot_password", path: "/api/v1/account/forgot",
        summary: "Have a link sent with which a new password can be set",
        query: &[], caching: Caching::Private, done: &[202], problems: &[Invalid],
    }
    /// A new password, with the link of a message.
    RESET_PASSWORD: Post(NoParameters, NoParameters, ResetPassword) -> SignedIn = {
        id: "reset_password", path: "/api/v1/account/reset",
        summary: "Set a new password with the token of a link; every session ends",
        query: &[], caching: Caching::Private, problems: &[Invalid, CodeRequired, WrongCode],
    }
    /// A new password.
    CHANGE_PASSWORD: Post(NoParameters, NoParameters, ChangePassword) -> Account = {
        id: "change_password", path: "/api/v1/account/password",
        summary: "Set another password; every other session ends, this one gets a new cookie",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials],
    }
    /// A new address for messages.
    CHANGE_EMAIL: Post(NoParameters, NoParameters, ChangeEmail) -> Accepted = {
        id: "change_email", path: "/api/v1/account/email",
        summary: "Ask for another e-mail address; a link that goes there proves it",
        query: &[], caching: Caching::Private, done: &[202], problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials],
    }
    /// The password once more.
    REAUTHENTICATE: Post(NoParameters, NoParameters, Reauthenticate) -> Accepted = {
        id: "reauthenticate", path: "/api/v1/account/reauthenticate",
        summary: "Give the password again, for refunds, roles and keys",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials],
    }
    /// The second factor.
    GET_SECOND_FACTOR: Get(NoParameters, NoParameters, NoParameters) -> SecondFactor = {
        id: "get_second_factor", path: "/api/v1/account/second-factor",
        summary: "Whether the account has a second factor",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// A new second factor.
    ENROL_SECOND_FACTOR: Post(NoParameters, NoParameters, EnrolSecondFactor) -> SecondFactorSecret = {
        id: "enrol_second_factor", path: "/api/v1/account/second-factor",
        summary: "Make the secret of a second factor; it counts once a code of it was confirmed",
        query: &[], caching: Caching::Private, done: &[201],
        problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials, SecondFactorOn],
    }
    /// The first code of a second factor.
    CONFIRM_SECOND_FACTOR: Post(NoParameters, NoParameters, ConfirmSecondFactor) -> RecoveryCodes = {
        id: "confirm_second_factor", path: "/api/v1/account/second-factor/confirm",
        summary: "Turn the second factor on; every other session ends, and the answer has the recovery codes once",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, NotFound, WrongCode, SecondFactorOn],
    }
    /// New recovery codes.
    RENEW_RECOVERY_CODES: Post(NoParameters, NoParameters, ProveSecondFactor) -> RecoveryCodes = {
        id: "renew_recovery_codes", path: "/api/v1/account/second-factor/recovery-codes",
        summary: "New recovery codes in the place of those before",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials, WrongCode],
    }
    /// No second factor.
    DISABLE_SECOND_FACTOR: Post(NoParameters, NoParameters, ProveSecondFactor) -> Accepted = {
        id: "disable_second_factor", path: "/api/v1/account/second-factor/disable",
        summary: "Turn the second factor off; every other session ends",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials, WrongCode, SecondFactorRequired],
    }
    /// Who asks.
    GET_ACCOUNT: Get(NoParameters, NoParameters, NoParameters) -> Account = {
        id: "get_account", path: "/api/v1/account",
        summary: "The account that asks",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// Another name or language.
    UPDATE_ACCOUNT: Patch(NoParameters, NoParameters, UpdateAccount) -> Account = {
        id: "update_account", path: "/api/v1/account",
        summary: "Change name and language",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Everything about a person.
    EXPORT_ACCOUNT: Get(NoParameters, NoParameters, NoParameters) -> AccountExport = {
        id: "export_account", path: "/api/v1/account/export",
        summary: "Everything that the shop knows of the person who asks",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// A person who is forgotten.
    ERASE_ACCOUNT: Post(NoParameters, NoParameters, EraseAccount) -> Accepted = {
        id: "erase_account", path: "/api/v1/account/erase",
        summary: "Erase the person; their orders stay without them",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials, OpenOrders],
    }
    /// The address book.
    LIST_ADDRESSES: Get(NoParameters, NoParameters, NoParameters) -> Addresses = {
        id: "list_addresses", path: "/api/v1/account/addresses",
        summary: "The address book",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// One more address.
    ADD_ADDRESS: Post(NoParameters, NoParameters, SaveAddress) -> Addresses = {
        id: "add_address", path: "/api/v1/account/addresses",
        summary: "Add an address to the book; the answer is the book",
        query: &[], caching: Caching::Private, done: &[201], problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// An address that changes.
    UPDATE_ADDRESS: Put(AddressPath, NoParameters, SaveAddress) -> Addresses = {
        id: "update_address", path: "/api/v1/account/addresses/{address}",
        summary: "Change an address of the book",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden, NotFound],
    }
    /// An address less.
    DELETE_ADDRESS: Delete(AddressPath, NoParameters, NoParameters) -> Addresses = {
        id: "delete_address", path: "/api/v1/account/addresses/{address}",
        summary: "Take an address out of the book",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// The browsers that are signed in.
    LIST_SESSIONS: Get(NoParameters, NoParameters, NoParameters) -> Sessions = {
        id: "list_sessions", path: "/api/v1/account/sessions",
        summary: "The browsers that are signed in",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// A browser that is signed out.
    END_SESSION: Delete(SessionPath, NoParameters, NoParameters) -> Sessions = {
        id: "end_session", path: "/api/v1/account/sessions/{session}",
        summary: "Sign one browser out; the answer is those that are left",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// What somebody has bought.
    LIST_OWN_ORDERS: Get(NoParameters, ListOrders, NoParameters) -> OrderList = {
        id: "list_own_orders", path: "/api/v1/account/orders",
        summary: "The orders of the account, the newest first",
        query: &["cursor", "limit"], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// One of somebody's orders.
    GET_OWN_ORDER: Get(OrderPath, NoParameters, NoParameters) -> Order = {
        id: "get_own_order", path: "/api/v1/account/orders/{number}",
        summary: "An order of the account, with the token that pays or cancels it",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// The cart of an account.
    OPEN_CART: Post(NoParameters, InLocale, OpenCart) -> Cart = {
        id: "open_cart", path: "/api/v1/account/cart",
        summary: "The account's cart, the same in every browser; a guest's cart comes into it",
        query: &["locale"], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Tokens for a program.
    CREATE_TOKENS: Post(NoParameters, NoParameters, Login) -> Tokens = {
        id: "create_tokens", path: "/api/v1/tokens",
        summary: "Sign a program in: a short access token, and a refresh token that is used once",
        query: &[], caching: Caching::Private, done: &[201],
        problems: &[Invalid, WrongCredentials, CodeRequired, WrongCode],
    }
    /// The next tokens.
    REFRESH_TOKENS: Post(NoParameters, NoParameters, UseRefreshToken) -> Tokens = {
        id: "refresh_tokens", path: "/api/v1/tokens/refresh",
        summary: "The next tokens; a refresh token that is used again ends all that came of its sign-in",
        query: &[], caching: Caching::Private, problems: &[Invalid, WrongCredentials],
    }
    /// No more tokens.
    REVOKE_TOKENS: Post(NoParameters, NoParameters, UseRefreshToken) -> Accepted = {
        id: "revoke_tokens", path: "/api/v1/tokens/revoke",
        summary: "Sign a program out",
        query: &[], caching: Caching::Private, problems: &[Invalid],
    }
}
