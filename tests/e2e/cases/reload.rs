//! Reload is one swap: no call fails, no count moves.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::agent::pbx::Pbx;
use crate::agent::phone::Phone;
use crate::harness::lock;
use crate::harness::sipp::{Load, Sipp};
use crate::harness::tandem::Tandem;

const HEAD: &str = "[probe]\ninterval = \"1s\"\n[[group]]\nname = \"pbx\"\n";

#[test]
fn ten_reloads_at_200_cps_fail_no_call_and_move_no_count() {
    let _turn = lock::alone();
    let pbxes = ["a", "b", "c"].map(|name| Sipp::pbx(name, "pbx.xml"));
    // Every other version lacks the third peer and gives the second another weight and capacity.
    let version = |n: u32| {
        let room = if n.is_multiple_of(2) { 300 } else { 400 };
        let mut config = format!("{HEAD}select = \"least-loaded\"\n");
        config += &pbxes[0].config("capacity = { calls = 300 }");
        config += &pbxes[1].config(&format!(
            "weight = {}\ncapacity = {{ calls = {room} }}",
            n % 2 + 1
        ));
        if n.is_multiple_of(2) {
            config += &pbxes[2].config("capacity = { calls = 300 }");
        }
        config
    };
    let tandem = Tandem::start(&version(0));
    let load = Load {
        scenario: "caller.xml",
        service: "1001",
        calls: 2200,
        cps: 200,
        hold: Duration::from_secs(1),
    };
    let mut caller = Sipp::caller("caller", tandem.sip, &load);
    let begun = Instant::now();
    for n in 1..=10 {
        let due = begun + Duration::from_secs(1) * n;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        tandem.rewrite_config(&version(n));
        if n % 2 == 0 {
            tandem.hang_up_signal();
        } else {
            tandem.reload();
        }
    }
    assert!(!caller.has_ended(), "the load outlasts the reloads");
    assert_eq!(caller.succeeds(Duration::from_secs(40)).successful, 2200);
    tandem.books_close(Duration::from_secs(10));
    tandem.metric_is("tandem_slots_granted_total", &[], 2200.0);
    for pbx in pbxes {
        pbx.stops_clean();
    }
    tandem.finish();
}

#[test]
fn live_calls_keep_their_counts_over_reloads_and_over_the_loss_of_their_peer() {
    let _turn = lock::shared();
    let (a, b) = (Pbx::start("a"), Pbx::start("b"));
    let room = "capacity = { calls = 10 }";
    let both = format!("{HEAD}{}{}", a.config(room), b.config(room));
    let tandem = Tandem::start(&both);
    let phone = Phone::start(tandem.sip);
    let mut calls: Vec<_> = (0..8).map(|_| phone.call("1001")).collect();
    for n in 0..10 {
        if n % 2 == 0 {
            tandem.reload();
        } else {
            tandem.hang_up_signal();
        }
        assert_eq!((tandem.own("a"), tandem.own("b")), (4, 4));
    }
    // The peer leaves the config; its calls go on, counted.
    tandem.rewrite_config(&format!("{HEAD}{}", b.config(room)));
    tandem.reload();
    tandem.metric_is("tandem_peer_own", &[], 8.0);
    let next = phone.call("1001");
    assert_eq!(next.outcome.by.as_deref(), Some("b"));
    calls.push(next);
    tandem.rewrite_config(&both);
    tandem.reload();
    assert_eq!((tandem.own("a"), tandem.own("b")), (4, 5));
    phone.hang_up_all(calls);
    tandem.finish();
}

#[test]
fn a_bad_config_is_refused_and_changes_nothing() {
    let _turn = lock::shared();
    let a = Pbx::start("a");
    let tandem = Tandem::start(&format!("{HEAD}{}", a.config("capacity = { calls = 10 }")));
    let phone = Phone::start(tandem.sip);
    let call = phone.call("1001");
    tandem.rewrite_config(&format!("{HEAD}{}", a.config("capacitee = { calls = 99 }")));
    let answer = tandem.admin("POST", "/v1/reload", &json!({}));
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert!(answer.text.contains("capacitee"), "{}", answer.text);
    let bare = tandem.http.send("POST", "/v1/reload", None, &json!({}));
    assert_eq!(bare.status, 401, "{}", bare.text);
    assert_eq!(tandem.number("a", "calls", "capacity"), Some(10));
    tandem.own_is("a", 1);
    phone.hang_up(call);
    phone.hang_up(phone.call("1001"));
    tandem.finish();
}

#[test]
fn stopping_refuses_new_calls_and_ends_in_time() {
    let _turn = lock::shared();
    let a = Pbx::start("a");
    let tandem = Tandem::start(&format!("{HEAD}{}", a.config("")));
    let phone = Phone::start(tandem.sip);
    let _live = phone.call("1001");
    assert_eq!(tandem.http.get("/healthz").status, 200);
    assert_eq!(tandem.http.get("/readyz").status, 200);
    tandem.finish_with_calls();
}
