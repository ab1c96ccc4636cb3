//! The account pages. They are personal, so no cache stores them.

use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, OrderList, SavedAddress, SecondFactor, SecondFactorSecret, Session},
    form::FormState,
};

/// Declares an enum of pages with their names.
macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $item:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$about])* $item,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$item),*];

            /// The name in message keys.
            pub const fn as_str(&self) -> &'static str {
                match self {$(Self::$item => $value),*}
            }
        }
    };
}

kinds! {
    /// A form for signing in or registering.
    SignInForm {
        /// Email address and password.
        Login = "login",
        /// The code of a second factor, after the password.
        Code = "code",
        /// Registration.
        Register = "register",
        /// Confirmation of an email address.
        Verify = "verify",
        /// Request of a link to set a new password.
        Forgot = "forgot",
        /// A new password, with the token of a link.
        Reset = "reset",
    }
}

kinds! {
    /// A section of the account pages.
    AccountSection {
        /// The overview.
        Overview = "overview",
        /// The orders.
        Orders = "orders",
        /// The address book.
        Addresses = "addresses",
        /// Name, language, address, password.
        Profile = "profile",
        /// The second factor.
        Security = "security",
        /// The active sessions.
        Sessions = "sessions",
        /// Personal data: export and deletion.
        Data = "data",
    }
}

/// A page with a form for signing in or registering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInPage {
    /// The form.
    pub kind: SignInForm,
    /// The state of the form. `next` is the page to continue with, `token` the token of an emailed
    /// link, `ticket` the proof of a correct password; fields with the prefix `kept_` were typed on
    /// a page whose session had ended.
    pub form: FormState,
    /// Whether the form asks for the password given at registration.
    pub password: bool,
    /// Whether the form asks for the code of a second factor as well.
    pub code: bool,
    /// Whether the form was accepted and an email is on its way.
    pub done: bool,
}

/// A page of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPage {
    /// The account.
    pub account: Account,
    /// The section.
    pub section: AccountSection,
    /// The content of the section.
    pub content: AccountContent,
    /// The state of the form.
    pub form: FormState,
    /// The name of the action that was just completed.
    pub done: Option<String>,
}

/// The second factor of an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityPage {
    /// The state.
    pub factor: SecondFactor,
    /// The secret that no code has confirmed yet.
    pub secret: Option<SecondFactorSecret>,
    /// The secret as a QR code.
    pub qr: Option<QrCode>,
    /// New recovery codes; they are shown only once.
    pub codes: Vec<String>,
}

impl std::fmt::Debug for SecurityPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecurityPage {{ factor: {:?}, .. }}", self.factor)
    }
}

/// A QR code as an SVG path of dark squares, each one unit wide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QrCode {
    /// The width in units, including the quiet zone that scanners need.
    pub width: usize,
    /// The data of the SVG path.
    pub path: String,
}

/// The content of a section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountContent {
    /// The latest orders, or a page of all orders.
    Orders(OrderList),
    /// The address book.
    Addresses(Vec<SavedAddress>),
    /// One address, or a new one.
    Address(Option<SavedAddress>),
    /// The second factor.
    Security(Box<SecurityPage>),
    /// The active sessions.
    Sessions(Vec<Session>),
    /// Forms only.
    Forms,
}
