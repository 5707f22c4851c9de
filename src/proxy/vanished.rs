//! Calls that end without a BYE: a session that is not refreshed (RFC 4028), a peer that restarts, a peer's own list that
//! lacks them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::core::{Core, CoreTimer};
use super::response::leading_number;
use crate::balance::{EndCause, PeerId, Slot};
use crate::base::limits::{LIST_QUIET, LISTS_UNTIL_ENDED};
use crate::call::{Call, CallKey};
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
        self.timers.cancel(call.deadline);
        call.deadline = self.timers.arm(at, CoreTimer::Call(key));
    }

    /// The peer restarted: of all its calls nothing is left there; how many those were.
    pub(super) fn peer_restarted(&mut self, now: Instant, peer: PeerId) -> usize {
        let of = |(key, call): (CallKey, &Call)| (call.is_up() && holds(call, peer)).then_some(key);
        let keys: Vec<CallKey> = self.calls.iter().filter_map(of).collect();
        for key in &keys {
            self.end_call(now, *key, EndCause::PeerRestarted);
        }
        keys.len()
    }

    /// Compares with the peer's complete list: a call that two lists in a row lack, each well after its last message, has
    /// ended. How many have.
    pub(super) fn reconcile(
        &mut self,
        now: Instant,
        peer: PeerId,
        listed: &HashSet<Vec<u8>>,
    ) -> usize {
        let of = |(key, call): (CallKey, &Call)| (call.is_up() && holds(call, peer)).then_some(key);
        let keys: Vec<CallKey> = self.calls.iter().filter_map(of).collect();
        let mut ended = 0;
        for key in keys {
            let Some(call) = self.calls.get_mut(key) else {
                continue;
            };
            if listed.contains(call.call_id()) {
                call.lists_without = 0;
            } else if now.saturating_duration_since(call.heard) >= LIST_QUIET {
                call.lists_without += 1;
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
fn holds(call: &Call, peer: PeerId) -> bool {
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
