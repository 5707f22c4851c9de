//! New calls that are refused before anything is done for them, because more comes than one core can do: no transaction, no call,
//! no slot. Nothing is remembered of them, so a copy of the INVITE meets the same rules again (RFC 3261 §8.2.7), and is
//! let in if less comes by then.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::core::Core;
use super::port::Excess;
use super::reject::Reject;
use super::route::{Decision, decide};
use super::stats::DropReason;
use crate::base::limits::{RETRY_AFTER_SHED_MAX_S, SHED_ACK_PATIENCE};
use crate::base::transmit::ListenerId;
use crate::sip::{Message, Method};

/// See [`Core::hash_of_copies`].
const LOT: u8 = 1;

impl Core {
    /// Refuses the INVITE of a new call if it is one too many. True when nothing is left to be done about it.
    ///
    /// What draws the lots is the same for every copy of an INVITE, and new for each further try of its caller. A copy of
    /// an INVITE that was let in is its transaction's, whatever its lot is by now.
    pub(super) fn shed(
        &mut self,
        now: Instant,
        listener: ListenerId,
        source: SocketAddr,
        message: &Message<'_>,
        excess: Excess,
    ) -> bool {
        let new_call = message.method() == Method::Invite && message.to_tag().is_none();
        if !new_call || excess.refused <= 0.0 {
            return false;
        }
        let hash = self.hash_of_copies(message, LOT);
        let lot = hash as f64 / u64::MAX as f64;
        if lot >= excess.refused || self.transactions.find_server(message).is_some() {
            return false;
        }
        // Who may not call at all costs those who may not even an answer.
        if !self.is_known(source) {
            self.dropped(DropReason::Untrusted);
            return true;
        }
        if self.may_exceed(source, message) {
            return false;
        }
        if lot < excess.unanswered {
            self.dropped(DropReason::ShedUnanswered);
            return true;
        }
        self.dropped(DropReason::Shed);
        self.shed_until = Some(now + SHED_ACK_PATIENCE);
        // Spread, or all would be back at once.
        let seconds = 1 + hash % u64::from(RETRY_AFTER_SHED_MAX_S);
        let reject = Reject::unavailable(Duration::from_secs(seconds));
        self.refuse(listener, source, message, &reject);
        true
    }

    /// Whether a route lets the call exceed capacity, an emergency's say: such a call is taken even now.
    fn may_exceed(&self, source: SocketAddr, message: &Message<'_>) -> bool {
        self.setup.routes.iter().any(|route| route.overflow)
            && matches!(decide(&self.setup, message, &self.caller(source)), Decision::Route(route) if route.overflow)
    }

    /// Whether this is the ACK for the refusal of an INVITE that was shed: it carries the To tag that only we could have given.
    pub(super) fn ends_shed(&self, now: Instant, message: &Message<'_>) -> bool {
        message.method() == Method::Ack
            && self.shed_until.is_some_and(|until| now < until)
            && message
                .to_tag()
                .is_some_and(|tag| tag.len() == 16 && self.is_local_tag(tag, message))
    }

    /// Whether the source is a peer or may call at all. What others get is decided elsewhere.
    pub(super) fn is_known(&self, source: SocketAddr) -> bool {
        self.setup.directory.peer_at(source).is_some() || self.setup.trust.covers(source.ip())
    }
}
