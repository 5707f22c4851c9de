//! Tandem.

pub mod app;
pub mod balance;
pub mod base;
pub mod call;
pub mod config;
pub mod http;
pub mod io;
pub mod metrics;
pub mod proxy;
pub mod shard;
pub mod sip;
pub mod store;
pub mod transaction;
