//! What configuration says to the core: one immutable snapshot, swapped whole at a reload.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::route::Route;
use crate::balance::Directory;
use crate::base::transport::Transport;

/// Everything the core reads that an operator may change; calls that live go on under the next one.
pub struct Setup {
    /// Peers and groups, interned by the ledger.
    pub directory: Arc<Directory>,
    /// In the order of the file; the first that covers a request decides.
    pub routes: Vec<Route>,
    /// Who may start calls.
    pub trust: Trust,
    /// Durations of transactions and calls.
    pub timing: Timing,
    /// Where we listen; indexed by `ListenerId`.
    pub listeners: Vec<Listener>,
    /// Keys the cookies in Record-Route; the same on every node that shares calls.
    pub secret: [u8; 16],
    /// `node.name`.
    pub node_name: Arc<str>,
    /// Number of shard threads, at least one.
    pub shards: u16,
}

/// The secret stays out of logs.
impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("node_name", &self.node_name)
            .field("routes", &self.routes.len())
            .field("listeners", &self.listeners)
            .field("trust", &self.trust)
            .field("timing", &self.timing)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

/// A bound socket and the name it goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it speaks.
    pub transport: Transport,
    /// Where it is bound, after port 0 was resolved.
    pub address: SocketAddr,
    /// `host:port` as Via and Record-Route say it.
    pub advertise: Arc<str>,
    /// `advertise` as an address, when its host is numeric; recognises ourselves in Route headers.
    pub advertised: Option<SocketAddr>,
}

/// Who may start calls beside the peers, and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Networks whose requests are taken.
    pub sources: Vec<IpNet>,
    /// What becomes of a request from anywhere else.
    pub unknown: Unknown,
    /// New calls a second from one address.
    pub per_source_cps: u32,
    /// How many of them at once.
    pub burst: u32,
}

impl Trust {
    /// Whether `source` lies in a trusted network. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn covers(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.sources.iter().any(|net| net.contains(&source))
    }
}

/// What a source that nobody trusts gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// 403.
    Reject,
    /// Silence.
    Drop,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// RFC 3261 T1, the estimate of a round trip.
    pub t1: Duration,
    /// How long a peer may send nothing at all before the next one is tried; `try` in the file.
    pub try_: Duration,
    /// Timer C: from the last provisional response to giving up (RFC 3261 §16.6).
    pub ring: Duration,
    /// The longest confirmed call.
    pub call_max: Duration,
    /// How long past Session-Expires a call is kept (RFC 4028).
    pub session_grace: Duration,
}
