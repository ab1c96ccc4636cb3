//! The handle of this domain.

use crate::platform::{Platform, handle};

use super::Hasher;

handle! {
    /// The handle of accounts: password hashing, above the platform.
    pub struct Accounts(AccountsState) above platform: Platform {
        /// Hashes and verifies passwords.
        pub hasher: Hasher,
    }
}
