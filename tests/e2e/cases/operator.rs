//! The operator's word over HTTP: it moves new calls, leaves live ones alone, and survives a reload.

use serde_json::json;

use crate::agent::pbx::{Manner, Pbx};
use crate::agent::phone::{Live, Phone};
use crate::harness::lock;
use crate::harness::tandem::Tandem;
use std::time::{Duration, Instant};

fn two() -> ([Pbx; 2], Tandem, Phone) {
    let pbxes = ["a", "b"].map(Pbx::start);
    let mut config = String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\n");
    for pbx in &pbxes {
        config += &pbx.config("capacity = { calls = 20 }");
    }
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    (pbxes, tandem, phone)
}

#[track_caller]
fn patch(tandem: &Tandem, body: &serde_json::Value) {
    let answer = tandem.admin("PATCH", "/v1/peers/a", body);
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn a_peer_that_the_operator_drains_or_disables_keeps_its_calls_and_gets_no_more() {
    let _turn = lock::shared();
    let (pbxes, tandem, phone) = two();
    let mut calls: Vec<Live> = (0..4).map(|_| phone.call("1001")).collect();
    assert_eq!(pbxes.each_ref().map(Pbx::live), [2, 2]);
    for word in ["draining", "disabled"] {
        patch(&tandem, &json!({ "admin": word }));
        calls.push(phone.call("1001"));
        tandem.reload();
        assert_eq!(tandem.peer("a")["admin"], word, "survives a reload");
        calls.push(phone.call("1001"));
    }
    assert_eq!(pbxes.each_ref().map(Pbx::live), [2, 6]);
    tandem.own_is("a", 2);
    patch(&tandem, &json!({ "admin": "enabled" }));
    calls.extend((0..4).map(|_| phone.call("1001")));
    assert_eq!(pbxes.each_ref().map(Pbx::live), [6, 6]);
    patch(&tandem, &json!({ "capacity": { "calls": 40 } }));
    assert_eq!(tandem.number("a", "calls", "free"), Some(34));
    calls.extend((0..6).map(|_| phone.call("1001")));
    assert_eq!(pbxes.each_ref().map(Pbx::live), [12, 6]);
    phone.hang_up_all(calls);
    tandem.finish();
}

#[test]
fn explaining_a_call_counts_nothing() {
    let _turn = lock::shared();
    let (pbxes, tandem, _phone) = two();
    let question = json!({ "method": "INVITE", "uri": "sip:1001@pbx", "source": "127.0.0.1:5060" });
    for _ in 0..10 {
        let answer = tandem.admin("POST", "/v1/explain", &question);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let peer = answer.json()["peer"].clone();
        assert!(peer == "a" || peer == "b", "{}", answer.text);
    }
    assert_eq!(pbxes.each_ref().map(Pbx::invites), [0, 0]);
    tandem.metric_is("tandem_slots_granted_total", &[], 0.0);
    tandem.finish();
}

#[test]
fn while_a_pbx_changes_its_mind_all_the_time_no_caller_sees_it() {
    let _turn = lock::alone();
    let (pbxes, tandem, phone) = two();
    patch(&tandem, &json!({ "capacity": { "calls": 200 } }));
    let resized = json!({ "capacity": { "calls": 200 } });
    assert_eq!(tandem.admin("PATCH", "/v1/peers/b", &resized).status, 200);
    let manners = [
        Manner::Refuses(503, 1),
        Manner::Answers(Duration::from_millis(50)),
        Manner::Refuses(500, 0),
        Manner::Answers(Duration::ZERO),
    ];
    let begun = Instant::now();
    let mut placed = Vec::new();
    for n in 0..800 {
        let due = begun + Duration::from_millis(10) * n;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if n % 50 == 0 {
            pbxes[0].becomes(manners[n as usize / 50 % manners.len()]);
        }
        placed.push(phone.place("1001", Some(Duration::from_millis(300)), &[]));
    }
    for call in &placed {
        let outcome = call.outcome(Duration::from_secs(20));
        assert_eq!(outcome.status, 200, "{outcome:?}");
        assert_eq!(call.ended(Duration::from_secs(20)), 200);
    }
    assert!(tandem.metrics().sum("tandem_failovers_total", &[]) >= 1.0);
    assert_eq!(pbxes.each_ref().map(Pbx::live), [0, 0]);
    tandem.books_close(Duration::from_secs(5));
    tandem.finish();
}
