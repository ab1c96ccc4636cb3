//! What the edge decides, without doing any I/O: an HTTP cache after RFC 9111, driven by headers
//! alone. It does not know the runtime it runs on, and takes the time as a parameter.

pub mod address;
pub mod admit;
pub mod breaker;
pub mod conditions;
pub mod control;
pub mod count;
pub mod date;
pub mod directives;
pub mod entry;
pub mod flights;
pub mod headers;
pub mod invalidate;
pub mod plan;
pub mod purge;
pub mod range;
pub mod renewals;
pub mod sealed;
pub mod select;
pub mod store;
pub mod upload;
pub mod words;
