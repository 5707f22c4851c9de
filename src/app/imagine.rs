//! Which way a call would go that nobody places.

use std::net::{IpAddr, SocketAddr};

use crate::balance::{Demand, Directory, GroupId, Step};
use crate::http::model::ExplainRequest;
use crate::http::{Refused, RouteChoice, RouteOutcome};
use crate::proxy::{Caller, Decision, RouteAction, Setup, decide, hash_key};
use crate::sip::{self, Index, Message};

/// Decides as the core would, with the same routes and the same rules of trust.
pub fn route(setup: &Setup, call: &ExplainRequest) -> Result<RouteChoice, Refused> {
    let caller = caller(setup, call.source.as_deref())?;
    let text = request(call, caller.source)?;
    let mut index = Index::new();
    let message = sip::parse(text.as_bytes(), &mut index).map_err(|error| {
        Refused::Malformed(format!("no SIP request can be made of this: {error:?}"))
    })?;
    if caller.peer.is_none() && !setup.trust.covers(caller.source.ip()) {
        return Ok(RouteChoice {
            route: None,
            action: RouteOutcome::Reject(403),
        });
    }
    let directory = &setup.directory;
    let group = |id, demand: &Demand, overflow| {
        to_group(directory, id, demand, overflow, &message, caller.source)
    };
    let (route, action) = match decide(setup, &message, &caller) {
        Decision::Route(route) => (
            Some(route.number),
            match &route.action {
                RouteAction::Group(id) => group(*id, &route.demand, route.overflow)?,
                RouteAction::Uri(uri) => RouteOutcome::Uri(uri.clone()),
                RouteAction::Reject(status) => RouteOutcome::Reject(*status),
            },
        ),
        Decision::RequestUri => (None, RouteOutcome::Uri(call.uri.clone())),
        Decision::FirstGroup(id) => {
            let calls = directory.resource_named("calls").map(Demand::one);
            let calls =
                calls.ok_or_else(|| Refused::Broken("no resource is named calls".into()))?;
            (None, group(id, &calls, false)?)
        }
        Decision::None => (None, RouteOutcome::None),
    };
    Ok(RouteChoice { route, action })
}

fn to_group(
    directory: &Directory,
    id: GroupId,
    demand: &Demand,
    overflow: bool,
    message: &Message<'_>,
    source: SocketAddr,
) -> Result<RouteOutcome, Refused> {
    let group = directory
        .group(id)
        .ok_or_else(|| Refused::Broken("the route's group is gone".into()))?;
    let named = demand.items().iter().filter_map(|(resource, units)| {
        directory
            .resource_name(*resource)
            .map(|name| (name.to_string(), *units))
    });
    Ok(RouteOutcome::Group {
        group: group.name.to_string(),
        demand: named.collect(),
        overflow,
        hash_key: hash_key(group, Step::Balance, message, source).to_vec(),
    })
}

/// Who would call: an address, an address with a port, or a peer by name; loopback when left out.
fn caller(setup: &Setup, source: Option<&str>) -> Result<Caller, Refused> {
    let source = source.unwrap_or("127.0.0.1");
    if let Some(name) = source.strip_prefix("peer:") {
        let id = setup.directory.peer_named(name);
        let peer = id.and_then(|id| setup.directory.peer(id));
        let peer =
            peer.ok_or_else(|| Refused::Impossible(format!("source: there is no peer {name:?}")))?;
        let unresolved =
            || Refused::Impossible(format!("source: peer {name:?} has no address yet"));
        let source = *peer.addresses.first().ok_or_else(unresolved)?;
        return Ok(Caller { source, peer: id });
    }
    let address = source.parse::<SocketAddr>().ok();
    let address = address.or_else(|| {
        source
            .parse::<IpAddr>()
            .ok()
            .map(|ip| SocketAddr::new(ip, 5060))
    });
    let source = address.ok_or_else(|| {
        Refused::Malformed("source: must be ADDRESS, ADDRESS:PORT or peer:NAME".into())
    })?;
    Ok(Caller {
        source,
        peer: setup.directory.peer_at(source),
    })
}

fn request(call: &ExplainRequest, source: SocketAddr) -> Result<String, Refused> {
    let from = call
        .from
        .as_deref()
        .unwrap_or("sip:anonymous@anonymous.invalid");
    let (method, uri) = (&call.method, &call.uri);
    for (name, text) in [("method", method.as_str()), ("uri", uri), ("from", from)] {
        if text.is_empty()
            || text.contains(|c: char| c.is_ascii_control() || c == ' ' || c == '<' || c == '>')
        {
            return Err(Refused::Malformed(format!(
                "{name}: must hold no spaces, brackets or line ends"
            )));
        }
    }
    Ok(format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch=z9hG4bKimagined\r\nMax-Forwards: 70\r\n\
         From: <{from}>;tag=imagined\r\nTo: <{uri}>\r\nCall-ID: imagined\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:{source}>\r\nContent-Length: 0\r\n\r\n"
    ))
}
