//! Peers that restart or die, and what becomes of their calls.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem::balance::{EndCause, Report, ResourceReport};
use tandem::proxy::Command;

use crate::text::{CALLER, invite};
use crate::world::{A, B, THREE_PEERS, World};

const SECOND: Duration = Duration::from_secs(1);

/// The peer's report, as HTTP takes it.
fn reports(world: &mut World, boot_id: &str, used: u64, calls: Option<&[&str]>) {
    let report = Report {
        boot_id: Some(boot_id.into()),
        resources: vec![(
            "calls".into(),
            ResourceReport {
                used: Some(used),
                max: None,
            },
        )],
        ..Report::default()
    };
    let peer = world.peer("a").id;
    let answer = world.ledger.feedback(world.now, peer, &report);
    let answer = answer.expect("a good report");
    if answer.restarted {
        restarted(world, answer.known_until, calls);
        world.ledger.restart_told(peer);
    }
}

fn restarted(world: &mut World, known_until: Option<Instant>, calls: Option<&[&str]>) {
    let peer = world.peer("a").id;
    let calls = calls.map(|calls| {
        let calls = calls.iter().map(|call| call.as_bytes().to_vec());
        Arc::new(calls.collect::<HashSet<_>>())
    });
    world.command(Command::PeerRestarted {
        peer,
        known_until,
        calls,
    });
}

fn foreign(world: &World) -> u64 {
    let peer = world.peer("a");
    let mut rooms = peer.resources.iter();
    rooms
        .find(|room| &*room.name == "calls")
        .map_or(0, |room| room.foreign)
}

fn with_feedback(more: &str) -> String {
    let (roomy, fed) = ("calls = 9 }", "feedback = { token = \"t\", ttl = \"60s\" }");
    let config = THREE_PEERS.replacen("calls = 2 }", &format!("{roomy}\n{fed}"), 1);
    config.replacen("[[group]]\n", &format!("[[group]]\n{more}\n"), 1)
}

const ENDING: &str = "end_calls_of_dead_peers = true";

#[test]
fn a_new_run_ends_what_the_old_one_had_and_asks_about_what_began_since() {
    let mut world = World::new(&with_feedback(""));
    reports(&mut world, "one", 0, None);
    world.pass(SECOND);
    world.call_up("old");
    world.call_up("named");
    world.pass(SECOND);
    reports(&mut world, "one", 2, None);
    world.pass(SECOND);
    world.call_up("new");
    world.pass(SECOND);
    reports(&mut world, "two", 2, Some(&["named"]));
    assert_eq!(world.released("a", EndCause::PeerRestarted), 1);
    assert_eq!(world.own("a"), 2);
    world.quiet();
    world.pass(4500 * SECOND / 1000);
    let options = world.expect(A, "OPTIONS");
    assert_eq!(options.first("Call-ID"), "new");
    world.deliver(A, &options.response("200 OK", "", ""));
    world.pass(60 * SECOND);
    assert_eq!(world.own("a"), 2, "it knows both");
}

#[test]
fn a_run_of_which_nothing_is_known_is_asked_about_every_call() {
    let mut world = World::new(THREE_PEERS);
    world.call_up("c1");
    restarted(&mut world, None, None);
    assert_eq!(world.own("a"), 1);
    world.pass(4500 * SECOND / 1000);
    let options = world.expect(A, "OPTIONS");
    world.deliver(A, &options.response("481 Gone", "", ""));
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

#[test]
fn calls_of_the_old_run_hide_no_foreign_load_of_the_new_one() {
    let mut world = World::new(&with_feedback(""));
    for call in ["c1", "c2", "c3", "c4"] {
        world.call_up(call);
    }
    reports(&mut world, "one", 4, None);
    assert_eq!((world.own("a"), foreign(&world)), (4, 0));
    world.pass(SECOND);
    reports(&mut world, "two", 3, Some(&["c1"]));
    assert_eq!((world.own("a"), foreign(&world)), (1, 2));
    world.call_up("c5");
    let bye = Command::PeerDied(world.peer("a").id);
    world.command(bye);
    assert_eq!((world.own("a"), foreign(&world)), (2, 2));
}

#[test]
fn both_sides_of_a_restarted_peers_calls_are_told_where_the_group_says_so() {
    let mut world = World::new(&with_feedback(ENDING));
    reports(&mut world, "one", 0, None);
    world.call_up("c1");
    reports(&mut world, "one", 1, None);
    reports(&mut world, "two", 0, None);
    assert_eq!(
        (world.own("a"), world.released("a", EndCause::PeerRestarted)),
        (0, 1)
    );
    let to_caller = world.expect(CALLER, "BYE");
    world.expect(A, "BYE");
    world.pass(SECOND);
    assert!(world.next_is(CALLER, "BYE"), "repeated by its transaction");
    world.deliver(CALLER, &to_caller.response("200 OK", "", ""));
    world.at_rest();
}

fn probed(more: &str) -> String {
    with_feedback(more).replace("mode = \"off\"", "interval = \"10s\"")
}

/// Lets time pass; every peer but the first answers its probes. What else was sent to the phones.
fn silence(world: &mut World, seconds: u64, a_answers: bool) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for _ in 0..seconds * 10 {
        world.pass(SECOND / 10);
        let sent: Vec<_> = world.take_sent().collect();
        for (to, text) in sent {
            let to = to.to_string();
            match text.kind() {
                "OPTIONS" if to == A && !a_answers => {}
                "OPTIONS" => world.deliver(&to, &text.response("200 OK", "t", "")),
                kind => {
                    told.push((to.clone(), kind.to_owned()));
                    world.deliver(&to, &text.response("200 OK", "", ""));
                }
            }
        }
    }
    told
}

#[test]
fn a_peer_that_goes_down_keeps_its_calls_by_default() {
    let mut world = World::new(&probed(""));
    silence(&mut world, 1, true);
    world.call_up("c1");
    assert_eq!(silence(&mut world, 600, false), []);
    assert_eq!(world.own("a"), 1);
}

#[test]
fn a_dead_peers_calls_are_ended_and_its_callers_told_where_the_group_says_so() {
    let mut world = World::new(&probed(ENDING));
    silence(&mut world, 1, true);
    world.call_up("c1");
    // Down after two probes, some twenty seconds, and dead half a minute later.
    assert_eq!(silence(&mut world, 45, false), []);
    assert_eq!(world.own("a"), 1, "down is not dead");
    let bye = [(CALLER.to_owned(), "BYE".to_owned())];
    assert_eq!(silence(&mut world, 45, false), bye, "the dead hear nothing");
    assert_eq!(
        (world.own("a"), world.released("a", EndCause::PeerRestarted)),
        (0, 1)
    );
}

#[test]
fn a_peer_that_says_a_word_in_between_is_not_dead() {
    let mut world = World::new(&probed(ENDING));
    silence(&mut world, 1, true);
    let (_, at_a, _) = world.call_up("c1");
    for round in 1..10 {
        assert_eq!(silence(&mut world, 28, false), []);
        world.deliver(
            A,
            &at_a.back(
                "INFO",
                round,
                &format!("{A};branch=z9hG4bKi{round}"),
                "callee",
            ),
        );
        let info = world.expect(CALLER, "INFO");
        world.deliver(CALLER, &info.response("200 OK", "", ""));
        world.expect(A, "200");
    }
    assert_eq!(world.own("a"), 1);
}

#[test]
fn a_dead_callers_peer_is_let_go_too() {
    let placed = "[[route]]\nmatch = { source = \"peer:a\" }\ngroup = \"pbx\"\n";
    let mut world = World::new(&format!(
        "{}{placed}",
        probed(ENDING).replace("priority = 1", "priority = 4")
    ));
    silence(&mut world, 1, true);
    let request = invite("c1").replace(CALLER, A);
    world.deliver(A, &request);
    let at_b = world.expect(B, "INVITE");
    let contact = format!("Contact: <sip:100@{B}>\r\n");
    world.deliver(B, &at_b.response("200 OK", "callee", &contact));
    let ok = world.expect(A, "200");
    world.deliver(A, &ok.ack(&request));
    world.expect(B, "ACK");
    assert_eq!((world.own("a"), world.own("b")), (1, 1));
    let bye = [(B.to_owned(), "BYE".to_owned())];
    assert_eq!(silence(&mut world, 90, false), bye);
    assert_eq!((world.own("a"), world.own("b")), (0, 0));
}
