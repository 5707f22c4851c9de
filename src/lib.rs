//! Tandem.

pub mod http;
