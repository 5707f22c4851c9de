//! Who may write.

use serde_json::json;
use tandem::http::Limits;

use crate::client::Request;
use crate::server::{ADMIN, Server};

/// Every endpoint that needs the admin token, with a body that would be taken.
fn guarded() -> Vec<Request> {
    vec![
        Request::new("PUT", "/v1/peers/pbx-c").json(&json!({ "uri": "sip:127.0.0.99" })),
        Request::new("PATCH", "/v1/peers/pbx-a").json(&json!({ "weight": 2 })),
        Request::new("DELETE", "/v1/peers/pbx-b"),
        Request::new("DELETE", "/v1/calls/c001"),
        Request::new("POST", "/v1/reload"),
    ]
}

#[test]
fn every_write_without_a_token_is_401_with_a_challenge() {
    let server = Server::start();
    for request in guarded() {
        let answer = request.send(server.address);
        answer.problem(401);
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"tandem\"")
        );
    }
    assert_eq!(server.ledger.directory().peers().count(), 2);
}

#[test]
fn every_write_with_a_wrong_token_is_403() {
    let server = Server::start();
    for token in ["wrong", "token of pbx-a", "the admin token2"] {
        for request in guarded() {
            request.token(token).send(server.address).problem(403);
        }
    }
    assert_eq!(server.ledger.directory().peers().count(), 2);
}

#[test]
fn beyond_loopback_nothing_is_written_without_a_configured_admin_token() {
    let server = Server::with(Limits::default(), false, None);
    for request in guarded() {
        request.token(ADMIN).send(server.address).problem(403);
    }
}

#[test]
fn on_loopback_without_a_configured_token_none_is_asked_for() {
    let server = Server::with(Limits::default(), true, None);
    let patch = Request::new("PATCH", "/v1/peers/pbx-a").json(&json!({ "weight": 2 }));
    assert_eq!(patch.send(server.address).status, 200);
    let report = Request::new("POST", "/v1/peers/pbx-b/feedback").json(&json!({ "seq": 1 }));
    assert_eq!(report.send(server.address).status, 200);
}

#[test]
fn on_loopback_a_configured_token_is_asked_for_all_the_same() {
    let server = Server::with(Limits::default(), true, Some(ADMIN));
    for request in guarded() {
        request.send(server.address).problem(401);
    }
    let report = Request::new("POST", "/v1/peers/pbx-a/feedback").json(&json!({ "seq": 1 }));
    report.send(server.address).problem(401);
}

#[test]
fn a_web_page_does_not_write_even_where_no_token_is_asked_for() {
    let server = Server::with(Limits::default(), true, None);
    for request in guarded() {
        let foreign = request.clone().header("Origin: http://evil.example");
        foreign.send(server.address).problem(403);
        let rebound = request.header("Host: evil.example");
        rebound.send(server.address).problem(403);
    }
}

#[test]
fn a_peers_token_serves_that_peers_feedback_alone() {
    let server = Server::start();
    let report = |peer: &str| {
        Request::new("POST", &format!("/v1/peers/{peer}/feedback")).json(&json!({ "seq": 1 }))
    };
    report("pbx-a").send(server.address).problem(401);
    report("pbx-a")
        .token(ADMIN)
        .send(server.address)
        .problem(403);
    // pbx-b has no token of its own, and nobody else's serves it.
    report("pbx-b").send(server.address).problem(403);
    for token in ["token of pbx-a", ADMIN, ""] {
        let request = report("pbx-b").token(token);
        request.send(server.address).problem(403);
    }
    let own = report("pbx-a").token("token of pbx-a");
    assert_eq!(own.send(server.address).status, 200);
}

#[test]
fn reading_needs_no_token() {
    let server = Server::start();
    for path in [
        "/v1/peers",
        "/v1/peers/pbx-a",
        "/v1/calls",
        "/v1/groups",
        "/v1/status",
        "/metrics",
    ] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}
