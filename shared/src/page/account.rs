//! The pages of an account. They are about the one who asks, so nobody keeps them.

use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, OrderList, SavedAddress, Session},
    form::Form,
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
    Entry {
        /// With address and password.
        Login = "login",
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
    Section {
        /// What there is.
        Overview = "overview",
        /// What was bought.
        Orders = "orders",
        /// The address book.
        Addresses = "addresses",
        /// Name, language, address, password.
        Profile = "profile",
        /// The browsers that are signed in.
        Sessions = "sessions",
        /// Everything that the shop knows, and how it forgets it.
        Data = "data",
    }
}

/// A page that leads into an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPage {
    /// Which.
    pub entry: Entry,
    /// What was typed. `next` is where it goes on, `token` what the link of a message holds.
    pub form: Form,
    /// Whether a link asks for the password that was given for the account.
    pub password: bool,
    /// Whether it was taken, and a message is on its way.
    pub done: bool,
}

/// A page of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPage {
    /// Whose.
    pub account: Account,
    /// Which.
    pub section: Section,
    /// What is on it.
    pub content: Content,
    /// What was typed, and what is wrong with it.
    pub form: Form,
    /// What was done just now, in a word.
    pub done: Option<String>,
}

/// What is on a page of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Orders: the last ones, or a page of them.
    Orders(OrderList),
    /// The address book.
    Addresses(Vec<SavedAddress>),
    /// One address, or a new one.
    Address(Option<SavedAddress>),
    /// The browsers that are signed in.
    Sessions(Vec<Session>),
    /// Forms alone.
    Forms,
}
