//! The core: what a stateful proxy does with a message (RFC 3261 §16), without sockets, clock or tasks.

pub mod route;
pub mod setup;

pub use route::{Caller, Decision, Match, Route, RouteAction, SourceMatch, decide};
pub use setup::{Listener, Setup, Timing, Trust, Unknown};
