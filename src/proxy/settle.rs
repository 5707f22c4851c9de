//! The final response of a context that no 2xx settled.

use bytes::Bytes;
use std::time::Instant;

use super::context::Collected;
use super::core::Core;
use super::reject::Reject;
use super::stats::Outcome;
use crate::balance::EndCause;
use crate::sip::{HeaderName, Message};
use crate::transaction::ContextKey;

impl Core {
    /// Answers with a response of our own, and ends the call.
    pub(super) fn settle_with(
        &mut self,
        now: Instant,
        key: ContextKey,
        reject: &Reject,
        cause: EndCause,
        outcome: Outcome,
    ) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        let (request, source) = (context.request.clone(), context.source);
        let payload = self.with_parsed(&request, |core, parsed| {
            let message = parsed.ok()?;
            core.build_reject(&message, source, reject);
            Some(Bytes::copy_from_slice(&core.buffer))
        });
        if let Some(payload) = payload {
            self.respond(now, key, reject.status, payload);
        }
        self.conclude(now, key, reject.status, cause, outcome);
    }

    /// Answers with the best of what came (RFC 3261 §16.7 step 6).
    pub(super) fn settle_best(&mut self, now: Instant, key: ContextKey) {
        let cause = self.refusal_cause(key);
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        let Some(best) = context.best.take() else {
            // A request other than INVITE that nobody answered in time: its client has timed out too (RFC 4320).
            return self.conclude(now, key, 408, EndCause::NoAnswer, Outcome::Failed);
        };
        let challenges = std::mem::take(&mut context.challenges);
        // One peer's 503 is not ours: others would take the next call.
        let status = if best.status == 503 { 500 } else { best.status };
        let (cause, outcome) = match status {
            408 if best.payload.is_empty() => (EndCause::NoAnswer, Outcome::Failed),
            300..=499 | 600.. => (cause, Outcome::Rejected),
            _ => (cause, Outcome::Failed),
        };
        if best.payload.is_empty() || best.status == 503 {
            return self.settle_with(now, key, &Reject::new(status), cause, outcome);
        }
        let payload = self.with_challenges(best.payload, &challenges);
        self.respond(now, key, status, payload);
        self.conclude(now, key, status, cause, outcome);
    }

    /// Keeps a final response, ready to be sent back.
    pub(super) fn collect(&mut self, key: ContextKey, message: &Message<'_>, peers_fault: bool) {
        let payload = self.without_our_via(message);
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        let status = message.status();
        let kept = context.collect(Collected {
            status,
            peers_fault,
            payload,
        });
        if kept || !matches!(status, 401 | 407) {
            return;
        }
        for header in message.headers() {
            if matches!(
                header.name,
                HeaderName::ProxyAuthenticate | HeaderName::WwwAuthenticate
            ) {
                let line = header.line.of(message.bytes());
                context.challenges.extend_from_slice(line);
            }
        }
    }

    /// Every challenge goes back, so that the caller can answer all at once (RFC 3261 §16.7 step 7).
    fn with_challenges(&mut self, payload: Bytes, challenges: &[u8]) -> Bytes {
        if challenges.is_empty() {
            return payload;
        }
        self.with_parsed(&payload, |core, parsed| {
            let Ok(message) = parsed else {
                return payload.clone();
            };
            if !matches!(message.status(), 401 | 407) {
                return payload.clone();
            }
            core.edits.clear();
            core.edits
                .prepend_header(&message, HeaderName::ProxyAuthenticate, challenges);
            core.buffer.clear();
            core.edits.apply(message.bytes(), &mut core.buffer);
            Bytes::copy_from_slice(&core.buffer)
        })
    }

    /// The caller gave up, or the call was ended from here: 487 (RFC 3261 §9.2), 408 when nobody answered.
    pub(super) fn settle_cancelled(&mut self, now: Instant, key: ContextKey) {
        let cause = self.refusal_cause(key);
        let rung_out = cause == EndCause::NoAnswer;
        let (status, outcome) = if rung_out {
            (408, Outcome::Failed)
        } else {
            (487, Outcome::Cancelled)
        };
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        // A final response that crossed the CANCEL stands, unless it only says that another peer would have to be asked; the
        // 487 to our own CANCEL does not say why.
        let says_nothing = |best: &Collected| {
            let one_peers = best.peers_fault || best.status == 503;
            one_peers || best.payload.is_empty() || rung_out && best.status == 487
        };
        match context.best.take_if(|best| !says_nothing(best)) {
            Some(best) => {
                self.respond(now, key, best.status, best.payload);
                self.conclude(now, key, best.status, cause, outcome);
            }
            None => self.settle_with(now, key, &Reject::new(status), cause, outcome),
        }
    }

    /// After the final response: the call's end, the dialog's, the context's.
    fn conclude(
        &mut self,
        now: Instant,
        key: ContextKey,
        status: u16,
        cause: EndCause,
        outcome: Outcome,
    ) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        let (call, group) = (context.call(), context.group);
        let failed = match outcome {
            Outcome::Exhausted | Outcome::Failed => true,
            Outcome::Answered | Outcome::Rejected | Outcome::Cancelled => false,
        };
        if failed || context.branches.len() > 1 {
            self.decided(now, key, status, outcome);
        }
        if let Some(call) = call {
            self.came_out(group, outcome);
            self.end_call(now, call, cause);
        }
        self.dialog_request_finished(now, key, status);
        self.settled(now, key);
    }
}
