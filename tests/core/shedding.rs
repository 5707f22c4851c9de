//! What becomes of requests while more comes than can be done.

use std::time::Duration;

use tandem::proxy::DropReason;

use crate::text::{CALLER, Text, cancel, invite};
use crate::world::{A, THREE_PEERS, World};

/// Hands over a request while every new call is one too many.
fn press(world: &mut World, request: &str) {
    world.press(CALLER, request, 1.0, 0.0);
}

fn dropped(world: &mut World, reason: DropReason) -> u64 {
    world.stats().dropped[reason.index()]
}

#[test]
fn a_new_call_too_many_is_503_with_retry_after_and_leaves_nothing_behind() {
    let mut world = World::new(THREE_PEERS);
    let mut waits = Vec::new();
    for number in 0..50 {
        let request = invite(&format!("c{number}"));
        press(&mut world, &request);
        let response = world.expect(CALLER, "503");
        waits.push(response.first("Retry-After").to_string());
        assert_eq!(response.first("Content-Length"), "0");
        world.deliver(CALLER, &response.ack(&request));
        world.quiet();
    }
    waits.sort_unstable();
    waits.dedup();
    assert_eq!(waits, ["1", "2", "3", "4", "5"], "spread over five seconds");
    let stats = world.stats();
    assert_eq!((stats.transactions, world.own("a")), (0, 0));
    assert_eq!(stats.dropped[DropReason::Shed.index()], 50);
    assert_eq!(
        stats.dropped[DropReason::StrayAck.index()],
        0,
        "the ACKs are known"
    );
    assert!(world.notices.is_empty() && world.rows.is_empty());
}

#[test]
fn a_refusal_repeats_what_rfc_3261_asks_for_however_it_was_written() {
    let mut world = World::new(THREE_PEERS);
    let request = "INVITE sip:100@127.0.0.9 SIP/2.0\r\n\
        v: SIP/2.0/UDP elsewhere.example:5071;rport;branch=z9hG4bK1\r\n\
        f: \"A\r\n B\" <sip:a@127.0.0.1>\r\n\t;tag=caller\r\n\
        Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2,\r\n SIP/2.0/TCP 192.0.2.2;branch=z9hG4bK3\r\n\
        Max-Forwards: 70\r\n\
        t:<sip:100@127.0.0.9>\r\n\
        i:torture\r\n\
        CSeq:1\r\n INVITE\r\n\
        v: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK4\r\n\
        l:0\r\n\r\n";
    press(&mut world, request);
    let response = world.expect(CALLER, "503");
    let (top, below) = response.0.split_once("f: ").expect("From");
    assert_eq!(
        top,
        "SIP/2.0 503 Service Unavailable\r\n\
         v: SIP/2.0/UDP elsewhere.example:5071;rport=5071;branch=z9hG4bK1;received=127.0.0.1\r\n"
    );
    let tag = below.split("t:<sip:100@127.0.0.9>;tag=").nth(1);
    let tag = tag.expect("a tag").split("\r\n").next().expect("a line");
    let expected = format!(
        "\"A\r\n B\" <sip:a@127.0.0.1>\r\n\t;tag=caller\r\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2,\r\n SIP/2.0/TCP 192.0.2.2;branch=z9hG4bK3\r\n\
         t:<sip:100@127.0.0.9>;tag={tag}\r\n\
         i:torture\r\n\
         CSeq:1\r\n INVITE\r\n\
         v: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK4\r\n\
         Retry-After: {}\r\n\
         Content-Length: 0\r\n\r\n",
        response.first("Retry-After")
    );
    assert_eq!(below, expected);
}

#[test]
fn every_copy_of_an_invite_gets_the_same_to_tag() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    let responses: Vec<Text> = (0..3)
        .map(|_| {
            press(&mut world, &request);
            world.expect(CALLER, "503")
        })
        .collect();
    assert!(responses.iter().all(|response| *response == responses[0]));
}

#[test]
fn a_copy_of_an_invite_that_was_let_in_is_its_transactions() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    press(&mut world, &request);
    world.expect(CALLER, "100");
    world.quiet();
    world.deliver(A, &at_a.response("180 Ringing", "callee", ""));
    world.expect(CALLER, "180");
    press(&mut world, &request);
    world.expect(CALLER, "180");
    world.quiet();
    assert_eq!(dropped(&mut world, DropReason::Shed), 0);
}

#[test]
fn what_belongs_to_a_call_that_was_let_in_is_never_refused() {
    let mut world = World::new(THREE_PEERS);
    let (_, at_a, ok) = world.call_up("c1");
    press(
        &mut world,
        &ok.next("INVITE", 2, "127.0.0.1:5071;branch=z9hG4bKre"),
    );
    let again = world.expect(A, "INVITE");
    press(&mut world, &again.response("200 OK", "callee", ""));
    world.expect(CALLER, "200");
    press(
        &mut world,
        &ok.next("ACK", 2, "127.0.0.1:5071;branch=z9hG4bKack"),
    );
    world.expect(A, "ACK");
    press(
        &mut world,
        &at_a.back("BYE", 1, "127.0.0.11:5060;branch=z9hG4bKbye", "callee"),
    );
    world.expect(CALLER, "BYE");
    world.quiet();
    assert_eq!(dropped(&mut world, DropReason::Shed), 0);
}

#[test]
fn the_cancel_of_a_call_that_was_let_in_is_done() {
    let mut world = World::new(THREE_PEERS);
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    world.deliver(A, &at_a.response("180 Ringing", "callee", ""));
    world.expect(CALLER, "180");
    press(&mut world, &cancel(&request));
    world.expect(CALLER, "200");
    world.expect(A, "CANCEL");
}

#[test]
fn a_share_of_the_new_calls_is_refused_and_a_share_of_them_unanswered() {
    let mut world = World::new(THREE_PEERS);
    let mut answered = 0;
    for number in 0..1000 {
        world.press(CALLER, &invite(&format!("c{number}")), 0.6, 0.2);
        answered += world
            .take_sent()
            .filter(|(_, text)| text.first("Retry-After").len() == 1 && text.kind() == "503")
            .count();
    }
    let shed = dropped(&mut world, DropReason::Shed);
    let unanswered = dropped(&mut world, DropReason::ShedUnanswered);
    assert!((350..450).contains(&shed), "{shed} of 400 or so");
    assert!(
        (150..250).contains(&unanswered),
        "{unanswered} of 200 or so"
    );
    assert!(answered >= shed as usize);
}

#[test]
fn a_further_try_draws_a_new_lot() {
    let mut world = World::new(THREE_PEERS);
    let request = |number: u32| {
        invite("c1")
            .replace("z9hG4bK-c1", &format!("z9hG4bK-{number}"))
            .replace("CSeq: 1 ", &format!("CSeq: {number} "))
    };
    let mut refused = 0;
    for number in 1..=100 {
        world.press(CALLER, &request(number), 0.5, 0.5);
        refused = dropped(&mut world, DropReason::ShedUnanswered);
    }
    assert!((25..75).contains(&refused), "{refused} of 50 or so");
}

#[test]
fn who_may_not_call_costs_nobody_an_answer() {
    let untrusted = THREE_PEERS.replace("[probe]", "[trust]\nsources = []\n[probe]");
    let mut world = World::new(&untrusted);
    press(&mut world, &invite("c1"));
    world.quiet();
    assert_eq!(dropped(&mut world, DropReason::Untrusted), 1);
    assert_eq!(dropped(&mut world, DropReason::Shed), 0);
    world.deliver(CALLER, &invite("c2"));
    world.expect(CALLER, "403");
}

#[test]
fn a_call_whose_route_may_exceed_capacity_is_taken_even_now() {
    let routes = "[[route]]\nmatch = { user = \"^112$\" }\ngroup = \"pbx\"\noverflow = true\n\
                  [[route]]\nmatch = {}\ngroup = \"pbx\"\n";
    let mut world = World::new(&format!("{THREE_PEERS}{routes}"));
    let emergency = invite("c1").replace("sip:100@", "sip:112@");
    world.press(CALLER, &emergency, 1.0, 1.0);
    assert_eq!(world.stats().dropped[DropReason::Shed.index()], 0);
    assert_eq!(dropped(&mut world, DropReason::ShedUnanswered), 0);
    assert_eq!(
        world.stats().transactions,
        2,
        "the server's and the client's"
    );
    press(&mut world, &invite("c2"));
    assert_eq!(dropped(&mut world, DropReason::Shed), 1);
}

#[test]
fn an_ack_with_the_tag_of_another_refusal_is_a_stray() {
    let mut world = World::new(THREE_PEERS);
    let (one, two) = (invite("c1"), invite("c2"));
    press(&mut world, &one);
    let refusal = world.expect(CALLER, "503");
    let ack = refusal.ack(&one).replace("Call-ID: c1", "Call-ID: c2");
    press(&mut world, &two);
    world.expect(CALLER, "503");
    world.deliver(CALLER, &ack);
    world.quiet();
    assert_eq!(dropped(&mut world, DropReason::StrayAck), 1);
    world.pass(Duration::from_secs(33));
    world.deliver(CALLER, &refusal.ack(&one));
    assert_eq!(
        dropped(&mut world, DropReason::StrayAck),
        2,
        "long forgotten"
    );
}

#[test]
fn a_request_that_lacks_what_an_answer_needs_is_not_answered_with_503() {
    let mut world = World::new(THREE_PEERS);
    for header in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let request: String = invite("c1")
            .split_inclusive("\r\n")
            .filter(|line| !line.starts_with(&format!("{header}:")))
            .collect();
        press(&mut world, &request);
        assert!(world.take_sent().all(|(_, text)| text.kind() == "400"));
    }
    assert_eq!(dropped(&mut world, DropReason::Malformed), 5);
}
