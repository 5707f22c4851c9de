//! Which events are notices, and what these say.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{config, exhausted, to};
use crate::app::notify::notice::Notice;
use crate::app::notify::{Notifier, Occasion};
use crate::base::limits::NOTIFY_EXHAUSTED_EVERY;
use crate::http::Event;
use crate::http::model::{AdminState, Change, FeedbackEvent, HealthState, PeerEvent};

fn peer(changes: &[(&str, &str, &str)]) -> Event {
    let change = |(what, from, to): &(&str, &str, &str)| Change {
        what: (*what).to_owned(),
        from: (*from).to_owned(),
        to: (*to).to_owned(),
    };
    Event::Peer(PeerEvent {
        at: "2026-01-01T12:00:00.000Z".to_owned(),
        peer: "pbx-a".to_owned(),
        changes: changes.iter().map(change).collect(),
        admin: AdminState::Enabled,
        drain: None,
        health: HealthState::Down,
        accepting: true,
        eligible: false,
        why_not: vec![
            "draining by operator".to_owned(),
            "down: 2 probes unanswered, 3 ms ago".to_owned(),
        ],
        words: String::new(),
    })
}

fn bodies(event: &Event) -> Vec<Value> {
    let notices = Notice::of(5, event, "here").into_iter();
    let bodies = notices.map(|notice| serde_json::from_slice(&notice.body).expect("JSON"));
    bodies.collect()
}

/// What is told of one change: event and text.
fn told(change: (&str, &str, &str)) -> Option<(String, String)> {
    let body = bodies(&peer(&[change])).pop()?;
    let word = |key: &str| body[key].as_str().expect("a text").to_owned();
    Some((word("event"), word("text")))
}

#[test]
fn a_notice_says_what_happened_in_fields_and_in_a_sentence() {
    assert_eq!(
        bodies(&peer(&[("health", "up", "down")])),
        [json!({
            "text": "here: pbx-a is down: 2 probes unanswered, 3 ms ago",
            "id": "5-down", "event": "down", "event_id": 5, "at": "2026-01-01T12:00:00.000Z",
            "node": "here", "peer": "pbx-a", "group": null, "calls": null,
            "what": "health", "from": "up", "to": "down",
        })]
    );
    assert_eq!(
        bodies(&exhausted("pbx")),
        [json!({
            "text": "here: calls for pbx that found no peer within a second: 2",
            "id": "5-exhausted", "event": "exhausted", "event_id": 5, "at": "2026-01-01T12:00:00.000Z",
            "node": "here", "peer": null, "group": "pbx", "calls": 2,
            "what": "calls", "from": null, "to": null,
        })]
    );
}

#[test]
fn each_kind_of_change_has_its_sentence() {
    let some = |event: &str, text: &str| Some((event.to_owned(), format!("here: {text}")));
    assert_eq!(
        told(("health", "down", "up")),
        some("up", "pbx-a is up again")
    );
    assert_eq!(
        told(("drain", "draining", "drained")),
        some("drained", "pbx-a is drained: no call is left on it")
    );
    assert_eq!(
        told(("drift", "none", "-9 calls")),
        some(
            "drift",
            "our count of pbx-a's calls is off its own list: -9 calls"
        )
    );
    assert_eq!(
        told(("drift", "-9 calls", "none")),
        some(
            "drift",
            "our count of pbx-a's calls is not off its own list any more"
        )
    );
}

#[test]
fn what_is_no_matter_of_haste_is_no_notice() {
    for change in [
        ("health", "unknown", "up"),
        ("drain", "none", "draining"),
        ("drain", "drained", "none"),
        ("admin", "enabled", "disabled"),
        ("eligible", "yes", "no"),
        ("configured", "yes", "no"),
    ] {
        assert_eq!(told(change), None, "{change:?}");
    }
    let feedback = Event::Feedback(FeedbackEvent {
        at: String::new(),
        peer: "pbx-a".to_owned(),
        fresh: false,
        state: None,
        refused: 0,
        words: String::new(),
    });
    assert_eq!(bodies(&feedback), [Value::Null; 0]);
}

#[test]
fn two_notices_of_one_event_have_ids_of_their_own() {
    let both = peer(&[("health", "up", "down"), ("drain", "draining", "drained")]);
    let notices = Notice::of(5, &both, "here");
    let ids: Vec<_> = notices.iter().map(|notice| notice.id.as_str()).collect();
    assert_eq!(ids, ["5-down", "5-drained"]);
    assert_eq!(notices[0].occasion, Occasion::Down);
}

/// How many wait for a receiver that is not there.
fn waiting(notifier: &Notifier) -> u64 {
    let runs = notifier.runs.lock();
    runs.as_ref().map_or(0, |runs| runs.queue.clear())
}

#[tokio::test]
async fn a_group_that_stays_exhausted_is_told_once_a_minute() {
    let notifier = Notifier::default();
    notifier.follow(&to(([127, 0, 0, 1], 9).into(), ""));
    let start = Instant::now();
    let minute = NOTIFY_EXHAUSTED_EVERY;
    for second in 0..60 {
        let now = start + Duration::from_secs(second);
        notifier.hear(second, &exhausted("pbx"), now);
    }
    assert_eq!(waiting(&notifier), 1);
    notifier.hear(60, &exhausted("spare"), start + minute / 2);
    assert_eq!(waiting(&notifier), 1, "another group");
    notifier.hear(61, &exhausted("pbx"), start + minute);
    assert_eq!(waiting(&notifier), 1);
    notifier.hear(62, &exhausted("pbx"), start + minute * 3 / 2);
    assert_eq!(waiting(&notifier), 0);
}

#[tokio::test]
async fn only_what_is_named_is_told() {
    let notifier = Notifier::default();
    let nowhere = ([127, 0, 0, 1], 9).into();
    notifier.follow(&to(nowhere, "events = [\"up\", \"drained\"]"));
    let now = Instant::now();
    notifier.hear(1, &peer(&[("health", "up", "down")]), now);
    notifier.hear(2, &exhausted("pbx"), now);
    assert_eq!(waiting(&notifier), 0);
    notifier.hear(3, &peer(&[("health", "down", "up")]), now);
    assert_eq!(waiting(&notifier), 1);
    notifier.follow(&config(""));
    notifier.hear(4, &peer(&[("health", "down", "up")]), now);
    assert_eq!(waiting(&notifier), 0);
}
