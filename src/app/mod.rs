//! The top floor: what the commands do.

pub mod demo;
