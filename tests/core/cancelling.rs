//! CANCEL asks, and may lose.

use std::time::Duration;

use tandem::balance::EndCause;

use crate::text::{CALLER, cancel, invite};
use crate::world::{A, B, THREE_PEERS, World};

#[test]
fn a_cancel_after_180_ends_with_the_peers_487() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("180 Ringing", "t", ""));
    world.expect(CALLER, "180");
    world.deliver(CALLER, &cancel(&request));
    world.expect(CALLER, "200");
    let asked = world.expect(A, "CANCEL");
    assert_eq!(world.own("a"), 1, "only a final response settles it");
    world.deliver(A, &asked.response("200 OK", "t", ""));
    world.deliver(A, &at_a.response("487 Request Terminated", "t", ""));
    world.expect(A, "ACK");
    let end = world.expect(CALLER, "487");
    world.deliver(CALLER, &end.ack(&request));
    world.quiet();
    assert_eq!(
        (world.own("a"), world.released("a", EndCause::Cancelled)),
        (0, 1)
    );
    world.at_rest();
}

#[test]
fn a_cancel_before_any_response_waits_for_the_first_provisional() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    world.deliver(CALLER, &cancel(&request));
    world.expect(CALLER, "200");
    world.quiet();
    world.deliver(A, &at_a.response("100 Trying", "", ""));
    world.expect(A, "CANCEL");
    world.deliver(A, &at_a.response("487 Request Terminated", "t", ""));
    world.expect(A, "ACK");
    world.expect(CALLER, "487");
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

#[test]
fn a_cancel_that_loses_to_200_keeps_the_slot() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("180 Ringing", "callee", ""));
    world.expect(CALLER, "180");
    world.deliver(CALLER, &cancel(&request));
    world.expect(CALLER, "200");
    let asked = world.expect(A, "CANCEL");
    world.deliver(
        A,
        &at_a.response("200 OK", "callee", &format!("Contact: <sip:100@{A}>\r\n")),
    );
    let ok = world.expect(CALLER, "200");
    world.deliver(A, &asked.response("481 No", "callee", ""));
    assert_eq!(world.own("a"), 1);
    world.deliver(CALLER, &ok.ack(&request));
    world.expect(A, "ACK");
    world.deliver(
        CALLER,
        &ok.next("BYE", 2, &format!("{CALLER};branch=z9hG4bKbye")),
    );
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    assert_eq!((world.own("a"), world.released("a", EndCause::Bye)), (0, 1));
    world.at_rest();
}

#[test]
fn a_200_that_wins_against_cancel_leaves_the_cancel_nothing_to_do() {
    let mut world = World::new(THREE_PEERS);
    let (request, _, _) = world.call_up("c1");
    world.deliver(CALLER, &cancel(&request));
    world.expect(CALLER, "200");
    world.quiet();
    assert_eq!(world.own("a"), 1);
}

#[test]
fn a_cancelled_call_to_a_silent_peer_is_over_after_try() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    world.expect(A, "INVITE");
    world.deliver(CALLER, &cancel(&request));
    world.expect(CALLER, "200");
    world.pass(Duration::from_secs(2));
    while world.next_is(A, "INVITE") || world.next_is(CALLER, "100") {
        world.skip();
    }
    world.expect(CALLER, "487");
    assert_eq!(world.own("a"), 0);
    assert_eq!(world.own("b"), 0, "nobody else is tried");
    world.at_rest();
}

#[test]
fn a_cancel_for_no_transaction_is_481() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &cancel(&invite("none")));
    world.expect(CALLER, "481");
}

#[test]
fn a_call_that_rings_out_is_cancelled_and_the_caller_hears_408() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("180 Ringing", "t", ""));
    world.expect(CALLER, "180");
    world.pass(Duration::from_secs(180));
    world.expect(A, "CANCEL");
    world.deliver(A, &at_a.response("487 Request Terminated", "t", ""));
    world.expect(A, "ACK");
    world.expect(CALLER, "408");
    assert_eq!(
        (world.own("a"), world.released("a", EndCause::NoAnswer)),
        (0, 1)
    );
    assert_eq!(world.own("b"), 0);
    let _ = B;
    world.at_rest();
}
