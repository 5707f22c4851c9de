//! What a configuration file says, every default filled in.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use regex::bytes::Regex;

use super::notify::Notify;
use crate::balance::{GroupSpec, PeerSpec, ProbeSpec};
use crate::base::transport::Transport;
use crate::proxy::{Timing, Trust};

/// A text that no log, error or `Debug` shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The secret itself, for comparing in constant time or for a login.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The whole file.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[node]`.
    pub node: Node,
    /// Every `[[listen]]`, in order; at least one.
    pub listeners: Vec<Listen>,
    /// `[http]`.
    pub http: Http,
    /// `[store]`.
    pub store: Store,
    /// `[trust]`.
    pub trust: Trust,
    /// `[timers]`.
    pub timing: Timing,
    /// `[notify]`; nobody is told without it.
    pub notify: Option<Notify>,
    /// `[probe]`, what groups override.
    pub probe: ProbeSpec,
    /// Every `[[group]]`, in order; at least one.
    pub groups: Vec<GroupSpec>,
    /// Every `[[peer]]`, in order; the addresses of a numeric URI are filled in.
    pub peers: Vec<PeerSpec>,
    /// Every `[[route]]`, in order.
    pub routes: Vec<RouteSpec>,
}

/// `[node]`.
#[derive(Clone, Debug)]
pub struct Node {
    /// Who we are to people and in traces.
    pub name: Arc<str>,
    /// Shard threads; 0 is one a core.
    pub workers: u16,
    /// How long a stop may take.
    pub shutdown_grace: Duration,
    /// Keys the cookies in Record-Route.
    pub secret: NodeSecret,
}

/// A key of 128 bits, hidden from `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NodeSecret(pub [u8; 16]);

impl fmt::Debug for NodeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// One `[[listen]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// What it speaks; UDP for now.
    pub transport: Transport,
    /// Where to bind; port 0 lets the system choose.
    pub address: SocketAddr,
    /// `host` or `host:port` for Via and Record-Route, as written; `None` is the address itself.
    pub advertise: Option<Advertise>,
}

/// What Via and Record-Route say instead of the bound address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertise {
    /// A name or an address; IPv6 in brackets.
    pub host: Arc<str>,
    /// `None` is the bound port.
    pub port: Option<u16>,
}

/// `[http]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// What writers must show; without one the API is open to the loopback it listens on.
    pub admin_token: Option<Secret>,
}

/// `[store]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A file; a relative path starts where the process runs.
    Sqlite(PathBuf),
    /// Gone with the process.
    SqliteMemory,
    /// A server's URL, which may hold a password.
    Postgres(Secret),
}

/// One `[[route]]`, its names not yet looked up.
#[derive(Clone, Debug)]
pub struct RouteSpec {
    /// What it asks of a request.
    pub matches: MatchSpec,
    /// What becomes of the request.
    pub action: ActionSpec,
    /// What one call takes: resource and units.
    pub resources: Vec<(Arc<str>, u32)>,
    /// Whether its calls may exceed capacity.
    pub overflow: bool,
    /// Whether a call that a peer places is counted on that peer.
    pub count_source: bool,
    /// Its place in the file, from 1.
    pub number: usize,
}

/// `match`; a condition left out holds for every request.
#[derive(Clone, Debug, Default)]
pub struct MatchSpec {
    /// The method.
    pub method: Option<String>,
    /// Searched in the user part of the Request-URI.
    pub user: Option<Regex>,
    /// The host of the Request-URI.
    pub host: Option<String>,
    /// Who sent it.
    pub source: Option<SourceSpec>,
    /// Header names and what to search in their values.
    pub headers: Vec<(String, Regex)>,
}

/// `match.source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSpec {
    /// A network.
    Net(IpNet),
    /// `peer:NAME`.
    Peer(Arc<str>),
    /// `group:NAME`.
    Group(Arc<str>),
}

/// `group`, `uri` or `reject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionSpec {
    /// Choose a peer of this group.
    Group(Arc<str>),
    /// Send it there.
    Uri(String),
    /// Refuse with this status.
    Reject(u16),
}
