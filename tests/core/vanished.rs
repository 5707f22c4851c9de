//! Calls that end without a BYE, and calls that a restart takes up.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tandem::balance::EndCause;
use tandem::call::{CallFilter, CallStage};
use tandem::proxy::{Answer, Command, Persist};

use crate::text::{CALLER, invite};
use crate::world::{A, THREE_PEERS, World};

fn listed(world: &mut World, calls: &[&str]) {
    let peer = world.peer("a").id;
    let calls: HashSet<Vec<u8>> = calls.iter().map(|call| call.as_bytes().to_vec()).collect();
    world.command(Command::PeerCalls {
        peer,
        calls: Arc::new(calls),
    });
}

#[test]
fn a_list_that_comes_soon_after_a_message_begins_the_count_anew() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    world.pass(Duration::from_secs(6));
    listed(&mut world, &[]);
    let again = ok.next("INFO", 2, &format!("{CALLER};branch=z9hG4bKi"));
    world.deliver(CALLER, &again);
    let info = world.expect(A, "INFO");
    world.deliver(A, &info.response("200 OK", "", ""));
    listed(&mut world, &[]);
    world.pass(Duration::from_secs(6));
    listed(&mut world, &[]);
    assert_eq!(world.own("a"), 1, "no two lists in a row");
    listed(&mut world, &[]);
    assert_eq!(world.own("a"), 0);
}

#[test]
fn a_call_that_two_lists_in_a_row_lack_has_ended() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    world.pass(Duration::from_secs(6));
    listed(&mut world, &[]);
    assert_eq!(world.own("a"), 1);
    listed(&mut world, &["c1"]);
    listed(&mut world, &["other"]);
    assert_eq!(
        world.own("a"),
        1,
        "a list that has it starts the count anew"
    );
    listed(&mut world, &[]);
    assert_eq!(
        (world.own("a"), world.released("a", EndCause::Reconciled)),
        (0, 1)
    );
    world.at_rest();
}

#[test]
fn a_list_says_nothing_of_a_call_that_was_heard_of_lately() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    for _ in 0..4 {
        world.pass(Duration::from_secs(1));
        listed(&mut world, &[]);
    }
    assert_eq!(world.own("a"), 1);
}

#[test]
fn a_peer_that_restarted_holds_none_of_its_calls_any_more() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    let peer = world.peer("a").id;
    let known_until = Some(world.now);
    world.command(Command::PeerRestarted {
        peer,
        known_until,
        calls: None,
    });
    assert_eq!(
        (world.own("a"), world.released("a", EndCause::PeerRestarted)),
        (0, 1)
    );
    world.at_rest();
}

fn call_up_with_session(world: &mut World, expires: &str) -> crate::text::Text {
    let request = invite("c1");
    world.deliver(CALLER, &request);
    let at_a = world.expect(A, "INVITE");
    let extra = format!("Contact: <sip:100@{A}>\r\n{expires}");
    world.deliver(A, &at_a.response("200 OK", "callee", &extra));
    let ok = world.expect(CALLER, "200");
    world.deliver(CALLER, &ok.ack(&request));
    world.expect(A, "ACK");
    ok
}

#[test]
fn a_session_that_nobody_refreshes_ends_after_its_interval_and_the_grace() {
    let mut world = World::new(THREE_PEERS);
    call_up_with_session(&mut world, "Session-Expires: 90;refresher=uac\r\n");
    world.pass(Duration::from_secs(121));
    assert_eq!(world.own("a"), 1);
    world.pass(Duration::from_secs(2));
    assert_eq!(
        (world.own("a"), world.released("a", EndCause::Expired)),
        (0, 1)
    );
    world.expect(CALLER, "BYE");
    world.expect(A, "BYE");
    world.at_rest();
}

#[test]
fn a_session_of_less_than_90_s_is_taken_for_one_of_90() {
    let mut world = World::new(THREE_PEERS);
    call_up_with_session(&mut world, "Session-Expires: 30;refresher=uac\r\n");
    world.pass(Duration::from_secs(121));
    assert_eq!(world.own("a"), 1);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.own("a"), 0);
}

#[test]
fn a_refresh_prolongs_a_session() {
    let mut world = World::new(THREE_PEERS);
    let ok = call_up_with_session(&mut world, "Session-Expires: 90;refresher=uac\r\n");
    for round in 2..6 {
        world.pass(Duration::from_secs(60));
        world.deliver(
            CALLER,
            &ok.next("UPDATE", round, &format!("{CALLER};branch=z9hG4bKu{round}")),
        );
        let update = world.expect(A, "UPDATE");
        world.deliver(
            A,
            &update.response("200 OK", "", "Session-Expires: 90;refresher=uac\r\n"),
        );
        world.expect(CALLER, "200");
    }
    assert_eq!(world.own("a"), 1);
    world.pass(Duration::from_secs(123));
    assert_eq!(world.own("a"), 0);
}

#[test]
fn a_call_is_saved_once_it_is_up_and_its_row_goes_with_it() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    assert!(world.rows.is_empty());
    world.pass(Duration::from_millis(100));
    assert!(matches!(world.rows.as_slice(), [Persist::Call(_)]));
    world.deliver(
        CALLER,
        &ok.next("BYE", 2, &format!("{CALLER};branch=z9hG4bKb")),
    );
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.pass(Duration::from_millis(100));
    assert!(world.saved().is_empty());
}

#[test]
fn a_call_whose_session_was_changed_while_it_rang_is_saved_once_it_is_up() {
    let mut world = World::new(THREE_PEERS);
    world.deliver(CALLER, &invite("c1"));
    let at_a = world.expect(A, "INVITE");
    let contact = format!("Contact: <sip:100@{A}>\r\n");
    world.deliver(A, &at_a.response("183 Progress", "callee", &contact));
    let early = world.expect(CALLER, "183");
    let update = early.next("UPDATE", 2, &format!("{CALLER};branch=z9hG4bKu"));
    world.deliver(CALLER, &update);
    let update = world.expect(A, "UPDATE");
    world.deliver(A, &update.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    world.pass(Duration::from_millis(100));
    assert!(world.rows.is_empty(), "it rings");
    world.deliver(A, &at_a.response("200 OK", "callee", &contact));
    world.expect(CALLER, "200");
    world.pass(Duration::from_millis(100));
    assert_eq!(world.saved().len(), 1);
}

#[test]
fn a_restart_takes_up_the_calls_that_were_saved_and_they_end_as_any() {
    let mut before = World::new(THREE_PEERS);
    let (_, at_a, ok) = before.call_up("c1");
    before.pass(Duration::from_millis(100));
    let saved = before.saved();
    let mut world = World::new(THREE_PEERS);
    let Answer::Done(1) = world.command(Command::Restore(saved.clone().into())) else {
        panic!("one call")
    };
    let Answer::Done(0) = world.command(Command::Restore(saved.into())) else {
        panic!("known already")
    };
    assert_eq!((world.own("a"), world.peer("a").marked), (1, 1));
    let Answer::Calls(calls) = world.command(Command::Calls(CallFilter {
        limit: 9,
        ..Default::default()
    })) else {
        panic!("calls")
    };
    assert_eq!(
        (calls.len(), calls[0].stage, calls[0].call_id.as_str()),
        (1, CallStage::Up, "c1")
    );
    world.deliver(
        A,
        &at_a.back("INFO", 1, &format!("{A};branch=z9hG4bKi"), "callee"),
    );
    world.expect(CALLER, "INFO");
    world.deliver(
        CALLER,
        &ok.next("BYE", 2, &format!("{CALLER};branch=z9hG4bKb")),
    );
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    assert_eq!((world.own("a"), world.released("a", EndCause::Bye)), (0, 1));
    world.at_rest();
}

#[test]
fn a_restart_takes_up_the_sibling_that_a_late_answer_made_too() {
    let mut before = World::new(THREE_PEERS);
    before.call_up("c1");
    before.pass(Duration::from_millis(100));
    let mut saved = before.saved();
    let mut sibling = saved[0].clone();
    sibling.id += 1;
    sibling.peer = Some("b".into());
    let late = tandem::call::DialogText {
        callee_tag: b"late",
        callee_target: sibling.dialogs[0].texts.callee_target(),
        caller_routes: b"",
        callee_routes: b"",
    };
    sibling.dialogs[0].texts = (&late).into();
    saved.push(sibling);
    let mut world = World::new(THREE_PEERS);
    for restored in [2, 0] {
        let Answer::Done(count) = world.command(Command::Restore(saved.clone().into())) else {
            panic!("not a count")
        };
        assert_eq!(
            (count, world.own("a"), world.own("b")),
            (restored, 1, 1),
            "each has its own slot, once"
        );
    }
}

#[test]
fn a_call_that_was_not_saved_is_adopted_by_its_cookie_at_its_next_answer() {
    let mut before = World::new(THREE_PEERS);
    let (_, _, ok) = before.call_up("c1");
    let mut world = World::later(THREE_PEERS, 60_000);
    world.deliver(
        CALLER,
        &ok.next("INFO", 2, &format!("{CALLER};branch=z9hG4bKi")),
    );
    let info = world.expect(A, "INFO");
    assert_eq!(world.own("a"), 0, "a request alone shows nothing");
    world.deliver(A, &info.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    assert_eq!(world.own("a"), 1);
    world.deliver(
        CALLER,
        &ok.next("BYE", 3, &format!("{CALLER};branch=z9hG4bKb")),
    );
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

fn talks(world: &mut World, ok: &crate::text::Text, cseq: u32) {
    let via = format!("{CALLER};branch=z9hG4bKi{cseq}");
    world.deliver(CALLER, &ok.next("INFO", cseq, &via));
    let info = world.expect(A, "INFO");
    world.deliver(A, &info.response("200 OK", "", ""));
    world.expect(CALLER, "200");
}

fn wrong_lists(world: &mut World) {
    world.pass(Duration::from_secs(6));
    world.skip_all(&[(A, "OPTIONS")]);
    listed(world, &[]);
    listed(world, &[]);
    assert_eq!(world.own("a"), 0);
}

#[test]
fn a_call_that_wrong_lists_ended_is_counted_again_once_it_shows_itself() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    wrong_lists(&mut world);
    talks(&mut world, &ok, 2);
    assert_eq!((world.own("a"), world.peer("a").marked), (1, 1));
    wrong_lists(&mut world);
    talks(&mut world, &ok, 3);
    assert_eq!(world.own("a"), 1, "as often as that happens");
    let bye = ok.next("BYE", 4, &format!("{CALLER};branch=z9hG4bKb"));
    world.deliver(CALLER, &bye);
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    assert_eq!((world.own("a"), world.released("a", EndCause::Bye)), (0, 1));
    talks_after_all(&mut world, &ok);
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

/// An answer that crossed the BYE.
fn talks_after_all(world: &mut World, ok: &crate::text::Text) {
    world.expect(CALLER, "200");
    talks(world, ok, 5);
}

#[test]
fn what_crosses_the_bye_of_a_call_that_wrong_lists_ended_shows_no_life() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    wrong_lists(&mut world);
    let bye = ok.next("BYE", 2, &format!("{CALLER};branch=z9hG4bKb"));
    world.deliver(CALLER, &bye);
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    talks_after_all(&mut world, &ok);
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

#[test]
fn a_call_that_ended_here_is_not_adopted_again() {
    let mut world = World::new(THREE_PEERS);
    let (_, _, ok) = world.call_up("c1");
    world.deliver(
        CALLER,
        &ok.next("BYE", 2, &format!("{CALLER};branch=z9hG4bKb")),
    );
    let bye = world.expect(A, "BYE");
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    world.deliver(
        CALLER,
        &ok.next("INFO", 3, &format!("{CALLER};branch=z9hG4bKi")),
    );
    let info = world.expect(A, "INFO");
    world.deliver(A, &info.response("200 OK", "", ""));
    assert_eq!(world.own("a"), 0);
}
