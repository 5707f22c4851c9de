//! RFC 3261 §17.2.1, RFC 6026 §7.1.

use super::harness::{LISTENER, Request, World, peer, read};
use crate::transaction::{Received, ServerState};

fn invite() -> bytes::Bytes {
    Request::new("INVITE").bytes()
}

fn ack() -> bytes::Bytes {
    Request::new("ACK").tagged("ours").bytes()
}

#[test]
fn a_100_is_sent_when_nothing_else_was_in_time() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.trying(key, 200, &Request::new("INVITE"));
    assert_eq!(world.run_to(1_000), ["200 100"]);
    assert_eq!(world.table.server_state(key), Some(ServerState::Proceeding));
}

#[test]
fn a_100_is_not_sent_behind_another_response() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.trying(key, 200, &Request::new("INVITE"));
    assert_eq!(world.run_to(50), [""; 0]);
    assert!(world.respond(key, 180));
    assert_eq!(world.run_to(1_000), ["50 180"]);
    world.trying(key, 1_200, &Request::new("INVITE"));
    assert_eq!(world.run_to(5_000), [""; 0]);
}

#[test]
fn a_retransmission_draws_the_waiting_100_at_once_and_only_once() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.trying(key, 200, &Request::new("INVITE"));
    world.run_to(100);
    assert_eq!(world.receive(&invite()), Some(Received::Absorbed));
    assert_eq!(world.run_to(1_000), ["100 100"]);
}

#[test]
fn a_retransmitted_invite_is_answered_with_the_last_provisional_response() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    assert_eq!(world.receive(&invite()), Some(Received::Absorbed));
    assert_eq!(world.seen(), [""; 0], "there is nothing to repeat yet");
    world.respond(key, 180);
    world.respond(key, 183);
    world.run_to(500);
    assert_eq!(world.receive(&invite()), Some(Received::Absorbed));
    assert_eq!(world.seen(), ["500 183"]);
    let counts = world.table.counts();
    assert_eq!((counts.absorbed, counts.retransmitted), (2, 1));
}

#[test]
fn timer_g_repeats_a_refusal_until_timer_h_reports_the_missing_ack() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    assert!(world.respond(key, 486));
    let expected = [
        "0 486",
        "500 486",
        "1500 486",
        "3500 486",
        "7500 486",
        "11500 486",
        "15500 486",
        "19500 486",
        "23500 486",
        "27500 486",
        "31500 486",
        "32000 NoAck",
    ];
    assert_eq!(world.run_to(100_000), expected);
    assert_eq!(world.table.server_state(key), None);
    assert_eq!(world.table.counts().retransmitted, 10);
}

#[test]
fn an_ack_stops_timer_g_and_timer_i_ends_the_transaction() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.respond(key, 486);
    assert_eq!(world.run_to(600), ["0 486", "500 486"]);
    assert_eq!(world.receive(&ack()), Some(Received::Acknowledged));
    assert_eq!(world.table.server_state(key), Some(ServerState::Confirmed));
    assert_eq!(
        world.receive(&ack()),
        Some(Received::Absorbed),
        "a second one"
    );
    assert_eq!(
        world.receive(&invite()),
        Some(Received::Absorbed),
        "one that was overtaken"
    );
    assert_eq!(world.run_to(100_000), ["5600 ServerGone"]);
}

#[test]
fn a_retransmitted_invite_in_completed_draws_the_refusal_again() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.respond(key, 486);
    world.run_to(200);
    assert_eq!(world.receive(&invite()), Some(Received::Absorbed));
    assert_eq!(world.run_to(500), ["200 486", "500 486"]);
}

#[test]
fn after_a_refusal_the_owner_can_send_nothing_more() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.respond(key, 486);
    for status in [180, 200, 500] {
        assert!(!world.respond(key, status), "Completed refuses {status}");
    }
    world.receive(&ack());
    for status in [180, 200, 500] {
        assert!(!world.respond(key, status), "Confirmed refuses {status}");
    }
    assert_eq!(world.seen(), ["0 486"]);
    world.run_to(5_000);
    assert!(!world.respond(key, 200), "Terminated refuses");
}

#[test]
fn an_invite_retransmitted_after_200_is_absorbed_without_an_answer_until_timer_l() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.respond(key, 180);
    assert!(world.respond(key, 200));
    assert_eq!(world.seen(), ["0 180", "0 200"]);
    world.run_to(31_999);
    assert_eq!(world.table.server_state(key), Some(ServerState::Accepted));
    assert_eq!(world.receive(&invite()), Some(Received::Absorbed));
    assert_eq!(world.run_to(100_000), ["32000 ServerGone"]);
    assert_eq!(world.receive(&invite()), None);
}

#[test]
fn a_2xx_is_passed_on_again_while_accepted_and_anything_else_is_not() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.respond(key, 200);
    world.run_to(500);
    assert!(
        world.respond(key, 200),
        "the user agent repeats it, or another fork has answered"
    );
    assert!(!world.respond(key, 180));
    assert!(!world.respond(key, 487));
    assert_eq!(world.run_to(100_000), ["500 200", "32000 ServerGone"]);
}

#[test]
fn an_ack_for_a_2xx_belongs_to_no_transaction() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.respond(key, 200);
    assert_eq!(world.find_server(&ack()), None);
    assert_eq!(world.find_server(&invite()), Some(key));
}

#[test]
fn an_ack_before_the_final_response_changes_nothing() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.respond(key, 180);
    assert_eq!(world.receive(&ack()), Some(Received::Absorbed));
    assert_eq!(world.table.server_state(key), Some(ServerState::Proceeding));
    assert_eq!(world.seen(), ["0 180"]);
}

#[test]
fn over_a_reliable_transport_a_refusal_is_sent_once_and_the_ack_ends_it() {
    let mut world = World::new();
    world.table.set_reliable(LISTENER);
    let key = world.open_server(&invite());
    world.respond(key, 486);
    assert_eq!(world.run_to(10_000), ["0 486"]);
    assert_eq!(world.receive(&ack()), Some(Received::Acknowledged));
    assert_eq!(world.seen(), ["10000 ServerGone"], "Timer I is zero");
}

#[test]
fn over_a_reliable_transport_timer_h_and_timer_l_still_run() {
    let mut world = World::new();
    world.table.set_reliable(LISTENER);
    let refused = world.open_server(&invite());
    world.respond(refused, 486);
    assert_eq!(world.run_to(40_000), ["0 486", "32000 NoAck"]);
    let accepted = world.open_server(&invite());
    world.respond(accepted, 200);
    assert_eq!(world.run_to(100_000), ["40000 200", "72000 ServerGone"]);
}

#[test]
fn an_invite_that_is_never_answered_ends_at_its_limit_counted_from_the_last_response() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.run_to(1_000_000);
    world.respond(key, 180);
    assert_eq!(
        world.run_to(10_000_000),
        ["1000000 180", "4660000 ServerGone"]
    );
}

#[test]
fn a_jump_over_all_timers_ends_the_transaction_without_a_burst_of_retransmissions() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.respond(key, 486);
    assert_eq!(world.seen(), ["0 486"]);
    assert_eq!(
        world.jump_to(20_000),
        ["20000 486"],
        "one, however many were missed"
    );
    assert_eq!(world.jump_to(500_000), ["500000 NoAck"]);
}

#[test]
fn responses_go_to_the_address_that_was_given_at_the_opening() {
    let mut world = World::new();
    let key = world.open_server(&invite());
    world.respond(key, 180);
    let transmit = world.table.poll_transmit().expect("a response");
    assert_eq!(
        (transmit.listener, transmit.destination),
        (LISTENER, peer())
    );
    read(&transmit.payload, |message| {
        assert_eq!(message.status(), 180)
    });
}
