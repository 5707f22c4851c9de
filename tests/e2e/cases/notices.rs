//! Whoever is configured is told of what happens, by the real process over real sockets.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::pbx::{Manner, Pbx};
use crate::agent::phone::Phone;
use crate::harness::lock;
use crate::harness::receiver::{Notice, Receiver};
use crate::harness::tandem::Tandem;
use crate::harness::wait;

const SECRET: &str = "0123456789abcdef";
const SOON: Duration = Duration::from_secs(15);
const PROBES: &str = "[probe]\ninterval = \"300ms\"\ntimeout = \"200ms\"\ndown_after = 2\nup_after = 2\n[[group]]\nname = \"pbx\"\nexhausted = []\n";

fn notify(receiver: &Receiver, more: &str) -> String {
    let address = receiver.address;
    format!("[notify]\nurl = \"http://{address}/hook\"\n{more}\n")
}

/// What another program says of the signature, as the page on operation shows it.
#[track_caller]
fn verifies(notice: &Notice) {
    let signed = notice.header("tandem-signature").to_owned();
    let (time, hex) = signed.split_once(",v1=").expect("both parts");
    let time = time.strip_prefix("t=").expect("a time");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("signed");
    std::fs::write(&file, format!("{time}.{}", notice.body)).expect("written");
    let openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SECRET])
        .arg(&file)
        .output()
        .expect("openssl runs");
    let said = String::from_utf8_lossy(&openssl.stdout).into_owned();
    assert_eq!(said.split_whitespace().last(), Some(hex), "{said}");
}

#[test]
fn a_peer_that_falls_silent_and_returns_is_told_down_and_up_and_a_failed_try_comes_again() {
    let _turn = lock::alone();
    let receiver = Receiver::start(&[503]);
    let pbx = Pbx::start("a");
    let signed = notify(&receiver, &format!("secret = \"{SECRET}\""));
    let tandem = Tandem::start(&format!("{signed}{PROBES}{}", pbx.config("")));
    tandem.health_becomes("a", "up", SOON);
    pbx.becomes(Manner::Silent);
    tandem.health_becomes("a", "down", SOON);
    assert_eq!(receiver.events(2, SOON), ["a down", "a down"]);
    pbx.becomes(Manner::Answers(Duration::ZERO));
    tandem.health_becomes("a", "up", SOON);
    assert_eq!(receiver.events(3, SOON), ["a down", "a down", "a up"]);
    let came = receiver.came();
    came.iter().for_each(verifies);
    let id = |notice: &Notice| notice.header("tandem-event-id").to_owned();
    assert_eq!(id(&came[0]), id(&came[1]), "to be known again by");
    let bodies: Vec<Value> = came.iter().map(Notice::json).collect();
    assert_eq!(bodies[0], bodies[1]);
    let text = bodies[0]["text"].as_str().unwrap_or_default();
    let start = "e2e: a is down: 2 probes unanswered";
    assert!(text.starts_with(start), "{text}");
    assert_eq!(bodies[2]["text"], "e2e: a is up again");
    // It is the event that the stream tells.
    let down = bodies[0]["event_id"].as_u64().expect("a number");
    let seen = tandem.http.events(down - 1, |seen| !seen.is_empty());
    assert_eq!(seen[0].0, down);
    assert!(seen[0].1.contains("\"to\":\"down\""), "{seen:?}");
    let delivered = [("result", "delivered")];
    tandem.metric_is("tandem_notifications_total", &delivered, 2.0);
    tandem.metric_is("tandem_notifications_total", &[("result", "failed")], 0.0);
    tandem.metric_is("tandem_notifications_queue_depth", &[], 0.0);
    tandem.finish();
}

#[test]
fn a_drain_that_is_over_and_calls_that_find_no_peer_are_told() {
    let _turn = lock::shared();
    let receiver = Receiver::start(&[400]);
    let pbx = Pbx::start("a");
    let house = format!("{PROBES}{}", pbx.config("capacity = { calls = 1 }"));
    let tandem = Tandem::start(&format!("{}{house}", notify(&receiver, "")));
    let phone = Phone::start(tandem.sip);
    let live = phone.call("1001");
    phone.refused("1001", 503);
    assert_eq!(receiver.events(1, SOON), ["pbx exhausted"]);
    let body = receiver.came()[0].json();
    assert_eq!((&body["calls"], &body["node"]), (&json!(1), &json!("e2e")));
    let answer = tandem.admin("PATCH", "/v1/peers/a", &json!({ "admin": "draining" }));
    assert_eq!(answer.status, 200, "{}", answer.text);
    phone.hang_up(live);
    // The 400 to the first was the end of it.
    assert_eq!(receiver.events(2, SOON), ["pbx exhausted", "a drained"]);
    tandem.metric_is("tandem_notifications_total", &[("result", "failed")], 1.0);

    // Without the table nobody is told, and with another one somebody else.
    tandem.rewrite_config(&house);
    tandem.reload();
    let second = Receiver::start(&[]);
    tandem.rewrite_config(&format!(
        "{}{house}",
        notify(&second, "events = [\"down\"]")
    ));
    tandem.reload();
    pbx.becomes(Manner::Silent);
    assert_eq!(second.events(1, SOON), ["a down"]);
    assert_eq!(receiver.came().len(), 2);
    tandem.finish();
}

#[test]
fn a_receiver_by_tls_is_told_only_if_the_system_trusts_it() {
    let _turn = lock::shared();
    let folder = tempfile::tempdir().expect("a folder");
    let [own, other] = ["own.pem", "other.pem"].map(|name| folder.path().join(name));
    let trusted = Receiver::start_tls(&own);
    let stranger = Receiver::start_tls(&other);
    let pbx = Pbx::start("a");
    let config = |receiver: &Receiver| {
        let port = receiver.address.port();
        let notify = format!("[notify]\nurl = \"https://localhost:{port}/hook\"\n");
        format!("{notify}{PROBES}{}", pbx.config("capacity = { calls = 0 }"))
    };
    let tandem = Tandem::start_trusting(&config(&stranger), &own);
    let phone = Phone::start(tandem.sip);
    phone.refused("1001", 503);
    wait::until("a word in the log", SOON, || {
        let log = tandem.log();
        log.contains("it is tried again").then_some(())
    });
    assert!(tandem.log().contains("certificate"), "{}", tandem.log());
    assert_eq!(stranger.came().len(), 0);
    // What waits goes to the one that is trusted.
    tandem.rewrite_config(&config(&trusted));
    tandem.reload();
    assert_eq!(trusted.events(1, SOON), ["pbx exhausted"]);
    assert!(!tandem.log().contains("/hook"), "the URL is a secret");
    tandem.finish();
}
