//! Which requests a route covers, and what decides where none does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use regex::bytes::Regex;

use super::*;
use crate::balance::{GroupSpec, Ledger, PeerSpec, ResourceId, Topology};
use crate::proxy::{Timing, Trust, Unknown};
use crate::sip::{Index, parse};

const PEER: &str = "10.0.0.1:5060";
const PHONE: &str = "192.0.2.9:5060";

/// Peer "a" serves "inner", the second group.
fn directory() -> Arc<Directory> {
    let peer = PeerSpec {
        addresses: vec![PEER.parse().expect("an address")],
        groups: vec!["inner".into()],
        ..PeerSpec::named("a")
    };
    let groups = ["first", "inner"].map(GroupSpec::named).to_vec();
    let topology = Topology {
        peers: vec![peer],
        groups,
    };
    let ledger = Ledger::new(&topology, 1, Instant::now());
    ledger.expect("the topology is right").directory()
}

fn setup(routes: Vec<Route>) -> Setup {
    Setup {
        directory: directory(),
        routes,
        trust: Trust {
            sources: Vec::new(),
            unknown: Unknown::Reject,
            per_source_cps: 1,
            burst: 1,
        },
        timing: Timing {
            t1: Duration::from_millis(500),
            try_: Duration::from_secs(2),
            ring: Duration::from_secs(180),
            call_max: Duration::from_secs(3600),
            session_grace: Duration::from_secs(32),
            check: None,
        },
        listeners: Vec::new(),
        secret: [0; 16],
        node_name: "test".into(),
        shards: 1,
    }
}

fn route(matches: Match, number: usize) -> Route {
    Route {
        matches,
        action: RouteAction::Reject(403),
        demand: Demand::one(ResourceId(0)),
        overflow: false,
        count_source: true,
        number,
    }
}

fn request(method: &str, uri: &str, headers: &str) -> Vec<u8> {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n\
         From: <sip:me@192.0.2.9>;tag=1\r\nTo: <sip:you@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{headers}\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn caller(source: &str, setup: &Setup) -> Caller {
    let source = source.parse().expect("an address");
    Caller {
        source,
        peer: setup.directory.peer_at(source),
    }
}

/// Whether a match covers this request from this source.
fn covers(matches: &Match, bytes: &[u8], source: &str) -> bool {
    let setup = setup(Vec::new());
    let mut index = Index::new();
    let message = parse(bytes, &mut index).expect("a good request");
    matches.covers(&message, &caller(source, &setup), &setup.directory)
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a good pattern")
}

#[test]
fn an_empty_match_covers_everything() {
    for (method, uri) in [
        ("INVITE", "sip:a@b"),
        ("FOO", "tel:+1"),
        ("OPTIONS", "urn:service:sos"),
    ] {
        assert!(covers(&Match::default(), &request(method, uri, ""), PHONE));
    }
}

#[test]
fn the_user_is_searched_with_its_escapes_resolved() {
    let digits = Match {
        user: Some(pattern("^1\\d+$")),
        ..Match::default()
    };
    for (uri, expected) in [
        ("sip:123@h", true),
        ("sip:%3123@h", true),
        ("sip:%32%33@h", false),
        ("sip:123:secret@h", true),
        ("tel:123", true),
        ("sip:0123@h", false),
        ("sip:12%zz@h", false),
        ("sip:h", false),
        ("urn:service:sos", false),
    ] {
        assert_eq!(
            covers(&digits, &request("INVITE", uri, ""), PHONE),
            expected,
            "{uri}"
        );
    }
    let nobody = Match {
        user: Some(pattern("^$")),
        ..Match::default()
    };
    assert!(covers(&nobody, &request("OPTIONS", "sip:h", ""), PHONE));
}

#[test]
fn a_host_compares_in_any_case_and_an_address_by_value() {
    for (wanted, uri, expected) in [
        ("Sip.Example.com", "sip:1@sip.EXAMPLE.com:5070", true),
        ("sip.example.com", "sip:1@sip.example.com.", true),
        ("example.com", "sip:1@sip.example.com", false),
        ("192.0.2.1", "sip:1@192.0.2.1", true),
        ("192.0.2.1", "sip:1@192.0.2.10", false),
        ("2001:db8::1", "sip:1@[2001:DB8:0:0:0:0:0:1]", true),
        ("[2001:db8::1]", "sip:1@[2001:db8::1]", true),
    ] {
        let matches = Match {
            host: Some(wanted.to_owned()),
            ..Match::default()
        };
        assert_eq!(
            covers(&matches, &request("INVITE", uri, ""), PHONE),
            expected,
            "{uri}"
        );
    }
}

#[test]
fn methods_compare_by_case() {
    let matches = Match {
        method: Some("INVITE".to_owned()),
        ..Match::default()
    };
    assert!(covers(&matches, &request("INVITE", "sip:a@b", ""), PHONE));
    assert!(!covers(&matches, &request("invite", "sip:a@b", ""), PHONE));
    assert!(!covers(&matches, &request("INVITES", "sip:a@b", ""), PHONE));
}

#[test]
fn a_source_is_a_network_a_peer_or_a_peer_of_a_group() {
    let id = directory();
    let (peer, group) = (id.peer_named("a"), id.group_named("inner"));
    let (peer, group) = (peer.expect("peer a"), group.expect("group inner"));
    let first = id.group_named("first").expect("group first");
    let net = |text: &str| SourceMatch::Net(text.parse().expect("a network"));
    for (source, from_peer, from_phone) in [
        (net("10.0.0.0/8"), true, false),
        (net("0.0.0.0/0"), true, true),
        (net("::/0"), false, false),
        (SourceMatch::Peer(peer), true, false),
        (SourceMatch::Group(group), true, false),
        (SourceMatch::Group(first), false, false),
        (SourceMatch::Nobody, false, false),
    ] {
        let matches = Match {
            source: Some(source.clone()),
            ..Match::default()
        };
        let bytes = request("INVITE", "sip:a@b", "");
        assert_eq!(covers(&matches, &bytes, PEER), from_peer, "{source:?}");
        assert_eq!(covers(&matches, &bytes, PHONE), from_phone, "{source:?}");
    }
    let mapped = Match {
        source: Some(net("10.0.0.0/8")),
        ..Match::default()
    };
    assert!(covers(
        &mapped,
        &request("INVITE", "sip:a@b", ""),
        "[::ffff:10.0.0.1]:5060"
    ));
}

#[test]
fn of_several_headers_of_one_name_any_may_match_in_compact_form_too() {
    let matches = |name: &str, text: &str| Match {
        headers: vec![(name.to_owned(), pattern(text))],
        ..Match::default()
    };
    let bytes = request(
        "INVITE",
        "sip:a@b",
        "X-Tenant: one\r\nx-tenant: µtwo\r\ns: hello\r\n",
    );
    for (name, text, expected) in [
        ("X-Tenant", "^one$", true),
        ("X-TENANT", "two$", true),
        ("X-Tenant", "three", false),
        ("X-Other", "", false),
        ("Subject", "^hello$", true),
        ("CSeq", "INVITE", true),
    ] {
        assert_eq!(
            covers(&matches(name, text), &bytes, PHONE),
            expected,
            "{name} {text}"
        );
    }
}

#[test]
fn every_condition_must_hold() {
    let both = Match {
        user: Some(pattern("^1")),
        host: Some("h".to_owned()),
        ..Match::default()
    };
    assert!(covers(&both, &request("INVITE", "sip:1@h", ""), PHONE));
    assert!(!covers(&both, &request("INVITE", "sip:1@other", ""), PHONE));
    assert!(!covers(&both, &request("INVITE", "sip:2@h", ""), PHONE));
}

fn decided(setup: &Setup, uri: &str, source: &str) -> String {
    let bytes = request("INVITE", uri, "");
    let mut index = Index::new();
    let message = parse(&bytes, &mut index).expect("a good request");
    match decide(setup, &message, &caller(source, setup)) {
        Decision::Route(route) => format!("route {}", route.number),
        Decision::RequestUri => "its uri".to_owned(),
        Decision::FirstGroup(group) => {
            let group = setup.directory.group(group).expect("a group");
            format!("group {}", group.name)
        }
        Decision::None => "none".to_owned(),
    }
}

#[test]
fn the_first_route_that_covers_decides_and_none_is_nowhere() {
    let user = |text: &str| Match {
        user: Some(pattern(text)),
        ..Match::default()
    };
    let setup = setup(vec![route(user("^12"), 1), route(user("^1"), 2)]);
    assert_eq!(decided(&setup, "sip:123@h", PHONE), "route 1");
    assert_eq!(decided(&setup, "sip:13@h", PHONE), "route 2");
    assert_eq!(decided(&setup, "sip:2@h", PHONE), "none");
    assert_eq!(decided(&setup, "sip:2@h", PEER), "none");
}

#[test]
fn without_routes_peers_reach_their_uri_and_others_the_first_group() {
    let setup = setup(Vec::new());
    assert_eq!(decided(&setup, "sip:1@h", PEER), "its uri");
    assert_eq!(decided(&setup, "sip:1@h", PHONE), "group first");
}
