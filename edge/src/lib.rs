//! The edge is a shared HTTP cache in front of the origin, built as a Worker. [`core`] holds every
//! caching decision as plain Rust without I/O; the `worker` module adapts it to the runtime.

#![deny(unsafe_code)]

pub mod core;

#[cfg(target_arch = "wasm32")]
mod worker;
