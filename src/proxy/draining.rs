//! The calls of a peer that is being emptied: how old they are, and their end once its deadline is over.

use std::time::Instant;

use super::core::Core;
use super::vanished::holds;
use crate::balance::{EndCause, PeerId};
use crate::base::limits::{DRAIN_AGES_MAX, DRAIN_END_EACH};
use crate::call::{Call, CallKey, CallStage};

impl Core {
    /// When the INVITEs of the peer's calls came, in milliseconds since 1970. Of very many the first in the table,
    /// where an old call and a new one lie side by side.
    pub(super) fn begun(&self, peer: PeerId) -> Vec<u64> {
        let calls = self.calls.iter().filter(|(_, call)| holds(call, peer));
        let begun = calls.map(|(_, call)| call.since_unix_ms);
        begun.take(DRAIN_AGES_MAX).collect()
    }

    /// Ends calls of the peer from here, at most so many that what is sent for them is no flood. Who has hung up already is
    /// left alone. How many. The operator may have enabled the peer, or given it more time, while the command was on its way.
    pub(super) fn empty(&mut self, now: Instant, peer: PeerId, deadline: Instant) -> usize {
        if self.ledger.deadline(peer) != Some(deadline) {
            return 0;
        }
        let lives = |call: &Call| match call.state().stage() {
            Some(CallStage::Ringing | CallStage::Up) => call.closing.is_none(),
            Some(CallStage::Ending) | None => false,
        };
        let calls = self.calls.iter();
        let calls = calls.filter(|(_, call)| lives(call) && holds(call, peer));
        let keys: Vec<CallKey> = calls.map(|(key, _)| key).take(DRAIN_END_EACH).collect();
        for key in &keys {
            self.close(now, *key, EndCause::EndedByOperator);
        }
        keys.len()
    }
}
