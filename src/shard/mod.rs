//! Floor 6: one thread for each shard. It reads its sockets, hands over what belongs to another shard, drives
//! its core, and sends what comes out.
//!
//! A call belongs to the shard that its Call-ID hashes to. The kernel knows nothing of Call-IDs and spreads
//! remotes over the shards' sockets, so a datagram may have to change threads once: it is copied into the
//! other shard's mailbox, which is bounded. What finds no room is dropped and counted; SIP retransmits.
//!
//! Under overload INVITEs give way first, so that calls can still be answered, acknowledged and ended: a batch
//! that comes full is handled with its INVITEs last; while the queues hold back what comes, new calls are refused in
//! proportion (`pressure`); and the last quarter of each mailbox is closed to them.

mod arrivals;
mod exchange;
mod handles;
mod mailbox;
mod post;
mod pressure;
mod questions;
mod sort;
mod start;
mod stats;
mod watch;
mod worker;

#[doc(hidden)]
pub use exchange::{Exchange, Sender};
pub use handles::{Gone, Handles, Report};
pub use mailbox::ResolveAsk;
pub use start::{Engine, Outlets, Running, start};
pub use stats::ShardStats;

#[cfg(test)]
mod tests;
