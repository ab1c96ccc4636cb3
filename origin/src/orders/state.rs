//! The handle of this domain.

use crate::{batcher::Batcher, cart::Carts, platform::handle};

use super::{Error, PlaceOrderOutcome, Placement};

handle! {
    /// The handle of orders: the batcher of placements, above carts.
    pub struct Orders(OrdersState) above carts: Carts {
        /// Batches placements of orders.
        pub batcher: Batcher<Placement, Result<PlaceOrderOutcome, Error>>,
    }
}
