//! Calls that end without a BYE: a session that is not refreshed (RFC 4028), a peer that restarts, a peer's own list that
//! lacks them.

use smallvec::SmallVec;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::core::{Core, CoreTimer};
use super::originate::BOTH;
use super::response::leading_number;
use crate::balance::{EndCause, PeerId, Slot};
use crate::base::limits::{LIST_QUIET, LISTS_UNTIL_ENDED};
use crate::call::{Call, CallKey, Side};
use crate::sip::{HeaderName, Message};

impl Core {
    /// The 2xx to an INVITE or UPDATE says how long the session lives without another (RFC 4028 §7.2): without
    /// Session-Expires, as long as it likes.
    pub(super) fn session_refreshed(&mut self, now: Instant, key: CallKey, message: &Message<'_>) {
        let grace = self.setup.timing.session_grace;
        let interval = message
            .header(HeaderName::SessionExpires)
            .and_then(interval);
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let until = interval.map(|interval| now + interval + grace);
        if call.session_until == until {
            return;
        }
        call.session_until = until;
        self.arm_call(key);
    }

    /// Arms what comes first: the end of the session, or of the longest life of a call. A call that we are ending has its
    /// deadline already.
    pub(super) fn arm_call(&mut self, key: CallKey) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        if call.closing.is_some() {
            return;
        }
        let at = call
            .session_until
            .map_or(call.ends_at, |until| until.min(call.ends_at));
        let timer = CoreTimer::Call(key);
        call.deadline = self.timers.arm_instead(Some(call.deadline), at, timer);
    }

    /// The peer restarted: the calls of the run before are over, but for those that the new run names. Those that began after
    /// that run was last known may be of either; they are asked about. How many are over.
    pub(super) fn peer_restarted(
        &mut self,
        now: Instant,
        peer: PeerId,
        known_until: Option<Instant>,
        named: Option<&HashSet<Vec<u8>>>,
    ) -> usize {
        let mut over = 0;
        for key in self.calls_of(peer) {
            let Some(call) = self.calls.get(key) else {
                continue;
            };
            if named.is_some_and(|named| named.contains(call.call_id())) {
                continue;
            }
            if known_until.is_some_and(|until| call.since <= until) {
                self.end_with_peer(now, key, peer, &BOTH);
                over += 1;
            } else {
                self.check_soon(now, key);
            }
        }
        over
    }

    /// The peer is dead. Where its group says so, its calls are ended; how many.
    pub(super) fn peer_died(&mut self, now: Instant, peer: PeerId) -> usize {
        if !self.setup.directory.ends_calls_of_dead(peer) {
            return 0;
        }
        let keys = self.calls_of(peer);
        for key in &keys {
            let Some(held) = self.calls.get(*key).and_then(|call| call.state().held()) else {
                continue;
            };
            let on = |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.peer() == peer);
            // It would not hear of it.
            let living: SmallVec<[Side; 2]> =
                [(&held.placed, Side::Caller), (&held.target, Side::Callee)]
                    .into_iter()
                    .filter_map(|(slot, side)| (!on(slot)).then_some(side))
                    .collect();
            self.end_with_peer(now, *key, peer, &living);
        }
        keys.len()
    }

    /// The peer's side of the call is gone, so its slots come back at once; those who may not know are told, where the
    /// peer's group says so.
    fn end_with_peer(&mut self, now: Instant, key: CallKey, peer: PeerId, tell: &[Side]) {
        let closing = |call: &Call| call.closing.is_some();
        let told = self.calls.get(key).is_some_and(closing);
        if !told && self.setup.directory.ends_calls_of_dead(peer) {
            self.say_bye(now, key, EndCause::PeerRestarted, 0, tell);
        }
        self.end_call(now, key, EndCause::PeerRestarted);
    }

    /// The calls that are up and counted on the peer.
    fn calls_of(&self, peer: PeerId) -> Vec<CallKey> {
        let of = |(key, call): (CallKey, &Call)| (call.is_up() && holds(call, peer)).then_some(key);
        self.calls.iter().filter_map(of).collect()
    }

    /// Compares with the peer's complete list: a call that two lists in a row lack, each well after its last message, has
    /// ended. How many have.
    pub(super) fn reconcile(
        &mut self,
        now: Instant,
        peer: PeerId,
        listed: &HashSet<Vec<u8>>,
    ) -> usize {
        let mut ended = 0;
        for key in self.calls_of(peer) {
            let Some(call) = self.calls.get_mut(key) else {
                continue;
            };
            let quiet = now.saturating_duration_since(call.heard) >= LIST_QUIET;
            if quiet && !listed.contains(call.call_id()) {
                call.lists_without += 1;
            } else {
                call.lists_without = 0;
            }
            if call.lists_without >= LISTS_UNTIL_ENDED {
                self.end_call(now, key, EndCause::Reconciled);
                ended += 1;
            }
        }
        ended
    }
}

/// Whether the call is counted on the peer, as its target or as the one that placed it.
pub(super) fn holds(call: &Call, peer: PeerId) -> bool {
    let Some(held) = call.state().held() else {
        return false;
    };
    [&held.target, &held.placed]
        .into_iter()
        .flatten()
        .map(Slot::peer)
        .any(|holder| holder == peer)
}

/// `1800;refresher=uac`. RFC 4028 §5: less than 90 s is not to be believed.
fn interval(value: &[u8]) -> Option<Duration> {
    let seconds: u32 = leading_number(value)?;
    Some(Duration::from_secs(u64::from(seconds.max(90))))
}
