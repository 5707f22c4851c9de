//! The ladder: balance → fail over to the next best → what `exhausted` says → 503 with a Retry-After that means something.

use smallvec::SmallVec;
use std::net::SocketAddr;
use std::time::Instant;

use super::context::{Above, Ladder, Purpose, Rung};
use super::core::Core;
use super::forward::{NotSent, Target};
use super::port::Notice;
use super::preprocess::Preprocessed;
use super::reject::Reject;
use super::stats::Outcome;
use crate::balance::{
    Ask, Directory, Dispatch, EndCause, ExhaustedStep, Group, HashOn, PeerId, Select, Slot, Step,
};
use crate::base::limits::{ATTEMPTS_MAX, GROUP_HOPS_MAX};
use crate::call::AttemptOutcome;
use crate::sip::{Message, NameAddr, Uri};
use crate::transaction::ContextKey;

/// What the ladder gave.
pub(super) enum Rise {
    /// A peer, charged unless the request begins no call.
    Peer(PeerId, Option<Slot>),
    /// The caller is sent elsewhere.
    Redirect(String),
    /// Nobody is left to try.
    Exhausted,
    /// The group's rules allow no further try.
    EnoughTried,
}

impl Core {
    /// Tries the next peer for a context's request, from where its ladder stands, and answers the caller when there is none.
    pub(super) fn climb(
        &mut self,
        now: Instant,
        key: ContextKey,
        message: &Message<'_>,
        preprocessed: &Preprocessed<'_>,
    ) {
        match self.rise(now, key, message) {
            Rise::Peer(peer, slot) => self.take_peer(now, key, message, preprocessed, peer, slot),
            Rise::Redirect(uri) => {
                let contact = Reject::new(302).with("Contact", format!("<{uri}>"));
                self.settle_with(now, key, &contact, EndCause::Rejected, Outcome::Rejected);
            }
            Rise::Exhausted | Rise::EnoughTried => self.settle_exhausted(now, key),
        }
    }

    /// The request goes to `peer`: the slot moves there before the old one comes back.
    pub(super) fn take_peer(
        &mut self,
        now: Instant,
        key: ContextKey,
        message: &Message<'_>,
        preprocessed: &Preprocessed<'_>,
        peer: PeerId,
        slot: Option<Slot>,
    ) {
        let call = self.contexts.get(key).and_then(|context| context.call());
        let before = match call.and_then(|key| self.calls.get_mut(key)) {
            Some(call) => {
                call.attempt(Some(peer));
                call.move_target(slot)
            }
            None => slot,
        };
        if let Some(before) = before {
            before.release(EndCause::FailedOver);
        }
        let address = |directory: &Directory| {
            directory
                .peer(peer)
                .and_then(|peer| peer.addresses.first().copied())
        };
        // In the middle of a reload the ledger knows peers that this core has yet to hear of.
        let destination =
            address(&self.setup.directory).or_else(|| address(&self.ledger.directory()));
        let sent = destination.map_or(Err(NotSent::Full), |destination| {
            let target = Target {
                destination,
                peer: Some(peer),
            };
            self.send_branch(now, key, message, preprocessed, target)
        });
        if let Err(not_sent) = sent {
            let reject = not_sent.reject();
            self.settle_with(now, key, &reject, EndCause::Rejected, Outcome::Failed);
        }
    }

    /// One rise on the ladder; the context's ladder remembers where it stands.
    pub(super) fn rise(&mut self, now: Instant, key: ContextKey, message: &Message<'_>) -> Rise {
        let Some(context) = self.contexts.get_mut(key) else {
            return Rise::EnoughTried;
        };
        let (source, charged) = (
            context.source,
            matches!(context.purpose, Purpose::Call { .. }),
        );
        let Some(mut ladder) = context.ladder_mut().map(|ladder| ladder.clone()) else {
            return Rise::EnoughTried;
        };
        let risen = self.rise_from(now, &mut ladder, message, source, charged);
        if let Some(place) = self
            .contexts
            .get_mut(key)
            .and_then(|context| context.ladder_mut())
        {
            *place = ladder;
        }
        risen
    }

    fn rise_from(
        &self,
        now: Instant,
        ladder: &mut Ladder,
        message: &Message<'_>,
        source: SocketAddr,
        charged: bool,
    ) -> Rise {
        let directory = self.setup.directory.clone();
        loop {
            let Some(group) = directory.group(ladder.group) else {
                return Rise::Exhausted;
            };
            if ladder.tried.len() >= ATTEMPTS_MAX
                || ladder.attempts >= group.failover.max_attempts.max(1)
            {
                return Rise::EnoughTried;
            }
            let step = match next_step(ladder, group, charged) {
                NextStep::Ask(step) => step,
                NextStep::Again => continue,
                NextStep::Over(rise) => return rise,
            };
            let hash_key = hash_key(group, step, message, source);
            let ask = Ask {
                group: group.id,
                demand: &ladder.demand,
                step,
                tried: &ladder.tried,
                hash_key: &hash_key,
            };
            let found = if charged {
                self.ledger
                    .reserve(now, &ask)
                    .ok()
                    .map(|grant| (grant.peer, Some(grant.slot)))
            } else {
                self.ledger.pick(now, &ask).ok().map(|peer| (peer, None))
            };
            match found {
                Some((peer, slot)) => {
                    ladder.tried.push(peer);
                    ladder.attempts += 1;
                    return Rise::Peer(peer, slot);
                }
                None => ladder.rung = next_rung(ladder, charged),
            }
        }
    }

    /// Nobody is left: what a peer said goes back if it said something worth passing on, else 503.
    pub(super) fn settle_exhausted(&mut self, now: Instant, key: ContextKey) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        if context.best.as_ref().is_some_and(|best| best.status != 503) {
            return self.settle_best(now, key);
        }
        let (group, ladder) = (context.group, context.ladder());
        let after = ladder.map(|ladder| self.ledger.retry_after(now, ladder.group, &ladder.demand));
        if let Some(group) = group {
            self.notice(Notice::Exhausted { group });
        }
        let reject = Reject::unavailable(after.unwrap_or(crate::base::limits::RETRY_AFTER_FULL));
        self.settle_with(now, key, &reject, EndCause::Rejected, Outcome::Exhausted);
    }

    /// Marks the pending try at `peer`.
    pub(super) fn attempt_came_out(
        &mut self,
        key: ContextKey,
        peer: Option<PeerId>,
        outcome: AttemptOutcome,
    ) {
        let call = self.contexts.get(key).and_then(|context| context.call());
        if let Some(call) = call.and_then(|key| self.calls.get_mut(key)) {
            call.attempt_came_out(peer, outcome);
        }
    }
}

/// What the rung that a ladder stands on asks for.
enum NextStep {
    /// A peer, by this step.
    Ask(Step),
    /// Another group's ladder; look again from there.
    Again,
    /// The climb ends.
    Over(Rise),
}

fn next_step(ladder: &mut Ladder, group: &Group, charged: bool) -> NextStep {
    let at = match ladder.rung {
        Rung::Balance if !charged => return NextStep::Ask(blind_step(group)),
        Rung::Balance if ladder.tried.is_empty() => return NextStep::Ask(Step::Balance),
        Rung::Balance => return NextStep::Ask(Step::Failover),
        Rung::Overflow => return NextStep::Ask(Step::Overflow),
        Rung::Exhausted(at) => at,
    };
    match group.exhausted.get(at) {
        Some(ExhaustedStep::Dispatch) => NextStep::Ask(Step::Dispatch),
        Some(ExhaustedStep::Redirect(uri)) => NextStep::Over(Rise::Redirect(uri.to_string())),
        Some(ExhaustedStep::Group(_)) if ladder.hops >= GROUP_HOPS_MAX => {
            NextStep::Over(Rise::Exhausted)
        }
        Some(ExhaustedStep::Group(next)) => {
            ladder.above.push(Above {
                group: ladder.group,
                attempts: ladder.attempts,
                next: at + 1,
            });
            ladder.group = *next;
            ladder.attempts = 0;
            ladder.rung = Rung::Balance;
            ladder.hops += 1;
            NextStep::Again
        }
        // This ladder ends here; the one that led to this group goes on with its next step.
        None => match ladder.above.pop() {
            None => NextStep::Over(Rise::Exhausted),
            Some(above) => {
                ladder.group = above.group;
                ladder.attempts = above.attempts;
                ladder.rung = Rung::Exhausted(above.next);
                NextStep::Again
            }
        },
    }
}

/// How a request that begins no call is dispatched: by the group's own hash where it has one, so that a user's REGISTER and
/// MESSAGE go where the calls go; else as the group's `dispatch` says. Load is not looked at either way.
fn blind_step(group: &Group) -> Step {
    match group.select {
        Select::Hash => Step::Overflow,
        Select::LeastLoaded
        | Select::MostFree
        | Select::Weighted
        | Select::RoundRobin
        | Select::Random
        | Select::Priority => Step::Dispatch,
    }
}

/// The rung above: only calls stand on all of them.
fn next_rung(ladder: &Ladder, charged: bool) -> Rung {
    match ladder.rung {
        Rung::Balance if charged && ladder.overflow => Rung::Overflow,
        Rung::Balance | Rung::Overflow => Rung::Exhausted(0),
        Rung::Exhausted(at) => Rung::Exhausted(at + 1),
    }
}

/// The bytes that a hash is made of; empty where nothing is hashed.
pub fn hash_key(
    group: &Group,
    step: Step,
    message: &Message<'_>,
    source: SocketAddr,
) -> SmallVec<[u8; 64]> {
    let Dispatch {
        select: blind,
        hash_on: blind_on,
    } = &group.dispatch;
    let (select, hash_on) = if step == Step::Dispatch {
        (blind, blind_on)
    } else {
        (&group.select, &group.hash_on)
    };
    if *select != Select::Hash {
        return SmallVec::new();
    }
    let user = |uri: &[u8]| {
        Uri::parse(uri)
            .and_then(|uri| uri.user)
            .map(SmallVec::from_slice)
            .unwrap_or_default()
    };
    let user_of = |value: &[u8]| {
        NameAddr::parse(value)
            .map(|address| user(address.uri))
            .unwrap_or_default()
    };
    match hash_on {
        HashOn::CallId => SmallVec::from_slice(message.call_id()),
        HashOn::FromUser => user_of(message.from()),
        HashOn::ToUser => user_of(message.to()),
        HashOn::RequestUser => user(message.uri()),
        HashOn::Source => source.ip().to_string().into_bytes().into(),
        HashOn::Header(name) => message
            .header_by_text(name.as_bytes())
            .map(SmallVec::from_slice)
            .unwrap_or_default(),
    }
}
