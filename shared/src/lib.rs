//! The contract between edge, origin and storefront: types, endpoints, cache policies, cache tags
//! and problem types. It does no I/O and compiles natively and to WebAssembly.

#![forbid(unsafe_code)]

pub mod account;
pub mod address;
pub mod cache;
pub mod cache_key;
pub mod cart;
pub mod catalog;
pub mod coupon;
pub mod cursor;
pub mod edge;
pub mod endpoint;
pub mod form;
pub mod id;
pub mod locale;
pub mod money;
pub mod operator;
pub mod order;
pub mod page;
pub mod payment;
pub mod problem;
pub mod search;
pub mod stock;
pub mod time;
pub mod trace;
pub mod visitor;
pub mod webhook;
