//! Which way a request goes: the routes of the configuration, read in order.

use std::net::SocketAddr;

use ipnet::IpNet;
use regex::bytes::Regex;

use crate::balance::{Demand, GroupId, PeerId};

/// One `[[route]]`.
#[derive(Clone, Debug)]
pub struct Route {
    /// What it asks of a request; all of it must hold.
    pub matches: Match,
    /// What becomes of the request.
    pub action: RouteAction,
    /// What one call takes from its peer.
    pub demand: Demand,
    /// Whether its calls may exceed capacity.
    pub overflow: bool,
    /// Whether a call that a peer places is counted on that peer.
    pub count_source: bool,
    /// Its place in the file, from 1, as `explain` names it.
    pub number: usize,
}

/// What a route does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteAction {
    /// Choose a peer of this group.
    Group(GroupId),
    /// Send it there, chosen by nobody.
    Uri(String),
    /// Refuse with this status.
    Reject(u16),
}

/// The conditions of a route; one left out holds for every request.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// The method, exactly: methods compare by case (RFC 3261 §7.1).
    pub method: Option<String>,
    /// Searched in the user part of the Request-URI, escapes resolved; no user part is an empty one.
    pub user: Option<Regex>,
    /// The host of the Request-URI, in any case.
    pub host: Option<String>,
    /// Who sent it.
    pub source: Option<SourceMatch>,
    /// Name and pattern; one header of that name must match, whichever.
    pub headers: Vec<(String, Regex)>,
}

/// Where a request must come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceMatch {
    /// An address of this network.
    Net(IpNet),
    /// This peer.
    Peer(PeerId),
    /// Any peer of this group.
    Group(GroupId),
}

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The address it came from.
    pub source: SocketAddr,
    /// The peer that lives there.
    pub peer: Option<PeerId>,
}

/// The way for one request.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'s> {
    /// This route, the first that covers it.
    Route(&'s Route),
    /// To its own Request-URI: a peer sent it, and there are no routes.
    RequestUri,
    /// To the first group: there are no routes.
    FirstGroup(GroupId),
    /// Nowhere: 404.
    None,
}
