//! What of a peer is news once it changes, without words: so that looking at thousands of peers each second, of which
//! none has changed, costs next to nothing.

use std::time::Instant;

use smallvec::SmallVec;

use super::account::Account;
use super::ask::Admin;
use super::directory::Peer;
use super::feedback::{Acceptance, FeedbackOutcome};
use super::id::ResourceId;
use super::view::Health;
use crate::base::limits::{EVENTS_DRIFT_CALLS, EVENTS_DRIFT_SHARE};

/// One peer at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// It is configured no more, and still holds calls.
    pub removed: bool,
    /// Whether it may be given a call now, were there room.
    pub eligible: bool,
    /// Whether our count of its calls is off its own list by more than calls that come and go explain.
    pub adrift: bool,
    admin: Admin,
    /// Whether its drain is over; none when nobody drains it.
    drained: Option<bool>,
    health: Health,
    accepting: bool,
    weight: u32,
    /// Whether its last report still counts, and what that says.
    report: Option<(bool, Acceptance)>,
    /// Reports that were not taken.
    refused: u64,
    capacities: SmallVec<[(ResourceId, Option<u32>); 2]>,
}

impl Sign {
    pub(super) fn of(account: &Account, peer: &Peer, now: Instant) -> Self {
        let tally = &account.tally.reports;
        let rows = account.rows();
        Self {
            removed: peer.removed,
            eligible: account.eligible,
            adrift: is_adrift(account),
            admin: account.admin,
            drained: account.drained_by(now).map(|_| account.slots == 0),
            health: account.vitals.health(),
            accepting: account.accepts(),
            weight: account.weight(),
            report: account
                .reports
                .at
                .map(|_| (account.reports.is_fresh(now), account.reports.acceptance())),
            refused: tally.iter().sum::<u64>() - tally[FeedbackOutcome::Accepted.index()],
            capacities: rows
                .map(|(id, standing)| (id, standing.shown_capacity()))
                .collect(),
        }
    }
}

fn is_adrift(account: &Account) -> bool {
    let explained = EVENTS_DRIFT_CALLS.max((account.slots as f64 * EVENTS_DRIFT_SHARE) as u64);
    let drift = account.drift();
    drift.is_some_and(|drift| drift.unsigned_abs() > explained)
}
