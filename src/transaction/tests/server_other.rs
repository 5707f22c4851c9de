//! RFC 3261 §17.2.2.

use super::harness::{LISTENER, Request, World};
use crate::transaction::{Received, ServerState};

fn options() -> bytes::Bytes {
    Request::new("OPTIONS").bytes()
}

#[test]
fn a_retransmission_in_trying_is_absorbed_without_an_answer() {
    let mut world = World::new();
    let key = world.open_server(&options());
    assert_eq!(world.table.server_state(key), Some(ServerState::Trying));
    assert_eq!(world.receive(&options()), Some(Received::Absorbed));
    assert_eq!(world.seen(), [""; 0]);
}

#[test]
fn a_retransmission_in_proceeding_draws_the_last_provisional_response() {
    let mut world = World::new();
    let key = world.open_server(&options());
    assert!(world.respond(key, 100));
    assert_eq!(world.table.server_state(key), Some(ServerState::Proceeding));
    world.run_to(500);
    world.receive(&options());
    assert_eq!(world.seen(), ["500 100"]);
}

#[test]
fn a_final_response_answers_retransmissions_until_timer_j() {
    let mut world = World::new();
    let key = world.open_server(&options());
    world.run_to(100);
    assert!(world.respond(key, 200));
    assert_eq!(world.seen(), ["100 200"]);
    world.run_to(32_099);
    assert_eq!(world.receive(&options()), Some(Received::Absorbed));
    assert_eq!(world.run_to(100_000), ["32099 200", "32100 ServerGone"]);
    assert_eq!(world.receive(&options()), None);
}

#[test]
fn a_second_final_response_is_discarded() {
    let mut world = World::new();
    let key = world.open_server(&options());
    world.respond(key, 404);
    for status in [100, 200, 500] {
        assert!(!world.respond(key, status));
    }
    assert_eq!(world.seen(), ["0 404"]);
    world.receive(&options());
    assert_eq!(world.seen(), ["0 404"]);
}

#[test]
fn over_a_reliable_transport_the_final_response_ends_the_transaction() {
    let mut world = World::new();
    world.table.set_reliable(LISTENER);
    let key = world.open_server(&options());
    assert!(world.respond(key, 200));
    assert_eq!(world.seen(), ["0 200", "0 ServerGone"]);
    assert_eq!(world.table.server_state(key), None);
}

#[test]
fn a_request_that_nobody_answers_ends_when_its_client_has_stopped_waiting() {
    let mut world = World::new();
    let key = world.open_server(&options());
    assert_eq!(world.run_to(31_999), [""; 0]);
    assert_eq!(world.run_to(32_000), ["32000 ServerGone"]);
    assert!(!world.respond(key, 200));
}

#[test]
fn a_waiting_100_makes_way_for_the_final_response() {
    let mut world = World::new();
    let key = world.open_server(&options());
    world.trying(key, 4_000, &Request::new("OPTIONS"));
    world.run_to(3_999);
    world.respond(key, 200);
    assert_eq!(world.run_to(30_000), ["3999 200"]);
}

#[test]
fn a_100_is_not_accepted_once_a_response_was_sent() {
    let mut world = World::new();
    let key = world.open_server(&options());
    world.respond(key, 200);
    world.trying(key, 10, &Request::new("OPTIONS"));
    world.seen();
    world.run_to(20);
    world.receive(&options());
    assert_eq!(
        world.seen(),
        ["20 200"],
        "the kept response is still the final one"
    );
}
