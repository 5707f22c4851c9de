//! A peer that is emptied: the core tells how old its calls are, and ends them when it is told to.

use std::time::{Duration, Instant};

use tandem::balance::{Admin, Drain, EndCause, Moment};
use tandem::proxy::{Answer, Command};

use crate::text::{CALLER, invite};
use crate::world::{A, B, THREE_PEERS, World};

const SECOND: Duration = Duration::from_secs(1);

fn begun(world: &mut World, peer: &str) -> Vec<u64> {
    let peer = world.peer(peer).id;
    match world.command(Command::Begun(peer)) {
        Answer::Begun(begun) => begun,
        other => panic!("{other:?}"),
    }
}

/// Drains a peer until this many seconds from now; its deadline.
fn drain(world: &World, peer: &str, seconds: u64) -> Instant {
    let peer = world.peer(peer).id;
    let at = Moment {
        now: world.now,
        unix_ms: 0,
    };
    let drain = Drain {
        since_unix_ms: Some(0),
        deadline_unix_ms: Some(seconds * 1000),
    };
    world.ledger.drain(peer, at, drain);
    world.ledger.deadline(peer).expect("a deadline")
}

fn empty(world: &mut World, peer: &str) -> usize {
    let deadline = drain(world, peer, 0);
    empty_for(world, peer, deadline)
}

/// The command that was given for this deadline.
fn empty_for(world: &mut World, peer: &str, deadline: Instant) -> usize {
    let peer = world.peer(peer).id;
    match world.command(Command::Empty { peer, deadline }) {
        Answer::Done(count) => count,
        other => panic!("{other:?}"),
    }
}

#[test]
fn when_the_calls_of_a_peer_began_is_told_of_that_peer_alone() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    world.pass(90 * SECOND);
    world.deliver(CALLER, &invite("c2"));
    world.expect(A, "INVITE");
    let mut told = begun(&mut world, "a");
    told.sort_unstable();
    assert_eq!(told, [1_700_000_000_000, 1_700_000_090_000]);
    assert!(begun(&mut world, "b").is_empty());
}

#[test]
fn emptying_a_peer_sends_bye_to_both_sides_of_calls_and_cancel_for_those_that_ring() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    world.deliver(CALLER, &invite("c2"));
    let ringing = world.expect(A, "INVITE");
    world.deliver(A, &ringing.response("180 Ringing", "t", ""));
    world.expect(CALLER, "180");
    assert_eq!(empty(&mut world, "b"), 0);
    assert_eq!(empty(&mut world, "a"), 2);
    let mut sent: Vec<(String, String)> = world
        .take_sent()
        .map(|(to, text)| (to.to_string(), text.kind().to_owned()))
        .collect();
    sent.sort();
    let to = |who: &str, kind: &str| (who.to_owned(), kind.to_owned());
    assert_eq!(
        sent,
        [to(A, "BYE"), to(A, "CANCEL"), to(CALLER, "BYE")],
        "each once"
    );
    assert_eq!(empty(&mut world, "a"), 0, "they are being ended already");
    world.pass(64 * SECOND);
    assert_eq!(world.released("a", EndCause::EndedByOperator), 2);
    world.at_rest();
}

#[test]
fn a_call_that_hangs_up_when_its_peer_is_emptied_is_left_to_its_own_bye() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    world.deliver(
        CALLER,
        &ok.next("BYE", 2, &format!("{CALLER};branch=z9hG4bKbye")),
    );
    let bye = world.expect(A, "BYE");
    assert_eq!(empty(&mut world, "a"), 0);
    world.quiet();
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    assert_eq!(world.released("a", EndCause::Bye), 1);
    world.at_rest();
}

#[test]
fn the_call_before_the_word_is_counted_in_the_drain_and_the_call_after_it_goes_elsewhere() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    world.expect(A, "INVITE");
    let a = world.peer("a").id;
    world.ledger.set_admin(a, Admin::Draining);
    world.deliver(CALLER, &invite("c2"));
    world.expect(B, "INVITE");
    let drain = world.peer("a").drain.expect("it drains");
    assert_eq!((drain.calls_left, drain.as_str()), (1, "draining"));
}

#[test]
fn a_command_to_empty_a_peer_that_comes_after_the_operator_thought_better_of_it_ends_no_call() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    let issued_for = drain(&world, "a", 0);
    let later = drain(&world, "a", 600);
    assert_eq!(empty_for(&mut world, "a", issued_for), 0, "more time");
    let a = world.peer("a").id;
    world.ledger.set_admin(a, Admin::Enabled);
    assert_eq!(empty_for(&mut world, "a", later), 0, "enabled");
    world.quiet();
    assert_eq!(empty(&mut world, "a"), 1, "its time is over after all");
}

#[test]
fn the_saved_calls_of_a_peer_that_was_removed_are_counted_on_it_and_ended_by_its_deadline() {
    let mut before = World::new(THREE_PEERS);
    before.call_up("c1");
    before.pass(SECOND);
    let saved = before.saved();
    let parts: Vec<&str> = THREE_PEERS.split("[[peer]]").collect();
    let without_a = [&parts[..1], &parts[2..]].concat().join("[[peer]]");
    let mut world = World::later(&without_a, 60_000);
    let name = "a".into();
    let remembered = world.ledger.remember(&name, world.now);
    remembered.expect("a name more");
    world.reload(&without_a);
    let Answer::Done(1) = world.command(Command::Restore(saved.into())) else {
        panic!("not one call")
    };
    assert_eq!(world.own("a"), 1);
    assert!(!world.peer("a").eligible);
    assert_eq!(empty(&mut world, "a"), 1);
    world.expect_any("BYE");
}
