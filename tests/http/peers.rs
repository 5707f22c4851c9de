//! Peers: what is shown, and what an operator may change.

use serde_json::{Value, json};

use crate::client::Request;
use crate::server::{ADMIN, Server};

#[test]
fn a_peer_is_shown_with_configuration_health_and_feedback_apart() {
    let server = Server::start();
    let shown = server.get_json("/v1/peers/pbx-a");
    let room = |capacity: u32| json!({ "own": 0, "foreign": 0, "capacity": capacity, "free": capacity, "utilisation": 0.0 });
    let mut wanted = json!({
        "name": "pbx-a", "uri": "sip:127.0.0.11:5060;transport=udp", "groups": ["pbx"], "weight": 1,
        "admin": "enabled", "drain": null, "health": "unknown", "accepting": true, "eligible": true, "why_not": [],
        "resources": { "calls": room(100), "transcoding": room(10) },
        "feedback": { "age_seconds": null, "seq": null, "state": null, "fresh": false },
        "probe": { "last_status": null, "rtt_ms": null, "next_in_seconds": null }
    });
    // When the next probe is due is chance.
    wanted["probe"]["next_in_seconds"] = shown["probe"]["next_in_seconds"].clone();
    assert_eq!(shown, wanted);
}

#[test]
fn unlimited_room_is_null() {
    let server = Server::start();
    let calls = &server.get_json("/v1/peers/pbx-b")["resources"]["calls"];
    let wanted =
        json!({ "own": 0, "foreign": 0, "capacity": null, "free": null, "utilisation": null });
    assert_eq!(*calls, wanted);
}

#[test]
fn the_list_is_in_order_of_name() {
    let server = Server::start();
    server.admin(
        "PUT",
        "/v1/peers/a-first",
        &json!({ "uri": "sip:127.0.0.99" }),
    );
    let list = server.get_json("/v1/peers");
    let peers = list["peers"].as_array().expect("a list");
    let names: Vec<_> = peers
        .iter()
        .filter_map(|peer| peer["name"].as_str())
        .collect();
    assert_eq!(names, ["a-first", "pbx-a", "pbx-b"]);
}

#[test]
fn an_unknown_peer_is_404() {
    let server = Server::start();
    server.get("/v1/peers/nobody").problem(404);
    let patch = json!({ "weight": 2 });
    server
        .admin("PATCH", "/v1/peers/nobody", &patch)
        .problem(404);
    let remove = Request::new("DELETE", "/v1/peers/nobody").token(ADMIN);
    remove.send(server.address).problem(404);
}

#[test]
fn a_new_peer_is_201_and_a_known_one_200() {
    let server = Server::start();
    let spec = json!({ "name": "pbx-c", "uri": "sip:127.0.0.99", "weight": 3 });
    let answer = server.admin("PUT", "/v1/peers/pbx-c", &spec);
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["weight"], 3);
    let answer = server.admin(
        "PUT",
        "/v1/peers/pbx-c",
        &json!({ "uri": "sip:127.0.0.99" }),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(server.get_json("/v1/peers/pbx-c")["weight"], 1);
}

#[test]
fn a_peer_that_cannot_be_is_refused_and_nothing_is_added() {
    let server = Server::start();
    for (spec, status) in [
        (json!([]), 400),
        (json!({ "weight": 2 }), 400),
        (json!({ "name": "other", "uri": "sip:127.0.0.99" }), 400),
        (json!({ "name": 5, "uri": "sip:127.0.0.99" }), 400),
        (json!({ "uri": "sip:127.0.0.99", "weight": 0 }), 422),
    ] {
        server
            .admin("PUT", "/v1/peers/pbx-c", &spec)
            .problem(status);
    }
    server.get("/v1/peers/pbx-c").problem(404);
}

#[test]
fn the_operators_word_takes_a_peer_out_and_lets_it_in_again() {
    let server = Server::start();
    for state in ["draining", "disabled"] {
        let answer = server.admin("PATCH", "/v1/peers/pbx-a", &json!({ "admin": state }));
        assert_eq!(answer.status, 200, "{answer:?}");
        let peer = answer.json();
        assert_eq!(peer["admin"], state);
        assert_eq!(peer["eligible"], false);
        assert_ne!(peer["why_not"], json!([]));
        assert_eq!(peer["health"], "unknown");
    }
    let answer = server.admin("PATCH", "/v1/peers/pbx-a", &json!({ "admin": "enabled" }));
    assert_eq!(answer.json()["eligible"], true);
}

#[test]
fn a_drain_says_how_far_it_has_come_and_keeps_its_deadline() {
    let server = Server::start();
    let patch = |body: Value| server.admin("PATCH", "/v1/peers/pbx-a", &body);
    assert_eq!(server.get_json("/v1/peers/pbx-a")["drain"], Value::Null);
    let drain = json!({ "admin": "draining", "deadline_seconds": 600 });
    let drain = patch(drain).json()["drain"].clone();
    let said = ["state", "by", "calls_left", "expected_in_seconds"].map(|key| &drain[key]);
    assert_eq!(json!(said), json!(["drained", "operator", 0, 0.0]));
    let left = |drain: &Value| drain["deadline_in_seconds"].as_f64().expect("a deadline");
    assert!((590.0..=600.0).contains(&left(&drain)), "{drain}");
    assert!(
        drain["age_seconds"].as_f64().is_some_and(|age| age < 10.0),
        "{drain}"
    );
    let again = patch(json!({ "admin": "draining" })).json();
    assert!(left(&again["drain"]) > 500.0, "{again}");
    let sooner = patch(json!({ "deadline_seconds": 1.5 })).json();
    assert!(left(&sooner["drain"]) <= 1.5, "{sooner}");
    for taken_back in [
        json!({ "deadline_seconds": null }),
        json!({ "admin": "draining", "deadline_seconds": null }),
    ] {
        assert_eq!(patch(json!({ "deadline_seconds": 9 })).status, 200);
        let endless = patch(taken_back).json();
        assert_eq!(endless["admin"], "draining");
        assert_eq!(endless["drain"]["deadline_in_seconds"], Value::Null);
    }
    assert_eq!(
        patch(json!({ "admin": "enabled" })).json()["drain"],
        Value::Null
    );
    let fresh = patch(json!({ "admin": "draining" })).json();
    assert_eq!(fresh["drain"]["deadline_in_seconds"], Value::Null);
}

#[test]
fn a_deadline_is_for_a_drain_alone_and_within_30_days() {
    let server = Server::start();
    for (patch, status, word) in [
        (json!({ "deadline_seconds": 5 }), 422, "draining"),
        (
            json!({ "admin": "disabled", "deadline_seconds": 5 }),
            422,
            "draining",
        ),
        (
            json!({ "admin": "draining", "deadline_seconds": -1 }),
            422,
            "from 0",
        ),
        (
            json!({ "admin": "draining", "deadline_seconds": 2_592_001 }),
            422,
            "2592000",
        ),
        (
            json!({ "admin": "draining", "deadline_seconds": "5s" }),
            400,
            "5s",
        ),
    ] {
        let answer = server.admin("PATCH", "/v1/peers/pbx-a", &patch);
        let problem = answer.problem(status);
        assert!(problem.contains(word), "{patch}: {problem}");
        assert_eq!(server.get_json("/v1/peers/pbx-a")["admin"], "enabled");
    }
}

#[test]
fn capacity_and_weight_are_changed_alone_and_together() {
    let server = Server::start();
    let change = json!({ "capacity": { "calls": 300 }, "weight": 2 });
    let peer = server.admin("PATCH", "/v1/peers/pbx-a", &change).json();
    assert_eq!(peer["weight"], 2);
    assert_eq!(peer["resources"]["calls"]["capacity"], 300);
    assert_eq!(peer["resources"]["transcoding"]["capacity"], 10);
    let change = json!({ "capacity": { "calls": "unlimited" } });
    let peer = server.admin("PATCH", "/v1/peers/pbx-a", &change).json();
    assert_eq!(peer["resources"]["calls"]["capacity"], Value::Null);
    assert_eq!(peer["weight"], 2);
}

#[test]
fn a_change_that_is_not_an_operators_is_400_or_422_and_changes_nothing() {
    let server = Server::start();
    let before = server.get_json("/v1/peers/pbx-a");
    for (patch, status, word) in [
        (json!({}), 400, "at least one"),
        (json!({ "uri": "sip:127.0.0.1" }), 400, "uri"),
        (json!({ "admin": "asleep" }), 400, "asleep"),
        (json!({ "weight": -1 }), 400, "weight"),
        (json!({ "capacity": { "calls": -1 } }), 400, "capacity"),
        (json!({ "capacity": { "calls": "much" } }), 400, "much"),
        (
            json!({ "capacity": { "calls": 10_000_001 } }),
            400,
            "10000000",
        ),
        (json!({ "weight": 0 }), 422, "weight"),
        (json!({ "weight": 10_001 }), 422, "10000"),
        (
            json!({ "capacity": { "conference": 3 } }),
            422,
            "transcoding",
        ),
    ] {
        let detail = server
            .admin("PATCH", "/v1/peers/pbx-a", &patch)
            .problem(status);
        let word_or_type = detail.contains(word) || detail.contains("invalid value");
        assert!(word_or_type, "{word} is not in {detail:?}");
    }
    let mut after = server.get_json("/v1/peers/pbx-a");
    after["probe"] = before["probe"].clone();
    assert_eq!(after, before);
}

#[test]
fn a_removed_peer_is_gone_from_the_list() {
    let server = Server::start();
    let remove = Request::new("DELETE", "/v1/peers/pbx-b").token(ADMIN);
    let answer = remove.send(server.address);
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    remove.send(server.address).problem(404);
    server.get("/v1/peers/pbx-b").problem(404);
}

#[test]
fn groups_and_totals_add_their_peers_up() {
    let server = Server::start();
    server.admin("PATCH", "/v1/peers/pbx-b", &json!({ "admin": "disabled" }));
    let group = &server.get_json("/v1/groups")["groups"][0];
    assert_eq!(group["name"], "pbx");
    assert_eq!(group["select"], "least-loaded");
    assert_eq!(group["peers"], json!(["pbx-a", "pbx-b"]));
    assert_eq!(group["eligible"], 1);
    // One of the two is unlimited, so the sum is.
    assert_eq!(group["resources"]["calls"]["capacity"], Value::Null);
    assert_eq!(group["resources"]["transcoding"]["free"], 10);
    let status = server.get_json("/v1/status");
    assert_eq!(status["node"], "node-1");
    assert_eq!(
        status["peers"],
        json!({ "total": 2, "up": 2, "eligible": 1 })
    );
    assert_eq!(
        status["calls"],
        json!({ "total": 0, "ringing": 0, "up": 0, "ending": 0 })
    );
    assert_eq!(status["ready"], true);
}
