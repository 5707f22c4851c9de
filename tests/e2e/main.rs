//! End-to-end tests: the real binary between SIPp, Kamailio, baresip, Chromium and scripted agents, all on loopback.
//!
//! Written against the public contract alone; nothing here calls into the crate.

mod agent;
mod cases;
mod harness;
mod page;
mod soak;
