//! The handle of this domain.

use shared::stock::StockLevels;

use crate::{batcher::Batcher, catalog::Catalog, platform::handle};

use super::{Error, StockJob};

handle! {
    /// The handle of the warehouse: the batcher of stock changes, above the catalogue.
    pub struct Warehouse(WarehouseState) above catalog: Catalog {
        /// Batches changes of stock by staff.
        pub batcher: Batcher<StockJob, Result<StockLevels, Error>>,
    }
}
