//! Peers and capacities from the API's bodies.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::balance::Capacity;
use crate::config::{capacity_from_json, peer_from_json};

fn groups() -> [Arc<str>; 2] {
    ["pbx".into(), "media".into()]
}

fn problems(name: &str, body: &Value) -> Vec<String> {
    let problems = peer_from_json(name, body, &groups()).expect_err("this body has a mistake");
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_body_makes_the_same_peer_as_the_table() {
    let body = json!({ "uri": "sip:10.0.0.1:5070", "groups": ["media"], "capacity": { "calls": 5, "mixing": null },
        "weight": 2, "priority": 1, "cps": 30, "feedback": { "token": "t", "ttl": "3s", "capacity": "override", "legs_per_call": 2 } });
    let table = "[[group]]\nname = \"pbx\"\n[[group]]\nname = \"media\"\n[[peer]]\nname = \"a\"\nuri = \"sip:10.0.0.1:5070\"\n\
        groups = [\"media\"]\ncapacity = { calls = 5, mixing = \"unlimited\" }\nweight = 2\npriority = 1\ncps = 30\n\
        feedback = { token = \"t\", ttl = \"3s\", capacity = \"override\", legs_per_call = 2 }\n[[route]]\ngroup = \"media\"\n";
    let peer = peer_from_json("a", &body, &groups()).expect("it is right");
    assert_eq!(peer, super::good(table).peers[0]);
}

#[test]
fn a_body_of_a_uri_alone_has_all_defaults() {
    let peer =
        peer_from_json("a", &json!({ "uri": "sip:pbx.example" }), &groups()).expect("it is right");
    assert_eq!(peer.groups, ["pbx".into()]);
    assert!(peer.addresses.is_empty(), "a name is resolved later");
}

#[test]
fn every_mistake_in_a_body_is_told_by_its_field() {
    let body = json!({ "name": "b", "uri": "sip:10.0.0.1;transport=tcp", "wieght": 1, "groups": ["pbx", "medai"],
        "capacity": { "calls": -1 }, "cps": 1.5, "feedback": { "token": "" } });
    assert_eq!(
        problems("a b", &body),
        [
            "name: \"a b\" is no name, must be 1 to 64 letters, digits, '-', '_' or '.', the first a letter or digit",
            "wieght: unknown key \"wieght\" in a peer, did you mean \"weight\"?",
            "name: name is \"b\", must be the name in the path, or be left out",
            "uri: \"sip:10.0.0.1;transport=tcp\" asks for tcp, which comes with a later version, for now use transport=udp",
            "capacity.calls: calls is -1, must be a whole number from 0 to 10000000",
            "cps: cps is a number with a fraction, must be a whole number from 1 to 1000000",
            "feedback.token: token is empty, must hold at least one character",
            "groups[1]: there is no group \"medai\", did you mean \"media\"?",
        ]
    );
    assert_eq!(
        problems("a", &json!(5)),
        [
            "the body is a number, must be a table with name, uri, groups, capacity, weight, priority, cps, feedback",
        ]
    );
}

#[test]
fn a_body_cannot_read_the_environment_or_files() {
    let body = json!({ "uri": "sip:10.0.0.1", "weight": "env:HOME", "feedback": { "token": "file:/etc/hostname" } });
    assert_eq!(
        problems("a", &body),
        [
            "weight: environment variable \"HOME\" is read by the configuration file only, write the value itself here",
            "feedback.token: file \"/etc/hostname\" is read by the configuration file only, write the value itself here",
        ]
    );
}

#[test]
fn capacities_are_read_alone() {
    let right =
        capacity_from_json(&json!({ "calls": 300, "mixing": "unlimited" })).expect("it is right");
    assert_eq!(
        right,
        [
            ("calls".into(), Capacity::Limited(300)),
            ("mixing".into(), Capacity::Unlimited)
        ]
    );
    let wrong = capacity_from_json(&json!({ "calls": "many" })).expect_err("no number");
    let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    assert_eq!(
        wrong,
        [
            "capacity.calls: calls is \"many\", must be a whole number from 0 to 10000000, or \"unlimited\""
        ]
    );
}
