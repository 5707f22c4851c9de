//! What configuration says to the core: one immutable snapshot, swapped whole at a reload.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::route::Route;
use crate::balance::Directory;
use crate::base::transmit::ListenerId;
use crate::base::transport::Transport;
use crate::call::COOKIE_PARAM;
use crate::sip::{Host, Uri};

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

impl Setup {
    /// Whether a URI names one of our listeners.
    #[must_use]
    pub fn is_own(&self, uri: &Uri<'_>) -> bool {
        self.listeners
            .iter()
            .any(|listener| listener.is_named_by(uri))
    }

    /// The cookie in a URI of ours that came back just as `Listener::write_entry` wrote it, which nearly all do: it need
    /// not be parsed then.
    #[must_use]
    pub fn cookie_as_written<'u>(&self, uri: &'u [u8]) -> Option<&'u [u8]> {
        let written = |listener: &Listener| {
            let after = uri.strip_prefix(b"sip:")?;
            let after = after.strip_prefix(listener.advertise.as_bytes())?;
            let param = after.strip_prefix(b";lr;")?;
            param.strip_prefix(COOKIE_PARAM)?.strip_prefix(b"=")
        };
        let cookie = self.listeners.iter().find_map(written)?;
        memchr::memchr3(b';', b'?', b'@', cookie)
            .is_none()
            .then_some(cookie)
    }

    /// The listener that a request to `destination` leaves by: of its address family, bound nearest to it by the
    /// longest common prefix, the one it came by among equals.
    #[must_use]
    pub fn listener_towards(&self, destination: SocketAddr, incoming: ListenerId) -> ListenerId {
        if self.listeners.len() <= 1 {
            return incoming;
        }
        let nearness = |number: usize, listener: &Listener| {
            let common = common_prefix(listener.address.ip(), destination.ip())?;
            Some((common, number == usize::from(incoming.0)))
        };
        let candidates = self.listeners.iter().enumerate();
        let rated =
            candidates.filter_map(|(number, listener)| Some((nearness(number, listener)?, number)));
        let best = rated.max_by_key(|(nearness, number)| (*nearness, std::cmp::Reverse(*number)));
        best.and_then(|(_, number)| u16::try_from(number).ok())
            .map_or(incoming, ListenerId)
    }

    /// What a listener speaks.
    #[must_use]
    pub fn transport_of(&self, listener: ListenerId) -> Transport {
        self.listeners
            .get(usize::from(listener.0))
            .map_or(Transport::Udp, |listener| listener.transport)
    }
}

/// Bits that two addresses of one family share; a wildcard shares none with anybody.
fn common_prefix(ours: IpAddr, theirs: IpAddr) -> Option<u32> {
    match (ours, theirs) {
        (IpAddr::V4(ours), IpAddr::V4(_)) if ours.is_unspecified() => Some(0),
        (IpAddr::V6(ours), IpAddr::V6(_)) if ours.is_unspecified() => Some(0),
        (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
            Some((ours.to_bits() ^ theirs.to_bits()).leading_zeros())
        }
        (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
            Some((ours.to_bits() ^ theirs.to_bits()).leading_zeros())
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
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
    /// The machine's own addresses, where `address` is a wildcard.
    pub locals: Vec<IpAddr>,
}

impl Listener {
    /// Appends the URI of a Record-Route of ours up to its cookie.
    pub(super) fn write_entry(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"sip:");
        out.extend_from_slice(self.advertise.as_bytes());
        if self.transport != Transport::Udp {
            out.extend_from_slice(b";transport=");
            out.extend_from_slice(self.transport.as_str().as_bytes());
        }
        out.extend_from_slice(b";lr;");
        out.extend_from_slice(COOKIE_PARAM);
        out.push(b'=');
    }

    /// Whether a URI names it: by its advertised name, its address, or, where it is bound to all addresses, by any of
    /// them that `locals` holds.
    fn is_named_by(&self, uri: &Uri<'_>) -> bool {
        let port = uri.port.unwrap_or(self.transport.default_port());
        if let Some(ip) = uri.host.ip() {
            let at = SocketAddr::new(ip, port);
            let any = self.address.ip().is_unspecified() && port == self.address.port();
            return self.advertised == Some(at)
                || self.address == at
                || any && self.locals.contains(&ip);
        }
        let Host::Name(name) = uri.host else {
            return false;
        };
        let (host, own_port) = match self.advertise.rsplit_once(':') {
            Some((host, digits)) => (host, digits.parse().unwrap_or(port)),
            None => (&*self.advertise, self.transport.default_port()),
        };
        host.as_bytes().eq_ignore_ascii_case(name) && own_port == port
    }
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
    /// How long nothing may be heard of a call before its peer is asked within the dialog whether it lives; `None`: only
    /// where a restart took it up. `[check] interval` in the file.
    pub check: Option<Duration>,
}
