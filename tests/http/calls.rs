//! Live calls: listing, paging, ending.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tandem::http::model::{CallState, DecisionEntry, DecisionOutcome};

use crate::client::Request;
use crate::fakes::call;
use crate::server::{ADMIN, Server};

/// A server with so many calls: the odd ones up on pbx-b, the even ones ringing on pbx-a.
fn server(count: usize) -> Server {
    let server = Server::start();
    let calls = (1..=count).map(|number| match number % 2 {
        0 => call(number, "pbx-a", CallState::Ringing),
        _ => call(number, "pbx-b", CallState::Up),
    });
    server.calls.live.lock().expect("no panic").extend(calls);
    server
}

fn ids(page: &Value) -> Vec<&str> {
    let calls = page["calls"].as_array().expect("a list");
    calls
        .iter()
        .filter_map(|call| call["id"].as_str())
        .collect()
}

#[test]
fn a_call_is_shown_with_all_that_is_known_of_it() {
    let server = server(1);
    let shown = server.get_json("/v1/calls/c001");
    let wanted = serde_json::json!({
        "id": "c001", "call_id": "call-id-1", "from": "sip:alice@example.com", "to": "sip:bob@example.com",
        "peer": "pbx-b", "group": "pbx", "route": 1,
            "resources": { "calls": 1 }, "state": "up",
        "since": "2026-01-01T12:00:00.000Z", "attempts": [{ "peer": "pbx-b", "outcome": "pending" }]
    });
    assert_eq!(shown, wanted);
    assert_eq!(server.get_json("/v1/calls")["calls"][0], wanted);
    server.get("/v1/calls/c002").problem(404);
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let server = server(250);
    let mut path = "/v1/calls".to_owned();
    let mut seen = Vec::new();
    let mut lengths = Vec::new();
    loop {
        let page = server.get_json(&path);
        lengths.push(ids(&page).len());
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/calls?cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(lengths, [100, 100, 50]);
    let all: Vec<String> = (1..=250).map(|number| format!("c{number:03}")).collect();
    assert_eq!(seen, all);
}

#[test]
fn a_full_last_page_has_no_next_cursor() {
    let server = server(4);
    let page = server.get_json("/v1/calls?limit=4");
    assert_eq!(ids(&page).len(), 4);
    assert_eq!(page["next_cursor"], Value::Null);
    assert!(server.get_json("/v1/calls?limit=3")["next_cursor"].is_string());
}

#[test]
fn a_limit_beyond_the_most_gives_the_most() {
    let server = server(1001);
    assert_eq!(ids(&server.get_json("/v1/calls?limit=5000")).len(), 1000);
}

#[test]
fn filters_hold_together() {
    let server = server(6);
    assert_eq!(
        ids(&server.get_json("/v1/calls?peer=pbx-a")),
        ["c002", "c004", "c006"]
    );
    assert_eq!(
        ids(&server.get_json("/v1/calls?state=up&limit=2")),
        ["c001", "c003"]
    );
    assert!(ids(&server.get_json("/v1/calls?peer=pbx-a&state=up")).is_empty());
    assert!(ids(&server.get_json("/v1/calls?group=other")).is_empty());
    assert_eq!(ids(&server.get_json("/v1/calls?group=pbx")).len(), 6);
}

#[test]
fn a_query_that_cannot_be_read_is_400() {
    let server = server(1);
    for query in [
        "limit=0",
        "limit=x",
        "limit=-1",
        "state=gone",
        "cursor=%21",
        "cursor=_w",
        "pear=pbx-a",
    ] {
        server.get(&format!("/v1/calls?{query}")).problem(400);
    }
}

#[test]
fn ending_a_call_is_202_once_and_404_then() {
    let server = server(2);
    let end = Request::new("DELETE", "/v1/calls/c001").token(ADMIN);
    assert_eq!(end.send(server.address).status, 202);
    end.send(server.address).problem(404);
    assert_eq!(ids(&server.get_json("/v1/calls")), ["c002"]);
}

#[test]
fn shards_that_do_not_answer_are_503_with_a_time_to_come_back() {
    let server = server(1);
    server.calls.busy.store(true, Ordering::SeqCst);
    for path in ["/v1/calls", "/v1/calls/c001", "/v1/status"] {
        let answer = server.get(path);
        answer.problem(503);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    let end = Request::new("DELETE", "/v1/calls/c001").token(ADMIN);
    end.send(server.address).problem(503);
}

#[test]
fn the_newest_128_decisions_are_listed_newest_first() {
    let server = Server::start();
    assert_eq!(server.get_json("/v1/decisions"), json!({ "decisions": [] }));
    for number in 0..130 {
        server.events.decisions.tell(DecisionEntry {
            at: "2026-01-01T12:00:00.000Z".to_owned(),
            call: None,
            call_id: number.to_string(),
            group: None,
            route: None,
            outcome: DecisionOutcome::Rejected,
            status: 404,
            attempts: Vec::new(),
            others: Vec::new(),
            unseen: 0,
            words: "no route took it; the caller got 404".to_owned(),
        });
    }
    let list = server.get_json("/v1/decisions")["decisions"].clone();
    let list = list.as_array().expect("a list");
    let ids: Vec<&str> = list
        .iter()
        .filter_map(|it| it["call_id"].as_str())
        .collect();
    assert_eq!((ids.len(), ids[0], ids[127]), (128, "129", "2"));
    assert_eq!(list[0]["outcome"], "rejected");
}
