//! What is believed of a peer's reports, and until when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::feedback::{Acceptance, FeedbackError, Report, ResourceReport};
use super::ledger::Ledger;
use super::reckon::Idle;
use super::view::Identity;
use crate::base::limits::FEEDBACK_TTL_SECONDS_MAX;

/// A value with the moment from which it counts no more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fresh<T> {
    pub value: T,
    pub until: Instant,
}

/// A report whose values are possible.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    pub idle: Option<Idle>,
    pub ttl: Duration,
}

/// Accepting, and how much: a peer's own word, apart from ours. Every value lapses at its own time.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    pub seq: Option<u64>,
    pub boot_id: Option<Arc<str>>,
    earlier_boot_id: Option<Arc<str>>,
    /// The peer has restarted, and nobody has said yet that its calls' end is seen to; with when the run before last
    /// reported, if that is known.
    pub untold: Option<Option<Instant>>,
    pub at: Option<Instant>,
    pub until: Option<Instant>,
    pub state: Option<Fresh<Acceptance>>,
    /// Since when it has said, without another word in between, that it drains.
    pub draining_since: Option<Instant>,
    pub idle: Option<Fresh<Idle>>,
    pub calls: Option<Fresh<u32>>,
}

impl Report {
    /// Refuses what cannot be.
    pub(super) fn check(&self, configured_ttl: Duration) -> Result<Checked, FeedbackError> {
        let impossible = |what| Err(FeedbackError::Impossible(what));
        let says_nothing = self.seq.is_none()
            && self.state.is_none()
            && self.cpu_idle.is_none()
            && self.ttl_seconds.is_none()
            && self.boot_id.is_none()
            && self.resources.is_empty()
            && self.calls.is_none();
        if says_nothing {
            return impossible("a report must say something");
        }
        let idle = match self.cpu_idle.map(Idle::of) {
            None => None,
            Some(Some(idle)) => Some(idle),
            Some(None) => return impossible("cpu_idle must be within 0 and 1"),
        };
        let ttl = match self.ttl_seconds {
            None => configured_ttl,
            Some(seconds) if seconds > 0.0 && seconds <= f64::from(FEEDBACK_TTL_SECONDS_MAX) => {
                Duration::from_secs_f64(seconds)
            }
            Some(_) => return impossible("ttl_seconds must be above 0 and at most 86400"),
        };
        let too_many = |units: Option<u64>| units.is_some_and(|units| units > u64::from(u32::MAX));
        let absurd = |said: &ResourceReport| too_many(said.used) || too_many(said.max);
        if self.resources.iter().any(|(_, said)| absurd(said)) {
            return impossible("used and max must be below 2^32");
        }
        Ok(Checked { idle, ttl })
    }
}

impl Reports {
    /// Whether the report is in order; `Ok(true)`: the peer has restarted.
    pub fn order(&self, report: &Report) -> Result<bool, FeedbackError> {
        let named = report.boot_id.as_ref();
        let is_other = named.is_some() && named != self.boot_id.as_ref();
        if is_other && named == self.earlier_boot_id.as_ref() {
            return Err(FeedbackError::OldBoot);
        }
        let restarted = is_other && self.boot_id.is_some();
        match (report.seq, self.seq) {
            (Some(got), Some(accepted)) if !restarted && got <= accepted => {
                Err(FeedbackError::OldSeq { got, accepted })
            }
            (None | Some(_), None | Some(_)) => Ok(restarted),
        }
    }

    /// Takes a report that is in order.
    pub fn take(&mut self, now: Instant, report: &Report, checked: Checked, restarted: bool) {
        if restarted {
            let earlier_boot_id = self.boot_id.take();
            *self = Self {
                earlier_boot_id,
                ..Self::default()
            };
        }
        let until = now + checked.ttl;
        self.seq = report.seq.or(self.seq);
        if report.boot_id.is_some() {
            self.boot_id.clone_from(&report.boot_id);
        }
        (self.at, self.until) = (Some(now), Some(until));
        let drained = self.acceptance() == Acceptance::Draining;
        renew(&mut self.state, report.state, until);
        let drains = self.acceptance() == Acceptance::Draining;
        let before = self.draining_since.filter(|_| drained);
        self.draining_since = drains.then(|| before.unwrap_or(now));
        renew(&mut self.idle, checked.idle, until);
        renew(&mut self.calls, report.calls, until);
    }

    /// As an earlier process of ours knew it.
    pub fn recall(&mut self, said: &Identity, now: Instant, ttl: Duration) {
        self.boot_id.clone_from(&said.boot_id);
        self.seq = said.seq;
        let state = said.draining.then_some(Acceptance::Draining);
        renew(&mut self.state, state, now + ttl);
        self.draining_since = said.draining.then_some(now);
    }

    /// Forgets what has lapsed.
    pub fn pass_time(&mut self, now: Instant) {
        lapse(&mut self.state, now);
        lapse(&mut self.idle, now);
        lapse(&mut self.calls, now);
    }

    pub fn next_change(&self) -> Option<Instant> {
        let moments = [until(&self.state), until(&self.idle), until(&self.calls)];
        moments.into_iter().flatten().min()
    }

    /// Whether the last report still counts.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    pub fn acceptance(&self) -> Acceptance {
        self.state
            .map_or(Acceptance::Accepting, |state| state.value)
    }

    pub fn idle(&self) -> Idle {
        self.idle.map_or(Idle::WHOLE, |idle| idle.value)
    }
}

/// Takes over what was said; what was not keeps its value and its time.
pub(super) fn renew<T>(known: &mut Option<Fresh<T>>, said: Option<T>, until: Instant) {
    if let Some(value) = said {
        *known = Some(Fresh { value, until });
    }
}

/// Forgets a value whose time is over.
pub(super) fn lapse<T>(known: &mut Option<Fresh<T>>, now: Instant) {
    if known.as_ref().is_some_and(|fresh| fresh.until <= now) {
        *known = None;
    }
}

/// When a value lapses.
pub(super) fn until<T>(known: &Option<Fresh<T>>) -> Option<Instant> {
    known.as_ref().map(|fresh| fresh.until)
}

impl Ledger {
    /// What is kept over a restart of what the peers said of themselves, where there is anything.
    pub fn identities(&self) -> Vec<Identity> {
        let directory = self.directory();
        self.locked(|state| {
            let peers = directory.peers().filter_map(|peer| {
                let reports = &state.account(peer.id)?.reports;
                let draining = reports.acceptance() == Acceptance::Draining;
                (draining || reports.boot_id.is_some()).then(|| Identity {
                    peer: peer.name.clone(),
                    boot_id: reports.boot_id.clone(),
                    seq: reports.seq,
                    draining,
                })
            });
            peers.collect()
        })
    }

    /// Takes up what [`Ledger::identities`] told an earlier process, unless the peer has spoken since. Nothing else is
    /// known of the peer by that. That it drains is believed for the configured `ttl`.
    pub fn recall(&self, now: Instant, said: &Identity) {
        let Some(peer) = self.directory().peer_named(&said.peer) else {
            return;
        };
        self.locked(|state| {
            let now = state.advance(now);
            let account = state.account_mut(peer);
            if let Some(account) = account.filter(|account| account.reports.at.is_none()) {
                account.reports.recall(said, now, account.ttl);
            }
            state.refresh(peer);
        });
    }
}
