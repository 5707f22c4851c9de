//! One call from beginning to end, and what is done to its bytes.

use std::time::Duration;

use tandem::balance::EndCause;
use tandem::base::limits::TRYING_AFTER;
use tandem::call::{CallFilter, CallStage};
use tandem::proxy::{Answer, Command, Outcome};

use crate::text::{CALLER, Text, invite};
use crate::world::{A, THREE_PEERS, World};

#[test]
fn a_call_is_counted_from_invite_to_the_answer_to_bye() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    assert_eq!(world.own("a"), 1);
    world.deliver(A, &at_a.response("180 Ringing", "callee", ""));
    world.expect(CALLER, "180");
    world.deliver(
        A,
        &at_a.response("200 OK", "callee", &format!("Contact: <sip:100@{A}>\r\n")),
    );
    let ok = world.expect(CALLER, "200");
    assert_eq!(ok.all("Via").len(), 1);
    world.deliver(CALLER, &ok.ack(&request));
    let ack = world.expect(A, "ACK");
    assert_eq!(ack.all("Route").len(), 0);
    assert_eq!(world.own("a"), 1);
    world.deliver(
        CALLER,
        &ok.next("BYE", 2, &format!("{CALLER};branch=z9hG4bKbye")),
    );
    let bye = world.expect(A, "BYE");
    assert_eq!(bye.start(), format!("BYE sip:100@{A} SIP/2.0"));
    assert_eq!(world.own("a"), 1, "a BYE on its way ends nothing");
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    world.quiet();
    assert_eq!((world.own("a"), world.released("a", EndCause::Bye)), (0, 1));
    let group = world.ledger.directory().group_named("pbx");
    assert_eq!(
        world.stats().groups[&group].outcomes[Outcome::Answered.index()],
        1
    );
    world.at_rest();
}

#[test]
fn untouched_bytes_leave_as_they_came() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    let ours = |line: &&str| {
        ![
            "Via: SIP/2.0/UDP 127.0.0.9",
            "Record-Route:",
            "Max-Forwards:",
        ]
        .iter()
        .any(|own| line.starts_with(own))
    };
    let kept: Vec<&str> = at_a.0.split("\r\n").filter(ours).collect();
    let sent: Vec<&str> = request.split("\r\n").filter(ours).collect();
    assert_eq!(kept, sent);
    assert_eq!(at_a.first("Max-Forwards"), "69");
    let route = at_a.first("Record-Route");
    assert!(route.starts_with("<sip:127.0.0.9:5060;lr;"), "{route}");
}

#[test]
fn a_trying_goes_out_only_when_the_peer_is_slow() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    world.expect(A, "INVITE");
    world.pass(TRYING_AFTER - Duration::from_millis(1));
    world.quiet();
    world.pass(Duration::from_millis(1));
    let trying = world.expect(CALLER, "100");
    assert_eq!(trying.first("To"), "<sip:100@127.0.0.9>");
    world.quiet();
}

#[test]
fn a_retransmitted_invite_goes_no_further_and_a_retransmitted_200_does() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    world.deliver(CALLER, &request);
    // Whoever asks again has not heard: the withheld 100 need wait no longer.
    world.expect(CALLER, "100");
    world.quiet();
    let answer = at_a.response("200 OK", "callee", &format!("Contact: <sip:100@{A}>\r\n"));
    world.deliver(A, &answer);
    world.expect(CALLER, "200");
    world.deliver(CALLER, &request);
    world.quiet();
    world.deliver(A, &answer);
    world.expect(CALLER, "200");
    world.quiet();
    assert_eq!(world.own("a"), 1);
}

#[test]
fn the_callee_may_end_the_call() {
    let mut world = World::new(THREE_PEERS);
    let (_, at_a, _) = world.call_up("c1");
    world.deliver(
        A,
        &at_a.back("BYE", 1, &format!("{A};branch=z9hG4bKb1"), "callee"),
    );
    let bye = world.expect(CALLER, "BYE");
    assert_eq!(bye.start(), format!("BYE sip:a@{CALLER} SIP/2.0"));
    world.deliver(CALLER, &bye.response("200 OK", "", ""));
    world.expect(A, "200");
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

#[test]
fn a_live_call_is_listed_with_what_a_person_asks_about_it() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    let filter = CallFilter {
        limit: 10,
        ..CallFilter::default()
    };
    let Answer::Calls(calls) = world.command(Command::Calls(filter)) else {
        panic!("calls")
    };
    let [call] = &calls[..] else {
        panic!("one call: {calls:?}")
    };
    assert_eq!(
        (call.call_id.as_str(), call.from.as_str(), call.to.as_str()),
        ("c1", "sip:a@127.0.0.1", "sip:100@127.0.0.9")
    );
    assert_eq!(
        (call.stage, call.peer),
        (CallStage::Up, Some(world.peer("a").id))
    );
    assert_eq!(call.attempts.len(), 1);
    assert_eq!(call.attempts[0].outcome.to_text(), "answered");
}

#[test]
fn the_operator_ends_a_call_with_bye_to_both_sides() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    let Answer::Calls(calls) = world.command(Command::Calls(CallFilter {
        limit: 1,
        ..CallFilter::default()
    })) else {
        panic!("calls")
    };
    let Answer::Ended(true) = world.command(Command::EndCall(calls[0].id)) else {
        panic!("ended")
    };
    let (to_caller, to_callee) = (world.expect(CALLER, "BYE"), world.expect(A, "BYE"));
    assert_eq!(to_caller.first("From"), "<sip:100@127.0.0.9>;tag=callee");
    assert_eq!(to_callee.first("CSeq"), "2 BYE");
    world.deliver(CALLER, &to_caller.response("200 OK", "", ""));
    assert_eq!(world.own("a"), 1);
    world.deliver(A, &to_callee.response("200 OK", "", ""));
    assert_eq!(
        (
            world.own("a"),
            world.released("a", EndCause::EndedByOperator)
        ),
        (0, 1)
    );
    world.at_rest();
}

#[test]
fn the_longest_life_of_a_call_ends_it_though_nobody_answers() {
    let mut world =
        World::new(&THREE_PEERS.replace("[probe]", "[timers]\ncall_max = \"1h\"\n[probe]"));
    world.call_up("c1");
    world.pass(Duration::from_secs(3599));
    assert_eq!(world.own("a"), 1);
    world.pass(Duration::from_secs(1));
    world.expect(CALLER, "BYE");
    world.expect(A, "BYE");
    world.pass(Duration::from_secs(33));
    assert_eq!(
        (world.own("a"), world.released("a", EndCause::Expired)),
        (0, 1)
    );
    world.at_rest();
}

#[test]
fn options_to_ourselves_are_answered() {
    let mut world = World::new(THREE_PEERS);
    let options = invite("o1")
        .replace("INVITE sip:100@127.0.0.9", "OPTIONS sip:127.0.0.9")
        .replace("1 INVITE", "1 OPTIONS");
    world.deliver(CALLER, &options);
    let ok = world.expect(CALLER, "200");
    assert!(ok.first("To").contains(";tag="));
    assert_eq!(world.own("a"), 0);
}

#[test]
fn a_request_outside_a_dialog_is_dispatched_and_counted_nowhere() {
    let mut world = World::new(THREE_PEERS);
    let message = invite("m1").replace("INVITE", "MESSAGE");
    world.deliver(CALLER, &message);
    let (to, sent) = {
        let sent = world.expect_any("MESSAGE");
        (sent.0, sent.1)
    };
    assert!(sent.all("Record-Route").is_empty());
    world.deliver(&to, &sent.response("200 OK", "x", ""));
    world.expect(CALLER, "200");
    world.at_rest();
    assert_eq!(
        world
            .ledger
            .view(world.now)
            .iter()
            .map(|peer| peer.granted)
            .sum::<u64>(),
        0
    );
}

#[test]
fn a_text_helper_reads_what_it_wrote() {
    let text = Text(invite("c1"));
    assert_eq!(
        (text.kind(), text.first("call-id"), text.body()),
        ("INVITE", "c1", "v=0\r\n")
    );
}
