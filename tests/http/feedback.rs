//! What a peer may report, and what it hears.

use std::time::Instant;

use serde_json::{Value, json};
use tandem::balance::FeedbackOutcome;

use crate::client::Request;
use crate::server::{Server, too_long};

#[test]
fn a_report_is_answered_with_the_account_after_it() {
    let server = Server::start();
    let answer = server.report(&json!({
        "seq": 17, "state": "accepting", "cpu_idle": 0.64, "ttl_seconds": 10, "boot_id": "a1",
        "resources": { "calls": { "used": 40, "max": 500 } },
        "calls": ["call-id-1", "call-id-2"]
    }));
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["peer"], "pbx-a");
    assert_eq!(body["accepted_seq"], 17);
    let calls = &body["resources"]["calls"];
    assert_eq!(calls["own"], 0);
    assert_eq!(calls["foreign"], 40);
    assert_eq!(calls["capacity"], 100);
    // 0.64 of the 60 that neither we nor others hold, rounded down.
    assert_eq!(calls["free"], 38);
    assert_eq!(calls["utilisation"].as_f64(), Some(1.0 - 38.0 / 100.0));
}

#[test]
fn each_field_may_come_alone() {
    let server = Server::start();
    for body in [
        json!({ "seq": 1 }),
        json!({ "state": "draining" }),
        json!({ "cpu_idle": 1 }),
        json!({ "ttl_seconds": 0.5 }),
        json!({ "boot_id": "a1" }),
        json!({ "resources": { "calls": { "used": 1 } } }),
        json!({ "calls": [] }),
    ] {
        let answer = server.report(&body);
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
    }
}

#[test]
fn what_cannot_be_read_is_400_and_says_where() {
    let server = Server::start();
    let cases: [(&[u8], &str); 10] = [
        (b"", "the body"),
        (b"{", "the body"),
        (b"[]", "the body"),
        (b" [1]", "a JSON object"),
        (b"{}", "at least one of"),
        (b"{\"sequence\": 1}", "sequence"),
        (b"{\"resources\": {\"calls\": {\"usd\": 1}}}", "usd"),
        (b"{\"seq\": \"17\"}", "number"),
        (b"{\"state\": \"sleepy\"}", "sleepy"),
        (b"{\"seq\": 1, \"seq\": 2}", "duplicate"),
    ];
    for (body, word) in cases {
        let request = Request::new("POST", "/v1/peers/pbx-a/feedback")
            .token("token of pbx-a")
            .header("Content-Type: application/json; charset=utf-8")
            .bytes(body);
        let detail = request.send(server.address).problem(400);
        assert!(detail.contains(word), "{word:?} is not in {detail:?}");
    }
}

#[test]
fn what_cannot_be_so_is_422_and_changes_nothing() {
    let server = Server::start();
    let cases = [
        (json!({ "seq": -1 }), "seq"),
        (json!({ "seq": 1.5 }), "seq"),
        (json!({ "cpu_idle": 1.01 }), "cpu_idle"),
        (json!({ "cpu_idle": -0.1 }), "cpu_idle"),
        (json!({ "ttl_seconds": 0 }), "ttl_seconds"),
        (json!({ "ttl_seconds": 86_401 }), "ttl_seconds"),
        (json!({ "boot_id": "" }), "boot_id"),
        (json!({ "boot_id": "x".repeat(129) }), "boot_id"),
        (
            json!({ "resources": { "calls": { "used": -1 } } }),
            "resources.calls.used",
        ),
        (
            json!({ "resources": { "calls": { "used": 0.5 } } }),
            "resources.calls.used",
        ),
        (
            json!({ "resources": { "calls": { "max": 4_294_967_296_u64 } } }),
            "resources.calls.max",
        ),
    ];
    for (mut body, field) in cases {
        body["state"] = json!("paused");
        let detail = server.report(&body).problem(422);
        assert!(detail.contains(field), "{field} is not in {detail:?}");
    }
    let peer = server.get_json("/v1/peers/pbx-a");
    assert_eq!(peer["accepting"], true);
    assert_eq!(peer["feedback"]["state"], Value::Null);
}

#[test]
fn an_old_seq_is_409_and_changes_nothing() {
    let server = Server::start();
    assert_eq!(
        server.report(&json!({ "seq": 5, "boot_id": "a1" })).status,
        200
    );
    for seq in [5, 4] {
        let old = json!({ "seq": seq, "boot_id": "a1", "state": "paused" });
        server.report(&old).problem(409);
    }
    let peer = server.get_json("/v1/peers/pbx-a");
    assert_eq!(peer["feedback"]["seq"], 5);
    assert_eq!(peer["accepting"], true);
    // Another run of the peer counts anew.
    let restarted = json!({ "seq": 1, "boot_id": "a2" });
    assert_eq!(server.report(&restarted).status, 200);
}

#[test]
fn the_shards_hear_of_restarts_and_of_lists_of_calls() {
    let server = Server::start();
    server.report(&json!({ "seq": 1, "boot_id": "a1" }));
    server.report(&json!({ "seq": 2, "boot_id": "a1", "calls": ["one", "two"] }));
    server.report(&json!({ "seq": 1, "boot_id": "a2" }));
    let peer = server
        .ledger
        .directory()
        .peer_named("pbx-a")
        .expect("it is configured");
    let listed = vec!["one".to_owned(), "two".to_owned()];
    let news = server.calls.news.lock().expect("no panic");
    assert_eq!(*news, [(peer, false, Some(listed)), (peer, true, None)]);
}

#[test]
fn an_unknown_peer_is_404_before_any_token_is_looked_at() {
    let server = Server::start();
    let request = Request::new("POST", "/v1/peers/nobody/feedback").json(&json!({ "seq": 1 }));
    let detail = request.send(server.address).problem(404);
    assert!(detail.contains("nobody"), "{detail}");
}

/// The server asks for the body with 100 Continue once it wants to read it.
#[test]
fn the_body_of_a_report_without_the_token_is_not_even_read() {
    let server = Server::start();
    for (name, token, status) in [
        ("pbx-a", Some("a guess"), 403),
        ("pbx-a", None, 401),
        ("pbx%2Da", Some("a guess"), 403),
        ("nobody", None, 404),
    ] {
        let path = format!("/v1/peers/{name}/feedback");
        let request = Request::new("POST", &path)
            .header("Expect: 100-continue")
            .header("Content-Length: 20");
        let request = match token {
            Some(token) => request.token(token),
            None => request,
        };
        let answer = request.send_undescribed(server.address);
        assert_eq!(answer.status, status, "{name}");
    }
}

#[test]
fn a_body_that_is_not_declared_as_json_is_415() {
    let server = Server::start();
    let request = Request::new("POST", "/v1/peers/pbx-a/feedback").token("token of pbx-a");
    let form = request
        .clone()
        .header("Content-Type: application/x-www-form-urlencoded");
    form.bytes(b"{\"seq\":1}").send(server.address).problem(415);
    let untyped = request.bytes(b"{\"seq\":1}");
    assert_eq!(untyped.send(server.address).status, 200);
}

#[test]
fn a_body_over_a_mebibyte_is_413_however_it_comes() {
    let server = Server::start();
    let request = Request::new("POST", "/v1/peers/pbx-a/feedback")
        .token("token of pbx-a")
        .header("Content-Type: application/json");
    let body = too_long();
    request
        .clone()
        .bytes(&body)
        .send(server.address)
        .problem(413);
    request
        .clone()
        .chunked(&body)
        .send(server.address)
        .problem(413);
    // One byte less is read, and found to be what it is.
    let fits = &body[..body.len() - 1];
    request.bytes(fits).send(server.address).problem(400);
}

#[test]
fn every_report_is_counted_by_what_became_of_it() {
    let server = Server::start();
    let path = "/v1/peers/pbx-a/feedback";
    let forged = Request::new("POST", path)
        .token("a guess")
        .json(&json!({ "seq": 9 }));
    forged.send(server.address).problem(403);
    Request::new("POST", path).send(server.address).problem(401);
    server.report(&json!({ "seq": 5 }));
    server.report(&json!({ "seq": 5 })).problem(409);
    server.report(&json!({ "seq": -5 })).problem(422);
    server.report(&json!({})).problem(400);
    server.report(&json!({ "sequence": 1 })).problem(400);
    let views = server.ledger.view(Instant::now());
    let view = views.iter().find(|view| &*view.name == "pbx-a");
    let counted = view.expect("it is configured").reports;
    let counted = FeedbackOutcome::ALL.map(|outcome| (outcome.as_str(), counted[outcome.index()]));
    let wanted = [
        ("accepted", 1),
        ("old_seq", 1),
        ("impossible", 1),
        ("malformed", 2),
        ("denied", 2),
    ];
    assert_eq!(counted, wanted);
}
