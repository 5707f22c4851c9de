//! What a proxy refuses before it forwards anything.

use tandem::proxy::Command;

use crate::text::{CALLER, cancel, invite};
use crate::world::{A, THREE_PEERS, World};

fn refused(world: &mut World, request: &str, status: &str) -> crate::text::Text {
    world.deliver(CALLER, request);
    let response = world.expect(CALLER, status);
    world.quiet();
    response
}

#[test]
fn max_forwards_of_zero_is_483() {
    let mut world = World::new(THREE_PEERS);
    refused(
        &mut world,
        &invite("c1").replace("Max-Forwards: 70", "Max-Forwards: 0"),
        "483",
    );
}

#[test]
fn an_unknown_proxy_require_is_420_and_names_it() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1").replace("Max-Forwards", "Proxy-Require: foo, bar\r\nMax-Forwards");
    assert_eq!(
        refused(&mut world, &request, "420").first("Unsupported"),
        "foo, bar"
    );
}

#[test]
fn an_unknown_scheme_is_416() {
    let mut world = World::new(THREE_PEERS);
    refused(
        &mut world,
        &invite("c1").replace("INVITE sip:100@127.0.0.9 SIP", "INVITE nobody:x SIP"),
        "416",
    );
}

#[test]
fn a_malformed_request_is_400_and_an_unknown_version_505() {
    let mut world = World::new(THREE_PEERS);
    refused(
        &mut world,
        &invite("c1").replace("CSeq: 1 INVITE", "CSeq: one INVITE"),
        "400",
    );
    refused(
        &mut world,
        &invite("c1").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"),
        "505",
    );
}

#[test]
fn an_untrusted_source_is_403() {
    let mut world = World::new(THREE_PEERS);
    world.deliver("203.0.113.5:5071", &invite("c1"));
    world.expect("203.0.113.5:5071", "403");
    world.quiet();
    assert_eq!(world.own("a"), 0);
}

#[test]
fn an_untrusted_source_is_met_with_silence_where_that_is_configured() {
    let mut world =
        World::new(&THREE_PEERS.replace("[probe]", "[trust]\nunknown = \"drop\"\n[probe]"));
    world.deliver("203.0.113.5:5071", &invite("c1"));
    world.quiet();
}

/// A request of ours as another proxy, one that knows no better, would send it back.
fn come_round(request: &crate::text::Text, turn: &str) -> String {
    let via = format!("Via: SIP/2.0/UDP 127.0.0.20:5060;branch=z9hG4bK{turn}\r\nVia:");
    request.0.replacen("Via:", &via, 1)
}

#[test]
fn a_loop_is_482_and_a_spiral_is_not() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let first = world.expect(A, "INVITE");
    let looped = come_round(&first, "one");
    world.deliver("127.0.0.20:5060", &looped);
    world.expect("127.0.0.20:5060", "482");
    world.deliver(A, &come_round(&first, "two").replace("127.0.0.20:5060", A));
    world.expect(A, "482");
    // The same with another Request-URI is a spiral's next turn.
    let spiral = looped
        .replace("INVITE sip:100@127.0.0.9", "INVITE sip:200@127.0.0.9")
        .replace("one", "three");
    world.deliver("127.0.0.20:5060", &spiral);
    let again = world.expect_any("INVITE").1;
    assert_eq!(again.all("Via").len(), 4);
    assert_eq!(again.all("Record-Route").len(), 2);
}

#[test]
fn where_routes_look_at_the_source_a_request_from_elsewhere_is_a_spiral() {
    let routes = "\n[[route]]\nmatch = { source = \"127.0.0.20/32\" }\ngroup = \"pbx\"\n[[route]]\ngroup = \"pbx\"\n";
    let mut world = World::new(&format!("{THREE_PEERS}{routes}"));
    world.deliver(CALLER, &invite("c1"));
    let first = world.expect(A, "INVITE");
    world.deliver("127.0.0.20:5060", &come_round(&first, "one"));
    let second = world.expect_any("INVITE").1;
    assert_eq!(second.all("Record-Route").len(), 2);
    world.deliver("127.0.0.20:5060", &come_round(&second, "two"));
    world.expect("127.0.0.20:5060", "482");
}

#[test]
fn a_route_beyond_us_is_followed_for_peers_alone() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1").replace(
        "Max-Forwards",
        "Route: <sip:127.0.0.9;lr>, <sip:127.0.0.44;lr>\r\nMax-Forwards",
    );
    refused(&mut world, &request, "403");
    world.deliver(A, &request.replace(CALLER, A).replace("c1", "c2"));
    let out = world.expect("127.0.0.44:5060", "INVITE");
    assert_eq!(out.all("Route"), ["<sip:127.0.0.44;lr>"]);
    assert_eq!(
        world.own("a"),
        1,
        "a call that a peer places is counted there"
    );
}

#[test]
fn a_route_to_ourselves_alone_is_no_reason_to_refuse() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(
        CALLER,
        &invite("c1").replace(
            "Max-Forwards",
            "Route: <sip:127.0.0.9:5060;lr>\r\nMax-Forwards",
        ),
    );
    let at_a = world.expect(A, "INVITE");
    assert!(at_a.all("Route").is_empty());
}

#[test]
fn while_stopping_new_calls_get_503_and_live_ones_go_on() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    world.command(Command::Stop);
    let response = refused(&mut world, &invite("c2"), "503");
    assert!(!response.first("Retry-After").is_empty());
    world.deliver(
        CALLER,
        &ok.next("BYE", 2, &format!("{CALLER};branch=z9hG4bKb")),
    );
    world.expect(A, "BYE");
}

#[test]
fn a_call_of_a_peers_goes_to_its_request_uri() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1")
        .replace(CALLER, A)
        .replace("sip:100@127.0.0.9", "sip:100@127.0.0.55:5080");
    world.deliver(A, &request);
    let out = world.expect("127.0.0.55:5080", "INVITE");
    assert_eq!(world.own("a"), 1);
    world.deliver("127.0.0.55:5080", &out.response("486 Busy Here", "t", ""));
    world.expect("127.0.0.55:5080", "ACK");
    world.expect(A, "486");
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

#[test]
fn a_request_uri_with_a_name_waits_for_its_addresses() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(
        A,
        &invite("c1")
            .replace(CALLER, A)
            .replace("sip:100@127.0.0.9", "sip:100@carrier.example"),
    );
    let (token, host) = world.resolves.pop().expect("a question");
    assert_eq!(host, "carrier.example");
    world.resolve(token, &["127.0.0.66:5060", "127.0.0.67:5060"]);
    let first = world.expect("127.0.0.66:5060", "INVITE");
    world.unreachable("127.0.0.66:5060", &first);
    world.expect("127.0.0.67:5060", "INVITE");
    world.deliver(
        A,
        &invite("c2")
            .replace(CALLER, A)
            .replace("sip:100@127.0.0.9", "sip:100@nowhere.example"),
    );
    let (token, _) = world.resolves.pop().expect("a question");
    world.resolve(token, &[]);
    world.expect(A, "500");
    assert_eq!(world.own("a"), 1);
}

/// The request with as many header lines as that.
fn stuffed(request: &str, lines: usize) -> String {
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    let missing = lines - (head.matches("\r\n").count());
    format!("{head}{}\r\n\r\n{body}", "\r\nX: y".repeat(missing))
}

#[test]
fn an_invite_as_long_as_may_be_is_cancelled_and_acknowledged_and_a_longer_one_refused() {
    let mut world = World::new(THREE_PEERS);
    let request = stuffed(&invite("c1").replace("Max-Forwards: 70\r\n", ""), 128);
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("180 Ringing", "t", ""));
    world.expect(CALLER, "180");
    world.deliver(CALLER, &cancel(&request));
    world.expect(CALLER, "200");
    world.expect(A, "CANCEL");
    world.deliver(A, &at_a.response("487 Request Terminated", "t", ""));
    world.expect(A, "ACK");
    world.expect(CALLER, "487");
    assert_eq!(world.own("a"), 0);
    refused(&mut world, &stuffed(&invite("c2"), 129), "400");
}

#[test]
fn a_request_that_no_datagram_would_hold_with_our_lines_is_513_and_nobodys_failure() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    let (head, _) = request.split_once("Content-Length").expect("a length");
    let body = "x".repeat(65_450 - head.len());
    let long = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    refused(&mut world, &long, "513");
    let to_name = long
        .replace(CALLER, A)
        .replace("sip:100@127.0.0.9", "sip:100@127.0.0.55")
        .replace("c1", "c2");
    world.deliver(A, &to_name);
    world.expect(A, "513");
    assert!(world.peer("a").eligible);
    world.at_rest();
}
