//! Several resources a call, and one capacity for a peer of two groups.

use std::time::Duration;

use crate::agent::pbx::Pbx;
use crate::agent::phone::Phone;
use crate::harness::lock;
use crate::harness::sipp::{Load, Sipp};
use crate::harness::tandem::Tandem;

const ROUTES: &str = r#"
[[route]]
match = { user = "^conf" }
group = "pbx"
resources = ["calls", "conference"]
[[route]]
match = { user = "^heavy" }
group = "pbx"
resources = { calls = 1, conference = 2 }
[[route]]
group = "pbx"
"#;

/// Two PBXes that offer conferences, the third does not; nothing is dispatched.
fn three_pbxes() -> ([Pbx; 3], Tandem) {
    let pbxes = ["two", "three", "none"].map(Pbx::start);
    let offers = [", conference = 2", ", conference = 3", ""];
    let mut config =
        String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\nexhausted = []\n");
    for (pbx, offer) in pbxes.iter().zip(offers) {
        config += &pbx.config(&format!("capacity = {{ calls = 50{offer} }}"));
    }
    let tandem = Tandem::start(&(config + ROUTES));
    (pbxes, tandem)
}

fn conferences(pbx: &Pbx) -> usize {
    let users = pbx.users();
    users.iter().filter(|user| user.starts_with("conf")).count()
}

#[test]
fn conference_calls_go_only_where_conferences_are_and_never_over_capacity() {
    let _turn = lock::shared();
    let (pbxes, tandem) = three_pbxes();
    let phone = Phone::start(tandem.sip);
    let mut up: Vec<_> = (0..5).map(|_| phone.call("conf1")).collect();
    let refusal = phone.refused("conf1", 503);
    assert!(refusal.retry_after.is_some_and(|seconds| seconds >= 1));
    assert_eq!(pbxes.each_ref().map(conferences), [2, 3, 0]);
    assert_eq!(tandem.number("two", "conference", "own"), Some(2));
    assert_eq!(tandem.number("two", "conference", "free"), Some(0));
    assert_eq!(tandem.number("three", "conference", "own"), Some(3));
    // Plain calls still have room, everywhere.
    let plain: Vec<_> = (0..30).map(|_| phone.call("1001")).collect();
    assert!(pbxes.iter().all(|pbx| pbx.invites() > 3));
    phone.hang_up_all(plain);
    phone.hang_up(up.pop().expect("five calls"));
    up.push(phone.call("conf1"));
    phone.refused("conf1", 503);
    phone.hang_up_all(up);
    assert_eq!(tandem.number("two", "conference", "own"), Some(0));
    tandem.metric_is("tandem_calls_total", &[("outcome", "exhausted")], 2.0);
    tandem.finish();
}

#[test]
fn a_call_that_takes_two_units_needs_room_for_two() {
    let _turn = lock::shared();
    let (pbxes, tandem) = three_pbxes();
    let phone = Phone::start(tandem.sip);
    let heavy = [phone.call("heavy"), phone.call("heavy")];
    assert_eq!(pbxes.each_ref().map(Pbx::live), [1, 1, 0]);
    assert_eq!(tandem.number("two", "conference", "own"), Some(2));
    assert_eq!(tandem.number("three", "conference", "own"), Some(2));
    phone.refused("heavy", 503);
    let last = phone.call("conf1");
    assert_eq!(last.outcome.by.as_deref(), Some("three"));
    phone.hang_up(last);
    phone.hang_up_all(heavy.into());
    tandem.finish();
}

#[test]
fn a_burst_of_conference_calls_is_admitted_to_the_last_unit_and_no_further() {
    let _turn = lock::alone();
    let (pbxes, tandem) = three_pbxes();
    let phone = Phone::start(tandem.sip);
    let hold = Some(Duration::from_secs(3));
    let placed: Vec<_> = (0..100).map(|_| phone.place("conf1", hold, &[])).collect();
    let outcomes = placed
        .iter()
        .map(|call| call.outcome(Duration::from_secs(20)));
    let answered = outcomes
        .inspect(|outcome| assert!(outcome.status == 200 || outcome.status == 503))
        .filter(|outcome| outcome.status == 200)
        .count();
    assert_eq!(answered, 5);
    assert_eq!(pbxes.each_ref().map(Pbx::peak), [2, 3, 0]);
    tandem.books_close(Duration::from_secs(8));
    tandem.finish();
}

#[test]
fn a_peer_in_two_groups_shares_one_capacity() {
    let _turn = lock::shared();
    let both = Pbx::start("both");
    let mut config = String::from("[probe]\nmode = \"off\"\n");
    for group in ["left", "right"] {
        config += &format!("[[group]]\nname = \"{group}\"\nexhausted = []\n");
    }
    config += &both.config("groups = [\"left\", \"right\"]\ncapacity = { calls = 4 }");
    for group in ["left", "right"] {
        config += &format!("[[route]]\nmatch = {{ user = \"^{group}\" }}\ngroup = \"{group}\"\n");
    }
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    let mut up: Vec<_> = ["left", "right", "left", "right"]
        .map(|user| phone.call(user))
        .into();
    tandem.own_is("both", 4);
    phone.refused("left", 503);
    phone.refused("right", 503);
    phone.refused("nowhere", 404);
    phone.hang_up(up.remove(0));
    up.push(phone.call("right"));
    phone.refused("left", 503);
    assert_eq!(both.peak(), 4);
    phone.hang_up_all(up);
    tandem.finish();
}

#[test]
fn conference_calls_under_load_land_only_where_they_may() {
    let _turn = lock::alone();
    let (with, without) = (
        Sipp::pbx("with", "pbx.xml"),
        Sipp::pbx("without", "pbx.xml"),
    );
    let mut config =
        String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\nexhausted = []\n");
    config += &with.config("capacity = { calls = 200, conference = 100 }");
    config += &without.config("capacity = { calls = 200 }");
    let tandem = Tandem::start(&(config + ROUTES));
    let load = |service, calls| Load {
        scenario: "caller.xml",
        service,
        calls,
        cps: 50,
        hold: Duration::from_millis(500),
    };
    let mut conferences = Sipp::caller("conferences", tandem.sip, &load("conf1", 200));
    let mut plain = Sipp::caller("plain", tandem.sip, &load("1001", 200));
    conferences.succeeds(Duration::from_secs(20));
    plain.succeeds(Duration::from_secs(20));
    tandem.books_close(Duration::from_secs(5));
    let (with, without) = (with.stops_clean(), without.stops_clean());
    assert_eq!(with.successful + without.successful, 400);
    assert!((1..=200).contains(&without.successful), "{without:?}");
    tandem.finish();
}
