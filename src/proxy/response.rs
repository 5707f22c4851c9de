//! A response comes in and goes back (RFC 3261 §16.7).

use bytes::Bytes;
use std::time::{Duration, Instant};

use super::context::{Phase, Rung};
use super::core::Core;
use super::port::Reply;
use super::stats::DropReason;
use crate::balance::{EndCause, Failure, Observation, PeerId};
use crate::base::transmit::Transmit;
use crate::call::{AttemptOutcome, Call, CallStage};
use crate::sip::{HeaderName, Message, Method};
use crate::transaction::{ContextKey, Owner};

impl Core {
    pub(super) fn response(&mut self, now: Instant, message: &Message<'_>) {
        let Some(client) = self.transactions.find_client(message) else {
            // RFC 6026 §8.9: what matches no transaction goes nowhere.
            return self.dropped(DropReason::StrayResponse);
        };
        let forwarded = matches!(
            self.transactions.owner_of(client),
            Some(Owner::Context { .. })
        );
        // RFC 3261 §16.7 step 3: with no Via below ours it is for nobody, so it is no answer, and the right one may follow.
        if forwarded && message.lower_vias().next().is_none() {
            return self.dropped(DropReason::StrayResponse);
        }
        match self.transactions.receive_response(now, client, message) {
            Some(Owner::Context { key, branch }) => self.branch_response(now, key, branch, message),
            Some(Owner::Probe(number)) => self.probe_answered(now, number, message.status()),
            Some(Owner::Own(number)) if message.status() >= 200 => {
                self.own_finished(now, number, Reply::Status(message.status()));
            }
            Some(Owner::Own(_) | Owner::Cancel(_)) | None => {}
        }
    }

    fn branch_response(
        &mut self,
        now: Instant,
        key: ContextKey,
        branch: u16,
        message: &Message<'_>,
    ) {
        let number = usize::from(branch);
        let Some(state) = self
            .contexts
            .get_mut(key)
            .and_then(|context| context.branches.get_mut(number))
        else {
            return;
        };
        let (phase, peer) = (state.phase, state.peer);
        let status = message.status();
        // After a 100 what follows counts too: only that shows that the peer does more than read.
        let news = match phase {
            Phase::Waiting => true,
            Phase::Proceeding => status > 100,
            Phase::Abandoned | Phase::Succeeded | Phase::Closed => false,
        };
        if let Some(peer) = peer.filter(|_| news) {
            self.observe(now, key, peer, message);
        }
        match status {
            ..200 => self.provisional(now, key, number, message),
            200..300 => self.success(now, key, number, message),
            300.. => self.failure(now, key, number, message),
        }
    }

    /// What a response to a branch that is not settled says of its peer; a failure is reported where it is judged.
    fn observe(&mut self, now: Instant, key: ContextKey, peer: PeerId, message: &Message<'_>) {
        let status = message.status();
        if status < 300 || !self.covers(key, Failure::Status(status)) && status != 503 {
            self.ledger.report(now, peer, Observation::Answered(status));
        }
    }

    fn provisional(&mut self, now: Instant, key: ContextKey, number: usize, message: &Message<'_>) {
        let ring = self.setup.timing.ring;
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        let invite = context.method == Method::Invite;
        let Some(branch) = context.branches.get_mut(number) else {
            return;
        };
        let client = branch.client;
        match branch.phase {
            Phase::Abandoned => {
                self.transactions.cancel(now, client);
                return;
            }
            Phase::Succeeded | Phase::Closed => {}
            Phase::Waiting | Phase::Proceeding => {
                let first = branch.phase == Phase::Waiting;
                branch.phase = Phase::Proceeding;
                // Further 100s do not put Timer C off (RFC 3261 §16.7 step 2).
                if !invite {
                    self.disarm_context(key);
                } else if first || message.status() > 100 {
                    self.arm_context(now, key, ring);
                }
            }
        }
        if message.status() > 100 {
            self.note_ringing(now, key);
            self.send_back(now, key, message);
        }
    }

    pub(super) fn note_ringing(&mut self, now: Instant, key: ContextKey) {
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        if context.call().is_some() && !std::mem::replace(&mut context.rang, true) {
            let (group, since) = (context.group, context.since);
            self.stats
                .group(group)
                .setup_seconds
                .record(seconds(now, since));
        }
    }

    fn success(&mut self, now: Instant, key: ContextKey, number: usize, message: &Message<'_>) {
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        // A BYE ends its call, and a PRACK belongs to one that is not up yet.
        let shows_life = !matches!(context.method, Method::Bye | Method::Prack);
        let invite = context.method == Method::Invite;
        let Some(branch) = context.branches.get_mut(number) else {
            return;
        };
        let peer = branch.peer;
        branch.phase = if invite {
            Phase::Succeeded
        } else {
            Phase::Closed
        };
        if invite {
            self.disarm_context(key);
            let unwanted = self.answered(now, key, peer, message);
            self.send_back(now, key, message);
            if let Some(unwanted) = unwanted {
                self.hang_up_unwanted(now, &unwanted);
            }
        } else {
            self.dialog_request_finished(now, key, message.status());
            self.target_refreshed(now, key, message);
            self.send_back(now, key, message);
        }
        if shows_life {
            self.adopt(now, key, message);
        }
        self.settled(now, key);
    }

    fn failure(&mut self, now: Instant, key: ContextKey, number: usize, message: &Message<'_>) {
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        let Some(branch) = context.branches.get_mut(number) else {
            return;
        };
        let (peer, before) = (branch.peer, branch.phase);
        branch.phase = Phase::Closed;
        let status = message.status();
        match before {
            Phase::Abandoned | Phase::Succeeded | Phase::Closed => {
                return self.branch_closed(now, key, peer);
            }
            Phase::Waiting | Phase::Proceeding => {}
        }
        self.attempt_came_out(key, peer, AttemptOutcome::Status(status));
        let failure = Failure::Status(status);
        let peers_fault = self.covers(key, failure);
        self.collect(key, message, peers_fault);
        let retry_after = message
            .header(HeaderName::RetryAfter)
            .and_then(delta_seconds);
        if let Some(peer) = peer {
            self.judge(now, key, peer, status, retry_after);
        }
        self.branch_failed(now, key, peer, failure);
    }

    /// Tells the ledger of a failure. A peer that is sent more than it has room for may say so: that costs it nothing.
    fn judge(
        &mut self,
        now: Instant,
        key: ContextKey,
        peer: PeerId,
        status: u16,
        retry_after: Option<Duration>,
    ) {
        let ladder = self.contexts.get(key).and_then(|context| context.ladder());
        let asked_too_much = ladder.is_some_and(|ladder| ladder.rung != Rung::Balance);
        let cancelled = self
            .contexts
            .get(key)
            .is_some_and(|context| context.cancelled.is_some());
        let failure = Failure::Status(status);
        let what = match status {
            // It does as it was told.
            487 if cancelled => Observation::Answered(status),
            503 if asked_too_much => Observation::Answered(status),
            503 => Observation::Busy503 { retry_after },
            _ if self.covers(key, failure) => Observation::Failed(failure),
            _ => return,
        };
        self.ledger.report(now, peer, what);
    }

    pub(super) fn without_our_via(&mut self, message: &Message<'_>) -> Bytes {
        self.edits.clear();
        self.edits.pop_via(message);
        self.buffer.clear();
        self.edits.apply(message.bytes(), &mut self.buffer);
        Bytes::copy_from_slice(&self.buffer)
    }

    /// Sends a response on to where its request came from.
    fn send_back(&mut self, now: Instant, key: ContextKey, message: &Message<'_>) {
        let payload = self.without_our_via(message);
        self.respond(now, key, message.status(), payload);
    }

    /// Hands a response to the server transaction. A 2xx to an INVITE goes out even when the transaction has had another
    /// final response: the caller has to hear of the dialog to end it (RFC 3261 §16.7 step 10).
    pub(super) fn respond(&mut self, now: Instant, key: ContextKey, status: u16, payload: Bytes) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        let (server, invite) = (context.server, context.method == Method::Invite);
        let (listener, destination) = (context.listener, context.reply_to);
        let in_any_case = (invite && (200..300).contains(&status)).then(|| payload.clone());
        let taken = self.transactions.respond(now, server, status, payload);
        if let (false, Some(payload)) = (taken, in_any_case) {
            self.transmit(Transmit {
                listener,
                destination,
                payload,
            });
        }
    }

    /// Whether the rules of the context's group hand this failure on.
    pub(super) fn covers(&self, key: ContextKey, failure: Failure) -> bool {
        let ladder = self.contexts.get(key).and_then(|context| context.ladder());
        let group = ladder.and_then(|ladder| self.setup.directory.group(ladder.group));
        group.is_some_and(|group| group.failover.covers(failure))
    }

    /// A final response has gone back.
    pub(super) fn settled(&mut self, now: Instant, key: ContextKey) {
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        context.settled = true;
        // Nobody else is asked, so nothing of this is needed again.
        context.request = Bytes::new();
        context.best = None;
        context.challenges = Vec::new();
        let invite = context.method == Method::Invite;
        let waiting: smallvec::SmallVec<[_; 2]> = context
            .branches
            .iter_mut()
            .filter(|branch| branch.is_live())
            .map(|branch| {
                branch.phase = Phase::Abandoned;
                branch.client
            })
            .collect();
        for client in waiting {
            if invite {
                self.transactions.cancel(now, client);
            }
            self.transactions.abandon(client);
        }
        self.disarm_context(key);
        self.drop_if_done(key);
    }

    /// A branch that was no longer waited for is over. If another peer's 2xx settled the context, the call that was left
    /// waiting on this branch is over with it.
    pub(super) fn branch_closed(&mut self, now: Instant, key: ContextKey, peer: Option<PeerId>) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        if let (true, Some(call)) = (context.settled, context.call()) {
            let waits = |call: &Call| {
                call.state().stage() == Some(CallStage::Ringing) && call.peer() == peer
            };
            if self.calls.get(call).is_some_and(waits) {
                self.end_call(now, call, EndCause::Cancelled);
            }
        }
        self.drop_if_done(key);
    }

    /// Forgets a context that has nothing to wait for.
    pub(super) fn drop_if_done(&mut self, key: ContextKey) {
        let done = |context: &super::context::Context| context.settled && context.all_closed();
        if self.contexts.get(key).is_some_and(done) {
            self.disarm_context(key);
            self.contexts.remove(key);
        }
    }

    /// The cause of a call that a final response refuses.
    pub(super) fn refusal_cause(&self, key: ContextKey) -> EndCause {
        let cancelled = self.contexts.get(key).and_then(|context| context.cancelled);
        cancelled.unwrap_or(EndCause::Rejected)
    }
}

pub(super) fn seconds(now: Instant, since: Instant) -> f64 {
    now.saturating_duration_since(since).as_secs_f64()
}

/// The number of seconds at the head of a Retry-After.
fn delta_seconds(value: &[u8]) -> Option<Duration> {
    leading_number(value).map(Duration::from_secs)
}

/// The decimal number at the head of a header's value; `None` when there is none, or it is too large.
pub(super) fn leading_number<N: std::str::FromStr>(value: &[u8]) -> Option<N> {
    let digits = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let number = std::str::from_utf8(value.get(..digits)?).ok()?;
    number.parse().ok()
}
