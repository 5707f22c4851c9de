//! CANCEL (RFC 3261 §9.1) and giving up.

use super::harness::{Heard, World, context, passed, read};
use crate::transaction::Owner;

#[test]
fn a_cancel_is_sent_at_once_when_the_peer_has_answered_provisionally() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.hear(&sent, 180);
    world.seen();
    assert!(world.table.cancel(world.now(), sent.key));
    assert!(!world.table.cancel(world.now(), sent.key), "once is enough");
    let cancel = world.table.poll_transmit().expect("a CANCEL");
    read(&cancel.payload, |cancel| {
        assert_eq!(cancel.method_text(), b"CANCEL");
        assert_eq!(cancel.top_via().branch, Some(sent.branch.as_bytes()));
        assert_eq!((cancel.cseq(), cancel.to_tag()), (1, None));
    });
    assert_eq!(world.seen(), [""; 0]);
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    assert!(!world.table.cancel(world.now(), sent.key));
    assert_eq!(
        world.run_to(600),
        ["0 INVITE", "500 INVITE"],
        "the INVITE still has to arrive"
    );
    assert_eq!(world.hear(&sent, 100), passed());
    assert_eq!(world.seen(), ["600 CANCEL"]);
    assert_eq!(world.hear(&sent, 180), passed());
    assert_eq!(world.seen(), [""; 0]);
}

#[test]
fn a_cancelled_invite_ends_with_its_487() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.hear(&sent, 180);
    world.run_to(1_000);
    world.table.cancel(world.now(), sent.key);
    let answer = world.hear_for(&sent.branch, "CANCEL", 200);
    assert_eq!(answer, Heard::Passed(Owner::Cancel(context())));
    assert_eq!(world.hear(&sent, 487), passed());
    let expected = [
        "1000 CANCEL",
        "1000 ACK",
        "6000 ClientGone of CANCEL",
        "33000 ClientGone",
    ];
    assert_eq!(world.run_to(100_000), expected);
}

#[test]
fn a_cancel_that_loses_to_a_200_passes_the_200_on() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.hear(&sent, 180);
    world.table.cancel(world.now(), sent.key);
    assert_eq!(world.hear(&sent, 200), passed());
    assert_eq!(
        world.hear_for(&sent.branch, "CANCEL", 481),
        Heard::Passed(Owner::Cancel(context()))
    );
    world.seen();
    assert_eq!(
        world.run_to(100_000),
        ["5000 ClientGone of CANCEL", "32000 ClientGone"]
    );
}

#[test]
fn a_wish_to_cancel_that_a_final_response_overtakes_sends_nothing() {
    for (status, rest) in [
        (200, vec!["32000 ClientGone"]),
        (486, vec!["0 ACK", "32000 ClientGone"]),
    ] {
        let mut world = World::new();
        let sent = world.send("INVITE");
        world.seen();
        assert!(!world.table.cancel(world.now(), sent.key));
        assert_eq!(world.hear(&sent, status), passed());
        assert!(!world.table.cancel(world.now(), sent.key));
        assert_eq!(world.run_to(100_000), rest);
    }
}

#[test]
fn an_invite_without_a_final_response_times_out_64_t1_after_its_cancel() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.hear(&sent, 180);
    world.run_to(10_000);
    world.table.cancel(world.now(), sent.key);
    world.hear_for(&sent.branch, "CANCEL", 200);
    assert_eq!(
        world.run_to(20_000),
        ["10000 CANCEL", "15000 ClientGone of CANCEL"]
    );
    assert_eq!(
        world.hear(&sent, 180),
        passed(),
        "ringing on does not put it off"
    );
    assert_eq!(world.run_to(100_000), ["42000 TimedOut"]);
}

#[test]
fn a_cancel_that_nobody_answers_repeats_and_times_out_with_its_invite() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.hear(&sent, 180);
    world.seen();
    world.table.cancel(world.now(), sent.key);
    let seen = world.run_to(100_000);
    assert_eq!(
        seen[..4],
        ["0 CANCEL", "500 CANCEL", "1500 CANCEL", "3500 CANCEL"]
    );
    assert_eq!(seen[11..], ["32000 TimedOut", "32000 TimedOut of CANCEL"]);
}

#[test]
fn a_silent_invite_with_a_wish_to_cancel_times_out_like_any_other() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.table.cancel(world.now(), sent.key);
    assert_eq!(
        world.run_to(100_000).last().map(String::as_str),
        Some("32000 TimedOut")
    );
}

#[test]
fn an_abandoned_invite_is_not_sent_again_but_still_listens() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.run_to(2_000);
    world.table.abandon(sent.key);
    assert_eq!(world.run_to(20_000), [""; 0]);
    assert_eq!(
        world.hear(&sent, 200),
        passed(),
        "a late 200 is a live call"
    );
    assert_eq!(world.run_to(100_000), ["52000 ClientGone"]);
}

#[test]
fn an_abandoned_invite_still_acknowledges_a_late_refusal() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.run_to(2_000);
    world.table.abandon(sent.key);
    assert_eq!(world.hear(&sent, 486), passed());
    assert_eq!(world.hear(&sent, 486), Heard::Absorbed);
    assert_eq!(
        world.run_to(100_000),
        ["2000 ACK", "2000 ACK", "34000 ClientGone"]
    );
}

#[test]
fn an_abandoned_invite_that_stays_silent_goes_without_a_timeout() {
    let mut world = World::new();
    let (silent, ringing) = (world.send("INVITE"), world.send("INVITE"));
    world.hear(&ringing, 180);
    world.run_to(2_000);
    world.table.abandon(silent.key);
    world.table.abandon(ringing.key);
    assert_eq!(world.run_to(20_000), [""; 0]);
    assert_eq!(world.hear(&ringing, 180), passed());
    assert_eq!(
        world.run_to(100_000),
        ["32000 ClientGone", "34000 ClientGone"]
    );
}

#[test]
fn an_abandoned_invite_that_rings_late_gets_the_cancel_that_was_wished() {
    for cancel_first in [true, false] {
        let mut world = World::new();
        let sent = world.send("INVITE");
        world.run_to(2_000);
        if cancel_first {
            assert!(!world.table.cancel(world.now(), sent.key));
            world.table.abandon(sent.key);
        } else {
            world.table.abandon(sent.key);
            assert!(!world.table.cancel(world.now(), sent.key));
        }
        assert_eq!(world.run_to(3_000), [""; 0]);
        assert_eq!(world.hear(&sent, 180), passed());
        world.hear_for(&sent.branch, "CANCEL", 200);
        let expected = [
            "3000 CANCEL",
            "8000 ClientGone of CANCEL",
            "35000 ClientGone",
        ];
        assert_eq!(world.run_to(100_000), expected);
    }
}

#[test]
fn an_abandoned_invite_that_rings_late_uncancelled_ends_64_t1_later() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    world.run_to(2_000);
    world.table.abandon(sent.key);
    world.run_to(30_000);
    assert_eq!(world.hear(&sent, 180), passed());
    assert_eq!(world.run_to(100_000), ["62000 ClientGone"]);
}
