use std::collections::BTreeMap;

use super::*;
use crate::http::model::{PeerEntry, StatusAnswer};

fn peer(name: &str, own: u64, foreign: u64, capacity: Option<u64>) -> Row {
    let free = capacity.map(|all| all.saturating_sub(own + foreign));
    let room = ResourceEntry {
        own,
        foreign,
        capacity,
        free,
        utilisation: capacity.map(|all| 1.0 - free.unwrap_or(0) as f64 / all.max(1) as f64),
    };
    let peer = PeerEntry {
        name: name.to_owned(),
        uri: "sip:10.0.0.1".to_owned(),
        groups: vec!["pbx".to_owned()],
        weight: 1,
        admin: AdminState::Enabled,
        drain: None,
        health: HealthState::Up,
        accepting: true,
        eligible: true,
        why_not: Vec::new(),
        resources: BTreeMap::from([("calls".to_owned(), room)]),
        feedback: Default::default(),
        probe: Default::default(),
    };
    Row {
        peer,
        calls_per_second: Some(3.25),
        failovers: 2,
    }
}

fn table(mut peers: Vec<Row>) -> Table {
    if let Some(down) = peers.iter_mut().find(|row| row.peer.name == "pbx-down") {
        down.peer.health = HealthState::Down;
        down.peer.eligible = false;
        down.peer.why_not = vec!["down: 3 calls unanswered, 5 s ago".to_owned()];
    }
    let status = serde_json::json!({
        "node": "tandem-1", "version": "0.1.0", "uptime_seconds": 7500.5, "ready": true,
        "calls": { "total": 1, "ringing": 0, "up": 1, "ending": 0 },
        "peers": { "total": peers.len(), "up": 1, "eligible": 1 }, "resources": {},
    });
    let status: StatusAnswer = serde_json::from_value(status).expect("its shape");
    let group = GroupEntry {
        name: "pbx".to_owned(),
        select: "least-loaded".to_owned(),
        peers: peers
            .iter()
            .map(|row| row.peer.name.clone())
            .filter(|name| name != "gone")
            .collect(),
        eligible: 1,
        resources: BTreeMap::new(),
    };
    Table {
        status,
        groups: vec![group],
        peers,
        calls_per_second: Some(6.5),
        failovers: 4,
    }
}

fn texts(table: &Table, width: usize) -> Vec<String> {
    let lines = lines(&View::of(table), width);
    lines.iter().map(|line| line.text(false)).collect()
}

fn some() -> Table {
    let mut two = peer("pbx-b", 10, 5, Some(60));
    let rooms = &mut two.peer.resources;
    rooms.insert(
        "transcoding".to_owned(),
        ResourceEntry {
            own: 9,
            ..rooms["calls"]
        },
    );
    table(vec![
        peer("pbx-a", 0, 0, Some(10)),
        two,
        peer("pbx-down", 5, 0, Some(5)),
        peer(
            "carrier-without-a-limit-and-with-a-long-name",
            70_000,
            0,
            None,
        ),
        peer("gone", 1, 0, Some(5)),
    ])
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let table = some();
    let words = "no server at http://127.0.0.1:8080: is it running?";
    for width in 1..200 {
        let trouble = Some((words, Duration::from_secs(3)));
        let view = View {
            table: &table,
            trouble,
        };
        for line in lines(&view, width) {
            let text = line.text(false);
            assert!(text.chars().count() <= width, "{width}: {text}");
        }
    }
}

#[test]
fn peers_stand_by_utilisation_in_their_group() {
    let text = texts(&some(), 80);
    let order: Vec<&str> = text[4..]
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let wanted = ["pbx", "pbx-down", "pbx-b", "transcod…", "pbx-a"];
    assert_eq!(order[..5], wanted, "{}", text.join("\n"));
    assert!(order[5].starts_with("carrier"), "{}", text.join("\n"));
    assert_eq!(order[6..], ["in", "gone"], "{}", text.join("\n"));
}

#[test]
fn states_are_words_and_numbers_are_whole_at_80_columns() {
    let text = texts(&some(), 80);
    let line = |name: &str| {
        let line = text
            .iter()
            .find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_else(|| panic!("{name} in {}", text.join("\n")))
            .as_str()
    };
    assert!(line("pbx-a").contains("takes calls"), "{}", line("pbx-a"));
    assert!(line("pbx-a").contains("······"), "{}", line("pbx-a"));
    assert!(line("pbx-down").contains("down: 3"), "{}", line("pbx-down"));
    assert!(line("pbx-down").contains("██████"), "{}", line("pbx-down"));
    assert!(line("pbx-b").contains("█▒"), "{}", line("pbx-b"));
    assert!(
        line("pbx-b").ends_with("    60  25 %     3.2         2"),
        "{}",
        line("pbx-b")
    );
    assert!(line("gone").contains("takes calls"));
    assert!(
        text[1].starts_with("1 call · 6.5/s · 1 of 5 peers take calls"),
        "{}",
        text[1]
    );
}

#[test]
fn at_60_and_40_columns_the_state_and_the_share_stay() {
    for width in [60, 40] {
        let text = texts(&some(), width);
        let line = text.iter().find(|line| line.contains("pbx-down"));
        let line = line.expect("it is there");
        assert!(
            line.contains("down") && line.contains("100 %"),
            "{width}: {line}"
        );
    }
}

#[test]
fn a_full_peer_says_so() {
    let full = table(vec![peer("pbx-a", 5, 5, Some(10))]);
    let text = texts(&full, 80).join("\n");
    assert!(text.contains("full: calls"), "{text}");
}

#[test]
fn a_share_that_there_is_shows_however_small() {
    let small = table(vec![peer("pbx-a", 1, 1, Some(100_000))]);
    let text = texts(&small, 80).join("\n");
    assert!(text.contains("█▒·"), "{text}");
}
