//! The pages of an account. They are about the one who asks, so nobody keeps them.

use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, OrderList, SavedAddress, SecondFactor, SecondFactorSecret, Session},
    form::FormState,
};

/// Declares an enum of pages with their words.
macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $item:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$about])* $item,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$item),*];

            /// The word in messages.
            pub const fn word(self) -> &'static str {
                match self {$(Self::$item => $word),*}
            }
        }
    };
}

kinds! {
    /// A way into an account.
    SignInForm {
        /// With address and password.
        Login = "login",
        /// With the code of a second factor, after that.
        Code = "code",
        /// By opening one.
        Register = "register",
        /// With the link of a message.
        Verify = "verify",
        /// By asking for a link.
        Forgot = "forgot",
        /// With that link, and a new password.
        Reset = "reset",
    }
}

kinds! {
    /// A part of an account.
    AccountSection {
        /// What there is.
        Overview = "overview",
        /// What was bought.
        Orders = "orders",
        /// The address book.
        Addresses = "addresses",
        /// Name, language, address, password.
        Profile = "profile",
        /// The second factor.
        Security = "security",
        /// The browsers that are signed in.
        Sessions = "sessions",
        /// Everything that the shop knows, and how it forgets it.
        Data = "data",
    }
}

/// A page that leads into an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInPage {
    /// Which.
    pub kind: SignInForm,
    /// What was typed. `next` is where it goes on, `token` what the link of a message holds, `ticket` that
    /// the password was right, and what begins with `kept_` was typed before the session ended.
    pub form: FormState,
    /// Whether a link asks for the password that was given for the account.
    pub password: bool,
    /// Whether a new password asks for the code of a second factor, too.
    pub code: bool,
    /// Whether it was taken, and a message is on its way.
    pub done: bool,
}

/// A page of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPage {
    /// Whose.
    pub account: Account,
    /// Which.
    pub section: AccountSection,
    /// What is on it.
    pub content: AccountContent,
    /// What was typed, and what is wrong with it.
    pub form: FormState,
    /// What was done just now, in a word.
    pub done: Option<String>,
}

/// The second factor, as its page shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityPage {
    /// How far it is.
    pub factor: SecondFactor,
    /// The secret that waits for its first code.
    pub secret: Option<SecondFactorSecret>,
    /// The same, to be scanned.
    pub qr: Option<QrCode>,
    /// Recovery codes that were just made; they are shown this once.
    pub codes: Vec<String>,
}

impl std::fmt::Debug for SecurityPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecurityPage {{ factor: {:?}, .. }}", self.factor)
    }
}

/// A QR code: dark squares as the path of a drawing, each one unit wide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QrCode {
    /// How many units wide it is, with the margin that scanners need.
    pub width: usize,
    /// The path, in the words of SVG.
    pub path: String,
}

/// What is on a page of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountContent {
    /// Orders: the last ones, or a page of them.
    Orders(OrderList),
    /// The address book.
    Addresses(Vec<SavedAddress>),
    /// One address, or a new one.
    Address(Option<SavedAddress>),
    /// The second factor.
    Security(Box<SecurityPage>),
    /// The browsers that are signed in.
    Sessions(Vec<Session>),
    /// Forms alone.
    Forms,
}
