//! One shard's live calls.

use ahash::RandomState;
use hashbrown::HashTable;
use slotmap::SlotMap;
use std::collections::BTreeMap;

use super::call::{Call, NewCall, Restored};
use super::state::{CallEvent, CallState};
use super::view::{CallFilter, CallId, CallView};
use crate::balance::{EndCause, GroupId};
use crate::base::timers::TimerId;
use crate::transaction::ContextKey;

slotmap::new_key_type! {
    /// Names a live call within its shard; a key of a call that is gone finds nothing.
    pub struct CallKey;
}

/// The calls of one shard, found by key, by id, or by Call-ID.
pub struct CallTable {
    calls: SlotMap<CallKey, Call>,
    by_call_id: HashTable<CallKey>,
    by_id: BTreeMap<CallId, CallKey>,
    hasher: RandomState,
    next_id: u64,
    active: BTreeMap<Option<GroupId>, [u64; 3]>,
}

impl CallTable {
    /// An empty table. Ids begin with the shard and go up from the start's time, so that they are not used
    /// again after a restart.
    pub fn new(shard: u16, start_unix_ms: u64, hasher: RandomState) -> Self {
        let first = ((start_unix_ms / 1000) << 16) & 0xffff_ffff_ffff;
        Self {
            calls: SlotMap::with_key(),
            by_call_id: HashTable::new(),
            by_id: BTreeMap::new(),
            hasher,
            next_id: (u64::from(shard) << 48) | first,
            active: BTreeMap::new(),
        }
    }

    /// Adds a call; `arm` sets its deadline. `serial` is given for a sibling of another call.
    pub fn insert(
        &mut self,
        serial: Option<u32>,
        new: NewCall,
        arm: impl FnOnce(CallKey) -> TimerId,
    ) -> CallKey {
        let id = self.fresh_id();
        let serial = serial.unwrap_or(id.0 as u32);
        let key = self
            .calls
            .insert_with_key(|key| Call::new(id, serial, arm(key), new));
        self.file(key);
        key
    }

    /// Takes up a call that was saved, under its old id where that is free and of this shard.
    pub fn restore(
        &mut self,
        restored: Restored<'_>,
        context: ContextKey,
        arm: impl FnOnce(CallKey) -> TimerId,
    ) -> CallKey {
        let saved = CallId(restored.record.id);
        let usable =
            saved.shard() == CallId(self.next_id).shard() && !self.by_id.contains_key(&saved);
        let id = if usable { saved } else { self.fresh_id() };
        let key = self
            .calls
            .insert_with_key(|key| Call::restored(id, arm(key), context, restored));
        self.file(key);
        self.step(key, CallEvent::Answered);
        key
    }

    fn fresh_id(&mut self) -> CallId {
        loop {
            let id = CallId(self.next_id);
            self.next_id += 1;
            // A process that starts soon after another begins where that one did, and has taken up its calls.
            if !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }

    /// Makes a call findable, and counts it as ringing.
    fn file(&mut self, key: CallKey) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        let hash = self.hasher.hash_one(call.call_id());
        let (calls, hasher) = (&self.calls, &self.hasher);
        self.by_call_id.insert_unique(hash, key, |&other| {
            calls
                .get(other)
                .map_or(0, |call| hasher.hash_one(call.call_id()))
        });
        self.by_id.insert(call.id, key);
        self.active.entry(call.group).or_default()[0] += 1;
    }

    /// The call, if it lives.
    pub fn get(&self, key: CallKey) -> Option<&Call> {
        self.calls.get(key)
    }

    /// The call, if it lives. Its state changes by [`CallTable::step`] alone.
    pub fn get_mut(&mut self, key: CallKey) -> Option<&mut Call> {
        self.calls.get_mut(key)
    }

    /// The call with this id.
    pub fn key_of(&self, id: CallId) -> Option<CallKey> {
        self.by_id.get(&id).copied()
    }

    /// The first call with this Call-ID for which `wanted` holds.
    pub fn find(&self, call_id: &[u8], mut wanted: impl FnMut(&Call) -> bool) -> Option<CallKey> {
        let hash = self.hasher.hash_one(call_id);
        self.by_call_id
            .find(hash, |&key| {
                self.calls
                    .get(key)
                    .is_some_and(|call| call.call_id() == call_id && wanted(call))
            })
            .copied()
    }

    /// Moves a call on. Not for its end: see [`CallTable::end`].
    pub fn step(&mut self, key: CallKey, event: CallEvent) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let active = self.active.entry(call.group).or_default();
        if let Some(before) = call.state.stage() {
            active[before.index()] -= 1;
        }
        call.state = std::mem::replace(&mut call.state, CallState::Gone).step(event);
        if let Some(after) = call.state.stage() {
            active[after.index()] += 1;
        }
    }

    /// The process ends and the calls go on without it: nothing is given back, for nothing has ended.
    pub fn outlive(self) {
        for (_, call) in self.calls {
            call.state.outlive();
        }
    }

    /// Ends a call: its slots come back with `cause`. What is left is for its deadline to be disarmed by.
    pub fn end(&mut self, key: CallKey, cause: EndCause) -> Option<Call> {
        self.step(key, CallEvent::Ended(cause));
        let call = self.calls.get(key)?;
        let hash = self.hasher.hash_one(call.call_id());
        if let Ok(entry) = self.by_call_id.find_entry(hash, |&other| other == key) {
            entry.remove();
        }
        self.by_id.remove(&call.id);
        self.calls.remove(key)
    }

    /// How many calls live.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether none lives.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (CallKey, &Call)> {
        self.calls.iter()
    }

    /// Live calls by group and by [`super::CallStage::index`].
    pub fn active(&self) -> &BTreeMap<Option<GroupId>, [u64; 3]> {
        &self.active
    }

    /// The calls that `filter` wants, ids ascending.
    pub fn list(&self, filter: &CallFilter) -> Vec<CallView> {
        use std::ops::Bound;
        let from = filter.after.map_or(Bound::Unbounded, Bound::Excluded);
        let wanted = |call: &&Call| {
            let placed_by = call
                .state()
                .held()
                .and_then(|held| held.placed.as_ref())
                .map(|slot| slot.peer());
            filter
                .peer
                .is_none_or(|peer| call.peer() == Some(peer) || placed_by == Some(peer))
                && filter.group.is_none_or(|group| call.group == Some(group))
                && filter
                    .stage
                    .is_none_or(|stage| call.state().stage() == Some(stage))
        };
        self.by_id
            .range((from, Bound::Unbounded))
            .filter_map(|(_, &key)| self.calls.get(key))
            .filter(wanted)
            .filter_map(Call::view)
            .take(filter.limit)
            .collect()
    }
}
