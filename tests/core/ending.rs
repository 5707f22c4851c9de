//! Calls that we end ourselves, in every state.

use std::time::Duration;

use tandem::balance::EndCause;
use tandem::call::{CallFilter, CallId};
use tandem::proxy::{Answer, Command};

use crate::text::{CALLER, cancel, invite};
use crate::world::{A, B, THREE_PEERS, World};

pub fn ids(world: &mut World) -> Vec<CallId> {
    let all = CallFilter {
        limit: 100,
        ..CallFilter::default()
    };
    match world.command(Command::Calls(all)) {
        Answer::Calls(calls) => calls.iter().map(|call| call.id).collect(),
        other => panic!("not calls: {other:?}"),
    }
}

pub fn end_all(world: &mut World) {
    for id in ids(world) {
        let answer = world.command(Command::EndCall(id));
        assert!(matches!(answer, Answer::Ended(true)), "{answer:?}");
    }
}

fn contact(at: &str) -> String {
    format!("Contact: <sip:100@{at}>\r\n")
}

fn ended_by_operator(world: &World, peer: &str) -> (u64, u64) {
    let cause = EndCause::EndedByOperator;
    (world.own(peer), world.released(peer, cause))
}

#[test]
fn a_ringing_call_that_the_operator_ends_is_cancelled() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("180 Ringing", "t", ""));
    world.expect(CALLER, "180");
    end_all(&mut world);
    world.expect(A, "CANCEL");
    assert_eq!(world.own("a"), 1, "only a final response settles it");
    world.deliver(A, &at_a.response("487 Request Terminated", "t", ""));
    world.expect(A, "ACK");
    world.expect(CALLER, "487");
    assert_eq!(ended_by_operator(&world, "a"), (0, 1));
    world.at_rest();
}

#[test]
fn an_operators_end_that_loses_to_200_hangs_up_once_the_answer_has_gone_back() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("180 Ringing", "t", ""));
    world.expect(CALLER, "180");
    end_all(&mut world);
    world.expect(A, "CANCEL");
    world.deliver(A, &at_a.response("200 OK", "t", &contact(A)));
    world.expect(CALLER, "200");
    let to_caller = world.expect(CALLER, "BYE");
    let to_callee = world.expect(A, "BYE");
    assert_eq!(world.own("a"), 1);
    world.deliver(CALLER, &to_caller.response("200 OK", "", ""));
    world.deliver(A, &to_callee.response("200 OK", "", ""));
    assert_eq!(ended_by_operator(&world, "a"), (0, 1));
    world.at_rest();
}

#[test]
fn a_fork_that_answers_an_ended_call_is_hung_up_too() {
    let mut world = World::new(THREE_PEERS);
    let (_, at_a, _) = world.call_up("c1");
    end_all(&mut world);
    world.expect(CALLER, "BYE");
    world.expect(A, "BYE");
    world.deliver(A, &at_a.response("200 OK", "fork", &contact(A)));
    world.expect(CALLER, "200");
    let to_caller = world.expect(CALLER, "BYE");
    assert!(to_caller.first("From").ends_with(";tag=fork"));
    world.expect(A, "BYE");
    world.quiet();
    world.at_rest();
}

#[test]
fn a_late_answer_to_a_call_that_the_operator_ended_is_hung_up() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    end_all(&mut world);
    world.pass(Duration::from_secs(2));
    world.skip_all(&[(A, "INVITE"), (CALLER, "100")]);
    world.expect(CALLER, "487");
    assert_eq!(ended_by_operator(&world, "a"), (0, 1));
    world.deliver(A, &at_a.response("200 OK", "t", &contact(A)));
    world.skip_all(&[(CALLER, "487")]);
    world.expect(CALLER, "200");
    world.expect(CALLER, "BYE");
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.at_rest();
    assert_eq!(ended_by_operator(&world, "a"), (0, 2));
}

#[test]
fn a_late_answer_to_a_call_that_the_caller_cancelled_is_the_callers_to_end() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    world.deliver(CALLER, &cancel(&request));
    world.expect(CALLER, "200");
    world.pass(Duration::from_secs(2));
    world.skip_all(&[(A, "INVITE"), (CALLER, "100")]);
    let end = world.expect(CALLER, "487");
    world.deliver(CALLER, &end.ack(&request));
    assert_eq!(world.own("a"), 0);
    world.deliver(A, &at_a.response("200 OK", "t", &contact(A)));
    let ok = world.expect(CALLER, "200");
    world.quiet();
    assert_eq!(world.own("a"), 1, "a live call until its BYE");
    world.deliver(
        CALLER,
        &ok.next("BYE", 2, &format!("{CALLER};branch=z9hG4bKbye")),
    );
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    world.at_rest();
}

#[test]
fn a_call_that_waits_for_a_name_is_ended_at_once() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1")
        .replace(CALLER, A)
        .replace("sip:100@127.0.0.9", "sip:100@carrier.example");
    world.deliver(A, &request);
    let (token, _) = world.resolves.pop().expect("a question");
    assert_eq!(world.own("a"), 1);
    end_all(&mut world);
    world.expect(A, "487");
    assert_eq!(ended_by_operator(&world, "a"), (0, 1));
    world.resolve(token, &["127.0.0.66:5060"]);
    world.quiet();
    world.at_rest();
}

#[test]
fn a_cancel_while_waiting_for_a_name_sends_nothing_anywhere() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1")
        .replace(CALLER, A)
        .replace("sip:100@127.0.0.9", "sip:100@carrier.example");
    world.deliver(A, &request);
    let (token, _) = world.resolves.pop().expect("a question");
    world.deliver(A, &cancel(&request));
    world.expect(A, "200");
    world.expect(A, "487");
    world.resolve(token, &["127.0.0.66:5060"]);
    world.quiet();
    assert_eq!(world.released("a", EndCause::Cancelled), 1);
    world.at_rest();
}

#[test]
fn the_longest_life_of_a_call_begins_with_its_answer() {
    let short = THREE_PEERS.replace("[probe]", "[timers]\ncall_max = \"60s\"\n[probe]");
    let mut world = World::new(&short);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("180 Ringing", "t", ""));
    world.pass(Duration::from_secs(50));
    world.deliver(A, &at_a.response("200 OK", "t", &contact(A)));
    world.skip_all(&[(CALLER, "180"), (CALLER, "200")]);
    world.pass(Duration::from_secs(59));
    world.quiet();
    world.pass(Duration::from_secs(1));
    world.expect(CALLER, "BYE");
    world.expect(A, "BYE");
    world.at_rest();
    assert_eq!(world.released("a", EndCause::Expired), 1);
}

#[test]
fn forks_of_a_late_answer_share_one_slot_and_its_placer_is_counted_again() {
    let group = "[[route]]\nmatch = {}\ngroup = \"pbx\"\n[[peer]]\nname = \"phone\"\nuri = \"sip:127.0.0.50:5060\"\npriority = 9\n";
    let mut world = World::new(&format!("{THREE_PEERS}{group}"));
    const PHONE: &str = "127.0.0.50:5060";
    world.deliver(PHONE, &invite("c1").replace(CALLER, PHONE));
    let at_a = world.expect(A, "INVITE");
    world.pass(Duration::from_secs(2));
    world.skip_all(&[(A, "INVITE"), (PHONE, "100")]);
    let at_b = world.expect(B, "INVITE");
    assert_eq!((world.own("phone"), world.own("b")), (1, 1));
    world.deliver(B, &at_b.response("486 Busy Here", "b", ""));
    world.expect(B, "ACK");
    world.expect(PHONE, "486");
    assert_eq!((world.own("phone"), world.own("b")), (0, 0));
    for tag in ["one", "two", "three"] {
        world.deliver(A, &at_a.response("200 OK", tag, &contact(A)));
        world.expect(PHONE, "200");
        assert_eq!((world.own("phone"), world.own("a")), (1, 1), "{tag}");
    }
    end_all(&mut world);
    world.at_rest();
}

#[test]
fn a_bye_of_ours_follows_a_contact_with_a_name() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    let named = "Contact: <sip:100@pbx.example>\r\n";
    world.deliver(A, &at_a.response("200 OK", "callee", named));
    world.expect(CALLER, "200");
    end_all(&mut world);
    let to_caller = world.expect(CALLER, "BYE");
    world.deliver(CALLER, &to_caller.response("200 OK", "", ""));
    world.quiet();
    assert_eq!(world.own("a"), 1, "the other side has not heard of it yet");
    let (token, host) = world.resolves.pop().expect("a question");
    assert_eq!(host, "pbx.example");
    world.resolve(token, &[A]);
    let to_callee = world.expect(A, "BYE");
    assert_eq!(to_callee.start(), "BYE sip:100@pbx.example SIP/2.0");
    world.deliver(A, &to_callee.response("200 OK", "", ""));
    assert_eq!(ended_by_operator(&world, "a"), (0, 1));
    world.at_rest();
}

#[test]
fn a_name_that_nobody_resolves_holds_no_call_for_ever() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    let named = "Contact: <sip:100@pbx.example>\r\n";
    world.deliver(A, &at_a.response("200 OK", "callee", named));
    world.expect(CALLER, "200");
    end_all(&mut world);
    let to_caller = world.expect(CALLER, "BYE");
    world.deliver(CALLER, &to_caller.response("200 OK", "", ""));
    world.pass(Duration::from_secs(11));
    assert_eq!(ended_by_operator(&world, "a"), (0, 1));
    world.at_rest();
}

#[test]
fn a_bye_of_ours_gives_a_strict_router_its_due() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    let mut by_strict = at_a.clone();
    let routers =
        "Record-Route: <sip:127.0.0.45;lr>\r\nRecord-Route: <sip:127.0.0.44:5070>\r\nRecord-Route:";
    by_strict.0 = by_strict.0.replacen("Record-Route:", routers, 1);
    world.deliver(A, &by_strict.response("200 OK", "callee", &contact(A)));
    world.expect(CALLER, "200");
    end_all(&mut world);
    world.expect(CALLER, "BYE");
    let bye = world.expect("127.0.0.44:5070", "BYE");
    assert_eq!(bye.start(), "BYE sip:127.0.0.44:5070 SIP/2.0");
    let routes = format!("<sip:127.0.0.45;lr>, <sip:100@{A}>");
    assert_eq!(bye.all("Route"), [routes]);
    world.at_rest();
}
