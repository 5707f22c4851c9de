//! Where a call would go.

use serde_json::{Value, json};
use tandem::http::{Refused, RouteChoice, RouteOutcome};

use crate::client::{Answer, Request};
use crate::server::Server;

#[track_caller]
fn explain(server: &Server, body: &Value) -> Answer {
    let request = Request::new("POST", "/v1/explain").json(body);
    request.send(server.address)
}

fn decide(server: &Server, route: Option<usize>, action: RouteOutcome) {
    let choice = RouteChoice { route, action };
    *server.control.route.lock().expect("no panic") = Ok(choice);
}

fn to_group(units: u32) -> RouteOutcome {
    RouteOutcome::Group {
        group: "pbx".to_owned(),
        demand: vec![("transcoding".to_owned(), units)],
        overflow: false,
        hash_key: Vec::new(),
    }
}

#[test]
fn a_call_goes_to_one_peer_and_every_other_one_says_why_not() {
    let server = Server::start();
    decide(&server, Some(3), to_group(1));
    let answer = explain(&server, &json!({ "uri": "sip:1001@example.com" }));
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["route"], 3);
    assert_eq!(body["action"], "group");
    assert_eq!(body["group"], "pbx");
    assert_eq!(body["peer"], "pbx-a");
    assert_eq!(body["step"], "balance");
    assert_eq!(body["resources"], json!({ "transcoding": 1 }));
    assert_eq!(body["others"][0]["peer"], "pbx-b");
    assert_ne!(body["others"][0]["why_not"], json!([]));
}

#[test]
fn explaining_counts_nothing() {
    let server = Server::start();
    decide(&server, None, to_group(1));
    for _ in 0..20 {
        assert_eq!(
            explain(&server, &json!({ "uri": "sip:1001@example.com" })).status,
            200
        );
    }
    let room = &server.get_json("/v1/peers/pbx-a")["resources"]["transcoding"];
    assert_eq!(room["own"], 0);
    assert_eq!(room["free"], 10);
}

#[test]
fn once_no_peer_has_room_dispatching_takes_over() {
    let server = Server::start();
    decide(&server, None, to_group(11));
    let body = explain(&server, &json!({ "uri": "sip:1001@example.com" })).json();
    assert_eq!(body["step"], "dispatch");
    assert!(body["peer"].is_string(), "{body}");
}

#[test]
fn with_every_peer_out_the_call_is_503() {
    let server = Server::start();
    for peer in ["pbx-a", "pbx-b"] {
        let path = format!("/v1/peers/{peer}");
        server.admin("PATCH", &path, &json!({ "admin": "disabled" }));
    }
    decide(&server, None, to_group(1));
    let body = explain(&server, &json!({ "uri": "sip:1001@example.com" })).json();
    assert_eq!(body["peer"], Value::Null);
    assert_eq!(body["status"], 503);
    assert_eq!(body["others"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_route_may_lead_out_or_refuse() {
    let server = Server::start();
    decide(
        &server,
        Some(1),
        RouteOutcome::Uri("sip:carrier.example".to_owned()),
    );
    let body = explain(&server, &json!({ "uri": "sip:1@example.com" })).json();
    assert_eq!(
        (&body["action"], &body["uri"]),
        (&json!("uri"), &json!("sip:carrier.example"))
    );
    decide(&server, Some(2), RouteOutcome::Reject(403));
    let body = explain(&server, &json!({ "uri": "sip:1@example.com" })).json();
    assert_eq!(
        (&body["action"], &body["status"]),
        (&json!("reject"), &json!(403))
    );
    decide(&server, None, RouteOutcome::None);
    let body = explain(&server, &json!({ "uri": "sip:1@example.com" })).json();
    assert_eq!(
        (&body["action"], &body["status"]),
        (&json!("reject"), &json!(404))
    );
}

#[test]
fn what_is_left_out_has_a_default_and_what_is_unknown_is_400() {
    let server = Server::start();
    let body = json!({ "uri": "sip:1@example.com", "source": "peer:pbx-a" });
    assert_eq!(explain(&server, &body).status, 200);
    let heard = server.control.explained.lock().expect("no panic").take();
    let heard = heard.expect("the routes were asked");
    assert_eq!(heard.method, "INVITE");
    assert_eq!(heard.source.as_deref(), Some("peer:pbx-a"));
    assert_eq!(heard.from, None);
    explain(&server, &json!({ "method": "INVITE" })).problem(400);
    let unknown = json!({ "uri": "sip:1@example.com", "to": "sip:2@example.com" });
    assert!(explain(&server, &unknown).problem(400).contains("`to`"));
}

#[test]
fn what_the_routes_refuse_is_passed_on() {
    let server = Server::start();
    for (refused, status) in [
        (Refused::Malformed("uri: not a URI".to_owned()), 400),
        (Refused::Impossible("source: no such peer".to_owned()), 422),
        (Refused::Unavailable("starting".to_owned()), 503),
        (Refused::Broken("a bug".to_owned()), 500),
    ] {
        *server.control.route.lock().expect("no panic") = Err(refused);
        explain(&server, &json!({ "uri": "x" })).problem(status);
    }
}
