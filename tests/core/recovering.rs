//! A peer that failed comes back.

use std::time::Duration;

use crate::text::{CALLER, invite};
use crate::world::{A, B, THREE_PEERS, World};

#[test]
fn a_trial_call_that_rings_after_its_100_brings_the_peer_back() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let refused = world.expect(A, "INVITE");
    world.unreachable(A, &refused);
    let at_b = world.expect(B, "INVITE");
    world.deliver(B, &at_b.response("486 Busy Here", "b", ""));
    assert!(!world.peer("a").eligible, "its port was closed");
    world.pass(Duration::from_secs(60));
    while world.next_is(B, "ACK") || world.next_is(CALLER, "486") {
        world.skip();
    }
    world.quiet();

    world.deliver(CALLER, &invite("c2"));
    let trial = world.expect(A, "INVITE");
    world.deliver(A, &trial.response("100 Trying", "", ""));
    assert_eq!(world.peer("a").why_not, ["recovering: a trial call is out"]);
    world.deliver(A, &trial.response("180 Ringing", "a", ""));
    world.expect(CALLER, "180");
    assert!(world.peer("a").eligible, "{:?}", world.peer("a").why_not);
}
