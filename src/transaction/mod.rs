//! Transactions: RFC 3261 §17 with the corrections of RFC 6026.
//!
//! [`Transactions`] holds those of one shard. It absorbs retransmissions, sends its own, and ends what
//! nobody answers; its owner, the proxy, sees each request and each response once. Time comes in with
//! each call and datagrams go out by [`Transactions::poll_transmit`]: there is no socket and no clock here.
//!
//! Each transaction ends with exactly one [`Event`].

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::base::limits::{BASE_TIMER_MAX, BASE_TIMER_MIN};
use crate::base::transmit::ListenerId;
use crate::sip::Method;

mod branch;
mod client;
mod client_invite;
mod client_other;
mod identity;
mod machine;
mod server;
mod server_invite;
mod server_other;
mod table;
#[cfg(test)]
mod tests;

pub use branch::Branch;
pub use table::Transactions;

slotmap::new_key_type! {
    /// Names a server transaction; stale once it has ended.
    pub struct ServerKey;
    /// Names a client transaction; stale once it has ended.
    pub struct ClientKey;
    /// Names a response context (RFC 3261 §16), which the proxy owns; transactions only carry it.
    pub struct ContextKey;
}

/// Whom the responses to a client transaction concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A forwarded request.
    Context {
        /// Its response context.
        key: ContextKey,
        /// Its branch therein.
        branch: u16,
    },
    /// A CANCEL of ours for a branch of this context; its answer interests nobody. The key is null when the
    /// INVITE was not forwarded but our own.
    Cancel(ContextKey),
    /// A health probe.
    Probe(u32),
    /// A BYE or OPTIONS that we originate.
    Own(u32),
}

/// The base timers, RFC 3261 §17.1.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durations {
    /// The estimate of a round trip.
    pub t1: Duration,
    /// The longest wait between retransmissions.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
}

/// A request to be sent in a transaction of its own.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    /// The listener it leaves from.
    pub listener: ListenerId,
    /// Where it goes, retransmissions and ACK included.
    pub destination: SocketAddr,
    /// The branch of its top Via, from [`Transactions::mint_branch`].
    pub branch: Branch,
    /// Its method; never ACK, which has no transaction.
    pub method: Method,
    /// The whole request, Via included.
    pub payload: Bytes,
    /// The transport retransmits by itself.
    pub reliable: bool,
}

/// No room for another transaction. The fault is ours; another peer would not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many transactions")]
pub struct Full;

/// What became of a request that belongs to a known transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A retransmission: answered with the last response, if there was one.
    Absorbed,
    /// The ACK for a 3xx to 6xx.
    Acknowledged,
}

/// The state of a server transaction; Terminated is the absence of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// A non-INVITE request that was not answered yet.
    Trying,
    /// No final response yet.
    Proceeding,
    /// A final response was sent, for INVITE a 3xx to 6xx.
    Completed,
    /// The ACK for a 3xx to 6xx has come.
    Confirmed,
    /// A 2xx was sent for an INVITE (RFC 6026).
    Accepted,
}

/// The end of a transaction. The key is stale by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// No final response in time: Timer B or F, or nothing within 64*T1 of our CANCEL.
    TimedOut(ClientKey, Owner),
    /// The request could not be delivered.
    TransportFailed(ClientKey, Owner),
    /// A client transaction had its final response and has lingered long enough, or was abandoned.
    ClientGone(ClientKey, Owner),
    /// Timer H: no ACK came for a 3xx to 6xx.
    NoAck(ServerKey, Option<ContextKey>),
    /// A server transaction ended in any other way.
    ServerGone(ServerKey, Option<ContextKey>),
}

/// What a table holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Server transactions now.
    pub server: usize,
    /// Client transactions now.
    pub client: usize,
    /// Messages sent again so far: requests, responses and ACKs, on a timer or when asked by a retransmission.
    pub retransmitted: u64,
    /// Messages received again so far, and kept from the owner.
    pub absorbed: u64,
}

impl Default for Durations {
    /// The values of RFC 3261, table 4.
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Durations {
    /// Within sane bounds: a timer of zero would retransmit for ever in one instant.
    fn bounded(self) -> Self {
        let bound = |timer: Duration| timer.clamp(BASE_TIMER_MIN, BASE_TIMER_MAX);
        Self {
            t1: bound(self.t1),
            t2: bound(self.t2),
            t4: bound(self.t4),
        }
    }
}
