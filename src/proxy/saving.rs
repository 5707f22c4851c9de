//! What is saved of calls, and how a restart takes them up again.
//!
//! Rows are written behind: a call that is up or has changed is noted, and all that were noted go out together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::{Core, CoreTimer};
use super::port::{Output, Persist};
use super::shards::shard_of;
use crate::balance::{Demand, Mark, PeerId, ResourceId, Slot};
use crate::base::limits::PERSIST_EVERY;
use crate::call::{Call, CallKey, CallRecord, CallState, Dialog, Held, Restored};
use crate::transaction::ContextKey;

/// What is to be saved at the next occasion.
#[derive(Default)]
pub(super) struct Unsaved {
    changed: Vec<CallKey>,
    gone: Vec<Persist>,
    armed: bool,
}

impl Core {
    /// The call is up, or has changed since it was saved. What changes of one that rings is saved once it is up.
    pub(super) fn call_changed(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.get_mut(key).filter(|call| call.is_up()) else {
            return;
        };
        if !std::mem::replace(&mut call.unsaved, true) {
            self.unsaved.changed.push(key);
            self.save_soon(now);
        }
    }

    /// The call is over, and what was saved of it with it.
    pub(super) fn call_gone(&mut self, now: Instant, call: &Call) {
        if call.saved {
            self.unsaved.gone.push(Persist::Gone(call.id));
            self.save_soon(now);
        }
    }

    fn save_soon(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.unsaved.armed, true) {
            self.timers.arm(now + PERSIST_EVERY, CoreTimer::Save);
        }
    }

    /// Hands out what was noted.
    pub(super) fn save(&mut self, now: Instant) {
        let mut rows = std::mem::take(&mut self.unsaved.gone);
        self.unsaved.armed = false;
        for key in std::mem::take(&mut self.unsaved.changed) {
            let record = self.record(now, key);
            if let (Some(record), Some(call)) = (record, self.calls.get_mut(key)) {
                (call.unsaved, call.saved) = (false, true);
                rows.push(Persist::Call(Box::new(record)));
            }
        }
        if !rows.is_empty() {
            self.output(Output::Persist(rows));
        }
    }

    /// Notes every call that is up; how many those are.
    pub(super) fn save_all(&mut self, now: Instant) -> usize {
        let up = |(key, call): (CallKey, &Call)| call.is_up().then_some(key);
        let keys: Vec<CallKey> = self.calls.iter().filter_map(up).collect();
        for key in &keys {
            self.call_changed(now, *key);
        }
        self.save(now);
        keys.len()
    }

    /// The row of a call; `None` for one that rings, which no restart can save, or is gone.
    fn record(&self, now: Instant, key: CallKey) -> Option<CallRecord> {
        let call = self.calls.get(key)?;
        let directory = &self.setup.directory;
        let held = match call.state() {
            CallState::Up(held) | CallState::Ending(held) => held,
            CallState::Ringing(_) | CallState::Gone => return None,
        };
        let named = |slot: &Slot| Some(directory.peer(slot.peer())?.name.clone());
        let resource =
            |&(id, units): &(_, u32)| Some((directory.resource_name(id)?.clone(), units));
        let group = call.group.and_then(|id| directory.group(id));
        Some(CallRecord {
            id: call.id.0,
            serial: call.serial,
            texts: call.texts().clone(),
            group: group.map(|group| group.name.clone()),
            route: call.route,
            peer: held.target.as_ref().and_then(named),
            placed_by: held.placed.as_ref().and_then(named),
            demand: call.demand.items().iter().filter_map(resource).collect(),
            since_unix_ms: call.since_unix_ms,
            session_until_unix_ms: call.session_until.map(|until| {
                let left = until.saturating_duration_since(now).as_millis();
                self.unix_ms(now) + u64::try_from(left).unwrap_or(0)
            }),
            cseq: call.cseq,
            dialogs: call.dialogs.iter().map(Dialog::record).collect(),
        })
    }

    /// Takes up the calls of this shard that were up when the process stopped; how many.
    pub(super) fn restore(&mut self, now: Instant, records: &[CallRecord]) -> usize {
        let (shards, shard) = (self.setup.shards, self.shard);
        let mut restored = 0;
        for record in records {
            if shard_of(record.texts.call_id(), shards) != shard {
                continue;
            }
            // Siblings share number and tag; no two calls share a dialog.
            let ours = |dialog: &Dialog| {
                let mut saved = record.dialogs.iter();
                saved.any(|saved| saved.texts.callee_tag() == dialog.callee_tag())
            };
            let same = |call: &Call| {
                call.serial == record.serial
                    && call.caller_tag() == record.texts.caller_tag()
                    && call.dialogs.iter().any(ours)
            };
            let known = self.calls.find(record.texts.call_id(), same);
            if known.is_none() {
                self.restore_call(now, record);
                restored += 1;
            }
        }
        restored
    }

    fn restore_call(&mut self, now: Instant, record: &CallRecord) {
        let directory = self.setup.directory.clone();
        let demand = self.demand_named(&record.demand);
        let peer =
            |name: &Option<Arc<str>>| name.as_deref().and_then(|name| directory.known_peer(name));
        let slot = |peer: Option<PeerId>| {
            let demand = demand.as_ref()?;
            peer.map(|peer| self.ledger.readmit(peer, demand, Mark::Restored))
        };
        let held = Held {
            target: slot(peer(&record.peer)),
            placed: slot(peer(&record.placed_by)),
        };
        let unix_now = self.unix_ms(now);
        let age = Duration::from_millis(unix_now.saturating_sub(record.since_unix_ms));
        let left = |until: u64| now + Duration::from_millis(until.saturating_sub(unix_now));
        let session_until = record.session_until_unix_ms.map(left);
        let longest = now + self.setup.timing.call_max.saturating_sub(age);
        let restored = Restored {
            record,
            held,
            group: record
                .group
                .as_deref()
                .and_then(|name| directory.group_named(name)),
            demand: demand.unwrap_or(Demand::one(ResourceId(0))),
            since: now.checked_sub(age).unwrap_or(now),
            session_until,
            ends_at: longest,
            now,
        };
        let deadline = session_until.map_or(longest, |session| session.min(longest));
        let timers = &mut self.timers;
        let context = ContextKey::default();
        let key = self.calls.restore(restored, context, |key| {
            timers.arm(deadline, CoreTimer::Call(key))
        });
        self.call_changed(now, key);
        self.check_soon(now, key);
    }

    /// A demand by resource names; `None` when none of them is known.
    pub(super) fn demand_named(&self, items: &[(Arc<str>, u32)]) -> Option<Demand> {
        let known = |(name, units): &(Arc<str>, u32)| {
            Some((self.setup.directory.resource_named(name)?, *units))
        };
        Demand::new(items.iter().filter_map(known)).ok()
    }
}
