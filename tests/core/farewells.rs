//! What is told of calls that we end: of every BYE, what became of it.

use std::time::Duration;

use tandem::balance::EndCause;
use tandem::call::Side;
use tandem::proxy::{Ended, Leg, Notice, Reply};

use crate::ending::end_all;
use crate::text::{CALLER, Text, invite};
use crate::world::{A, THREE_PEERS, World};

const SECOND: Duration = Duration::from_secs(1);

fn told(world: &World) -> Vec<Ended> {
    let told = |notice: &Notice| match notice {
        Notice::Ended(ended) => Some((**ended).clone()),
        Notice::FailedOver { .. }
        | Notice::Exhausted { .. }
        | Notice::Decided(_)
        | Notice::PeerDied(_) => None,
    };
    world.notices.iter().filter_map(told).collect()
}

fn legs(caller: Option<Reply>, callee: Option<Reply>) -> Vec<Leg> {
    let leg = |to, bye| Leg { to, bye };
    vec![leg(Side::Caller, caller), leg(Side::Callee, callee)]
}

fn byes(world: &mut World) -> (Text, Text) {
    (world.expect(CALLER, "BYE"), world.expect(A, "BYE"))
}

#[test]
fn an_operators_end_tells_how_each_side_answered() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    end_all(&mut world);
    let (to_caller, to_callee) = byes(&mut world);
    world.deliver(CALLER, &to_caller.response("200 OK", "", ""));
    assert_eq!(told(&world).len(), 0, "one side has not answered yet");
    world.deliver(A, &to_callee.response("481 Gone", "", ""));
    let [ended] = &told(&world)[..] else {
        panic!("{:?}", world.notices)
    };
    assert_eq!(ended.cause, EndCause::EndedByOperator);
    assert_eq!(ended.peer, Some(world.peer("a").id));
    let answered = |status| Some(Reply::Status(status));
    assert_eq!(ended.legs, legs(answered(200), answered(481)));
    world.at_rest();
    assert_eq!(told(&world).len(), 1);
}

#[test]
fn the_bye_of_a_call_that_was_too_long_is_repeated_until_timer_f_and_its_silence_told() {
    let short = THREE_PEERS.replace("[probe]", "[timers]\ncall_max = \"60s\"\n[probe]");
    let mut world = World::new(&short);
    world.call_up("c1");
    world.pass(60 * SECOND);
    let (_, to_callee) = byes(&mut world);
    world.deliver(A, &to_callee.response("200 OK", "", ""));
    world.pass(33 * SECOND);
    let again = world.take_sent().filter(|(_, text)| text.kind() == "BYE");
    assert_eq!(again.count(), 10, "T1, then doubled up to T2, until 64*T1");
    let [ended] = &told(&world)[..] else {
        panic!("{:?}", world.notices)
    };
    assert_eq!(ended.cause, EndCause::Expired);
    let heard = (Some(Reply::Silence), Some(Reply::Status(200)));
    assert_eq!(ended.legs, legs(heard.0, heard.1));
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

#[test]
fn a_session_that_ran_out_is_told_although_its_slot_came_back_at_once() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    let extra = format!("Contact: <sip:100@{A}>\r\nSession-Expires: 90\r\n");
    world.deliver(A, &at_a.response("200 OK", "callee", &extra));
    let ok = world.expect(CALLER, "200");
    world.deliver(CALLER, &ok.ack(&request));
    world.expect(A, "ACK");
    world.pass(122 * SECOND);
    assert_eq!((world.own("a"), told(&world).len()), (0, 0));
    let (to_caller, to_callee) = byes(&mut world);
    world.unreachable(CALLER, &to_caller);
    world.deliver(A, &to_callee.response("200 OK", "", ""));
    let ended = told(&world);
    let heard = (Some(Reply::Unreachable), Some(Reply::Status(200)));
    assert_eq!(ended[0].legs, legs(heard.0, heard.1));
    world.at_rest();
}

#[test]
fn a_side_without_an_address_is_told_as_such() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("200 OK", "callee", ""));
    world.expect(CALLER, "200");
    end_all(&mut world);
    let to_caller = world.expect(CALLER, "BYE");
    world.quiet();
    world.deliver(CALLER, &to_caller.response("200 OK", "", ""));
    let ended = told(&world);
    assert_eq!(ended[0].legs, legs(Some(Reply::Status(200)), None));
    world.at_rest();
}

#[test]
fn a_call_that_is_ended_while_it_rings_is_told_once_it_is_over() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("180 Ringing", "t", ""));
    end_all(&mut world);
    assert_eq!(told(&world).len(), 0);
    world.deliver(A, &at_a.response("487 Request Terminated", "t", ""));
    let [ended] = &told(&world)[..] else {
        panic!("{:?}", world.notices)
    };
    assert_eq!(ended.cause, EndCause::EndedByOperator);
    assert_eq!(ended.legs, [], "a CANCEL is no BYE");
    world.at_rest();
}
