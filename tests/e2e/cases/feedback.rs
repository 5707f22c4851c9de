//! Load pushed over HTTP moves new calls within the next call, and never edits a count.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::pbx::Pbx;
use crate::agent::phone::{Live, Phone};
use crate::harness::lock::{self, Turn};
use crate::harness::tandem::Tandem;
use crate::harness::wait;

struct Stage {
    tandem: Tandem,
    phone: Phone,
    _pbxes: Vec<Pbx>,
    _turn: Turn,
}

/// Peers of capacity 100 each, that report with tokens `token-NAME`.
fn stage(names: &[&str], more: &str) -> Stage {
    let turn = lock::shared();
    let pbxes: Vec<Pbx> = names.iter().map(|name| Pbx::start(name)).collect();
    let mut config = String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\n");
    for pbx in &pbxes {
        config += &pbx.config(&format!(
            "capacity = {{ calls = 100 }}\nfeedback = {{ token = \"token-{}\", ttl = \"30s\"{more} }}",
            pbx.name
        ));
    }
    let tandem = Tandem::start(&config);
    Stage {
        phone: Phone::start(tandem.sip),
        tandem,
        _pbxes: pbxes,
        _turn: turn,
    }
}

impl Stage {
    #[track_caller]
    fn report(&self, peer: &str, report: Value) -> Value {
        let answer = self
            .tandem
            .feedback(peer, &format!("token-{peer}"), &report);
        assert_eq!(answer.status, 200, "{report}: {}", answer.text);
        answer.json()
    }

    #[track_caller]
    fn refused(&self, peer: &str, token: &str, report: Value) -> u16 {
        let answer = self.tandem.feedback(peer, token, &report);
        assert!(answer.status >= 400, "{report}: {}", answer.text);
        assert_eq!(answer.json()["status"], answer.status, "RFC 9457");
        answer.status
    }

    /// Places calls that must all land on one peer.
    #[track_caller]
    fn all_go_to(&self, peer: &str, count: usize) -> Vec<Live> {
        let calls: Vec<Live> = (0..count).map(|_| self.phone.call("1001")).collect();
        for call in &calls {
            assert_eq!(call.outcome.by.as_deref(), Some(peer));
        }
        calls
    }
}

#[test]
fn foreign_load_moves_the_next_calls_away() {
    let stage = stage(&["a", "b"], "");
    let answer = stage.report(
        "a",
        json!({ "seq": 1, "resources": { "calls": { "used": 50 } } }),
    );
    assert_eq!(answer["peer"], "a");
    assert_eq!(answer["accepted_seq"], 1);
    assert_eq!(answer["resources"]["calls"]["foreign"], 50);
    assert_eq!(answer["resources"]["calls"]["free"], 50);
    let mut calls = stage.all_go_to("b", 20);
    stage.report(
        "b",
        json!({ "seq": 1, "resources": { "calls": { "used": 95 } } }),
    );
    assert_eq!(stage.tandem.number("b", "calls", "foreign"), Some(75));
    calls.extend(stage.all_go_to("a", 10));
    stage.tandem.metric_is(
        "tandem_peer_foreign",
        &[("peer", "b"), ("resource", "calls")],
        75.0,
    );
    stage.phone.hang_up_all(calls);
    stage.tandem.finish();
}

#[test]
fn a_busy_cpu_scales_the_headroom_and_moves_the_next_calls_away() {
    let stage = stage(&["a", "b"], "");
    let answer = stage.report("a", json!({ "cpu_idle": 0.25 }));
    assert_eq!(answer["resources"]["calls"]["free"], 25);
    assert_eq!(answer["resources"]["calls"]["capacity"], 100);
    let calls = stage.all_go_to("b", 20);
    stage.report("b", json!({ "cpu_idle": 0.1 }));
    assert_eq!(stage.tandem.number("b", "calls", "free"), Some(8));
    let more = stage.all_go_to("a", 5);
    stage.phone.hang_up_all(calls);
    stage.phone.hang_up_all(more);
    stage.tandem.finish();
}

#[test]
fn a_draining_peer_gets_no_new_call_and_keeps_those_it_has() {
    let stage = stage(&["a", "b"], "");
    stage.report("b", json!({ "resources": { "calls": { "used": 90 } } }));
    let mut calls = stage.all_go_to("a", 3);
    stage.report("a", json!({ "state": "draining" }));
    let peer = stage.tandem.peer("a");
    assert_eq!(
        (&peer["accepting"], &peer["eligible"]),
        (&json!(false), &json!(false))
    );
    calls.extend(stage.all_go_to("b", 5));
    stage.tandem.own_is("a", 3);
    stage.report("a", json!({ "state": "accepting" }));
    calls.extend(stage.all_go_to("a", 3));
    stage.report("a", json!({ "state": "paused" }));
    calls.extend(stage.all_go_to("b", 2));
    stage.phone.hang_up_all(calls);
    stage.tandem.finish();
}

#[test]
fn own_calls_are_never_subtracted_twice() {
    let stage = stage(&["a"], "");
    let mut calls = stage.all_go_to("a", 10);
    let used = json!({ "resources": { "calls": { "used": 10 } } });
    let calls_of = |answer: Value| answer["resources"]["calls"].clone();
    let answer = calls_of(stage.report("a", used.clone()));
    assert_eq!(
        (&answer["own"], &answer["foreign"]),
        (&json!(10), &json!(0))
    );
    assert_eq!(answer["free"], 90);
    let ended = calls.split_off(5);
    stage.phone.hang_up_all(ended);
    stage.tandem.own_is("a", 5);
    assert_eq!(stage.tandem.number("a", "calls", "free"), Some(95));
    // The PBX now says 10 while 5 are ours: 5 came from elsewhere.
    let answer = calls_of(stage.report("a", used));
    assert_eq!(
        (&answer["foreign"], &answer["free"]),
        (&json!(5), &json!(90))
    );
    stage.phone.hang_up_all(calls);
    stage.tandem.own_is("a", 0);
    assert_eq!(stage.tandem.number("a", "calls", "foreign"), Some(5));
    stage.tandem.finish();
}

#[test]
fn a_pbx_that_counts_legs_is_understood() {
    let stage = stage(&["a"], ", legs_per_call = 2");
    let calls = stage.all_go_to("a", 4);
    let answer = stage.report("a", json!({ "resources": { "calls": { "used": 8 } } }));
    assert_eq!(answer["resources"]["calls"]["foreign"], 0);
    let answer = stage.report("a", json!({ "resources": { "calls": { "used": 28 } } }));
    assert_eq!(answer["resources"]["calls"]["foreign"], 10);
    assert_eq!(answer["resources"]["calls"]["free"], 86);
    stage.phone.hang_up_all(calls);
    stage.tandem.finish();
}

#[test]
fn a_report_lasts_for_its_ttl_and_no_longer() {
    let stage = stage(&["a", "b"], "");
    let sent = Instant::now();
    stage.report(
        "a",
        json!({ "ttl_seconds": 1, "state": "draining", "cpu_idle": 0.5, "resources": { "calls": { "used": 60 } } }),
    );
    assert_eq!(stage.tandem.number("a", "calls", "foreign"), Some(60));
    assert_eq!(stage.tandem.number("a", "calls", "free"), Some(20));
    wait::until("the report is stale", Duration::from_secs(5), || {
        let fresh = stage.tandem.peer("a")["feedback"]["fresh"].as_bool();
        (fresh == Some(false)).then_some(())
    });
    let lasted = sent.elapsed();
    assert!(lasted >= Duration::from_millis(950), "only {lasted:?}");
    assert!(
        lasted <= Duration::from_millis(1500),
        "as long as {lasted:?}"
    );
    let peer = stage.tandem.peer("a");
    assert_eq!(peer["accepting"], true, "{peer}");
    assert_eq!(stage.tandem.number("a", "calls", "foreign"), Some(0));
    assert_eq!(stage.tandem.number("a", "calls", "free"), Some(100));
    stage.tandem.finish();
}

#[test]
fn an_old_sequence_number_is_refused_and_changes_nothing() {
    let stage = stage(&["a"], "");
    let report = |seq: u32, boot: &str, used: u32| json!({ "seq": seq, "boot_id": boot, "resources": { "calls": { "used": used } } });
    stage.report("a", report(17, "one", 30));
    for seq in [17, 16, 1] {
        assert_eq!(stage.refused("a", "token-a", report(seq, "one", 99)), 409);
        assert_eq!(stage.tandem.number("a", "calls", "foreign"), Some(30));
    }
    stage.report("a", report(18, "one", 40));
    assert_eq!(stage.tandem.number("a", "calls", "foreign"), Some(40));
    stage.report("a", report(1, "two", 5));
    assert_eq!(stage.tandem.number("a", "calls", "foreign"), Some(5));
    stage
        .tandem
        .metric_is("tandem_feedback_reports_total", &[("peer", "a")], 6.0);
    stage.tandem.finish();
}

#[test]
fn reported_capacity_lowers_the_configured_one() {
    let stage = stage(&["a"], "");
    let answer = stage.report(
        "a",
        json!({ "resources": { "calls": { "used": 0, "max": 40 } } }),
    );
    assert_eq!(answer["resources"]["calls"]["capacity"], 40);
    let answer = stage.report(
        "a",
        json!({ "resources": { "calls": { "used": 0, "max": 400 } } }),
    );
    assert_eq!(answer["resources"]["calls"]["capacity"], 100);
    stage.tandem.finish();
}

#[test]
fn reports_without_right_are_refused_and_change_nothing() {
    let stage = stage(&["a", "b"], "");
    let report = json!({ "resources": { "calls": { "used": 50 } } });
    let refused = |peer: &str, token: &str| stage.refused(peer, token, report.clone());
    assert!([401, 403].contains(&refused("a", "wrong")));
    assert!(
        [401, 403].contains(&refused("a", "token-b")),
        "b's token is b's alone"
    );
    assert_eq!(refused("nobody", "token-a") / 100, 4);
    let bare = stage
        .tandem
        .http
        .send("POST", "/v1/peers/a/feedback", None, &report);
    assert_eq!(bare.status, 401);
    for impossible in [
        json!({ "cpu_idle": 1.5 }),
        json!({ "cpu_idle": -0.1 }),
        json!({ "ttl_seconds": 0, "cpu_idle": 0.5 }),
    ] {
        assert_eq!(stage.refused("a", "token-a", impossible), 422);
    }
    for malformed in [
        json!({}),
        json!([1]),
        json!({ "state": 7 }),
        json!({ "sate": "paused" }),
    ] {
        let status = stage.refused("a", "token-a", malformed);
        assert!([400, 422].contains(&status), "{status}");
    }
    let big = json!({ "boot_id": "x".repeat(1 << 20) });
    let answer = stage.tandem.feedback("a", "token-a", &big);
    assert_eq!(answer.status, 413);
    assert_eq!(stage.tandem.number("a", "calls", "foreign"), Some(0));
    stage.tandem.finish();
}
