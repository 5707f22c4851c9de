//! The core: what a stateful proxy does with a message (RFC 3261 §16), without sockets, clock or tasks.

mod adopt;
mod answered;
mod begin;
mod cancel;
mod census;
mod context;
mod core;
mod dialogs;
mod failover;
mod forward;
mod in_dialog;
mod ladder;
mod originate;
mod port;
mod preprocess;
mod probing;
mod reject;
mod request;
mod response;
pub mod route;
mod saving;
mod settle;
pub mod setup;
mod shards;
pub mod stats;
mod trust;
mod vanished;
mod waiting;

pub use self::core::Core;
pub use census::Census;
pub use ladder::hash_key;
pub use port::{Answer, Command, Input, Notice, Output, Persist};
pub use route::{Caller, Decision, Match, Route, RouteAction, SourceMatch, decide};
pub use setup::{Listener, Setup, Timing, Trust, Unknown};
pub use shards::{ShardId, shard_of};
pub use stats::{DropReason, FailoverReason, GroupStats, Outcome, Stats};
