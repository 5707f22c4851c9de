//! RFC 3261 §17.1.1, RFC 6026 §7.2.

use super::harness::{Heard, Request, World, passed, peer, read};

#[test]
fn timer_a_doubles_without_end_until_timer_b() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    let expected = [
        "0 INVITE",
        "500 INVITE",
        "1500 INVITE",
        "3500 INVITE",
        "7500 INVITE",
        "15500 INVITE",
        "31500 INVITE",
        "32000 TimedOut",
    ];
    assert_eq!(world.run_to(100_000), expected);
    assert_eq!(
        world.hear(&sent, 200),
        Heard::Unknown,
        "a late response finds nothing"
    );
    assert_eq!(world.table.counts().retransmitted, 6);
}

#[test]
fn a_provisional_response_stops_retransmissions_and_timer_b() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    assert_eq!(world.run_to(600), ["0 INVITE", "500 INVITE"]);
    assert_eq!(world.hear(&sent, 100), passed());
    assert_eq!(world.hear(&sent, 180), passed());
    assert_eq!(
        world.hear(&sent, 180),
        passed(),
        "provisional responses are all passed on"
    );
    assert_eq!(world.run_to(1_000_000), [""; 0], "Timer C is the owner's");
    assert_eq!(world.hear(&sent, 200), passed());
}

#[test]
fn an_invite_that_rings_for_ever_times_out_at_its_limit() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.hear(&sent, 180);
    world.run_to(60_000);
    world.hear(&sent, 180);
    assert_eq!(world.run_to(100_000_000), ["3720000 TimedOut"]);
}

#[test]
fn a_refusal_is_acknowledged_and_passed_on_once() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.hear(&sent, 100);
    world.run_to(100);
    assert_eq!(world.hear(&sent, 486), passed());
    assert_eq!(world.seen(), ["100 ACK"]);
    assert_eq!(world.hear(&sent, 486), Heard::Absorbed);
    assert_eq!(
        world.hear(&sent, 180),
        Heard::Absorbed,
        "overtaken by the refusal"
    );
    assert_eq!(world.run_to(32_099), ["100 ACK"]);
    assert_eq!(world.run_to(100_000), ["32100 ClientGone"]);
    assert_eq!(world.hear(&sent, 486), Heard::Unknown);
    let counts = world.table.counts();
    assert_eq!(
        (counts.client, counts.absorbed, counts.retransmitted),
        (0, 2, 1)
    );
}

#[test]
fn the_ack_is_on_the_hop_of_the_invite_with_the_to_tag_of_the_response() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.table.poll_transmit();
    world.hear(&sent, 486);
    let ack = world.table.poll_transmit().expect("an ACK");
    assert_eq!(ack.destination, peer());
    read(&ack.payload, |ack| {
        assert_eq!(ack.method_text(), b"ACK");
        assert_eq!(ack.uri(), b"sip:bob@127.0.0.1");
        assert_eq!(ack.top_via().branch, Some(sent.branch.as_bytes()));
        assert_eq!(ack.to_tag(), Some(&b"peer"[..]));
        assert_eq!((ack.cseq(), ack.call_id()), (1, &b"call-1"[..]));
    });
}

#[test]
fn a_refusal_without_any_provisional_response_is_acknowledged_too() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    assert_eq!(world.hear(&sent, 503), passed());
    assert_eq!(
        world.run_to(100_000),
        ["0 INVITE", "0 ACK", "32000 ClientGone"]
    );
}

#[test]
fn every_2xx_is_passed_on_while_accepted_and_nothing_is_acknowledged() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.hear(&sent, 180);
    assert_eq!(world.hear(&sent, 200), passed());
    assert_eq!(
        world.hear(&sent, 200),
        passed(),
        "a retransmission, or another fork"
    );
    assert_eq!(world.hear(&sent, 180), Heard::Absorbed);
    assert_eq!(world.hear(&sent, 486), Heard::Absorbed);
    world.run_to(31_999);
    assert_eq!(world.hear(&sent, 200), passed());
    assert_eq!(world.run_to(100_000), ["32000 ClientGone"]);
    assert_eq!(world.hear(&sent, 200), Heard::Unknown);
}

#[test]
fn a_200_without_any_provisional_response_is_passed_on() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    assert_eq!(world.hear(&sent, 200), passed());
    assert_eq!(world.run_to(100_000), ["0 INVITE", "32000 ClientGone"]);
}

#[test]
fn a_2xx_of_another_fork_is_passed_on_even_after_a_refusal() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.hear(&sent, 487);
    assert_eq!(world.hear(&sent, 200), passed());
    assert_eq!(
        world.hear(&sent, 487),
        Heard::Absorbed,
        "the refusal is still acknowledged"
    );
    assert_eq!(world.seen(), ["0 INVITE", "0 ACK", "0 ACK"]);
}

#[test]
fn the_request_is_kept_only_until_the_final_response() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    let request = Request::new("INVITE")
        .branch(sent.branch.as_bytes())
        .bytes();
    assert_eq!(world.table.request_of(sent.key), Some(&request));
    world.hear(&sent, 180);
    assert_eq!(world.table.request_of(sent.key), Some(&request));
    world.hear(&sent, 486);
    assert_eq!(world.table.request_of(sent.key), None);
}

#[test]
fn over_a_reliable_transport_nothing_is_sent_twice_and_a_refusal_ends_it() {
    let mut world = World::new();
    let silent = world.send_over("INVITE", true);
    assert_eq!(world.run_to(40_000), ["0 INVITE", "32000 TimedOut"]);
    assert_eq!(world.hear(&silent, 200), Heard::Unknown);
    let refused = world.send_over("INVITE", true);
    assert_eq!(world.hear(&refused, 486), passed());
    assert_eq!(
        world.seen(),
        ["40000 INVITE", "40000 ACK", "40000 ClientGone"],
        "Timer D is zero"
    );
}

#[test]
fn a_transport_failure_ends_a_pending_invite_at_once() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.run_to(3);
    world.table.transport_failed(world.now(), sent.key);
    assert_eq!(world.run_to(100_000), ["3 TransportFailed"]);
    world.table.transport_failed(world.now(), sent.key);
    assert_eq!(world.seen(), [""; 0], "the key is stale");
}

#[test]
fn a_transport_failure_after_the_final_response_means_nothing() {
    let mut world = World::new();
    let (refused, accepted) = (world.send("INVITE"), world.send("INVITE"));
    world.hear(&refused, 486);
    world.hear(&accepted, 200);
    world.seen();
    world.table.transport_failed(world.now(), refused.key);
    world.table.transport_failed(world.now(), accepted.key);
    assert_eq!(
        world.run_to(100_000),
        ["32000 ClientGone", "32000 ClientGone"]
    );
}

#[test]
fn a_request_that_the_network_gave_back_is_found_by_its_branch_and_method() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    let find = |method| {
        world
            .table
            .find_client_by_branch(sent.branch.as_bytes(), method)
    };
    assert_eq!(find(crate::sip::Method::Invite), Some(sent.key));
    assert_eq!(find(crate::sip::Method::Cancel), None);
    assert_eq!(
        world
            .table
            .find_client_by_branch(b"z9hG4bKother", crate::sip::Method::Invite),
        None
    );
}
