//! The handle of this domain.

use crate::platform::{Platform, handle};

use super::Hasher;

handle! {
    /// What accounts need.
    pub struct Accounts(AccountsState) above platform: Platform {
        /// Hashes and verifies passwords.
        pub hasher: Hasher,
    }
}
