//! From a checked configuration to what `balance` and `proxy` work by.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use super::address;
use super::model::{ActionSpec, Config, Listen, RouteSpec, SourceSpec};
use crate::balance::{Demand, Directory, PeerSpec, ResourceId, Topology};
use crate::base::limits::CONFIG_WORKERS_MAX;
use crate::base::transport::Transport;
use crate::proxy::{Listener, Match, Route, RouteAction, Setup, SourceMatch};

/// A peer's host name that wants to be resolved (RFC 3263).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The peer.
    pub peer: Arc<str>,
    /// Its host name.
    pub host: String,
    /// The port, when the URI names one: then no SRV record is asked for.
    pub port: Option<u16>,
    /// How it is reached.
    pub transport: Transport,
}

/// The peers whose addresses are not in their URIs.
#[must_use]
pub fn lookups(peers: &[PeerSpec]) -> Vec<Lookup> {
    peers
        .iter()
        .filter_map(|peer| {
            let place = address::place(&peer.uri).ok()?;
            place.ip.is_none().then(|| Lookup {
                peer: peer.name.clone(),
                host: place.host,
                port: place.port,
                transport: place.transport,
            })
        })
        .collect()
}

/// Peers and groups for the ledger. `resolved` holds, by peer, what [`lookups`] asked for; a peer whose name
/// led nowhere has no address and waits.
#[must_use]
pub fn topology(config: &Config, resolved: &HashMap<Arc<str>, Vec<SocketAddr>>) -> Topology {
    let mut peers = config.peers.clone();
    for peer in &mut peers {
        if let Some(addresses) = resolved.get(&peer.name)
            && peer.addresses.is_empty()
        {
            peer.addresses.clone_from(addresses);
        }
    }
    Topology {
        peers,
        groups: config.groups.clone(),
    }
}

/// The number of shard threads: as configured, else one a core.
#[must_use]
pub fn shards(config: &Config) -> u16 {
    if config.node.workers > 0 {
        return config.node.workers;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u16::try_from(cores)
        .unwrap_or(CONFIG_WORKERS_MAX)
        .clamp(1, CONFIG_WORKERS_MAX)
}

/// A listener that is bound to `bound`. One that is bound to every address and advertises none goes by the
/// host's own address of that family.
#[must_use]
pub fn listener(listen: &Listen, bound: SocketAddr) -> Listener {
    let advertise: Arc<str> = match &listen.advertise {
        Some(named) => format!("{}:{}", named.host, named.port.unwrap_or(bound.port())).into(),
        None if bound.ip().is_unspecified() => {
            SocketAddr::new(own_address(bound.ip()), bound.port())
                .to_string()
                .into()
        }
        None => bound.to_string().into(),
    };
    Listener {
        transport: listen.transport,
        address: bound,
        advertised: advertise.parse().ok(),
        advertise,
        locals: if bound.ip().is_unspecified() {
            local_addresses()
        } else {
            Vec::new()
        },
    }
}

/// The machine's own addresses, on all its interfaces.
fn local_addresses() -> Vec<IpAddr> {
    let address = |found: nix::ifaddrs::InterfaceAddress| {
        let address = found.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    };
    nix::ifaddrs::getifaddrs()
        .into_iter()
        .flatten()
        .filter_map(address)
        .collect()
}

/// The source address that the system would send from; loopback where it has no other.
fn own_address(any: IpAddr) -> IpAddr {
    let (any, outside, loopback): (IpAddr, IpAddr, IpAddr) = match any {
        // Documentation addresses (RFC 5737, RFC 3849): connecting a UDP socket sends nothing.
        IpAddr::V4(any) => (
            any.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
            Ipv4Addr::LOCALHOST.into(),
        ),
        IpAddr::V6(any) => {
            let outside = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
            (any.into(), outside.into(), Ipv6Addr::LOCALHOST.into())
        }
    };
    let found = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((outside, 9))?;
        socket.local_addr()
    });
    let found = found.map(|address| address.ip()).ok();
    found.filter(|ip| !ip.is_unspecified()).unwrap_or(loopback)
}

/// The core's snapshot. `directory` is the ledger's answer to [`topology`], `listeners` are bound.
#[must_use]
pub fn setup(config: &Config, directory: Arc<Directory>, listeners: Vec<Listener>) -> Setup {
    let routes = config
        .routes
        .iter()
        .map(|spec| route(spec, &directory))
        .collect();
    Setup {
        routes,
        directory,
        trust: config.trust.clone(),
        timing: config.timing,
        listeners,
        secret: config.node.secret.0,
        node_name: config.node.name.clone(),
        shards: shards(config),
    }
}

fn route(spec: &RouteSpec, directory: &Directory) -> Route {
    let demand = demand(spec, directory);
    Route {
        matches: Match {
            method: spec.matches.method.clone(),
            user: spec.matches.user.clone(),
            host: spec.matches.host.clone(),
            source: spec
                .matches
                .source
                .as_ref()
                .map(|from| source(from, directory)),
            headers: spec.matches.headers.clone(),
        },
        action: action(&spec.action, demand.is_some(), directory),
        overflow: spec.overflow,
        count_source: spec.count_source && demand.is_some(),
        demand: demand.unwrap_or_else(|| Demand::one(ResourceId(0))),
        number: spec.number,
    }
}

fn source(source: &SourceSpec, directory: &Directory) -> SourceMatch {
    let found = match source {
        SourceSpec::Net(net) => Some(SourceMatch::Net(*net)),
        SourceSpec::Peer(name) => directory.peer_named(name).map(SourceMatch::Peer),
        SourceSpec::Group(name) => directory.group_named(name).map(SourceMatch::Group),
    };
    found.unwrap_or(SourceMatch::Nobody)
}

/// Where the peers that offered a resource are gone, there is no room for a call that asks for it.
fn action(action: &ActionSpec, can_be_met: bool, directory: &Directory) -> RouteAction {
    match action {
        ActionSpec::Reject(status) => RouteAction::Reject(*status),
        ActionSpec::Uri(uri) => RouteAction::Uri(uri.clone()),
        ActionSpec::Group(name) => {
            let group = directory.group_named(name).filter(|_| can_be_met);
            group.map_or(RouteAction::Reject(503), RouteAction::Group)
        }
    }
}

/// `None`: a resource that no peer has ever offered.
fn demand(spec: &RouteSpec, directory: &Directory) -> Option<Demand> {
    let items: Option<Vec<(ResourceId, u32)>> = spec
        .resources
        .iter()
        .map(|(name, units)| Some((directory.resource_named(name)?, *units)))
        .collect();
    Demand::new(items?).ok()
}
