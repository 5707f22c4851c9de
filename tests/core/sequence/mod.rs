//! Any sequence of operations on a real core, from bytes: for a test and for the fuzzer.

pub mod play;
mod setups;
mod words;
