//! `GET /v1/events`: what happens, as server-sent events.
//!
//! Everything is bounded: the history, each client's queue, and the number of clients. A client that does not keep up is
//! cut off, and resumes from the history with the id of the last event that it saw; whoever tells an event never waits.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval_at};
use utoipa::IntoParams;

use super::Api;
use super::decisions::Decisions;
use super::history::LoadHistory;
use super::model::{CallEvent, FailoverEvent, FeedbackEvent, PeerEvent, StreamEvent};
use super::openapi::Guarded;
use super::problem::{Problem, ProblemBody};
use crate::base::limits::{EVENTS_CLIENT_QUEUE, EVENTS_CLIENTS_MAX, EVENTS_HEARTBEAT, EVENTS_KEPT};
use crate::base::newest::keep_newest;
use crate::base::unix::unix_ms;
use crate::store::{EventRow, History, Intake};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// A peer changed.
    Peer(PeerEvent),
    /// Calls found no peer.
    Call(CallEvent),
    /// Calls went on to another peer.
    Failover(FailoverEvent),
    /// A peer's reports began, ended or changed.
    Feedback(FeedbackEvent),
}

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Peer(_) => "peer",
            Event::Call(_) => "call",
            Event::Failover(_) => "failover",
            Event::Feedback(_) => "feedback",
        }
    }
}

/// The history, and all who listen.
pub struct Events {
    hub: Mutex<Hub>,
    /// Decisions that are no events, but are told alike.
    pub decisions: Decisions,
    /// What peers have held of late, which is no event either.
    pub loads: LoadHistory,
    /// Hears that there is more to be saved.
    saved_by: Intake,
}

struct Hub {
    /// The last events, oldest first. Between the ids of two lives of the process there is a hole.
    kept: VecDeque<EventRow>,
    next_id: u64,
    clients: Vec<mpsc::Sender<Bytes>>,
    closed: bool,
}

/// Why nobody may listen any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    Clients,
    Closed,
}

impl Default for Events {
    fn default() -> Self {
        Self::saved_by(Intake::default())
    }
}

impl Events {
    /// Ids begin with the time in milliseconds: what a crash kept from being saved had smaller ones, as long as fewer than
    /// a thousand events a second happen, and a browser's numbers hold them.
    pub fn saved_by(intake: Intake) -> Self {
        Self::starting_at(unix_ms(SystemTime::now()), intake)
    }

    fn starting_at(next_id: u64, saved_by: Intake) -> Self {
        Events {
            saved_by,
            decisions: Decisions::default(),
            loads: LoadHistory::default(),
            hub: Mutex::new(Hub {
                kept: VecDeque::with_capacity(EVENTS_KEPT),
                next_id,
                clients: Vec::new(),
                closed: false,
            }),
        }
    }

    /// Tells everybody; the event's id. Never waits.
    pub fn tell(&self, event: &Event) -> u64 {
        let data = serde_json::to_string(event)
            .expect("an event is made of texts and numbers, which JSON can say");
        let mut hub = self.hub.lock();
        let id = hub.next_id;
        hub.next_id += 1;
        let row = EventRow {
            id,
            at_unix_ms: unix_ms(SystemTime::now()),
            kind: event.name().to_owned(),
            data,
        };
        let frame = frame(&row);
        keep_newest(&mut hub.kept, row, EVENTS_KEPT);
        // Whoever has no room any more is too slow, or gone: the end of the queue ends the answer.
        hub.clients
            .retain(|client| client.try_send(frame.clone()).is_ok());
        drop(hub);
        self.saved_by.events_changed();
        id
    }

    /// What was told in an earlier life of the process; new ids are greater.
    pub fn restore(&self, saved: Vec<EventRow>) {
        let mut hub = self.hub.lock();
        let own = hub.kept.drain(..);
        let all = saved.into_iter().chain(own).map(|row| (row.id, row));
        let all: BTreeMap<u64, EventRow> = all.collect();
        let old = all.len().saturating_sub(EVENTS_KEPT);
        hub.kept.extend(all.into_values().skip(old));
        let last = hub.kept.back().map_or(0, |row| row.id);
        hub.next_id = hub.next_id.max(last + 1);
    }

    /// What was told after the event `after`, as far as it is kept.
    pub fn history(&self, after: u64) -> History {
        let hub = self.hub.lock();
        History {
            events: hub.after(after).cloned().collect(),
            oldest: hub.oldest(),
        }
    }

    /// Ends all answers, so that a stop need not wait for them.
    pub fn close(&self) {
        let mut hub = self.hub.lock();
        hub.closed = true;
        hub.clients.clear();
    }

    /// From now on, and what was kept after the event `since`; all that was kept for 0.
    fn listen(&self, since: Option<u64>) -> Result<Stream, Full> {
        let mut hub = self.hub.lock();
        if hub.closed {
            return Err(Full::Closed);
        }
        // Those who went away unnoticed give their places back.
        hub.clients.retain(|client| !client.is_closed());
        if hub.clients.len() >= EVENTS_CLIENTS_MAX {
            return Err(Full::Clients);
        }
        let (client, live) = mpsc::channel(EVENTS_CLIENT_QUEUE);
        hub.clients.push(client);
        let mut backlog = VecDeque::from([Bytes::from_static(b"retry: 2000\n\n")]);
        if let Some(since) = since {
            let oldest = hub.oldest();
            // An id that we never gave is of a clock that went back: then all is news.
            let seen = if since < hub.next_id { since } else { 0 };
            if seen > 0 && seen + 1 < oldest {
                backlog.push_back(Bytes::from(gap(oldest)));
            }
            backlog.extend(hub.after(seen).map(frame));
        }
        Ok(Stream {
            backlog,
            live,
            heartbeat: interval_at(Instant::now() + EVENTS_HEARTBEAT, EVENTS_HEARTBEAT),
        })
    }
}

impl Hub {
    /// The id of the oldest event that is kept.
    fn oldest(&self) -> u64 {
        self.kept.front().map_or(self.next_id, |row| row.id)
    }

    fn after(&self, id: u64) -> impl Iterator<Item = &EventRow> {
        let seen = self.kept.partition_point(|row| row.id <= id);
        self.kept.iter().skip(seen)
    }
}

/// An event as it goes out.
fn frame(row: &EventRow) -> Bytes {
    let EventRow { id, kind, data, .. } = row;
    Bytes::from(format!("id: {id}\nevent: {kind}\ndata: {data}\n\n"))
}

/// What tells a client that events are missing between the last one it saw and the next.
fn gap(oldest: u64) -> String {
    format!("event: gap\ndata: {{\"oldest\":{oldest}}}\n\n")
}

/// The body of an answer: the history first, then what happens.
struct Stream {
    backlog: VecDeque<Bytes>,
    live: mpsc::Receiver<Bytes>,
    heartbeat: Interval,
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let stream = self.get_mut();
        if let Some(frame) = stream.backlog.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        match stream.live.poll_recv(context) {
            Poll::Ready(frame) => return Poll::Ready(frame.map(|frame| Ok(Frame::data(frame)))),
            Poll::Pending => {}
        }
        if stream.heartbeat.poll_tick(context).is_ready() {
            let comment = Bytes::from_static(b": nothing new\n\n");
            return Poll::Ready(Some(Ok(Frame::data(comment))));
        }
        Poll::Pending
    }
}

/// From where on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// The id of the last event seen; 0 for all that is kept. Left out, and without the header
    /// `Last-Event-ID`, which wins: only what happens from now on.
    #[param(format = "uint64")]
    since: Option<u64>,
}

/// Follows what happens, as server-sent events.
///
/// Events are `peer`, `call`, `failover` and `feedback`; `data` is one JSON object of the schema `PeerEvent`, `CallEvent`,
/// `FailoverEvent` or `FeedbackEvent`. Peers are looked at once a second. Single calls that are answered or end are no
/// events; calls that found no peer are told once a second for each group. The last 1024 events are kept, over restarts too;
/// where some between are lost, an event `gap` comes first. A client that does not keep up is cut off and may resume.
#[utoipa::path(get, path = "/v1/events", tag = "operation", params(Asked),
    responses((status = 200, description = "The stream of such events; it does not end by itself", body = StreamEvent,
            content_type = "text/event-stream"),
        (status = 400, description = "The query cannot be read", body = ProblemBody,
            content_type = "application/problem+json"),
        Guarded))]
pub async fn follow(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    // What a browser remembers of the stream that broke off is newer than what its address says.
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let stream = api.parts.events.listen(last.or(asked.since));
    let stream = stream.map_err(|full| {
        let words = match full {
            Full::Clients => "too many follow the events already",
            Full::Closed => "the process stops",
        };
        Problem::of(StatusCode::SERVICE_UNAVAILABLE, words).retry_after(5)
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, Body::new(stream)).into_response())
}

#[cfg(test)]
mod tests;
