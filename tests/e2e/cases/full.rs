//! No room anywhere, nobody there, and the steps of the ladder below.

use std::time::Duration;

use crate::agent::pbx::{Manner, Pbx, peer_config};
use crate::agent::phone::Phone;
use crate::harness::lock;
use crate::harness::net::fresh_ip;
use crate::harness::tandem::Tandem;

#[test]
fn when_all_are_full_dispatch_takes_over_and_says_so() {
    let _turn = lock::shared();
    let pbxes = ["a", "b"].map(Pbx::start);
    let mut config = String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\n");
    for pbx in &pbxes {
        config += &pbx.config("capacity = { calls = 1 }");
    }
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    let calls: Vec<_> = (0..6).map(|_| phone.call("1001")).collect();
    tandem.metric_is("tandem_selections_total", &[("step", "balance")], 2.0);
    tandem.metric_is("tandem_selections_total", &[("step", "dispatch")], 4.0);
    assert_eq!(tandem.own("a") + tandem.own("b"), 6, "counted all the same");
    for pbx in &pbxes {
        tandem.own_is(&pbx.name, pbx.live() as u64);
        assert_eq!(tandem.number(&pbx.name, "calls", "free"), Some(0));
    }
    phone.hang_up_all(calls);
    tandem.finish();
}

#[test]
fn when_all_are_down_the_caller_gets_503_with_retry_after_at_once() {
    let _turn = lock::alone();
    let mut config = String::from("[probe]\ninterval = \"500ms\"\n[[group]]\nname = \"pbx\"\n");
    for peer in ["a", "b"] {
        config += &peer_config(peer, (fresh_ip(), 5060).into(), "");
    }
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    let first = phone.refused("1001", 503);
    assert!(
        first.retry_after.is_some_and(|seconds| seconds >= 1),
        "{first:?}"
    );
    for peer in ["a", "b"] {
        tandem.health_becomes(peer, "down", Duration::from_secs(5));
    }
    let quickest = (0..5)
        .map(|_| phone.refused("1001", 503))
        .inspect(|outcome| assert!(outcome.retry_after.is_some()))
        .map(|outcome| outcome.time)
        .min();
    assert!(quickest < Some(Duration::from_millis(50)), "{quickest:?}");
    tandem.metric_is("tandem_calls_total", &[("outcome", "exhausted")], 6.0);
    tandem.finish();
}

#[test]
fn the_ladder_goes_on_to_another_group_and_ends_with_a_redirect() {
    let _turn = lock::shared();
    let (first, second) = (Pbx::start("first"), Pbx::start("second"));
    let mut config = String::from(
        "[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\nexhausted = [\"group:spare\", \"redirect:sip:elsewhere.example\"]\n[[group]]\nname = \"spare\"\nexhausted = []\n",
    );
    config += &first.config("capacity = { calls = 1 }");
    config += &second.config("groups = [\"spare\"]\ncapacity = { calls = 1 }");
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    let calls = [phone.call("1"), phone.call("2")];
    assert_eq!(calls[1].outcome.by.as_deref(), Some("second"));
    let outcome = phone.try_call("3").outcome;
    assert_eq!(outcome.status, 302);
    assert_eq!(outcome.contact.as_deref(), Some("sip:elsewhere.example"));
    phone.hang_up_all(calls.into());
    tandem.finish();
}

#[test]
fn a_route_with_overflow_may_exceed_capacity() {
    let _turn = lock::shared();
    let pbx = Pbx::start("a");
    let mut config =
        String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\nexhausted = []\n");
    config += &pbx.config("capacity = { calls = 1 }");
    config += "[[route]]\nmatch = { user = \"^112$\" }\ngroup = \"pbx\"\noverflow = true\n[[route]]\ngroup = \"pbx\"\n";
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    let plain = phone.call("1001");
    phone.refused("1001", 503);
    let urgent = phone.call("112");
    tandem.own_is("a", 2);
    tandem.metric_is("tandem_selections_total", &[("step", "overflow")], 1.0);
    phone.hang_up_all(vec![plain, urgent]);
    tandem.finish();
}

#[test]
fn a_failing_peer_does_not_hold_the_slot_of_the_call_that_went_on() {
    let _turn = lock::shared();
    let (bad, good) = (Pbx::start("bad"), Pbx::start("good"));
    bad.becomes(Manner::Refuses(500, 0));
    let mut config =
        String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\nselect = \"priority\"\n");
    config += &bad.config("priority = 0\ncapacity = { calls = 5 }");
    config += &good.config("priority = 1\ncapacity = { calls = 5 }");
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    let live = phone.call("1001");
    tandem.own_is("bad", 0);
    tandem.own_is("good", 1);
    let attempts = tandem.calls()[0]["attempts"].clone();
    assert_eq!(attempts.as_array().map(Vec::len), Some(2), "{attempts}");
    phone.hang_up(live);
    tandem.finish();
}
