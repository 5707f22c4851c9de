//! A 2xx to an INVITE: the call is up.

use std::time::Instant;

use super::context::Purpose;
use super::core::{Core, CoreTimer};
use super::response::seconds;
use super::stats::Outcome;
use crate::balance::{EndCause, Mark, PeerId};
use crate::base::limits::DIALOGS_PER_CALL_MAX;
use crate::call::{Attempt, AttemptOutcome, Call, CallEvent, CallKey, CallStage, Held, NewCall};
use crate::sip::Message;
use crate::transaction::ContextKey;

/// A call that was answered although it had been ended from here.
pub(super) struct Unwanted {
    pub call: CallKey,
    pub cause: EndCause,
}

impl Core {
    /// The call is up. A late answer, of a branch given up, begins a call of its own. Once the answer has gone back, what
    /// is unwanted is to be hung up.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        key: ContextKey,
        peer: Option<PeerId>,
        message: &Message<'_>,
    ) -> Option<Unwanted> {
        let tag = self.hasher.hash_one(message.to_tag().unwrap_or_default());
        let context = self.contexts.get_mut(key)?;
        let tags = &mut context.answered_tags;
        if tags.contains(&tag) || tags.len() >= DIALOGS_PER_CALL_MAX {
            return None;
        }
        tags.push(tag);
        let Purpose::Call { key: call, .. } = context.purpose else {
            self.target_refreshed(now, key, message);
            return None;
        };
        let (group, since, cancelled) = (context.group, context.since, context.cancelled);
        let tries = context.branches.len();
        if !context.settled {
            self.note_ringing(now, key);
            self.stats
                .group(group)
                .answer_seconds
                .record(seconds(now, since));
            self.came_out(group, Outcome::Answered);
            self.attempt_came_out(key, peer, AttemptOutcome::Answered);
            if tries > 1 {
                self.decided(now, key, message.status(), Outcome::Answered);
            }
        }
        let elsewhere = |call: &Call| call.peer() != peer;
        let call = if self.calls.get(call).is_none_or(elsewhere) {
            self.open_sibling(now, key, peer, message)?
        } else {
            call
        };
        self.add_dialog(call, message);
        self.picked_up(now, call);
        self.session_refreshed(now, call, message);
        self.call_changed(now, call);
        let closing = self.calls.get(call).and_then(|call| call.closing);
        let ended_here = cancelled
            .filter(|cause| matches!(cause, EndCause::EndedByOperator | EndCause::Expired));
        let cause = closing.map(|closing| closing.cause).or(ended_here)?;
        Some(Unwanted { call, cause })
    }

    /// From here on runs the longest life of a confirmed call.
    fn picked_up(&mut self, now: Instant, key: CallKey) {
        let ends_at = now + self.setup.timing.call_max;
        if let Some(call) = self.calls.get_mut(key)
            && call.state().stage() == Some(CallStage::Ringing)
        {
            call.ends_at = ends_at;
            self.arm_call(key);
        }
        self.calls.step(key, CallEvent::Answered);
        self.check_later(now, key);
    }

    /// The call that a late answer makes: on the peer that was given up, and counted as what it is, a fact.
    fn open_sibling(
        &mut self,
        now: Instant,
        key: ContextKey,
        peer: Option<PeerId>,
        message: &Message<'_>,
    ) -> Option<CallKey> {
        let context = self.contexts.get(key)?;
        let Purpose::Call {
            key: first,
            serial,
            demand,
            placed_by,
            texts,
            ..
        } = &context.purpose
        else {
            return None;
        };
        let (first, serial) = (*first, *serial);
        let deadline = now + self.setup.timing.call_max;
        let readmit =
            |peer: Option<PeerId>, mark| peer.map(|peer| self.ledger.readmit(peer, demand, mark));
        let new = NewCall {
            texts: texts.clone(),
            held: Held {
                target: readmit(peer, Mark::LateAnswer),
                placed: readmit(*placed_by, Mark::PlacedByPeer),
            },
            group: context.group,
            route: 0,
            demand: demand.clone(),
            since: context.since,
            since_unix_ms: self.unix_ms(context.since),
            cseq: message.cseq(),
            context: key,
            ends_at: deadline,
        };
        let timers = &mut self.timers;
        let call = self.calls.insert(Some(serial), new, |key| {
            timers.arm(deadline, CoreTimer::Call(key))
        });
        if let Some(call) = self.calls.get_mut(call) {
            call.attempts.push(Attempt {
                peer,
                outcome: AttemptOutcome::Answered,
            });
        }
        // Once the first call is over, further forks of this answer belong to the new one.
        if self.calls.get(first).is_none()
            && let Some(context) = self.contexts.get_mut(key)
            && let Purpose::Call { key: known, .. } = &mut context.purpose
        {
            *known = call;
        }
        Some(call)
    }
}
