//! From events to notices: what a receiver gets, and the sentence that people read.

use bytes::Bytes;
use serde::Serialize;

use crate::config::Occasion;
use crate::http::Event;
use crate::http::model::{CallEvent, Change, PeerEvent};

/// One thing that a receiver is told.
#[derive(Debug)]
pub struct Notice {
    /// Unlike that of any other notice, and the same at each try.
    pub id: String,
    pub occasion: Occasion,
    /// The peer or group.
    pub about: String,
    /// JSON.
    pub body: Bytes,
}

/// The body, in the order in which people read it.
#[derive(Serialize)]
struct Body<'a> {
    text: &'a str,
    id: &'a str,
    event: &'static str,
    /// As `/v1/events` has it.
    event_id: u64,
    at: &'a str,
    node: &'a str,
    peer: Option<&'a str>,
    group: Option<&'a str>,
    what: &'a str,
    from: Option<&'a str>,
    to: Option<&'a str>,
    calls: Option<u64>,
}

impl Notice {
    /// What an event has to tell; mostly nothing.
    pub fn of(id: u64, event: &Event, node: &str) -> Vec<Notice> {
        match event {
            Event::Peer(peer) => {
                let told = peer.changes.iter();
                told.filter_map(|change| of_peer(id, peer, change, node))
                    .collect()
            }
            Event::Call(call) if call.what == "exhausted" => vec![of_calls(id, call, node)],
            Event::Call(_) | Event::Failover(_) | Event::Feedback(_) => Vec::new(),
        }
    }

    fn new(id: u64, occasion: Occasion, about: &str, body: Body<'_>) -> Notice {
        let event = occasion.as_str();
        let name = format!("{id}-{event}");
        let body = Body {
            id: &name,
            event,
            event_id: id,
            ..body
        };
        let body = serde_json::to_vec(&body)
            .expect("a notice is made of texts and numbers, which JSON can say");
        Notice {
            occasion,
            about: about.to_owned(),
            body: body.into(),
            id: name,
        }
    }
}

/// What a change of a peer is, and its sentence; none: no matter of haste.
fn occasion(event: &PeerEvent, change: &Change) -> Option<(Occasion, String)> {
    let peer = &event.peer;
    let words = [&change.what, &change.from, &change.to].map(String::as_str);
    Some(match words {
        ["health", _, "down"] => {
            let mut why = event.why_not.iter();
            let why = why.find(|why| why.starts_with("down"));
            let why = why.map_or("down", String::as_str);
            (Occasion::Down, format!("{peer} is {why}"))
        }
        ["health", "down", _] => (Occasion::Up, format!("{peer} is up again")),
        ["drain", _, "drained"] => {
            let text = format!("{peer} is drained: no call is left on it");
            (Occasion::Drained, text)
        }
        ["drift", _, "none"] => {
            let text = format!("our count of {peer}'s calls is not off its own list any more");
            (Occasion::Drift, text)
        }
        ["drift", _, to] => {
            let text = format!("our count of {peer}'s calls is off its own list: {to}");
            (Occasion::Drift, text)
        }
        _ => return None,
    })
}

fn of_peer(id: u64, event: &PeerEvent, change: &Change, node: &str) -> Option<Notice> {
    let peer = event.peer.as_str();
    let (occasion, text) = occasion(event, change)?;
    let text = format!("{node}: {text}");
    let body = Body {
        peer: Some(peer),
        what: &change.what,
        from: Some(&change.from),
        to: Some(&change.to),
        ..empty(&text, &event.at, node)
    };
    Some(Notice::new(id, occasion, peer, body))
}

fn of_calls(id: u64, event: &CallEvent, node: &str) -> Notice {
    let text = format!("{node}: {}", event.words);
    let body = Body {
        group: Some(&event.group),
        what: "calls",
        calls: Some(event.calls),
        ..empty(&text, &event.at, node)
    };
    Notice::new(id, Occasion::Exhausted, &event.group, body)
}

fn empty<'a>(text: &'a str, at: &'a str, node: &'a str) -> Body<'a> {
    Body {
        text,
        at,
        node,
        id: "",
        event: "",
        event_id: 0,
        peer: None,
        group: None,
        what: "",
        from: None,
        to: None,
        calls: None,
    }
}
