//! Within the dialog.

use std::time::Duration;

use tandem::balance::EndCause;
use tandem::call::CallFilter;
use tandem::proxy::{Answer, Command};

use crate::text::{CALLER, Text, invite};
use crate::world::{A, THREE_PEERS, World};

fn via(address: &str, branch: &str) -> String {
    format!("{address};branch=z9hG4bK{branch}")
}

#[test]
fn a_challenged_bye_ends_nothing() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    world.deliver(CALLER, &ok.next("BYE", 2, &via(CALLER, "b1")));
    let bye = world.expect(A, "BYE");
    world.deliver(
        A,
        &bye.response(
            "401 Unauthorized",
            "",
            "WWW-Authenticate: Digest realm=\"x\"\r\n",
        ),
    );
    world.expect(CALLER, "401");
    assert_eq!(world.own("a"), 1);
    world.deliver(CALLER, &ok.next("BYE", 3, &via(CALLER, "b2")));
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    assert_eq!((world.own("a"), world.released("a", EndCause::Bye)), (0, 1));
    world.at_rest();
}

#[test]
fn crossing_byes_release_once() {
    let mut world = World::new(THREE_PEERS);
    let (_, at_a, ok) = world.call_up("c1");
    world.deliver(CALLER, &ok.next("BYE", 2, &via(CALLER, "b1")));
    let to_a = world.expect(A, "BYE");
    world.deliver(A, &at_a.back("BYE", 1, &via(A, "b2"), "callee"));
    let to_caller = world.expect(CALLER, "BYE");
    world.deliver(A, &to_a.response("481 Gone", "", ""));
    world.expect(CALLER, "481");
    assert_eq!(world.own("a"), 0);
    world.deliver(CALLER, &to_caller.response("200 OK", "", ""));
    world.expect(A, "200");
    assert_eq!(world.peer("a").released.iter().sum::<u64>(), 1);
    world.at_rest();
}

#[test]
fn a_retransmitted_bye_is_answered_from_memory() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    let bye = ok.next("BYE", 2, &via(CALLER, "b1"));
    world.deliver(CALLER, &bye);
    let at_a = world.expect(A, "BYE");
    world.deliver(CALLER, &bye);
    world.quiet();
    world.deliver(A, &at_a.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    world.deliver(CALLER, &bye);
    world.expect(CALLER, "200");
    world.quiet();
    assert_eq!(world.peer("a").released.iter().sum::<u64>(), 1);
    world.at_rest();
}

#[test]
fn a_bye_that_nobody_answers_ends_the_call_all_the_same() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    world.deliver(CALLER, &ok.next("BYE", 2, &via(CALLER, "b1")));
    world.expect(A, "BYE");
    world.pass(Duration::from_secs(31));
    assert_eq!(world.own("a"), 1);
    world.pass(Duration::from_secs(2));
    assert_eq!((world.own("a"), world.released("a", EndCause::Bye)), (0, 1));
    world.at_rest();
}

#[test]
fn a_fork_holds_one_slot_until_its_last_dialog_ends() {
    let mut world = World::new(THREE_PEERS);
    let (request, at_a, first) = world.call_up("c1");
    world.deliver(
        A,
        &at_a.response("200 OK", "fork", &format!("Contact: <sip:fork@{A}>\r\n")),
    );
    let second = world.expect(CALLER, "200");
    world.deliver(CALLER, &second.ack(&request));
    world.expect(A, "ACK");
    assert_eq!(world.own("a"), 1);
    for (dialog, left) in [(second, 1), (first, 0)] {
        world.deliver(
            CALLER,
            &dialog.next("BYE", 2, &via(CALLER, &format!("b{left}"))),
        );
        let bye = world.expect(A, "BYE");
        world.deliver(A, &bye.response("200 OK", "", ""));
        world.expect(CALLER, "200");
        assert_eq!(world.own("a"), left);
    }
    world.at_rest();
}

#[test]
fn requests_within_the_dialog_pass_both_ways_and_count_nothing() {
    let mut world = World::new(THREE_PEERS);
    let (_, at_a, ok) = world.call_up("c1");
    for (number, method) in ["UPDATE", "INFO", "REFER", "PRACK", "MESSAGE", "FROBNICATE"]
        .iter()
        .enumerate()
    {
        let cseq = number as u32 + 2;
        world.deliver(
            CALLER,
            &ok.next(method, cseq, &via(CALLER, &format!("x{number}"))),
        );
        let there = world.expect(A, method);
        world.deliver(A, &there.response("200 OK", "", ""));
        world.expect(CALLER, "200");
        world.deliver(
            A,
            &at_a.back(method, cseq, &via(A, &format!("y{number}")), "callee"),
        );
        let here = world.expect(CALLER, method);
        world.deliver(CALLER, &here.response("200 OK", "", ""));
        world.expect(A, "200");
        assert_eq!(world.own("a"), 1);
    }
    world.quiet();
}

#[test]
fn a_reinvite_passes_and_its_failure_ends_nothing() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    let again = ok.next("INVITE", 2, &via(CALLER, "re"));
    world.deliver(CALLER, &again);
    let there = world.expect(A, "INVITE");
    world.deliver(A, &there.response("488 Not Acceptable Here", "", ""));
    world.expect(A, "ACK");
    let refusal = world.expect(CALLER, "488");
    world.deliver(CALLER, &refusal.ack(&again));
    world.quiet();
    assert_eq!(world.own("a"), 1);
}

#[test]
fn a_known_dialog_needs_no_route_but_a_foreign_route_leads_nowhere() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    let without = |text: String, route: &str| -> String {
        let lines: Vec<&str> = text
            .split("\r\n")
            .filter(|line| !line.starts_with("Route:"))
            .collect();
        lines
            .join("\r\n")
            .replacen("Max-Forwards", &format!("{route}Max-Forwards"), 1)
    };
    world.deliver(CALLER, &without(ok.next("INFO", 2, &via(CALLER, "i1")), ""));
    world.expect(A, "INFO");
    world.deliver(
        CALLER,
        &without(
            ok.next("INFO", 3, &via(CALLER, "i2")),
            "Route: <sip:10.9.9.9;lr>\r\n",
        ),
    );
    world.expect(CALLER, "403");
    world.quiet();
}

#[test]
fn a_forged_cookie_leads_nowhere() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    let forged = ok
        .next("BYE", 2, &via(CALLER, "b1"))
        .replace("tdm=", "tdm=A");
    world.deliver(CALLER, &forged);
    world.expect(CALLER, "403");
    world.deliver(
        "203.0.113.5:5060",
        &forged.replace("z9hG4bKb1", "z9hG4bKb2"),
    );
    world.expect("203.0.113.5:5071", "403");
    world.quiet();
    assert_eq!(world.own("a"), 1);
}

#[test]
fn a_request_for_a_dialog_that_never_was_is_481_and_an_ack_is_silence() {
    let mut world = World::new(THREE_PEERS);
    let unknown = Text(invite("none")).response("200 OK", "x", "Contact: <sip:x@127.0.0.77>\r\n");
    let bye = Text(unknown).next("BYE", 2, &via(CALLER, "b1"));
    world.deliver(CALLER, &bye);
    world.expect(CALLER, "481");
    world.deliver(CALLER, &bye.replace("BYE", "ACK").replace("b1", "b2"));
    world.quiet();
}

#[test]
fn a_target_refresh_counts_once_it_is_accepted() {
    for (answer, target) in [("488 Not Acceptable Here", 71), ("200 OK", 72)] {
        let mut world = World::new(THREE_PEERS);
        let (_, _, ok) = world.call_up("c1");
        let moved = "Contact: <sip:a@127.0.0.1:5072>\r\nContent-Length";
        let again = ok.next("INVITE", 2, &via(CALLER, "re"));
        world.deliver(CALLER, &again.replace("Content-Length", moved));
        let there = world.expect(A, "INVITE");
        let contact = format!("Contact: <sip:100@{A};moved>\r\n");
        world.deliver(A, &there.response(answer, "", &contact));
        world.skip_all(&[(A, "ACK"), (CALLER, &answer[..3])]);
        let all = CallFilter {
            limit: 1,
            ..CallFilter::default()
        };
        let Answer::Calls(calls) = world.command(Command::Calls(all)) else {
            panic!("calls")
        };
        world.command(Command::EndCall(calls[0].id));
        let bye = world.expect(&format!("127.0.0.1:50{target}"), "BYE");
        assert_eq!(
            bye.start(),
            format!("BYE sip:a@127.0.0.1:50{target} SIP/2.0")
        );
        let moved = answer.starts_with('2');
        assert_eq!(world.expect(A, "BYE").start().contains(";moved"), moved);
    }
}
