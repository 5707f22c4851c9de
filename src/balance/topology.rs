//! What configuration asks for, by name. Built by `config/` or from the HTTP API, read by
//! [`Ledger::apply`](super::Ledger::apply).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use super::failover::{Failover, FailoverRule, Failure};
pub use crate::base::transport::Transport;

/// All peers and groups that shall be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// The peers, in the order of the configuration.
    pub peers: Vec<PeerSpec>,
    /// The groups, in the order of the configuration.
    pub groups: Vec<GroupSpec>,
}

/// One peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerSpec {
    /// Its name; its account is kept under it.
    pub name: Arc<str>,
    /// Its URI as configured.
    pub uri: String,
    /// How it is reached.
    pub transport: Transport,
    /// Its addresses, resolved, in order of preference. A peer without any is not eligible.
    pub addresses: Vec<SocketAddr>,
    /// The groups it serves. Health rules and probes are those of the first.
    pub groups: Vec<Arc<str>>,
    /// What it offers. A resource that is left out is not offered.
    pub capacity: Vec<(Arc<str>, Capacity)>,
    /// Its share under [`Select::Weighted`] and [`Select::Hash`], at least 1.
    pub weight: u32,
    /// Its rank under [`Select::Priority`]: lowest first.
    pub priority: u32,
    /// New calls a second, at most; none: no limit.
    pub cps: Option<u32>,
    /// How it reports its load; none: it does not.
    pub feedback: Option<FeedbackSpec>,
}

/// How much there is of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// So many units. Zero means never.
    Limited(u32),
    /// No limit.
    Unlimited,
}

/// How a peer's reports are taken.
#[derive(Clone, PartialEq, Eq)]
pub struct FeedbackSpec {
    /// The bearer token that the peer shows.
    pub token: Arc<str>,
    /// How long a report counts, where it does not say so itself.
    pub ttl: Duration,
    /// Whose word on capacity counts.
    pub capacity: CapacityMode,
    /// How many of the peer's own units one call of ours is, at least 1. A PBX that counts legs sees two.
    pub legs_per_call: u32,
}

/// The token stays out of logs.
impl std::fmt::Debug for FeedbackSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedbackSpec")
            .field("ttl", &self.ttl)
            .field("capacity", &self.capacity)
            .field("legs_per_call", &self.legs_per_call)
            .finish_non_exhaustive()
    }
}

/// Whose word on capacity counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CapacityMode {
    /// The lower of the configured and the reported one.
    #[default]
    Min,
    /// The reported one.
    Override,
    /// The configured one.
    Ignore,
}

/// One group of peers.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSpec {
    /// Its name.
    pub name: Arc<str>,
    /// How a peer is chosen.
    pub select: Select,
    /// What is hashed, for [`Select::Hash`].
    pub hash_on: HashOn,
    /// Which failures lead to the next peer.
    pub failover: Failover,
    /// When real traffic takes a peer out.
    pub disable: Disable,
    /// What is tried, in order, once no peer has room.
    pub exhausted: Vec<ExhaustedStep>,
    /// How [`ExhaustedStep::Dispatch`] chooses.
    pub dispatch: Dispatch,
    /// How its peers are probed.
    pub probe: ProbeSpec,
    /// Whether the calls of a peer that has died are ended, and both sides told.
    pub end_calls_of_dead_peers: bool,
}

/// How a peer is chosen among those that may take the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Select {
    /// The lowest utilisation of the tightest demanded resource.
    #[default]
    LeastLoaded,
    /// The largest free count of the tightest demanded resource.
    MostFree,
    /// Smooth weighted round-robin.
    Weighted,
    /// One after the other.
    RoundRobin,
    /// Any, all alike.
    Random,
    /// The lowest `priority`; the least loaded among equals.
    Priority,
    /// Weighted rendezvous hashing of the caller's key.
    Hash,
}

/// What is hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum HashOn {
    /// The Call-ID.
    #[default]
    CallId,
    /// The user part of From.
    FromUser,
    /// The user part of To.
    ToUser,
    /// The user part of the Request-URI.
    RequestUser,
    /// The source address.
    Source,
    /// The value of a header field, by name.
    Header(String),
}

/// When real traffic takes a peer out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disable {
    /// Silences or transport failures in a row; 0: never.
    pub after_timeouts: u32,
    /// Covered failures in a row, however the peer words them; 0: never.
    pub after_failures: u32,
    /// The longest that a Retry-After is believed.
    pub retry_after_cap: Duration,
}

impl Default for Disable {
    fn default() -> Self {
        Self {
            after_timeouts: 1,
            after_failures: 3,
            retry_after_cap: Duration::from_secs(10),
        }
    }
}

/// One step of the ladder below balancing. `G` is a group's name here, its id in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExhaustedStep<G = Arc<str>> {
    /// Any peer that is up, whatever its load.
    Dispatch,
    /// Another group.
    Group(G),
    /// 302 to this URI.
    Redirect(String),
}

/// How dispatching chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// How a peer is chosen.
    pub select: Select,
    /// What is hashed, for [`Select::Hash`].
    pub hash_on: HashOn,
}

impl Default for Dispatch {
    fn default() -> Self {
        Self {
            select: Select::Hash,
            hash_on: HashOn::CallId,
        }
    }
}

/// How peers are probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSpec {
    /// The request's method.
    pub method: Arc<str>,
    /// When to probe.
    pub mode: ProbeMode,
    /// Between two probes of one peer, before jitter.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Failed probes in a row that take a peer down, at least 1.
    pub down_after: u32,
    /// Signs of life in a row that bring it back, at least 1.
    pub up_after: u32,
    /// Answers that count as alive. 503 always does, as alive but not accepting.
    pub accept: Vec<CodeRule>,
}

/// When to probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeMode {
    /// All the time.
    #[default]
    Always,
    /// Only peers that are down.
    WhenDown,
    /// Never; a peer that traffic took down comes back by a trial call.
    Off,
}

/// Status codes, by class or one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRule {
    /// By the first digit.
    Class(u8),
    /// One code.
    Code(u16),
}

impl CodeRule {
    /// Whether the rule names this code.
    pub fn covers(self, code: u16) -> bool {
        match self {
            Self::Class(class) => code / 100 == u16::from(class),
            Self::Code(named) => named == code,
        }
    }
}

impl ProbeSpec {
    /// Whether this answer to a probe is listed as a sign of life.
    pub fn accepts(&self, status: u16) -> bool {
        self.accept.iter().any(|rule| rule.covers(status))
    }
}

impl Default for ProbeSpec {
    fn default() -> Self {
        Self {
            method: "OPTIONS".into(),
            mode: ProbeMode::Always,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            down_after: 2,
            up_after: 2,
            accept: vec![
                CodeRule::Class(2),
                CodeRule::Code(404),
                CodeRule::Code(405),
                CodeRule::Code(501),
            ],
        }
    }
}

impl GroupSpec {
    /// A group of this name with every default of the configuration.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            select: Select::default(),
            hash_on: HashOn::default(),
            failover: Failover::default(),
            disable: Disable::default(),
            exhausted: vec![ExhaustedStep::Dispatch],
            dispatch: Dispatch::default(),
            probe: ProbeSpec::default(),
            end_calls_of_dead_peers: false,
        }
    }
}

impl PeerSpec {
    /// A peer of this name with every default of the configuration: unlimited calls, in no group,
    /// without an address.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            uri: String::new(),
            transport: Transport::Udp,
            addresses: Vec::new(),
            groups: Vec::new(),
            capacity: vec![("calls".into(), Capacity::Unlimited)],
            weight: 1,
            priority: 0,
            cps: None,
            feedback: None,
        }
    }
}
