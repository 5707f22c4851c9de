//! Tandem.

pub mod base;
pub mod http;
