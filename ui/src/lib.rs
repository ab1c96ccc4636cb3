//! The storefront: each page is a function from a struct of `shared` to HTML. It opens no
//! connection and contains no SQL. Interactive parts are islands; everything else works without
//! scripts.

#![deny(unsafe_code)]

mod islands;

#[cfg(not(target_arch = "wasm32"))]
mod components;
#[cfg(not(target_arch = "wasm32"))]
mod document;
#[cfg(not(target_arch = "wasm32"))]
mod form;
#[cfg(not(target_arch = "wasm32"))]
pub mod mail;
#[cfg(not(target_arch = "wasm32"))]
mod messages;
#[cfg(not(target_arch = "wasm32"))]
mod pages;

#[cfg(not(target_arch = "wasm32"))]
pub use document::csp_hashes;
#[cfg(not(target_arch = "wasm32"))]
pub use pages::{
    account, cart, category, checkout, error, find_order, home, info, order, product, search,
    sign_in,
};

/// Hydrates the islands of a page; the boot script calls this once they have loaded.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
