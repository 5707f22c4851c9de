//! Decisions that did not succeed at the first try are told; those that did are not.

use std::time::Duration;

use tandem::call::AttemptOutcome;
use tandem::proxy::{Decided, Notice, Outcome};

use crate::text::{CALLER, invite};
use crate::world::{A, B, THREE_PEERS, World};

fn told(world: &World) -> Vec<&Decided> {
    world.notices.iter().filter_map(decided).collect()
}

fn decided(notice: &Notice) -> Option<&Decided> {
    match notice {
        Notice::Decided(decided) => Some(decided),
        Notice::FailedOver { .. }
        | Notice::Exhausted { .. }
        | Notice::Ended(_)
        | Notice::PeerDied(_) => None,
    }
}

#[test]
fn a_call_that_is_placed_at_the_first_try_or_refused_there_by_its_callee_is_not_told() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    world.deliver(CALLER, &invite("c2"));
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("486 Busy Here", "t", ""));
    assert!(told(&world).is_empty(), "{:?}", world.notices);
}

#[test]
fn a_call_that_failed_over_is_told_once_it_is_answered_with_each_try() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("503 Busy", "t", ""));
    world.expect(A, "ACK");
    let at_b = world.expect(B, "INVITE");
    assert!(told(&world).is_empty());
    world.deliver(
        B,
        &at_b.response("200 OK", "b", &format!("Contact: <sip:100@{B}>\r\n")),
    );
    let [decided] = told(&world)[..] else {
        panic!("{:?}", world.notices)
    };
    assert_eq!((decided.outcome, decided.status), (Outcome::Answered, 200));
    assert_eq!(decided.call_id, "c1");
    let tries: Vec<_> = decided
        .attempts
        .iter()
        .map(|it| (it.peer, it.outcome))
        .collect();
    let peer = |name: &str| Some(world.peer(name).id);
    let tried = [
        (peer("a"), AttemptOutcome::Status(503)),
        (peer("b"), AttemptOutcome::Answered),
    ];
    assert_eq!(tries, tried);
    assert!(decided.others.is_empty());
}

#[test]
fn a_call_that_found_no_room_tells_of_every_peer_why_not_and_a_flood_is_counted() {
    let mut world = World::new(&THREE_PEERS.replace("calls = 2", "calls = 0"));
    for call in 0..50 {
        world.deliver(CALLER, &invite(&format!("c{call}")));
    }
    let decided = told(&world);
    assert_eq!(decided.len(), 20, "a second's worth");
    assert_eq!(
        (decided[0].outcome, decided[0].status),
        (Outcome::Exhausted, 503)
    );
    assert_eq!(decided[0].attempts, []);
    let why: Vec<&[String]> = decided[0].others.iter().map(|(_, why)| &**why).collect();
    assert_eq!(why, [["does not offer calls"]; 3]);
    world.notices.clear();
    world.pass(Duration::from_secs(1));
    world.deliver(CALLER, &invite("late"));
    let decided = told(&world);
    assert_eq!((decided.len(), decided[0].unseen), (1, 30));
}

#[test]
fn a_call_that_a_route_refuses_is_told_with_the_route() {
    let routes = "[[route]]\nmatch = { user = \"^5\" }\ngroup = \"pbx\"\n[[route]]\nmatch = { user = \"^1\" }\nreject = 403\n";
    let mut world = World::new(&format!("{THREE_PEERS}{routes}"));
    world.deliver(CALLER, &invite("c1"));
    world.deliver(CALLER, &invite("c2").replace("sip:100@", "sip:700@"));
    let seen: Vec<_> = told(&world)
        .iter()
        .map(|it| (it.call, it.route, it.outcome, it.status))
        .collect();
    let refused = |route, status| (None, route, Outcome::Rejected, status);
    assert_eq!(seen, [refused(2, 403), refused(0, 404)]);
}
