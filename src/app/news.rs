//! From what the shards and the ledger know to events for people.
//!
//! The shards' notices come through a bounded channel that they never wait for. Peers are compared, once a second, with
//! what they were: that costs the same however much happens, and what changes to and fro in between is no news.

mod decided;
mod drift;
mod ended;
mod peers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::clock::rfc3339;
use super::notify::Notifier;
use crate::balance::{Directory, GroupId, Ledger, PeerId};
use crate::base::limits::{EVENTS_FAILOVERS_EACH, EVENTS_LOOK_EVERY, HISTORY_LOOK_EVERY};
use crate::http::model::{CallEvent, FailoverEvent};
use crate::http::{Event, Events};
use crate::proxy::{Command, Notice};
use crate::shard::Handles;
use ended::Endings;
use peers::Peers;

/// Tells events until the shards are gone.
pub async fn tell(
    mut notices: mpsc::Receiver<Notice>,
    events: Arc<Events>,
    ledger: Arc<Ledger>,
    handles: Handles,
    notifier: Arc<Notifier>,
) {
    let tell = |event: &Event| {
        let id = events.tell(event);
        notifier.hear(id, event, Instant::now());
    };
    let mut look = interval(EVENTS_LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut load = interval(HISTORY_LOOK_EVERY);
    load.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut peers = Peers::new(&ledger, Instant::now());
    let mut calls = Calls::default();
    loop {
        tokio::select! {
            notice = notices.recv() => {
                let Some(notice) = notice else { return };
                tracing::debug!(?notice, "notice");
                if let Notice::PeerDied(peer) = notice {
                    tell_shards(&handles, peer);
                }
                if let Notice::Decided(decided) = &notice {
                    events.decisions.tell(decided::entry(decided, &ledger.directory()));
                }
                if let Some(event) = calls.hear(notice, &ledger.directory()) {
                    tell(&event);
                }
            }
            _ = look.tick() => {
                let changed = peers.look(&ledger, Instant::now());
                let gathered = calls.flush(&ledger.directory());
                changed.iter().chain(&gathered).for_each(tell);
            }
            _ = load.tick() => events.loads.look(&ledger, Instant::now()),
        }
    }
}

/// A peer has died: every shard ends its calls. What does not get through is said again with the next probe.
fn tell_shards(handles: &Handles, peer: PeerId) {
    let handles = handles.clone();
    tokio::spawn(async move {
        if let Err(error) = handles.ask_all(|_| Command::PeerDied(peer)).await {
            tracing::warn!(%error, "a shard does not know that a peer has died");
        }
    });
}

/// The moment, as events give it.
fn now() -> String {
    rfc3339(SystemTime::now())
}

/// What happened to calls since the last look. There are as many entries as peers and groups, not as calls.
#[derive(Default)]
struct Calls {
    told: u32,
    failed_over: BTreeMap<PeerId, u64>,
    exhausted: BTreeMap<GroupId, u64>,
    endings: Endings,
}

impl Calls {
    /// The event at once, where there is one; the rest is gathered.
    fn hear(&mut self, notice: Notice, directory: &Directory) -> Option<Event> {
        match notice {
            Notice::Exhausted { group } => {
                *self.exhausted.entry(group).or_default() += 1;
                None
            }
            // The peer's own event tells of it, and each call's; decisions are no events.
            Notice::PeerDied(_) | Notice::Decided(_) => None,
            Notice::Ended(ended) => self.endings.hear(&ended, directory),
            Notice::FailedOver { from, .. } if self.told >= EVENTS_FAILOVERS_EACH => {
                *self.failed_over.entry(from).or_default() += 1;
                None
            }
            Notice::FailedOver {
                call,
                group,
                from,
                to,
                reason,
            } => {
                self.told += 1;
                let from = peer(directory, from);
                let to = to.map(|id| peer(directory, id));
                let reason = reason.to_text();
                let words = match &to {
                    Some(to) => format!("a call went on from {from} to {to}: {reason}"),
                    None => format!("a call failed at {from}, no other peer took it: {reason}"),
                };
                Some(Event::Failover(FailoverEvent {
                    at: now(),
                    calls: 1,
                    call: Some(call.to_string()),
                    group: group.map(|id| self::group(directory, id)),
                    from,
                    to,
                    reason: Some(reason),
                    words,
                }))
            }
        }
    }

    /// What was gathered.
    fn flush(&mut self, directory: &Directory) -> Vec<Event> {
        self.told = 0;
        let failed_over = std::mem::take(&mut self.failed_over).into_iter();
        let failed_over = failed_over.map(|(from, calls)| {
            let from = peer(directory, from);
            Event::Failover(FailoverEvent {
                at: now(),
                calls,
                call: None,
                group: None,
                to: None,
                reason: None,
                words: format!("{calls} more calls left {from} within a second"),
                from,
            })
        });
        let exhausted = std::mem::take(&mut self.exhausted).into_iter();
        let exhausted = exhausted.map(|(group, calls)| {
            let group = self::group(directory, group);
            Event::Call(CallEvent {
                at: now(),
                what: "exhausted".to_owned(),
                words: format!("calls for {group} that found no peer within a second: {calls}"),
                group,
                calls,
                ended: None,
            })
        });
        let ended = self.endings.flush(directory);
        failed_over.chain(exhausted).chain(ended).collect()
    }
}

fn peer(directory: &Directory, id: PeerId) -> String {
    let peer = directory.peer(id);
    peer.map(|peer| peer.name.to_string()).unwrap_or_default()
}

fn group(directory: &Directory, id: GroupId) -> String {
    let group = directory.group(id);
    group
        .map(|group| group.name.to_string())
        .unwrap_or_default()
}
