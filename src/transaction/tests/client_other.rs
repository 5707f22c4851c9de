//! RFC 3261 §17.1.2.

use super::harness::{Heard, World, passed};

#[test]
fn timer_e_doubles_up_to_t2_until_timer_f() {
    let mut world = World::new();
    let sent = world.send("OPTIONS");
    let expected = [
        "0 OPTIONS",
        "500 OPTIONS",
        "1500 OPTIONS",
        "3500 OPTIONS",
        "7500 OPTIONS",
        "11500 OPTIONS",
        "15500 OPTIONS",
        "19500 OPTIONS",
        "23500 OPTIONS",
        "27500 OPTIONS",
        "31500 OPTIONS",
        "32000 TimedOut",
    ];
    assert_eq!(world.run_to(100_000), expected);
    assert_eq!(world.hear(&sent, 200), Heard::Unknown);
}

#[test]
fn a_provisional_response_slows_retransmissions_to_t2_from_the_next_one_on() {
    let mut world = World::new();
    let sent = world.send("BYE");
    world.run_to(600);
    assert_eq!(world.hear(&sent, 100), passed());
    assert_eq!(world.hear(&sent, 100), passed());
    let expected = [
        "1500 BYE",
        "5500 BYE",
        "9500 BYE",
        "13500 BYE",
        "17500 BYE",
        "21500 BYE",
        "25500 BYE",
        "29500 BYE",
        "32000 TimedOut",
    ];
    assert_eq!(world.run_to(100_000), expected);
}

#[test]
fn a_final_response_is_passed_on_once_and_absorbed_until_timer_k() {
    for status in [200, 404, 503] {
        let mut world = World::new();
        let sent = world.send("BYE");
        world.run_to(20);
        assert_eq!(world.hear(&sent, status), passed());
        assert_eq!(world.hear(&sent, status), Heard::Absorbed);
        assert_eq!(world.hear(&sent, 100), Heard::Absorbed);
        assert_eq!(world.table.request_of(sent.key), None);
        assert_eq!(world.run_to(100_000), ["5020 ClientGone"]);
        assert_eq!(world.hear(&sent, status), Heard::Unknown);
    }
}

#[test]
fn a_response_that_was_lost_is_drawn_by_the_next_retransmission() {
    let mut world = World::new();
    let sent = world.send("BYE");
    assert_eq!(world.run_to(1_600), ["0 BYE", "500 BYE", "1500 BYE"]);
    assert_eq!(world.hear(&sent, 200), passed());
    assert_eq!(world.run_to(100_000), ["6600 ClientGone"]);
}

#[test]
fn over_a_reliable_transport_nothing_is_sent_twice_and_a_final_response_ends_it() {
    let mut world = World::new();
    world.send_over("OPTIONS", true);
    assert_eq!(world.run_to(40_000), ["0 OPTIONS", "32000 TimedOut"]);
    let answered = world.send_over("OPTIONS", true);
    assert_eq!(world.hear(&answered, 100), passed());
    assert_eq!(world.run_to(50_000), ["40000 OPTIONS"]);
    assert_eq!(world.hear(&answered, 200), passed());
    assert_eq!(world.seen(), ["50000 ClientGone"], "Timer K is zero");
}

#[test]
fn a_transport_failure_ends_it_before_the_final_response_and_not_after() {
    let mut world = World::new();
    let (failing, ringing, answered) = (world.send("BYE"), world.send("BYE"), world.send("BYE"));
    world.hear(&ringing, 100);
    world.hear(&answered, 200);
    world.seen();
    for sent in [&failing, &ringing, &answered] {
        world.table.transport_failed(world.now(), sent.key);
    }
    assert_eq!(
        world.run_to(100_000),
        ["0 TransportFailed", "0 TransportFailed", "5000 ClientGone"]
    );
}

#[test]
fn an_abandoned_request_is_not_sent_again_and_its_late_answer_is_passed_on() {
    let mut world = World::new();
    let (late, silent, ringing) = (
        world.send("MESSAGE"),
        world.send("MESSAGE"),
        world.send("MESSAGE"),
    );
    world.hear(&ringing, 100);
    world.seen();
    for sent in [&late, &silent, &ringing] {
        world.table.abandon(sent.key);
    }
    assert_eq!(world.run_to(10_000), [""; 0]);
    assert_eq!(world.hear(&late, 200), passed());
    assert_eq!(
        world.run_to(100_000),
        ["15000 ClientGone", "32000 ClientGone", "32000 ClientGone"]
    );
}

#[test]
fn a_request_other_than_invite_cannot_be_cancelled() {
    let mut world = World::new();
    let sent = world.send("BYE");
    assert!(!world.table.cancel(world.now(), sent.key));
    world.hear(&sent, 100);
    assert!(!world.table.cancel(world.now(), sent.key));
    assert_eq!(world.seen(), ["0 BYE"]);
}
