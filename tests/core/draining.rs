//! A peer that is emptied: the core tells how old its calls are, and ends them when it is told to.

use std::time::Duration;

use tandem::balance::{Admin, EndCause};
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

fn empty(world: &mut World, peer: &str) -> usize {
    let peer = world.peer(peer).id;
    match world.command(Command::Empty(peer)) {
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
