//! The storefront: each page is a function from a struct of `shared` to HTML. It opens no connection
//! and knows no SQL. What moves in the browser is an island; everything else works without scripts.

#![deny(unsafe_code)]

mod islands;

#[cfg(not(target_arch = "wasm32"))]
mod document;
#[cfg(not(target_arch = "wasm32"))]
mod form;
#[cfg(not(target_arch = "wasm32"))]
pub mod mail;
#[cfg(not(target_arch = "wasm32"))]
mod pages;
#[cfg(not(target_arch = "wasm32"))]
mod parts;
#[cfg(not(target_arch = "wasm32"))]
mod words;

#[cfg(not(target_arch = "wasm32"))]
pub use document::csp_hashes;
#[cfg(not(target_arch = "wasm32"))]
pub use pages::{
    account, cart, category, checkout, error, find_order, home, info, order, product, search,
    sign_in,
};

/// Brings the islands of a page to life; the boot script calls it once they are loaded.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
