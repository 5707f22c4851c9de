//! The core: what a stateful proxy does with a message (RFC 3261 §16), without sockets, clock or tasks.

mod adopt;
mod answered;
mod begin;
mod cancel;
mod census;
mod checking;
mod context;
mod core;
mod deciding;
mod dialogs;
mod draining;
mod failover;
mod farewell;
mod forward;
mod in_dialog;
mod ladder;
mod originate;
mod own_request;
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
mod shed;
pub mod stats;
mod trust;
mod vanished;
mod waiting;

pub use self::core::Core;
pub use census::Census;
pub use ladder::hash_key;
pub use port::{
    Answer, Command, Decided, Ended, Excess, Input, Leg, Notice, Output, Persist, Reply,
};
pub use route::{Caller, Decision, Match, Route, RouteAction, SourceMatch, decide};
pub use setup::{Listener, Setup, Timing, Trust, Unknown};
pub use shards::{ShardId, shard_of};
pub use stats::{CheckOutcome, DropReason, FailoverReason, GroupStats, Outcome, Stats};
