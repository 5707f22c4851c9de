//! Decisions that did not succeed at the first try are told, so many a second and no more. Those that do cost nothing here.

use std::time::{Duration, Instant};

use super::core::Core;
use super::port::{Decided, Notice};
use super::request::Incoming;
use super::route::{Decision, decide};
use super::stats::Outcome;
use crate::balance::{Ask, PeerId, Step, Verdict};
use crate::base::limits::{DECISION_CALL_ID_MAX, DECISIONS_EACH};
use crate::sip::Method;
use crate::transaction::ContextKey;

/// How many are told.
pub(super) struct Gate {
    since: Instant,
    told: u32,
    unseen: u64,
}

impl Gate {
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            told: 0,
            unseen: 0,
        }
    }

    /// Whether one more may be told, and how many were not before it.
    fn pass(&mut self, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.told) = (now, 0);
        }
        if self.told >= DECISIONS_EACH {
            self.unseen += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.unseen))
    }
}

impl Core {
    /// The set-up of a call has come out so, before its end is counted.
    pub(super) fn decided(&mut self, now: Instant, key: ContextKey, status: u16, outcome: Outcome) {
        let Some(unseen) = self.gate.pass(now) else {
            return;
        };
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        let Some(call) = context.call().and_then(|call| self.calls.get(call)) else {
            return;
        };
        let failed = matches!(outcome, Outcome::Exhausted | Outcome::Failed);
        let others: Vec<(PeerId, Vec<String>)> = match context.ladder().filter(|_| failed) {
            Some(ladder) => {
                let ask = Ask {
                    group: call.group.unwrap_or(ladder.group),
                    demand: &ladder.demand,
                    step: Step::Balance,
                    tried: &[],
                    hash_key: &[],
                };
                let tried = &ladder.tried;
                let verdicts = self.ledger.explain(now, &ask).into_iter();
                verdicts
                    .filter(|(peer, _)| !tried.contains(peer))
                    .map(|(peer, verdict)| (peer, words(verdict)))
                    .collect()
            }
            None => Vec::new(),
        };
        let decided = Decided {
            call: Some(call.id),
            call_id: shown(call.call_id()),
            group: call.group,
            route: usize::from(call.route),
            attempts: call.attempts.to_vec(),
            others,
            outcome,
            status,
            unseen,
        };
        self.notice(Notice::Decided(Box::new(decided)));
    }

    /// The routes refuse a call.
    pub(super) fn refused(&mut self, now: Instant, incoming: Incoming<'_, '_>, status: u16) {
        if incoming.message.method() != Method::Invite {
            return;
        }
        let Some(unseen) = self.gate.pass(now) else {
            return;
        };
        let route = match decide(&self.setup, incoming.message, &incoming.caller) {
            Decision::Route(route) => route.number,
            Decision::RequestUri | Decision::FirstGroup(_) | Decision::None => 0,
        };
        let decided = Decided {
            call: None,
            call_id: shown(incoming.message.call_id()),
            group: None,
            route,
            attempts: Vec::new(),
            others: Vec::new(),
            outcome: Outcome::Rejected,
            status,
            unseen,
        };
        self.notice(Notice::Decided(Box::new(decided)));
    }
}

fn shown(call_id: &[u8]) -> String {
    let shown = call_id.get(..DECISION_CALL_ID_MAX).unwrap_or(call_id);
    String::from_utf8_lossy(shown).into_owned()
}

fn words(verdict: Verdict) -> Vec<String> {
    match verdict {
        Verdict::Chosen => {
            vec!["it could take a call now, and was not to be tried any more".to_owned()]
        }
        Verdict::PassedOver(words) => vec![words],
        Verdict::Unfit(words) => words,
    }
}
