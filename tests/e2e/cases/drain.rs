//! A peer that is emptied, with SIPp's calls on it: they end by themselves, or by the deadline, also over a crash.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::pbx::Pbx;
use crate::agent::phone::Phone;
use crate::harness::lock;
use crate::harness::sipp::{Load, Sipp};
use crate::harness::tandem::Tandem;
use crate::harness::wait;

/// A peer that takes calls first, and one that takes those that it does not.
struct House {
    pbxes: [Sipp; 2],
    tandem: Tandem,
}

const SQLITE: &str = "sqlite://tandem.db";
const SOON: Duration = Duration::from_secs(10);

fn house() -> House {
    let pbxes = ["a", "b"].map(|name| Sipp::pbx(name, "pbx.xml"));
    let group = "[[group]]\nname = \"pbx\"\nselect = \"priority\"\n";
    let peers = [(&pbxes[0], 0), (&pbxes[1], 1)]
        .map(|(pbx, rank)| pbx.config(&format!("capacity = {{ calls = 50 }}\npriority = {rank}")));
    let config = format!("[probe]\nmode = \"off\"\n{group}{}{}", peers[0], peers[1]);
    let tandem = Tandem::start_kept(&config, SQLITE);
    House { pbxes, tandem }
}

impl House {
    fn callers(&self, name: &str, scenario: &str, calls: u32, hold: Duration) -> Sipp {
        let load = Load {
            scenario,
            service: "1001",
            calls,
            cps: 50,
            hold,
        };
        Sipp::caller(name, self.tandem.sip, &load)
    }

    fn drain(&self, more: &Value) -> Value {
        let mut body = json!({ "admin": "draining" });
        let (body_map, more) = (body.as_object_mut(), more.as_object());
        body_map
            .expect("an object")
            .extend(more.expect("an object").clone());
        let answer = self.tandem.admin("PATCH", "/v1/peers/a", &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["drain"].clone()
    }

    /// Everything has ended well, everywhere.
    fn finish(self, callers: &mut [Sipp]) {
        for caller in callers {
            caller.succeeds(SOON);
        }
        self.tandem.books_close(SOON);
        self.pbxes.into_iter().for_each(|pbx| {
            pbx.stops_clean();
        });
        self.tandem.finish();
    }
}

/// From what to what the drain of a peer went, as the events tell, until it is as `last`.
#[track_caller]
fn told(tandem: &Tandem, last: &str) -> Vec<(String, String)> {
    let changes = |data: &str| -> Vec<(String, String)> {
        let event: Value = serde_json::from_str(data).unwrap_or_default();
        let changes = event["changes"].as_array().cloned().unwrap_or_default();
        let drains = changes.iter().filter(|change| change["what"] == "drain");
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        drains
            .map(|change| (word(&change["from"]), word(&change["to"])))
            .collect()
    };
    let all = |seen: &[(u64, String)]| -> Vec<(String, String)> {
        seen.iter().flat_map(|(_, data)| changes(data)).collect()
    };
    let seen = tandem
        .http
        .events(0, |seen| all(seen).last().is_some_and(|(_, to)| to == last));
    all(&seen)
}

fn went(words: &[&str]) -> Vec<(String, String)> {
    let pairs = words.windows(2);
    pairs
        .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
        .collect()
}

#[track_caller]
fn state_becomes(tandem: &Tandem, wanted: &str) {
    wait::equal("the drain of a", wanted.to_owned(), SOON, || {
        let state = tandem.peer("a")["drain"]["state"].clone();
        state.as_str().unwrap_or("none").to_owned()
    });
}

#[test]
fn a_drain_is_drained_when_its_calls_have_hung_up_and_events_tell_both() {
    let _turn = lock::shared();
    let house = house();
    let before = house.callers("before", "caller.xml", 6, Duration::from_secs(4));
    house.tandem.own_is("a", 6);
    house.tandem.calls_up_are(6, SOON);
    let drain = house.drain(&json!({}));
    assert_eq!(drain["calls_left"], 6);
    assert_eq!(
        (&drain["state"], &drain["by"]),
        (&json!("draining"), &json!("operator"))
    );
    let after = house.callers("after", "caller.xml", 3, Duration::from_millis(200));
    let known = || house.tandem.peer("a")["drain"]["expected_in_seconds"].is_number();
    wait::equal("an expectation", true, SOON, known);
    state_becomes(&house.tandem, "drained");
    assert_eq!(
        told(&house.tandem, "drained"),
        went(&["none", "draining", "drained"])
    );
    house.tandem.metric_is(
        "tandem_slots_released_total",
        &[("peer", "b"), ("cause", "bye")],
        3.0,
    );
    house.finish(&mut [before, after]);
}

#[test]
fn the_deadline_ends_the_calls_that_are_left_with_bye_to_both_sides() {
    let _turn = lock::shared();
    let house = house();
    let stay = house.callers("stay", "stays.xml", 5, Duration::ZERO);
    house.tandem.own_is("a", 5);
    house.tandem.calls_up_are(5, SOON);
    let drain = house.drain(&json!({ "deadline_seconds": 1 }));
    assert!(
        drain["deadline_in_seconds"]
            .as_f64()
            .is_some_and(|left| left <= 1.0),
        "{drain}"
    );
    state_becomes(&house.tandem, "drained");
    let ended = [("peer", "a"), ("cause", "ended_by_operator")];
    house
        .tandem
        .metric_is("tandem_slots_released_total", &ended, 5.0);
    assert_eq!(
        told(&house.tandem, "drained"),
        went(&["none", "draining", "drained"])
    );
    house.finish(&mut [stay]);
}

#[test]
fn a_crash_keeps_the_drain_and_a_deadline_that_passes_meanwhile_ends_its_calls_at_the_start() {
    let _turn = lock::shared();
    let mut house = house();
    let stay = house.callers("stay", "stays.xml", 4, Duration::ZERO);
    house.tandem.calls_up_are(4, SOON);
    house.drain(&json!({ "deadline_seconds": 3600 }));
    // Gathered and written.
    std::thread::sleep(Duration::from_millis(300));
    house.tandem = Tandem::start_again(house.tandem.crash());
    let drain = house.tandem.peer("a")["drain"].clone();
    assert_eq!(
        (&drain["state"], &drain["calls_left"]),
        (&json!("draining"), &json!(4))
    );
    let left = drain["deadline_in_seconds"].as_f64().expect("a deadline");
    assert!((3500.0..3600.0).contains(&left), "{drain}");
    let elsewhere = house.callers("elsewhere", "caller.xml", 2, Duration::from_millis(100));
    house.tandem.metric_is(
        "tandem_slots_released_total",
        &[("peer", "b"), ("cause", "bye")],
        2.0,
    );

    house.drain(&json!({ "deadline_seconds": 0.5 }));
    // Well before the next look ends them.
    std::thread::sleep(Duration::from_millis(200));
    let ended = house.tandem.crash();
    std::thread::sleep(Duration::from_millis(600));
    house.tandem = Tandem::start_again(ended);
    state_becomes(&house.tandem, "drained");
    assert_eq!(house.tandem.peer("a")["admin"], "draining");
    house.finish(&mut [stay, elsewhere]);
}

#[test]
fn the_deadline_of_a_peer_that_was_removed_is_kept_over_a_crash() {
    let _turn = lock::shared();
    let mut house = house();
    let stay = house.callers("stay", "stays.xml", 3, Duration::ZERO);
    house.tandem.calls_up_are(3, SOON);
    house.drain(&json!({ "deadline_seconds": 3 }));
    let gone = house.tandem.admin("DELETE", "/v1/peers/a", &Value::Null);
    assert_eq!(gone.status, 204, "{}", gone.text);
    // Gathered and written.
    std::thread::sleep(Duration::from_millis(300));
    house.tandem = Tandem::start_again(house.tandem.crash());
    house.finish(&mut [stay]);
}

#[test]
fn a_peer_drains_itself_by_feedback_over_a_crash_and_ends_it_again() {
    let _turn = lock::shared();
    let pbxes = ["a", "b"].map(Pbx::start);
    let mut config = String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\n");
    let fed = |pbx: &Pbx, name: &str| {
        pbx.config(&format!(
            "capacity = {{ calls = 20 }}\nfeedback = {{ token = \"token-{name}\", ttl = \"60s\" }}"
        ))
    };
    config += &(fed(&pbxes[0], "a") + &fed(&pbxes[1], "b"));
    let tandem = Tandem::start_kept(&config, SQLITE);
    let phone = Phone::start(tandem.sip);
    let says = |tandem: &Tandem, state: &str| {
        let answer = tandem.feedback("a", "token-a", &json!({ "state": state }));
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    let mut calls: Vec<_> = (0..2).map(|_| phone.call("1001")).collect();
    says(&tandem, "draining");
    let drain = tandem.peer("a")["drain"].clone();
    assert_eq!(
        (&drain["by"], &drain["calls_left"]),
        (&json!("peer"), &json!(1))
    );
    assert_eq!(drain["deadline_in_seconds"], Value::Null);
    // What peers say of themselves is looked at every 5 s.
    std::thread::sleep(Duration::from_secs(6));
    let tandem = Tandem::start_again(tandem.crash());
    calls.extend((0..3).map(|_| phone.call("1001")));
    assert_eq!(pbxes.each_ref().map(Pbx::live), [1, 4]);
    says(&tandem, "accepting");
    assert_eq!(tandem.peer("a")["drain"], Value::Null);
    calls.push(phone.call("1001"));
    assert_eq!(pbxes.each_ref().map(Pbx::live), [2, 4]);
    phone.hang_up_all(calls);
    tandem.finish();
}
