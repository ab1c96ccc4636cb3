//! Endpoints of accounts: registration, sign-in and the account's own data.

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

use super::{Caching, Endpoint, EndpointSpec, Method, NoParameters, Schemas};

endpoints! {
    /// Registers an account.
    REGISTER: Post(NoParameters, NoParameters, Register) -> Accepted = {
        id: "register", path: "/api/v1/account/register",
        summary: "Register an account; a link sent by email confirms the address",
        query: &[], caching: Caching::Private, done: &[202], problems: &[Invalid],
    }
    /// Confirms an email address.
    VERIFY_EMAIL: Post(NoParameters, NoParameters, UseLink) -> SignedIn = {
        id: "verify_email", path: "/api/v1/account/verify",
        summary: "Confirm an email address with the token of a link, for a new account or a new address",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, WrongCredentials],
    }
    /// Signs in.
    LOGIN: Post(NoParameters, NoParameters, Login) -> SignedIn = {
        id: "login", path: "/api/v1/account/login",
        summary: "Sign in; sets the session cookie and takes over the guest's cart",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, WrongCredentials, CodeRequired, WrongCode],
    }
    /// Signs out.
    LOGOUT: Post(NoParameters, NoParameters, Logout) -> Accepted = {
        id: "logout", path: "/api/v1/account/logout",
        summary: "Sign out in this session or all of them",
        query: &[], caching: Caching::Private, problems: &[Invalid],
    }
    /// Requests a link to set a new password.
    FORGOT_PASSWORD: Post(NoParameters, NoParameters, ForgotPassword) -> Accepted = {
        id: "forgot_password", path: "/api/v1/account/forgot",
        summary: "Request a link to set a new password",
        query: &[], caching: Caching::Private, done: &[202], problems: &[Invalid],
    }
    /// Sets a new password with the token of a link.
    RESET_PASSWORD: Post(NoParameters, NoParameters, ResetPassword) -> SignedIn = {
        id: "reset_password", path: "/api/v1/account/reset",
        summary: "Set a new password with the token of a link; ends every session",
        query: &[], caching: Caching::Private, problems: &[Invalid, CodeRequired, WrongCode],
    }
    /// Changes the password.
    CHANGE_PASSWORD: Post(NoParameters, NoParameters, ChangePassword) -> Account = {
        id: "change_password", path: "/api/v1/account/password",
        summary: "Change the password; ends every other session and renews this one's cookie",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials],
    }
    /// Requests a change of the email address.
    CHANGE_EMAIL: Post(NoParameters, NoParameters, ChangeEmail) -> Accepted = {
        id: "change_email", path: "/api/v1/account/email",
        summary: "Request a change of the email address; a link sent to it confirms it",
        query: &[], caching: Caching::Private, done: &[202], problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials],
    }
    /// Confirms the identity with the password.
    REAUTHENTICATE: Post(NoParameters, NoParameters, Reauthenticate) -> Accepted = {
        id: "reauthenticate", path: "/api/v1/account/reauthenticate",
        summary: "Enter the password again, as refunds, roles and keys require",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials],
    }
    /// Gets the state of the second factor.
    GET_SECOND_FACTOR: Get(NoParameters, NoParameters, NoParameters) -> SecondFactor = {
        id: "get_second_factor", path: "/api/v1/account/second-factor",
        summary: "Get the state of the second factor",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// Creates the secret of a second factor.
    ENROL_SECOND_FACTOR: Post(NoParameters, NoParameters, EnrolSecondFactor) -> SecondFactorSecret = {
        id: "enrol_second_factor", path: "/api/v1/account/second-factor",
        summary: "Create the secret of a second factor; confirm a code to turn it on",
        query: &[], caching: Caching::Private, done: &[201],
        problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials, SecondFactorOn],
    }
    /// Turns the second factor on.
    CONFIRM_SECOND_FACTOR: Post(NoParameters, NoParameters, ConfirmSecondFactor) -> RecoveryCodes = {
        id: "confirm_second_factor", path: "/api/v1/account/second-factor/confirm",
        summary: "Turn on the second factor; ends every other session and returns the recovery codes once",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, NotFound, WrongCode, SecondFactorOn],
    }
    /// Replaces the recovery codes.
    RENEW_RECOVERY_CODES: Post(NoParameters, NoParameters, ProveSecondFactor) -> RecoveryCodes = {
        id: "renew_recovery_codes", path: "/api/v1/account/second-factor/recovery-codes",
        summary: "Replace the recovery codes",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials, WrongCode],
    }
    /// Turns the second factor off.
    DISABLE_SECOND_FACTOR: Post(NoParameters, NoParameters, ProveSecondFactor) -> Accepted = {
        id: "disable_second_factor", path: "/api/v1/account/second-factor/disable",
        summary: "Turn off the second factor; ends every other session",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials, WrongCode, SecondFactorRequired],
    }
    /// Gets the current account.
    GET_ACCOUNT: Get(NoParameters, NoParameters, NoParameters) -> Account = {
        id: "get_account", path: "/api/v1/account",
        summary: "Get the current account",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// Changes name and language.
    UPDATE_ACCOUNT: Patch(NoParameters, NoParameters, UpdateAccount) -> Account = {
        id: "update_account", path: "/api/v1/account",
        summary: "Change the name and language of the account",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Exports all personal data.
    EXPORT_ACCOUNT: Get(NoParameters, NoParameters, NoParameters) -> AccountExport = {
        id: "export_account", path: "/api/v1/account/export",
        summary: "Export all personal data of the current account",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// Deletes the account.
    ERASE_ACCOUNT: Post(NoParameters, NoParameters, EraseAccount) -> Accepted = {
        id: "erase_account", path: "/api/v1/account/erase",
        summary: "Delete the account; its orders stay without personal data",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, WrongCredentials, OpenOrders],
    }
    /// Gets the address book.
    LIST_ADDRESSES: Get(NoParameters, NoParameters, NoParameters) -> Addresses = {
        id: "list_addresses", path: "/api/v1/account/addresses",
        summary: "Get the address book",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// Adds an address.
    ADD_ADDRESS: Post(NoParameters, NoParameters, SaveAddress) -> Addresses = {
        id: "add_address", path: "/api/v1/account/addresses",
        summary: "Add an address; returns the address book",
        query: &[], caching: Caching::Private, done: &[201], problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Changes an address.
    UPDATE_ADDRESS: Put(AddressPath, NoParameters, SaveAddress) -> Addresses = {
        id: "update_address", path: "/api/v1/account/addresses/{address}",
        summary: "Change an address of the address book",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden, NotFound],
    }
    /// Removes an address.
    DELETE_ADDRESS: Delete(AddressPath, NoParameters, NoParameters) -> Addresses = {
        id: "delete_address", path: "/api/v1/account/addresses/{address}",
        summary: "Remove an address from the address book",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// Lists the sessions.
    LIST_SESSIONS: Get(NoParameters, NoParameters, NoParameters) -> Sessions = {
        id: "list_sessions", path: "/api/v1/account/sessions",
        summary: "List the sessions of the account",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// Ends a session.
    END_SESSION: Delete(SessionPath, NoParameters, NoParameters) -> Sessions = {
        id: "end_session", path: "/api/v1/account/sessions/{session}",
        summary: "End a session; returns the remaining ones",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// Lists the account's orders.
    LIST_OWN_ORDERS: Get(NoParameters, ListOrders, NoParameters) -> OrderList = {
        id: "list_own_orders", path: "/api/v1/account/orders",
        summary: "List the orders of the account, the newest first",
        query: &["cursor", "limit"], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Gets an order of the account.
    GET_OWN_ORDER: Get(OrderPath, NoParameters, NoParameters) -> Order = {
        id: "get_own_order", path: "/api/v1/account/orders/{number}",
        summary: "Get an order of the account, with the token that pays or cancels it",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// Gets the account's cart.
    OPEN_CART: Post(NoParameters, InLocale, OpenCart) -> Cart = {
        id: "open_cart", path: "/api/v1/account/cart",
        summary: "Get the cart of the account; takes over the guest's cart",
        query: &["locale"], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Signs in a program.
    CREATE_TOKENS: Post(NoParameters, NoParameters, Login) -> Tokens = {
        id: "create_tokens", path: "/api/v1/tokens",
        summary: "Sign in a program: returns a short-lived access token and a single-use refresh token",
        query: &[], caching: Caching::Private, done: &[201],
        problems: &[Invalid, WrongCredentials, CodeRequired, WrongCode],
    }
    /// Refreshes a program's tokens.
    REFRESH_TOKENS: Post(NoParameters, NoParameters, UseRefreshToken) -> Tokens = {
        id: "refresh_tokens", path: "/api/v1/tokens/refresh",
        summary: "Refresh the tokens; reusing a refresh token ends the whole sign-in",
        query: &[], caching: Caching::Private, problems: &[Invalid, WrongCredentials],
    }
    /// Signs out a program.
    REVOKE_TOKENS: Post(NoParameters, NoParameters, UseRefreshToken) -> Accepted = {
        id: "revoke_tokens", path: "/api/v1/tokens/revoke",
        summary: "Sign out a program",
        query: &[], caching: Caching::Private, problems: &[Invalid],
    }
}
