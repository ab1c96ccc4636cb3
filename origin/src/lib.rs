//! The origin server of a Mallard shop: the API, the pages and the administrative commands.

#![forbid(unsafe_code)]

pub mod accounts;
pub mod app;
pub mod assets;
pub mod at_rest;
pub mod audit;
pub mod batcher;
pub mod cache;
pub mod cart;
pub mod catalog;
pub mod checkout;
pub mod cli;
pub mod clock;
pub mod config;
pub mod coupons;
pub mod crash;
pub mod db;
pub mod edges;
pub mod email;
pub mod http_client;
pub mod http_pipeline;
pub mod import;
pub mod inventory;
pub mod jobs;
pub mod keyring;
pub mod limits;
pub mod load;
pub mod mail;
pub mod media;
pub mod orders;
pub mod outbox;
pub mod pages;
pub mod payments;
pub mod platform;
pub mod private_files;
pub mod redis_client;
pub mod seal;
pub mod secret;
pub mod seed;
pub mod server;
pub mod shopper;
pub mod signer;
pub mod telemetry;
pub mod web;
pub mod webhooks;
