//! The handle of this domain.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{platform::handle, webhooks::WebhookSender};

use super::{FacetsCache, PresentationCache, TreeCache};

handle! {
    /// The handle of the catalogue: its caches, above webhooks.
    pub struct Catalog(CatalogState) above sender: WebhookSender {
        /// The category tree.
        pub tree: TreeCache,
        /// The facets of product lists.
        pub facets: FacetsCache,
        /// The presentation of offers.
        pub presentations: PresentationCache,
        /// Limits how many images are scaled concurrently: one takes hundreds of megabytes.
        pub pictures: Arc<Semaphore>,
    }
}
