//! A PBX that failed is marked, probed, and comes back gently.

use std::time::Duration;

use crate::agent::pbx::{Manner, Pbx};
use crate::agent::phone::{Live, Phone};
use crate::agent::wire::Wire;
use crate::harness::lock;
use crate::harness::net::fresh_ip;
use crate::harness::tandem::Tandem;
use crate::harness::wait;

const PROBES: &str = "[timers]\ntry = \"500ms\"\n[probe]\ninterval = \"400ms\"\ntimeout = \"200ms\"\ndown_after = 2\nup_after = 2\n[[group]]\nname = \"pbx\"\n";

fn two(manner_of_a: Manner) -> (Pbx, Pbx, Tandem) {
    let (a, b) = (Pbx::start("a"), Pbx::start("b"));
    a.becomes(manner_of_a);
    let room = "capacity = { calls = 100 }";
    let config = format!("{PROBES}{}{}", a.config(room), b.config(room));
    let tandem = Tandem::start(&config);
    (a, b, tandem)
}

fn at(calls: &[Live], pbx: &str) -> usize {
    let by = calls.iter().map(|call| call.outcome.by.as_deref());
    by.filter(|by| *by == Some(pbx)).count()
}

#[test]
fn a_pbx_that_falls_silent_is_marked_probed_and_ramped_when_it_returns() {
    let _turn = lock::alone();
    let (a, _b, tandem) = two(Manner::Answers(Duration::ZERO));
    let phone = Phone::start(tandem.sip);
    tandem.health_becomes("a", "up", Duration::from_secs(5));
    a.becomes(Manner::Silent);
    tandem.health_becomes("a", "down", Duration::from_secs(5));
    tandem.metric_is("tandem_peer_up", &[("peer", "a")], 0.0);
    let peer = tandem.peer("a");
    assert_eq!(peer["eligible"], false, "{peer}");
    assert!(
        peer["why_not"]
            .as_array()
            .is_some_and(|why| !why.is_empty()),
        "{peer}"
    );
    let mut calls: Vec<Live> = (0..40).map(|_| phone.call("1001")).collect();
    assert_eq!(at(&calls, "b"), 40);
    a.becomes(Manner::Answers(Duration::ZERO));
    tandem.health_becomes("a", "up", Duration::from_secs(10));
    tandem.metric_is("tandem_peer_up", &[("peer", "a")], 1.0);
    // It is empty, and b is not: without a ramp it would get every one of these.
    let first: Vec<Live> = (0..20).map(|_| phone.call("1001")).collect();
    assert!(at(&first, "a") < 20, "a returning peer was flooded");
    calls.extend(first);
    wait::until("a has its share again", Duration::from_secs(60), || {
        calls.extend((0..2).map(|_| phone.call("1001")));
        if calls.len() > 90 {
            phone.hang_up_all(calls.drain(..20).collect());
        }
        (a.live() + 5 >= calls.len() / 2).then_some(())
    });
    phone.hang_up_all(calls);
    tandem.finish();
}

#[test]
fn a_pbx_that_was_not_there_comes_into_service_when_it_starts() {
    let _turn = lock::shared();
    let address = (fresh_ip(), 5060).into();
    let b = Pbx::start("b");
    let config = format!(
        "{PROBES}{}{}",
        crate::agent::pbx::peer_config("a", address, "capacity = { calls = 100 }"),
        b.config("capacity = { calls = 100 }")
    );
    let tandem = Tandem::start(&config);
    tandem.health_becomes("a", "down", Duration::from_secs(5));
    let phone = Phone::start(tandem.sip);
    let call = phone.call("1001");
    assert_eq!(call.outcome.by.as_deref(), Some("b"));
    let a = Pbx::on("a", Wire::bind(address.ip(), address.port()));
    tandem.health_becomes("a", "up", Duration::from_secs(10));
    let mut calls = vec![call];
    wait::until("a call at a", Duration::from_secs(30), || {
        calls.push(phone.call("1001"));
        (a.live() > 0).then_some(())
    });
    phone.hang_up_all(calls);
    tandem.finish();
}

#[test]
fn a_503_with_a_long_retry_after_is_capped_and_the_peer_is_used_again() {
    let _turn = lock::shared();
    let (a, b) = (Pbx::start("a"), Pbx::start("b"));
    a.becomes(Manner::Refuses(503, 300));
    let mut config = String::from(
        "[probe]\ninterval = \"500ms\"\n[[group]]\nname = \"pbx\"\nselect = \"priority\"\ndisable = { after_timeouts = 1, after_failures = 3, retry_after_cap = \"2s\" }\n",
    );
    config += &a.config("priority = 0");
    config += &b.config("priority = 1");
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    let live = phone.call("1001");
    assert_eq!(live.outcome.by.as_deref(), Some("b"));
    phone.hang_up(live);
    let live = phone.call("1001");
    phone.hang_up(live);
    assert_eq!(a.invites(), 1, "a is under penalty for the second call");
    a.becomes(Manner::Answers(Duration::ZERO));
    wait::until("a is used again", Duration::from_secs(30), || {
        let live = phone.call("1001");
        let by = live.outcome.by.clone();
        phone.hang_up(live);
        (by.as_deref() == Some("a")).then_some(())
    });
    tandem.finish();
}

#[test]
fn every_peer_has_its_gauges_and_probes_from_the_start() {
    let _turn = lock::shared();
    let (a, b, tandem) = two(Manner::Silent);
    tandem.health_becomes("b", "up", Duration::from_secs(5));
    let scrape = tandem.metrics();
    for peer in ["a", "b"] {
        for name in ["tandem_peer_up", "tandem_peer_eligible"] {
            assert!(
                scrape.one(name, &[("peer", peer)]).is_some(),
                "{name} of {peer}"
            );
        }
        for name in ["own", "foreign", "capacity", "free"] {
            let labels = [("peer", peer), ("resource", "calls")];
            let name = format!("tandem_peer_{name}");
            assert!(scrape.one(&name, &labels).is_some(), "{name} of {peer}");
        }
    }
    wait::until("probes at b", Duration::from_secs(5), || {
        (b.probes() >= 3).then_some(())
    });
    assert_eq!(a.probes(), 0);
    assert!(
        tandem
            .metrics()
            .sum("tandem_probes_total", &[("peer", "a")])
            >= 1.0
    );
    tandem.finish();
}
