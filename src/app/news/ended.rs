//! Calls that ended otherwise than by a BYE of their own.

use std::collections::BTreeMap;

use super::{group, now, peer};
use crate::balance::{Directory, EndCause, PeerId};
use crate::base::limits::EVENTS_ENDED_EACH;
use crate::call::Side;
use crate::http::Event;
use crate::http::model::{CallEvent, EndedCall, Leg};
use crate::proxy::{self, Ended, Reply};

/// What ended since the last look. There are as many entries as peers and causes, not as calls.
#[derive(Default)]
pub(super) struct Endings {
    told: u32,
    more: BTreeMap<(Option<PeerId>, usize), u64>,
}

impl Endings {
    /// The event at once, unless there were many.
    pub(super) fn hear(&mut self, ended: &Ended, directory: &Directory) -> Option<Event> {
        if self.told >= EVENTS_ENDED_EACH {
            let key = (ended.peer, ended.cause.index());
            *self.more.entry(key).or_default() += 1;
            return None;
        }
        self.told += 1;
        let told = EndedCall {
            call: ended.call.to_string(),
            peer: ended.peer.map(|id| peer(directory, id)),
            cause: ended.cause.as_str().to_owned(),
            check: ended.check.map(word),
            legs: ended.legs.iter().map(leg).collect(),
        };
        let words = words(&told);
        tracing::info!(call = told.call, "{words}");
        Some(Event::Call(CallEvent {
            at: now(),
            what: "ended".to_owned(),
            group: ended
                .group
                .map(|id| group(directory, id))
                .unwrap_or_default(),
            calls: 1,
            ended: Some(told),
            words,
        }))
    }

    /// What was gathered.
    pub(super) fn flush(&mut self, directory: &Directory) -> Vec<Event> {
        self.told = 0;
        let more = std::mem::take(&mut self.more).into_iter();
        more.map(|((at, cause), calls)| {
            let at = at.map(|id| peer(directory, id));
            let place = place(at.as_deref());
            let cause = EndCause::ALL.get(cause).map_or("", |cause| cause.as_str());
            let words = format!("{calls} more calls{place} were ended within a second: {cause}");
            tracing::info!("{words}");
            Event::Call(CallEvent {
                at: now(),
                what: "ended".to_owned(),
                group: String::new(),
                calls,
                ended: None,
                words,
            })
        })
        .collect()
    }
}

fn words(ended: &EndedCall) -> String {
    let mut words = format!("a call{} was ended: ", place(ended.peer.as_deref()));
    words.push_str(&ended.cause);
    if let Some(check) = &ended.check {
        words.push_str(&format!(", for the peer was asked within it: {check}"));
    }
    for leg in &ended.legs {
        words.push_str(&format!("; BYE to the {}: {}", leg.to, leg.bye));
    }
    words
}

fn place(peer: Option<&str>) -> String {
    peer.map(|name| format!(" at {name}")).unwrap_or_default()
}

fn leg(leg: &proxy::Leg) -> Leg {
    let to = match leg.to {
        Side::Caller => "caller",
        Side::Callee => "callee",
    };
    Leg {
        to: to.to_owned(),
        bye: leg.bye.map_or_else(|| "unsent".to_owned(), word),
    }
}

fn word(reply: Reply) -> String {
    match reply {
        Reply::Status(status) => status.to_string(),
        Reply::Silence => "silence".to_owned(),
        Reply::Unreachable => "unreachable".to_owned(),
    }
}
