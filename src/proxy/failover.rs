//! A branch failed: on to the next peer, or back to the caller.

use std::time::Instant;

use super::context::{Collected, Phase};
use super::core::{Core, context_of};
use super::forward::Target;
use super::ladder::Rise;
use super::port::{Notice, Reply};
use super::preprocess::Preprocessed;
use super::reject::Reject;
use super::stats::{FailoverReason, Outcome};
use crate::balance::{EndCause, Failure, Observation, PeerId};
use crate::call::AttemptOutcome;
use crate::sip::Method;
use crate::transaction::{ClientKey, ContextKey, Owner};

impl Core {
    /// No branch waits any more for `peer`, which failed so. What it said, if anything, has been collected.
    pub(super) fn branch_failed(
        &mut self,
        now: Instant,
        key: ContextKey,
        peer: Option<PeerId>,
        failure: Failure,
    ) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        if context.settled {
            return self.drop_if_done(key);
        }
        if context.cancelled.is_some() {
            return self.settle_cancelled(now, key);
        }
        let request = context.request.clone();
        let (call, group) = (context.call(), context.group);
        // RFC 3263 §4.3. A request other than INVITE that timed out is over for its sender too.
        let elsewhere = match failure {
            Failure::Timeout => context.method == Method::Invite,
            Failure::Transport => true,
            Failure::Status(status) => status == 503,
        };
        if peer.is_none() && elsewhere && self.next_address(now, key) {
            return;
        }
        if !self.covers(key, failure) {
            return self.settle_best(now, key);
        }
        self.with_parsed(&request, |core, parsed| {
            let Ok(message) = parsed else {
                return core.settle_best(now, key);
            };
            let setup = core.setup.clone();
            let preprocessed = Preprocessed::read(&setup, &message);
            let risen = core.rise(now, key, &message);
            let to = match &risen {
                Rise::Peer(peer, _) => Some(*peer),
                Rise::Redirect(_) | Rise::Exhausted | Rise::EnoughTried => None,
            };
            if let (Some(from), Some(_)) = (peer, to) {
                core.count_failover(group, from, failure);
            }
            if let (Some(from), Some(call)) = (peer, call.and_then(|call| core.calls.get(call))) {
                let reason = reason_of(failure);
                core.notice(Notice::FailedOver {
                    call: call.id,
                    group,
                    from,
                    to,
                    reason,
                });
            }
            match risen {
                Rise::Peer(peer, slot) => {
                    core.take_peer(now, key, &message, &preprocessed, peer, slot)
                }
                Rise::Redirect(uri) => {
                    let contact = Reject::new(302).with("Contact", format!("<{uri}>"));
                    core.settle_with(now, key, &contact, EndCause::Rejected, Outcome::Rejected);
                }
                Rise::Exhausted => core.settle_exhausted(now, key),
                Rise::EnoughTried => core.settle_best(now, key),
            }
        });
    }

    fn count_failover(
        &mut self,
        group: Option<crate::balance::GroupId>,
        from: PeerId,
        failure: Failure,
    ) {
        let entry = self
            .stats
            .failovers
            .entry((group, from, reason_of(failure)));
        *entry.or_default() += 1;
    }

    /// `timers.try` or Timer C of a context has fired.
    pub(super) fn context_timeout(&mut self, now: Instant, key: ContextKey) {
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        context.timer = None;
        if context.settled {
            return;
        }
        let live = context
            .branches
            .iter()
            .rposition(|branch| matches!(branch.phase, Phase::Waiting | Phase::Proceeding));
        let Some((number, branch)) =
            live.and_then(|at| context.branches.get(at).map(|branch| (at, branch)))
        else {
            return;
        };
        match branch.phase {
            Phase::Waiting => self.peer_silent(now, key, number),
            Phase::Proceeding => self.ring_out(now, key),
            Phase::Abandoned | Phase::Succeeded | Phase::Closed => {}
        }
    }

    /// A peer sent nothing at all within `timers.try`. If nobody else can take the call, its own timers still may save it: the branch
    /// goes on until Timer B.
    fn peer_silent(&mut self, now: Instant, key: ContextKey, number: usize) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        let Some(branch) = context.branches.get(number) else {
            return;
        };
        let (client, peer, cancelled) = (branch.client, branch.peer, context.cancelled.is_some());
        let request = context.request.clone();
        let (call, group) = (context.call(), context.group);
        if let Some(peer) = peer {
            self.ledger
                .report(now, peer, Observation::Failed(Failure::Timeout));
        }
        if cancelled {
            self.abandon(key, number, client);
            self.attempt_came_out(key, peer, AttemptOutcome::Timeout);
            return self.settle_cancelled(now, key);
        }
        if !self.covers(key, Failure::Timeout) {
            return;
        }
        self.with_parsed(&request, |core, parsed| {
            let Ok(message) = parsed else { return };
            if let Rise::Peer(next, slot) = core.rise(now, key, &message) {
                core.abandon(key, number, client);
                core.attempt_came_out(key, peer, AttemptOutcome::Timeout);
                if let Some(from) = peer {
                    core.count_failover(group, from, Failure::Timeout);
                    if let Some(call) = call.and_then(|call| core.calls.get(call)) {
                        let (call, reason) = (call.id, FailoverReason::Timeout);
                        core.notice(Notice::FailedOver {
                            call,
                            group,
                            from,
                            to: Some(next),
                            reason,
                        });
                    }
                }
                let setup = core.setup.clone();
                let preprocessed = Preprocessed::read(&setup, &message);
                core.take_peer(now, key, &message, &preprocessed, next, slot);
            }
        });
    }

    /// The branch is no longer waited for; should it still answer, it is cancelled, or becomes a call of its own.
    fn abandon(&mut self, key: ContextKey, number: usize, client: ClientKey) {
        self.transactions.abandon(client);
        let branch = self
            .contexts
            .get_mut(key)
            .and_then(|context| context.branches.get_mut(number));
        if let Some(branch) = branch {
            branch.phase = Phase::Abandoned;
        }
    }

    /// Timer C (RFC 3261 §16.8): it rang and nobody answered.
    fn ring_out(&mut self, now: Instant, key: ContextKey) {
        self.cancel_branches(now, key, EndCause::NoAnswer);
    }

    /// A client transaction ended without a final response.
    pub(super) fn client_failed(
        &mut self,
        now: Instant,
        _client: ClientKey,
        owner: Owner,
        transport: bool,
    ) {
        if let Owner::Own(number) = owner {
            let reply = match transport {
                true => Reply::Unreachable,
                false => Reply::Silence,
            };
            return self.own_finished(now, number, reply);
        }
        if let Owner::Probe(number) = owner {
            return self.probe_unanswered(now, number);
        }
        let Some((key, number)) = context_of(owner) else {
            return;
        };
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        let invite = context.method == Method::Invite;
        let Some(branch) = context.branches.get_mut(usize::from(number)) else {
            return;
        };
        let (before, peer) = (branch.phase, branch.peer);
        branch.phase = Phase::Closed;
        let failure = if transport {
            Failure::Transport
        } else {
            Failure::Timeout
        };
        match before {
            Phase::Abandoned | Phase::Succeeded | Phase::Closed => {
                return self.branch_closed(now, key, peer);
            }
            Phase::Waiting | Phase::Proceeding => {}
        }
        // Silence has been reported already if `timers.try` has fired.
        let unreported = transport
            || self
                .contexts
                .get(key)
                .is_some_and(|context| context.timer.is_some());
        if let (Some(peer), Phase::Waiting, true) = (peer, before, unreported) {
            self.ledger.report(now, peer, Observation::Failed(failure));
        }
        let outcome = if transport {
            AttemptOutcome::Transport
        } else {
            AttemptOutcome::Timeout
        };
        self.attempt_came_out(key, peer, outcome);
        let peers_fault = self.covers(key, failure);
        // RFC 3261 §16.8, §16.9: as if 408, or 503, had come. RFC 4320: no late 408 to other than INVITE.
        if let Some(context) = self.contexts.get_mut(key)
            && context.best.is_none()
            && (invite || transport)
        {
            let status = if transport { 503 } else { 408 };
            context.collect(Collected {
                status,
                peers_fault,
                payload: bytes::Bytes::new(),
            });
        }
        self.branch_failed(now, key, peer, failure);
    }

    /// The next address of a URI's host (RFC 3263 §4.3); false when there is none.
    fn next_address(&mut self, now: Instant, key: ContextKey) -> bool {
        let Some(context) = self.contexts.get_mut(key) else {
            return false;
        };
        if context.alternatives.is_empty() {
            return false;
        }
        let destination = context.alternatives.remove(0);
        let request = context.request.clone();
        self.with_parsed(&request, |core, parsed| {
            let Ok(message) = parsed else { return false };
            let setup = core.setup.clone();
            let preprocessed = Preprocessed::read(&setup, &message);
            core.send_branch(
                now,
                key,
                &message,
                &preprocessed,
                Target {
                    destination,
                    peer: None,
                },
            )
            .is_ok()
        })
    }

    /// The datagram that came back names its branch in its first Via.
    pub(super) fn unreachable(&mut self, now: Instant, bytes: &[u8]) {
        let Some(branch) = top_branch(bytes) else {
            return;
        };
        let word = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
        if let Some(client) = self
            .transactions
            .find_client_by_branch(branch, Method::of(word))
        {
            self.transactions.transport_failed(now, client);
        }
    }

    /// A client transaction is gone: its branch brings nothing more.
    pub(super) fn client_gone(&mut self, now: Instant, _client: ClientKey, owner: Owner) {
        let Some((key, number)) = context_of(owner) else {
            return;
        };
        let branch = self
            .contexts
            .get_mut(key)
            .and_then(|context| context.branches.get_mut(usize::from(number)));
        let Some(branch) = branch else { return };
        branch.phase = Phase::Closed;
        let peer = branch.peer;
        self.branch_closed(now, key, peer);
    }

    /// A server transaction is gone. One that never had a final response had nobody left to give it.
    pub(super) fn server_gone(&mut self, context: Option<ContextKey>) {
        if let Some(key) = context {
            self.drop_if_done(key);
        }
    }
}

fn reason_of(failure: Failure) -> FailoverReason {
    match failure {
        Failure::Timeout => FailoverReason::Timeout,
        Failure::Transport => FailoverReason::Transport,
        Failure::Status(status) => FailoverReason::Status(status),
    }
}

/// Our branch in a request of ours that may be cut short: we write Via first and `branch` into it.
fn top_branch(bytes: &[u8]) -> Option<&[u8]> {
    const MARK: &[u8] = b";branch=";
    let at = memchr::memmem::find(bytes, MARK)? + MARK.len();
    let rest = bytes.get(at..)?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b';' | b'\r' | b'\n' | b',' | b' '))?;
    rest.get(..end)
}
