//! The edge: an HTTP cache in front of the origin, as a Worker. [`core`] decides and is plain Rust;
//! the adapter translates between it and the runtime.

#![deny(unsafe_code)]

pub mod core;

#[cfg(target_arch = "wasm32")]
mod worker;
