//! What the edge decides, without doing any I/O: an HTTP cache after RFC 9111, driven by headers
//! alone. It does not know the runtime it runs on, and takes the time as a parameter.

pub mod control;
pub mod entry;
pub mod headers;
pub mod key;
pub mod plan;
pub mod store;
pub mod words;
