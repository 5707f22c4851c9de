//! Which answer goes back.

use crate::text::{CALLER, cancel, invite};
use crate::world::{A, B, C, THREE_PEERS, World};

fn ruled(on: &str) -> World {
    let rules = format!("select = \"priority\"\nfailover = {{ on = [{on}] }}");
    World::new(&THREE_PEERS.replace("select = \"priority\"", &rules))
}

/// One call, refused by each peer in turn with what stands there.
fn refused_by(
    world: &mut World,
    answers: &[(&str, &str, &str)],
    status: &str,
) -> crate::text::Text {
    world.deliver(CALLER, &invite("c1"));
    for (peer, answer, extra) in answers {
        let at = world.expect(peer, "INVITE");
        world.deliver(peer, &at.response(answer, "t", extra));
        world.expect(peer, "ACK");
    }
    let refusal = world.expect(CALLER, status);
    world.quiet();
    refusal
}

#[test]
fn what_one_peer_was_failed_for_gives_way_to_the_callees_own_word() {
    for failed in ["606 Not Acceptable", "408 Request Timeout", "500 Oops"] {
        let mut world = ruled("\"[56]xx\", 408");
        let answers = [(A, failed, ""), (B, "486 Busy Here", "")];
        refused_by(&mut world, &answers, "486");
        world.at_rest();
    }
}

#[test]
fn of_failures_alone_the_best_goes_back() {
    let mut world = ruled("\"[56]xx\", 408");
    let answers = [
        (A, "500 Oops", ""),
        (B, "408 Request Timeout", ""),
        (C, "503 Busy", ""),
    ];
    refused_by(&mut world, &answers, "408");
    world.at_rest();
}

const PROXY: &str = "Proxy-Authenticate: Digest realm=\"p\"\r\n";
const WWW: &str = "WWW-Authenticate: Digest realm=\"w\"\r\n";

#[test]
fn a_challenge_after_a_failure_goes_back_once() {
    let mut world = ruled("\"5xx\"");
    let answers = [
        (A, "500 Oops", ""),
        (B, "407 Proxy Authentication Required", PROXY),
    ];
    let challenge = refused_by(&mut world, &answers, "407");
    assert_eq!(challenge.all("Proxy-Authenticate").len(), 1);
    world.at_rest();
}

#[test]
fn challenges_of_several_peers_go_back_together() {
    let mut world = ruled("401, 407");
    let answers = [
        (A, "407 Proxy Authentication Required", PROXY),
        (B, "401 Unauthorized", WWW),
        (C, "401 Unauthorized", WWW),
    ];
    let challenge = refused_by(&mut world, &answers, "407");
    assert_eq!(challenge.all("Proxy-Authenticate").len(), 1);
    assert_eq!(challenge.all("WWW-Authenticate").len(), 2);
    world.at_rest();
}

#[test]
fn a_503_that_crosses_a_cancel_is_no_answer_to_it() {
    let mut world = ruled("\"5xx\", \"!503\"");
    for (call, answer) in [("c1", "503 Busy"), ("c2", "500 Oops")] {
        let request = invite(call);
        world.deliver(CALLER, &request);
        let (peer, at) = world.expect_any("INVITE");
        world.deliver(CALLER, &cancel(&request));
        world.expect(CALLER, "200");
        world.deliver(&peer, &at.response(answer, "t", ""));
        world.expect(&peer, "ACK");
        let end = world.expect(CALLER, "487");
        world.deliver(CALLER, &end.ack(&request));
        world.quiet();
    }
    world.at_rest();
}

#[test]
fn a_refusal_that_crosses_a_cancel_stands() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    world.deliver(CALLER, &cancel(&request));
    world.expect(CALLER, "200");
    world.deliver(A, &at_a.response("486 Busy Here", "t", ""));
    world.expect(A, "ACK");
    world.expect(CALLER, "486");
    world.at_rest();
}

#[test]
fn the_487_of_a_cancelled_call_is_no_failure_of_its_peer() {
    let mut world = ruled("\"4xx\"");
    let request = invite("c1");
    for call in 0..5 {
        let request = request.replace("c1", &format!("c{call}"));
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
    }
    assert!(world.peer("a").eligible, "{:?}", world.peer("a").why_not);
    world.at_rest();
}

#[test]
fn a_response_with_no_via_below_ours_is_no_answer() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    let mut bare = at_a.clone();
    let second = format!("Via: {}\r\n", at_a.all("Via")[1]);
    bare.0 = bare.0.replace(&second, "");
    for status in ["180 Ringing", "200 OK", "486 Busy Here"] {
        world.deliver(A, &bare.response(status, "t", ""));
        world.quiet();
    }
    assert_eq!(world.own("a"), 1);
    world.deliver(A, &at_a.response("486 Busy Here", "t", ""));
    world.expect(A, "ACK");
    world.expect(CALLER, "486");
    world.at_rest();
}

#[test]
fn a_peer_that_sends_nothing_but_100_rings_out_all_the_same() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    for _ in 0..18 {
        world.deliver(A, &at_a.response("100 Trying", "", ""));
        world.pass(std::time::Duration::from_secs(10));
        world.skip_all(&[(CALLER, "100")]);
    }
    world.expect(A, "CANCEL");
    world.at_rest();
}
