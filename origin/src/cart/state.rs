//! The handle of this domain.

use shared::cart::Cart;

use crate::{batcher::Batcher, checkout::Rules, inventory::Inventory, platform::handle};

use super::{CartJob, Error};

handle! {
    /// What carts need.
    pub struct Carts(CartsState) above inventory: Inventory {
        /// The rules for shipping and tax.
        pub rules: Rules,
        /// Batches changes of carts.
        pub batcher: Batcher<CartJob, Result<Cart, Error>>,
    }
}
