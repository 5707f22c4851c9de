//! Calls whose peer is asked within the dialog whether it still knows them.

use std::time::Duration;

use tandem::balance::{EndCause, Health};
use tandem::call::{CallFilter, CallRecord, CallText};
use tandem::proxy::{Answer, CheckOutcome, Command, Notice, Reply};

use crate::text::{CALLER, Text, invite};
use crate::world::{A, THREE_PEERS, World};

const SECOND: Duration = Duration::from_secs(1);

fn every_minute() -> String {
    THREE_PEERS.replace("[probe]", "[check]\ninterval = \"1m\"\n[probe]")
}

/// What a store would hold of one call that is up.
fn saved() -> Vec<CallRecord> {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    world.pass(SECOND);
    world.saved()
}

/// A world that has taken these calls up after a restart.
fn restarted_with(config: &str, rows: Vec<CallRecord>) -> World {
    let mut world = World::later(config, 60_000);
    let calls = rows.len();
    let answer = world.command(Command::Restore(rows.into()));
    assert!(
        matches!(answer, Answer::Done(done) if done == calls),
        "{answer:?}"
    );
    world
}

/// The OPTIONS to the first peer that comes after so many seconds of silence and before so many.
#[track_caller]
fn asked(world: &mut World, after: u64, before: u64) -> Text {
    world.pass(Duration::from_secs(after));
    world.quiet();
    for _ in 0..(before - after) * 100 {
        world.pass(Duration::from_millis(10));
        if world.next_is(A, "OPTIONS") {
            break;
        }
    }
    world.expect(A, "OPTIONS")
}

fn ended(world: &World) -> Vec<(EndCause, Option<Reply>)> {
    let told = |notice: &Notice| match notice {
        Notice::Ended(ended) => Some((ended.cause, ended.check)),
        Notice::FailedOver { .. }
        | Notice::Exhausted { .. }
        | Notice::Decided(_)
        | Notice::PeerDied(_) => None,
    };
    world.notices.iter().filter_map(told).collect()
}

fn checks(world: &mut World, outcome: CheckOutcome) -> u64 {
    world.stats().checks[outcome.index()]
}

#[test]
fn a_call_that_a_restart_took_up_is_asked_about_in_the_callers_name() {
    let mut world = restarted_with(THREE_PEERS, saved());
    let options = asked(&mut world, 1, 5);
    assert_eq!(options.start(), format!("OPTIONS sip:100@{A} SIP/2.0"));
    assert_eq!(options.first("From"), "<sip:a@127.0.0.1>;tag=caller");
    assert_eq!(options.first("To"), "<sip:100@127.0.0.9>;tag=callee");
    assert_eq!(
        (options.first("Call-ID"), options.first("CSeq")),
        ("c1", "1 OPTIONS")
    );
    assert_eq!(options.all("Route"), Vec::<&str>::new());
    assert!(options.first("Via").starts_with("SIP/2.0/UDP 127.0.0.9"));
    world.deliver(A, &options.response("200 OK", "", ""));
    world.pass(Duration::from_secs(3600));
    world.quiet();
    assert_eq!((world.own("a"), ended(&world).len()), (1, 0));
    assert_eq!(checks(&mut world, CheckOutcome::Alive), 1);
}

#[test]
fn a_call_that_its_peer_does_not_know_any_more_ends_with_its_row() {
    for status in ["481 Call/Transaction Does Not Exist", "408 Request Timeout"] {
        let mut world = restarted_with(THREE_PEERS, saved());
        let options = asked(&mut world, 1, 5);
        world.deliver(A, &options.response(status, "", ""));
        assert_eq!(
            (world.own("a"), world.released("a", EndCause::Reconciled)),
            (0, 1)
        );
        let said = status[..3].parse().expect("a status");
        let found = (EndCause::Reconciled, Some(Reply::Status(said)));
        assert_eq!(ended(&world), [found]);
        world.pass(SECOND);
        assert_eq!(world.saved(), [], "its row went too");
        world.quiet();
        world.at_rest();
    }
}

#[test]
fn any_other_final_response_shows_that_the_call_lives() {
    for status in [
        200, 302, 401, 403, 404, 405, 407, 420, 488, 500, 501, 503, 603,
    ] {
        let mut world = restarted_with(THREE_PEERS, saved());
        let before = world.peer("a").health;
        let options = asked(&mut world, 1, 5);
        world.deliver(A, &options.response("100 Trying", "", ""));
        world.deliver(A, &options.response(&format!("{status} Word"), "", ""));
        world.pass(Duration::from_secs(60));
        world.quiet();
        assert_eq!(world.own("a"), 1, "{status}");
        let peer = world.peer("a");
        assert!(
            peer.eligible && peer.accepting,
            "{status} says nothing of the peer"
        );
        assert_eq!(
            (before, peer.health),
            (Health::Unknown, Health::Up),
            "it answered"
        );
    }
}

#[test]
fn a_peer_that_says_nothing_until_timer_f_has_lost_the_call() {
    let mut world = restarted_with(THREE_PEERS, saved());
    asked(&mut world, 1, 5);
    world.pass(31 * SECOND);
    assert_eq!(world.own("a"), 1);
    world.pass(2 * SECOND);
    assert_eq!(world.own("a"), 0);
    assert_eq!(
        ended(&world),
        [(EndCause::Reconciled, Some(Reply::Silence))]
    );
    world.skip_all(&[(A, "OPTIONS")]);
    world.quiet();
    world.at_rest();
}

#[test]
fn a_closed_port_is_tried_once_more() {
    let mut world = restarted_with(THREE_PEERS, saved());
    let options = asked(&mut world, 1, 5);
    world.unreachable(A, &options);
    assert_eq!(world.own("a"), 1, "it may be starting");
    let again = asked(&mut world, 31, 33);
    world.unreachable(A, &again);
    assert_eq!(
        (world.own("a"), world.released("a", EndCause::Reconciled)),
        (0, 1)
    );
    world.at_rest();
}

#[test]
fn a_name_that_nobody_resolves_says_nothing_of_a_call() {
    let mut rows = saved();
    rows[0].dialogs[0].texts.refresh(b"sip:100@pbx.example");
    let mut world = restarted_with(&every_minute(), rows);
    world.pass(Duration::from_secs(300));
    assert!(world.resolves.len() >= 3, "{:?}", world.resolves);
    assert_eq!((world.own("a"), ended(&world)), (1, vec![]));
}

#[test]
fn calls_that_were_set_up_here_are_not_asked_about_by_default() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    world.pass(Duration::from_secs(3600));
    world.quiet();
    assert_eq!(world.own("a"), 1);
}

#[test]
fn with_an_interval_every_call_of_which_nothing_is_heard_is_asked_about() {
    let mut world = World::new(&every_minute());
    let (_, _, ok) = world.call_up("c1");
    world.pass(50 * SECOND);
    let via = format!("{CALLER};branch=z9hG4bKi");
    world.deliver(CALLER, &ok.next("INFO", 7, &via));
    let info = world.expect(A, "INFO");
    world.deliver(A, &info.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    for _ in 0..3 {
        let options = asked(&mut world, 53, 67);
        assert_eq!(
            options.first("CSeq"),
            "7 OPTIONS",
            "the caller's last, again"
        );
        world.deliver(A, &options.response("200 OK", "", ""));
    }
    let bye = ok.next("BYE", 8, &format!("{CALLER};branch=z9hG4bKb"));
    world.deliver(CALLER, &bye);
    let bye = world.expect(A, "BYE");
    assert_eq!(
        bye.first("CSeq"),
        "8 BYE",
        "the caller's numbers are its own"
    );
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    world.at_rest();
    assert_eq!(world.census().timers, 0);
}

#[test]
fn a_call_that_is_being_ended_is_not_asked_about() {
    let mut world = World::new(&every_minute());
    world.call_up("c1");
    world.pass(50 * SECOND);
    let all = CallFilter {
        limit: 1,
        ..CallFilter::default()
    };
    let Answer::Calls(calls) = world.command(Command::Calls(all)) else {
        panic!("not calls")
    };
    world.command(Command::EndCall(calls[0].id));
    world.pass(31 * SECOND);
    world.skip_all(&[(A, "BYE"), (CALLER, "BYE")]);
    world.quiet();
}

#[test]
fn a_reload_begins_and_ends_the_checks_of_the_calls_that_live() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    world.reload(&every_minute());
    let options = asked(&mut world, 0, 60);
    world.deliver(A, &options.response("200 OK", "", ""));
    world.reload(THREE_PEERS);
    world.pass(Duration::from_secs(600));
    world.quiet();
    assert_eq!(world.own("a"), 1);
}

#[test]
fn each_dialog_of_a_forked_call_is_asked_about_for_itself() {
    let mut world = World::new(&every_minute());
    let (_, at_a, ok) = world.call_up("c1");
    world.deliver(
        A,
        &at_a.response("200 OK", "fork", &format!("Contact: <sip:200@{A}>\r\n")),
    );
    world.expect(CALLER, "200");
    let via = format!("{CALLER};branch=z9hG4bKi");
    world.deliver(CALLER, &ok.next("INFO", 9, &via));
    let info = world.expect(A, "INFO");
    world.deliver(A, &info.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    let (first, second) = (asked(&mut world, 53, 67), world.expect(A, "OPTIONS"));
    assert_eq!(first.first("CSeq"), "9 OPTIONS");
    assert_eq!(
        (second.start(), second.first("CSeq")),
        (&*format!("OPTIONS sip:200@{A} SIP/2.0"), "1 OPTIONS"),
        "what the caller sent in one dialog is no number of the other"
    );
    world.deliver(A, &first.response("481 Gone", "", ""));
    assert_eq!(world.own("a"), 1, "the other dialog is not answered yet");
    world.deliver(A, &second.response("200 OK", "", ""));
    let second = asked(&mut world, 53, 67);
    assert!(second.first("To").ends_with(";tag=fork"));
    world.quiet();
    world.deliver(A, &second.response("481 Gone", "", ""));
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

#[test]
fn a_call_that_a_peer_placed_is_asked_about_there_in_the_callees_name() {
    let mut world = World::new(&every_minute());
    let request = invite("c1")
        .replace(CALLER, A)
        .replace("sip:100@127.0.0.9", &format!("sip:100@{CALLER}"));
    world.deliver(A, &request);
    let at_phone = world.expect(CALLER, "INVITE");
    let contact = format!("Contact: <sip:100@{CALLER}>\r\n");
    world.deliver(CALLER, &at_phone.response("200 OK", "phone", &contact));
    let ok = world.expect(A, "200");
    world.deliver(A, &ok.ack(&request));
    world.expect(CALLER, "ACK");
    assert_eq!(world.own("a"), 1);
    let options = asked(&mut world, 53, 67);
    assert_eq!(options.start(), format!("OPTIONS sip:a@{A} SIP/2.0"));
    assert!(options.first("From").ends_with(";tag=phone"));
    assert!(options.first("To").ends_with(";tag=caller"));
    let number = options.first("CSeq");
    assert_eq!(
        number, "0 OPTIONS",
        "lower than any that the callee may begin with"
    );
    world.deliver(A, &options.response("481 Gone", "", ""));
    assert_eq!(world.own("a"), 0);
    world.quiet();
    world.at_rest();
}

/// Like a saved one, but of their own.
fn many(count: u32) -> Vec<CallRecord> {
    let one = saved().remove(0);
    let another = |number: u32| {
        let call_id = format!("many-{number}");
        let text = CallText {
            call_id: call_id.as_bytes(),
            caller_tag: one.texts.caller_tag(),
            from: one.texts.from(),
            to: one.texts.to(),
            caller_target: one.texts.caller_target(),
        };
        CallRecord {
            id: one.id + u64::from(number),
            serial: number + 1,
            texts: (&text).into(),
            ..one.clone()
        }
    };
    (0..count).map(another).collect()
}

#[test]
fn many_calls_that_a_restart_took_up_are_asked_about_one_after_the_other() {
    let mut world = restarted_with(THREE_PEERS, many(3000));
    let (mut asked, mut most, mut tenths) = (0, 0, 0);
    while asked < 3000 {
        world.pass(SECOND / 10);
        tenths += 1;
        let now: Vec<Text> = world.take_sent().map(|(_, options)| options).collect();
        (asked, most) = (asked + now.len(), most.max(now.len()));
        for options in now {
            world.deliver(A, &options.response("481 Gone", "", ""));
        }
    }
    assert!(most <= 25, "{most} within a tenth of a second");
    assert!((280..400).contains(&tenths), "{tenths} tenths of a second");
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

#[test]
fn checks_of_a_peer_that_is_silent_are_bounded() {
    let mut world = restarted_with(THREE_PEERS, many(6000));
    let mut most = 0;
    for _ in 0..600 {
        world.pass(SECOND);
        world.take_sent().for_each(drop);
        most = most.max(world.census().checks);
    }
    assert!((1900..=2048).contains(&most), "{most} at once");
    assert_eq!(world.own("a"), 0, "in the end all have been asked about");
    world.at_rest();
}

#[test]
fn a_call_that_was_adopted_is_asked_about_by_the_way_that_its_request_told() {
    let mut before = World::new(THREE_PEERS);
    let (_, _, ok) = before.call_up("c1");
    let mut world = World::later(THREE_PEERS, 60_000);
    let mut info = ok.next("INFO", 5, &format!("{CALLER};branch=z9hG4bKi"));
    let beyond = format!("Route: <sip:{A};lr>\r\nFrom:");
    info = info.replacen("From:", &beyond, 1);
    world.deliver(CALLER, &info);
    let info = world.expect(A, "INFO");
    world.deliver(A, &info.response("200 OK", "", ""));
    world.expect(CALLER, "200");
    assert_eq!(world.own("a"), 1);
    let options = asked(&mut world, 1, 5);
    assert_eq!(options.start(), format!("OPTIONS sip:100@{A} SIP/2.0"));
    assert_eq!(options.first("Route"), format!("<sip:{A};lr>"));
    assert_eq!(options.first("CSeq"), "5 OPTIONS");
    world.deliver(A, &options.response("481 Gone", "", ""));
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}
