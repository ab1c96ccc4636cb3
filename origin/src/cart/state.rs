//! The handle of this domain.

use shared::cart::Cart;

use crate::{batcher::Batcher, checkout::Rules, platform::handle, warehouse::Warehouse};

use super::{CartJob, Error};

handle! {
    /// The handle of carts: checkout rules and the batcher of changes, above the warehouse.
    pub struct Carts(CartsState) above warehouse: Warehouse {
        /// The rules for shipping and tax.
        pub rules: Rules,
        /// Batches changes of carts.
        pub batcher: Batcher<CartJob, Result<Cart, Error>>,
    }
}
