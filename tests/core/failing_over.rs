//! A peer fails; the call goes on.

use std::time::Duration;

use tandem::balance::EndCause;
use tandem::proxy::{FailoverReason, Notice};

use crate::text::{CALLER, invite};
use crate::world::{A, B, C, THREE_PEERS, World};

#[test]
fn a_503_moves_the_call_and_its_slot_to_the_next_peer() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("503 Busy", "t", "Retry-After: 300\r\n"));
    world.expect(A, "ACK");
    let at_b = world.expect(B, "INVITE");
    assert_eq!((world.own("a"), world.own("b")), (0, 1));
    assert_eq!(world.released("a", EndCause::FailedOver), 1);
    assert_ne!(at_a.first("Via"), at_b.first("Via"));
    assert_ne!(at_a.first("Record-Route"), at_b.first("Record-Route"));
    assert!(matches!(
        world.notices.as_slice(),
        [Notice::FailedOver {
            reason: FailoverReason::Status(503),
            ..
        }]
    ));
    world.deliver(
        B,
        &at_b.response("200 OK", "b", &format!("Contact: <sip:100@{B}>\r\n")),
    );
    world.expect(CALLER, "200");
    assert_eq!(world.own("b"), 1);
    assert!(!world.peer("a").eligible, "a 503 is a penalty");
}

#[test]
fn a_failover_after_180_moves_the_slot_too() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("180 Ringing", "t", ""));
    world.expect(CALLER, "180");
    world.deliver(A, &at_a.response("500 Oops", "t", ""));
    world.expect(A, "ACK");
    world.expect(B, "INVITE");
    assert_eq!((world.own("a"), world.own("b")), (0, 1));
}

#[test]
fn a_users_own_refusal_goes_back_and_tries_nobody_else() {
    for status in [
        "486 Busy Here",
        "603 Decline",
        "600 Busy Everywhere",
        "404 Not Found",
    ] {
        let mut world = World::new(THREE_PEERS);
        let request = invite("c1");
        world.deliver(CALLER, &request);
        let at_a = world.expect(A, "INVITE");
        world.deliver(A, &at_a.response(status, "t", ""));
        world.expect(A, "ACK");
        let refusal = world.expect(CALLER, &status[..3]);
        assert_eq!(refusal.start(), format!("SIP/2.0 {status}"));
        world.deliver(CALLER, &refusal.ack(&request));
        world.quiet();
        assert_eq!(
            (world.own("a"), world.released("a", EndCause::Rejected)),
            (0, 1)
        );
        world.at_rest();
    }
}

#[test]
fn a_closed_port_fails_over_at_once() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.unreachable(A, &at_a);
    world.expect(B, "INVITE");
    assert_eq!((world.own("a"), world.own("b")), (0, 1));
}

#[test]
fn a_silent_peer_is_given_up_after_try_and_may_not_answer_any_more() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.pass(Duration::from_secs(2));
    while world.next_is(A, "INVITE") || world.next_is(CALLER, "100") {
        world.skip();
    }
    let at_b = world.expect(B, "INVITE");
    assert_eq!((world.own("a"), world.own("b")), (0, 1));
    // It wakes up: what it has begun is cancelled.
    world.deliver(A, &at_a.response("180 Ringing", "t", ""));
    world.expect(A, "CANCEL");
    world.deliver(A, &at_a.response("487 Request Terminated", "t", ""));
    world.expect(A, "ACK");
    world.quiet();
    world.deliver(
        B,
        &at_b.response("200 OK", "b", &format!("Contact: <sip:100@{B}>\r\n")),
    );
    world.expect(CALLER, "200");
    assert_eq!((world.own("a"), world.own("b")), (0, 1));
}

#[test]
fn a_late_200_of_a_peer_given_up_is_a_call_there() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    world.pass(Duration::from_secs(2));
    while world.next_is(A, "INVITE") || world.next_is(CALLER, "100") {
        world.skip();
    }
    let at_b = world.expect(B, "INVITE");
    world.deliver(
        A,
        &at_a.response("200 OK", "late", &format!("Contact: <sip:100@{A}>\r\n")),
    );
    let ok = world.expect(CALLER, "200");
    assert_eq!((world.own("a"), world.own("b")), (1, 1), "both may be up");
    world.deliver(B, &at_b.response("180 Ringing", "b", ""));
    world.expect(B, "CANCEL");
    world.deliver(B, &at_b.response("487 Request Terminated", "b", ""));
    world.expect(B, "ACK");
    assert_eq!((world.own("a"), world.own("b")), (1, 0));
    world.deliver(
        CALLER,
        &ok.next("BYE", 2, &format!("{CALLER};branch=z9hG4bKbye")),
    );
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

#[test]
fn the_last_silent_peer_is_waited_for_as_long_as_sip_does() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    world.pass(Duration::from_secs(20));
    while world.next_is(A, "INVITE") || world.next_is(B, "INVITE") || world.next_is(CALLER, "100") {
        world.skip();
    }
    let at_c = world.expect(C, "INVITE");
    while world.next_is(C, "INVITE") {
        world.skip();
    }
    world.quiet();
    assert_eq!(world.own("c"), 1);
    world.deliver(
        C,
        &at_c.response("200 OK", "c", &format!("Contact: <sip:100@{C}>\r\n")),
    );
    world.expect(CALLER, "200");
    assert_eq!((world.own("a"), world.own("b"), world.own("c")), (0, 0, 1));
}

#[test]
fn when_all_are_full_the_caller_gets_503_with_retry_after() {
    let mut world = World::new(THREE_PEERS);
    for call in 0..6 {
        world.deliver(CALLER, &invite(&format!("c{call}")));
        world.expect_any("INVITE");
    }
    world.deliver(CALLER, &invite("one-too-many"));
    let full = world.expect(CALLER, "503");
    let seconds: u32 = full.first("Retry-After").parse().expect("seconds");
    assert!((1..=120).contains(&seconds));
    assert_eq!((world.own("a"), world.own("b"), world.own("c")), (2, 2, 2));
}

#[test]
fn when_all_are_full_dispatching_takes_over_where_it_is_configured() {
    let mut world =
        World::new(&THREE_PEERS.replace("exhausted = []", "exhausted = [\"dispatch\"]"));
    for call in 0..8 {
        world.deliver(CALLER, &invite(&format!("c{call}")));
        world.expect_any("INVITE");
    }
    assert_eq!(world.own("a") + world.own("b") + world.own("c"), 8);
}

#[test]
fn three_peers_that_fail_are_all_the_tries_there_are() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    for (peer, status) in [(A, "503 Busy"), (B, "500 Oops"), (C, "503 Busy")] {
        let at = world.expect(peer, "INVITE");
        world.deliver(peer, &at.response(status, "t", ""));
        world.expect(peer, "ACK");
    }
    world.expect(CALLER, "500");
    world.at_rest();
}

#[test]
fn a_group_that_has_nobody_either_hands_back_to_the_next_step_of_the_ladder() {
    let ladder = THREE_PEERS.replace(
        "exhausted = []\n",
        "exhausted = [\"group:empty\", \"redirect:sip:elsewhere.example\"]\n\
         [[group]]\nname = \"empty\"\nexhausted = []\n",
    );
    let mut peers = ladder.replacen("[[peer]]\n", "[[peer]]\ngroups = [\"pbx\"]\n", 3);
    peers += "[[route]]\ngroup = \"pbx\"\n";
    let mut world = World::new(&peers.replace("calls = 2", "calls = 0"));
    world.deliver(CALLER, &invite("c1"));
    let redirect = world.expect(CALLER, "302");
    assert_eq!(redirect.first("Contact"), "<sip:elsewhere.example>");
    assert_eq!(world.own("a"), 0);
}

#[test]
fn a_503_to_a_call_that_was_dispatched_blindly_is_no_penalty() {
    let mut world =
        World::new(&THREE_PEERS.replace("exhausted = []", "exhausted = [\"dispatch\"]"));
    for call in 0..6 {
        world.deliver(CALLER, &invite(&format!("c{call}")));
        world.expect_any("INVITE");
    }
    world.deliver(CALLER, &invite("one-too-many"));
    let (peer, at) = world.expect_any("INVITE");
    world.deliver(&peer, &at.response("503 Full", "t", "Retry-After: 300\r\n"));
    for name in ["a", "b", "c"] {
        let why = world.peer(name).why_not;
        assert!(
            !why.iter().any(|reason| reason.contains("penalty")),
            "{name}: {why:?}"
        );
    }
}

#[test]
fn a_peer_that_only_the_ledger_knows_yet_gets_its_call() {
    let mut world = World::new(THREE_PEERS);
    let grown = format!(
        "{THREE_PEERS}[[peer]]\nname = \"d\"\nuri = \"sip:127.0.0.14:5060\"\npriority = 0\n"
    );
    world.apply_to_ledger(&grown);
    world.deliver(CALLER, &invite("c1"));
    world.expect("127.0.0.14:5060", "INVITE");
    assert_eq!(world.own("d"), 1);
}

/// Three peers, of which the first has made way for another.
fn with_d_for_a() -> String {
    THREE_PEERS
        .replace("name = \"a\"", "name = \"d\"")
        .replace("127.0.0.11", "127.0.0.14")
}

#[test]
fn a_peer_that_is_taken_away_while_its_call_rings_keeps_it_and_gets_no_other() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.reload(&with_d_for_a());
    world.deliver(
        A,
        &at_a.response("200 OK", "t", &format!("Contact: <sip:100@{A}>\r\n")),
    );
    let ok = world.expect(CALLER, "200");
    assert_eq!(world.own("a"), 1);
    world.deliver(CALLER, &invite("c2"));
    world.expect("127.0.0.14:5060", "INVITE");
    world.deliver(
        A,
        &at_a.back("BYE", 1, &format!("{A};branch=z9hG4bKb1"), "t"),
    );
    let bye = world.expect(CALLER, "BYE");
    world.deliver(CALLER, &bye.response("200 OK", "", ""));
    world.expect(A, "200");
    assert!(ok.first("To").ends_with(";tag=t"));
    let still_there = world.ledger.view(world.now);
    assert!(still_there.iter().all(|peer| &*peer.name != "a"));
}

#[test]
fn a_peer_that_is_taken_away_fails_over_to_those_that_are_left() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.reload(&with_d_for_a());
    world.deliver(A, &at_a.response("503 Busy", "t", ""));
    world.expect(A, "ACK");
    world.expect("127.0.0.14:5060", "INVITE");
    assert_eq!((world.own("d"), world.own("b")), (1, 0));
}

#[test]
fn silence_is_reported_once_whichever_timer_comes_first() {
    let slow = THREE_PEERS.replace("[probe]", "[timers]\ntry = \"60s\"\n[probe]");
    let mut world = World::new(&slow);
    world.deliver(CALLER, &invite("c1"));
    world.pass(Duration::from_secs(33));
    world.skip_all(&[(A, "INVITE"), (CALLER, "100")]);
    world.expect(B, "INVITE");
    assert!(!world.peer("a").eligible, "it said nothing for 32 s");
}
