//! A PBX that refuses, one that is silent, one that is not there: the caller is answered by another.

use std::time::Duration;

use crate::agent::pbx::{Manner, Pbx, peer_config};
use crate::agent::phone::Phone;
use crate::harness::lock;
use crate::harness::net::fresh_ip;
use crate::harness::sipp::{Load, Sipp};
use crate::harness::tandem::Tandem;

/// Calls a measurement is made of; the median speaks, for the machine is shared.
const CALLS: usize = 5;
/// `timers.try` of these tests.
const TRY: Duration = Duration::from_secs(1);

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// One group a call, each with a bad peer in front of the good one, so that every call meets a bad peer not yet marked.
fn config(bad: &[String], good: &Pbx) -> String {
    let mut config = String::from("[timers]\ntry = \"1s\"\n[probe]\nmode = \"off\"\n");
    let mut groups = vec![String::from("\"plain\"")];
    for n in 0..CALLS {
        groups.push(format!("\"g{n}\""));
        config += &format!("[[group]]\nname = \"g{n}\"\nselect = \"priority\"\n");
    }
    config += "[[group]]\nname = \"plain\"\n";
    config += &bad.concat();
    config += &good.config(&format!(
        "groups = [{}]\npriority = 9\ncapacity = {{ calls = 100 }}",
        groups.join(", ")
    ));
    for n in 0..CALLS {
        config += &format!("[[route]]\nmatch = {{ user = \"^u{n}$\" }}\ngroup = \"g{n}\"\n");
    }
    config + "[[route]]\ngroup = \"plain\"\n"
}

fn bad_more(n: usize) -> String {
    format!("groups = [\"g{n}\"]\npriority = 0\ncapacity = {{ calls = 100 }}")
}

/// The time that a bad peer adds to a call, by the median; every call must be answered by the good one.
fn added(tandem: &Tandem) -> Duration {
    let phone = Phone::start(tandem.sip);
    let call = |user: &str| {
        let live = phone.call(user);
        assert_eq!(live.outcome.by.as_deref(), Some("good"));
        let time = live.outcome.time;
        phone.hang_up(live);
        time
    };
    let plain = median((0..CALLS).map(|_| call("plain")).collect());
    let bad = median((0..CALLS).map(|n| call(&format!("u{n}"))).collect());
    bad.saturating_sub(plain)
}

fn failovers_are(tandem: &Tandem, cause: &str) {
    tandem.metric_is("tandem_failovers_total", &[], CALLS as f64);
    let labels = [("cause", cause)];
    tandem.metric_is("tandem_slots_released_total", &labels, CALLS as f64);
}

#[test]
fn a_503_costs_the_caller_less_than_the_try_time_and_no_error() {
    let _turn = lock::alone();
    let good = Pbx::start("good");
    let bad: Vec<Pbx> = (0..CALLS).map(|n| Pbx::start(&format!("bad{n}"))).collect();
    let mut peers = Vec::new();
    for (n, pbx) in bad.iter().enumerate() {
        pbx.becomes(Manner::Refuses(503, 300));
        peers.push(pbx.config(&bad_more(n)));
    }
    let tandem = Tandem::start(&config(&peers, &good));
    let time = added(&tandem);
    assert!(time < TRY + Duration::from_millis(100), "added {time:?}");
    assert!(
        time < Duration::from_millis(100),
        "a refusal is heard at once: {time:?}"
    );
    assert!(bad.iter().all(|pbx| pbx.invites() == 1));
    failovers_are(&tandem, "failed_over");
    tandem.finish();
}

#[test]
fn a_silent_pbx_costs_the_caller_the_try_time_and_no_error() {
    let _turn = lock::alone();
    let good = Pbx::start("good");
    let bad: Vec<Pbx> = (0..CALLS).map(|n| Pbx::start(&format!("bad{n}"))).collect();
    let mut peers = Vec::new();
    for (n, pbx) in bad.iter().enumerate() {
        pbx.becomes(Manner::Silent);
        peers.push(pbx.config(&bad_more(n)));
    }
    let tandem = Tandem::start(&config(&peers, &good));
    let time = added(&tandem);
    assert!(
        time >= TRY - Duration::from_millis(50),
        "added only {time:?}"
    );
    assert!(time < TRY + Duration::from_millis(100), "added {time:?}");
    failovers_are(&tandem, "failed_over");
    for n in 0..CALLS {
        tandem.health_becomes(&format!("bad{n}"), "down", Duration::from_secs(1));
    }
    tandem.finish();
}

#[test]
fn a_closed_port_costs_the_caller_less_than_50_ms_and_no_error() {
    let _turn = lock::alone();
    let good = Pbx::start("good");
    let peers: Vec<String> = (0..CALLS)
        .map(|n| peer_config(&format!("bad{n}"), (fresh_ip(), 5060).into(), &bad_more(n)))
        .collect();
    let tandem = Tandem::start(&config(&peers, &good));
    let time = added(&tandem);
    assert!(time < Duration::from_millis(50), "added {time:?}");
    failovers_are(&tandem, "failed_over");
    tandem.finish();
}

#[test]
fn under_load_no_caller_sees_a_refusing_a_silent_or_an_absent_pbx() {
    let _turn = lock::alone();
    let (good, full) = (
        Sipp::pbx("good", "pbx.xml"),
        Sipp::pbx("full", "pbx_503.xml"),
    );
    let silent = Pbx::start("silent");
    silent.becomes(Manner::Silent);
    let mut config = String::from(
        "[timers]\ntry = \"1s\"\n[probe]\ninterval = \"2s\"\ntimeout = \"500ms\"\n[[group]]\nname = \"pbx\"\nfailover = { max_attempts = 4 }\n",
    );
    let room = "capacity = { calls = 400 }";
    config += &good.config(room);
    config += &full.config(room);
    config += &silent.config(room);
    config += &peer_config("absent", (fresh_ip(), 5060).into(), room);
    let tandem = Tandem::start(&config);
    let load = Load {
        scenario: "caller.xml",
        service: "1001",
        calls: 300,
        cps: 50,
        hold: Duration::from_millis(500),
    };
    let mut caller = Sipp::caller("caller", tandem.sip, &load);
    assert_eq!(caller.succeeds(Duration::from_secs(40)).successful, 300);
    tandem.books_close(Duration::from_secs(40));
    assert!(tandem.metrics().sum("tandem_failovers_total", &[]) >= 1.0);
    good.stops_clean();
    tandem.finish();
}

#[test]
fn a_users_own_refusal_is_passed_on_and_not_tried_elsewhere() {
    let _turn = lock::shared();
    let pbxes = ["a", "b"].map(Pbx::start);
    let mut config = String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\n");
    for pbx in &pbxes {
        config += &pbx.config("");
    }
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    for (n, status) in [486, 404, 603, 600, 607].into_iter().enumerate() {
        for pbx in &pbxes {
            pbx.becomes(Manner::Refuses(status, 0));
        }
        phone.refused("1001", status);
        let tried: usize = pbxes.iter().map(Pbx::invites).sum();
        assert_eq!(tried, n + 1, "{status} was tried once");
    }
    tandem.metric_is("tandem_failovers_total", &[], 0.0);
    tandem.finish();
}

#[test]
fn listed_codes_fail_over_and_others_do_not() {
    let _turn = lock::shared();
    let (bad, good) = (Pbx::start("bad"), Pbx::start("good"));
    let mut config = String::from(
        "[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\nselect = \"priority\"\nfailover = { on = [\"timeout\", \"transport\", \"5xx\", \"6xx\", \"408\", \"409\"], max_attempts = 3 }\ndisable = { after_timeouts = 100, after_failures = 100, retry_after_cap = \"1s\" }\n",
    );
    config += &bad.config("priority = 0");
    config += &good.config("priority = 1");
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    for status in [409, 500, 603, 408] {
        bad.becomes(Manner::Refuses(status, 0));
        let live = phone.call("1001");
        assert_eq!(live.outcome.by.as_deref(), Some("good"), "{status}");
        phone.hang_up(live);
    }
    assert!(bad.invites() >= 1);
    tandem.finish();
}
