//! What a restart, a crash, and a database that is away do to live calls and to the operator's word: nothing.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::agent::pbx::Pbx;
use crate::agent::phone::{Live, Phone};
use crate::harness::lock;
use crate::harness::postgres::Postgres;
use crate::harness::stall::Watch;
use crate::harness::tandem::Tandem;
use crate::harness::wait;

const SQLITE: &str = "sqlite://tandem.db";

/// Two PBXes and the config of them.
fn house() -> ([Pbx; 2], String) {
    let pbxes = ["a", "b"].map(Pbx::start);
    let mut config = String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\n");
    for pbx in &pbxes {
        config += &pbx.config("capacity = { calls = 400 }");
    }
    (pbxes, config)
}

fn own(tandem: &Tandem) -> u64 {
    tandem.own("a") + tandem.own("b")
}

/// What the store has refused so far.
fn failures(tandem: &Tandem) -> f64 {
    let failed = [("outcome", "failed")];
    tandem.metrics().sum("tandem_store_writes_total", &failed)
}

/// Every row of what lives now is written after this: the core gathers for a moment, then the writer.
#[track_caller]
fn all_is_written(tandem: &Tandem) {
    std::thread::sleep(Duration::from_millis(60));
    wait::equal("rows that wait", 0.0, Duration::from_secs(5), || {
        tandem.metrics().sum("tandem_store_queue_depth", &[])
    });
}

/// Calls one after the other at 200 a second, and since when at the latest each is up.
fn calls_at_200_cps(phone: &Phone, count: u32) -> Vec<(Live, Instant)> {
    let begun = Instant::now();
    let call = |n| {
        let due = begun + Duration::from_millis(5) * n;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        (phone.call("1001"), Instant::now())
    };
    (0..count).map(call).collect()
}

fn without_times(calls: Vec<(Live, Instant)>) -> Vec<Live> {
    calls.into_iter().map(|(call, _)| call).collect()
}

fn a_crash_forgets_no_call_older_than_100_ms(store: &str) {
    let (pbxes, config) = house();
    let tandem = Tandem::start_kept(&config, store);
    let phone = Phone::start(tandem.sip);
    let watch = Watch::start();
    let mut over = calls_at_200_cps(&phone, 100);
    let mut calls = over.split_off(60);
    phone.hang_up_all(without_times(over));
    calls.extend(calls_at_200_cps(&phone, 160));
    let killed = Instant::now();
    let ended = tandem.crash();
    let live: Vec<usize> = pbxes.iter().map(Pbx::live).collect();
    assert_eq!(live.iter().sum::<usize>(), 200);
    // Gathering, writing, and what the machine itself withheld meanwhile from a thread that wanted to run.
    let promised = Duration::from_millis(100);
    let late = promised + watch.worst(killed - 2 * promised, killed);
    let older = |up: &Instant| killed.saturating_duration_since(*up) > late;

    let tandem = Tandem::start_again(ended);
    let found = tandem.calls();
    let found: HashSet<&str> = found
        .iter()
        .filter_map(|call| call["call_id"].as_str())
        .collect();
    let (old, young): (Vec<_>, Vec<_>) = calls.iter().partition(|(_, up)| older(up));
    assert!(old.len() >= 100, "{} calls were up for {late:?}", old.len());
    let ids = |some: &[&(Live, Instant)]| -> HashSet<String> {
        some.iter()
            .map(|(call, _)| call.outcome.id.clone())
            .collect()
    };
    let (old, young) = (ids(&old), ids(&young));
    let lost: Vec<&String> = old
        .iter()
        .filter(|id| !found.contains(id.as_str()))
        .collect();
    assert!(
        lost.is_empty(),
        "lost, though up for more than {late:?}: {lost:?}"
    );
    let known = |id: &&str| old.contains(*id) || young.contains(*id);
    assert!(found.iter().all(known), "calls that are over came back");
    assert_eq!(own(&tandem), found.len() as u64);
    assert!(tandem.own("a") <= live[0] as u64 && tandem.own("b") <= live[1] as u64);
    let mut calls = without_times(calls);
    calls.push(phone.call("1001"));
    assert_eq!(own(&tandem), found.len() as u64 + 1);
    // Those that were lost are known by their cookies.
    phone.hang_up_all(calls);
    assert_eq!(pbxes.each_ref().map(Pbx::live), [0, 0]);
    tandem.finish();
}

#[test]
fn a_crash_forgets_no_call_older_than_100_ms_with_sqlite() {
    let _turn = lock::alone();
    a_crash_forgets_no_call_older_than_100_ms(SQLITE);
}

#[test]
fn a_crash_forgets_no_call_older_than_100_ms_with_postgres() {
    let _turn = lock::alone();
    let server = Postgres::start();
    a_crash_forgets_no_call_older_than_100_ms(&server.url());
}

#[test]
fn a_stop_and_a_start_keep_calls_and_the_operators_word() {
    let _turn = lock::shared();
    let (pbxes, config) = house();
    let tandem = Tandem::start_kept(&config, SQLITE);
    let phone = Phone::start(tandem.sip);
    let calls: Vec<Live> = (0..10).map(|_| phone.call("1001")).collect();
    let word = json!({ "admin": "draining", "capacity": { "calls": 7 }, "weight": 3 });
    let ok = |answer: crate::harness::http::Answer| {
        assert!((200..300).contains(&answer.status), "{}", answer.text);
    };
    ok(tandem.admin("PATCH", "/v1/peers/a", &word));
    let put = json!({ "uri": "sip:127.0.0.1:9", "groups": ["pbx"], "capacity": { "calls": 0 } });
    ok(tandem.admin("PUT", "/v1/peers/c", &put));
    phone.hang_up(phone.call("1001"));

    let tandem = Tandem::start_again(tandem.stop());
    let peer = tandem.peer("a");
    assert_eq!(
        (&peer["admin"], &peer["weight"]),
        (&json!("draining"), &json!(3))
    );
    assert_eq!(peer["resources"]["calls"]["capacity"], 7);
    assert_eq!(tandem.number("c", "calls", "capacity"), Some(0));
    assert_eq!(
        [tandem.own("a"), tandem.own("b")],
        pbxes.each_ref().map(|p| p.live() as u64)
    );
    ok(tandem.admin("DELETE", "/v1/peers/c", &json!({})));
    ok(tandem.admin("PATCH", "/v1/peers/a", &json!({ "admin": "enabled" })));
    all_is_written(&tandem);

    let tandem = Tandem::start_again(tandem.crash());
    assert_eq!(tandem.peer("a")["admin"], "enabled");
    assert_eq!(tandem.http.get("/v1/peers/c").status, 404);
    tandem.reload();
    phone.hang_up_all(calls);
    tandem.finish();
}

#[test]
fn crash_after_crash_the_counts_are_those_of_the_live_calls() {
    let _turn = lock::alone();
    let (pbxes, config) = house();
    let mut tandem = Tandem::start_kept(&config, SQLITE);
    let phone = Phone::start(tandem.sip);
    let mut calls: Vec<Live> = Vec::new();
    for round in 0..4 {
        calls.extend(without_times(calls_at_200_cps(&phone, 20)));
        phone.hang_up(calls.remove(0));
        all_is_written(&tandem);
        assert_eq!(failures(&tandem), 0.0);
        tandem = Tandem::start_again(tandem.crash());
        let live = pbxes.each_ref().map(|pbx| pbx.live() as u64);
        let counts = [tandem.own("a"), tandem.own("b")];
        assert_eq!(counts, live, "after crash {round}");
    }
    pbxes.iter().for_each(Pbx::hangs_up);
    tandem.finish();
}

#[test]
fn events_of_before_a_crash_are_told_after_it_and_ids_go_on_growing() {
    let _turn = lock::shared();
    let (_pbxes, config) = house();
    let tandem = Tandem::start_kept(&config, SQLITE);
    let becomes = |tandem: &Tandem, word: &str| {
        let answer = tandem.admin("PATCH", "/v1/peers/a", &json!({ "admin": word }));
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    let tells = |word: &str| {
        let word = word.to_owned();
        move |seen: &[(u64, String)]| seen.iter().any(|(_, data)| data.contains(&word))
    };
    becomes(&tandem, "draining");
    let before = tandem.http.events(0, tells("draining"));
    all_is_written(&tandem);
    let tandem = Tandem::start_again(tandem.crash());
    becomes(&tandem, "disabled");
    let all = tandem.http.events(0, tells("disabled"));
    assert_eq!(all[..before.len()], before);
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "{all:?}");
    // Who saw everything before misses nothing, and is told of no gap.
    let last = before.last().map_or(0, |(id, _)| *id);
    let resumed = tandem.http.events(last, tells("disabled"));
    assert_eq!(resumed, all[before.len()..]);
    tandem.finish();
}
