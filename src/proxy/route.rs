//! Which way a request goes: the routes of the configuration, read in order.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use regex::bytes::Regex;

use super::setup::Setup;
use crate::balance::{Demand, Directory, GroupId, PeerId};
use crate::sip::{HeaderName, Host, Message, Uri};

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
    /// A peer or group that was taken away since: the route stays, and covers nothing.
    Nobody,
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

impl Match {
    /// Whether every condition holds for this request.
    #[must_use]
    pub fn covers(&self, message: &Message<'_>, caller: &Caller, directory: &Directory) -> bool {
        let method = self.method.as_deref();
        method.is_none_or(|method| method.as_bytes() == message.method_text())
            && self.covers_uri(message.uri())
            && self.covers_caller(caller, directory)
            && self
                .headers
                .iter()
                .all(|(name, pattern)| has_header(message, name, pattern))
    }

    fn covers_uri(&self, uri: &[u8]) -> bool {
        if self.user.is_none() && self.host.is_none() {
            return true;
        }
        let Some(uri) = Uri::parse(uri) else {
            return false;
        };
        let user = unescaped(uri.user.unwrap_or_default());
        self.user
            .as_ref()
            .is_none_or(|user_pattern| user_pattern.is_match(&user))
            && self
                .host
                .as_deref()
                .is_none_or(|host| same_host(host, &uri.host))
    }

    fn covers_caller(&self, caller: &Caller, directory: &Directory) -> bool {
        match &self.source {
            None => true,
            Some(SourceMatch::Nobody) => false,
            Some(SourceMatch::Net(net)) => net.contains(&caller.source.ip().to_canonical()),
            Some(SourceMatch::Peer(peer)) => caller.peer == Some(*peer),
            Some(SourceMatch::Group(group)) => caller
                .peer
                .and_then(|peer| directory.peer(peer))
                .is_some_and(|peer| peer.groups.contains(group)),
        }
    }
}

/// The first route that covers the request; without any route, calls from peers go to their Request-URI and
/// all others to the first group.
#[must_use]
pub fn decide<'s>(setup: &'s Setup, message: &Message<'_>, caller: &Caller) -> Decision<'s> {
    let directory = &setup.directory;
    if !setup.routes.is_empty() {
        let covering = |route: &&Route| route.matches.covers(message, caller, directory);
        return setup
            .routes
            .iter()
            .find(covering)
            .map_or(Decision::None, Decision::Route);
    }
    if caller.peer.is_some() {
        return Decision::RequestUri;
    }
    let first = directory.groups().next();
    first.map_or(Decision::None, |group| Decision::FirstGroup(group.id))
}

/// Escaped characters mean what they stand for (RFC 3261 §19.1.4): `%31` must not slip past `^1`.
fn unescaped(user: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', user).is_none() {
        return Cow::Borrowed(user);
    }
    let mut plain = Vec::with_capacity(user.len());
    let mut rest = user;
    while let [first, after @ ..] = rest {
        match escape(rest) {
            Some((byte, next)) => {
                plain.push(byte);
                rest = next;
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(plain)
}

/// The byte that a leading `%XX` stands for, and what follows it.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, rest @ ..] = text else {
        return None;
    };
    let digit = |c: &u8| char::from(*c).to_digit(16);
    let byte = digit(high)? * 16 + digit(low)?;
    u8::try_from(byte).ok().map(|byte| (byte, rest))
}

/// Names compare in any case, addresses by value.
fn same_host(wanted: &str, host: &Host<'_>) -> bool {
    match host {
        Host::Name(name) => {
            let name = name.strip_suffix(b".").unwrap_or(name);
            name.eq_ignore_ascii_case(wanted.as_bytes())
        }
        Host::V4(address) => wanted
            .parse()
            .is_ok_and(|wanted: Ipv4Addr| wanted == *address),
        Host::V6(address) => {
            let bare = wanted.trim_start_matches('[').trim_end_matches(']');
            bare.parse()
                .is_ok_and(|wanted: Ipv6Addr| wanted == *address)
        }
    }
}

fn has_header(message: &Message<'_>, name: &str, pattern: &Regex) -> bool {
    let known = HeaderName::of(name.as_bytes());
    message.headers().any(|header| {
        let named = if known == HeaderName::Other {
            header.label.eq_ignore_ascii_case(name.as_bytes())
        } else {
            header.name == known
        };
        named && pattern.is_match(header.value)
    })
}

#[cfg(test)]
mod tests;
