//! Tandem.

pub mod base;
pub mod http;
pub mod io;
