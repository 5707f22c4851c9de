//! A peer that is being emptied: who began it, what is left, and when the last call may be over.
//!
//! How long it takes is told from the ages of the calls that were there when it began. While calls come evenly, a call
//! in progress has as long to go, in distribution, as it has lasted: whoever looks in meets it anywhere between its two
//! ends. So the ages at the beginning are a sample of what was left of each call at the beginning, whatever calls are
//! like; nothing has to be remembered of calls that are over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::account::Account;
use super::ask::Admin;
use super::feedback::Acceptance;
use super::id::PeerId;
use super::ledger::Ledger;
use crate::base::limits::DRAIN_DEADLINE_SECONDS_MAX;

/// A moment by two clocks. The one on the wall may be set, so that only the other one tells how much time has passed.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the clock that only goes on.
    pub now: Instant,
    /// By the one on the wall, in milliseconds since 1970.
    pub unix_ms: u64,
}

impl Moment {
    /// When a deadline is that the clock on the wall, as it is now, says. One further off than may be set is as far off as may be.
    fn instant_of(self, deadline_unix_ms: u64) -> Instant {
        let left = Duration::from_millis(deadline_unix_ms.saturating_sub(self.unix_ms));
        self.now + left.min(Duration::from_secs(DRAIN_DEADLINE_SECONDS_MAX.into()))
    }
}

/// An operator's drain. Milliseconds since 1970, so that it outlives the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drain {
    /// When it began, where that is known.
    pub since_unix_ms: Option<u64>,
    /// From when on no call is left to it; none: calls end by themselves.
    pub deadline_unix_ms: Option<u64>,
}

/// Who drains a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainedBy {
    /// The operator, whatever the peer says.
    Operator(Drain),
    /// The peer, by its own report, for so long by now.
    Peer(Duration),
}

/// A peer that is being emptied, or is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainView {
    /// Who drains it.
    pub by: DrainedBy,
    /// Calls that are counted on it. One that it placed to itself counts twice.
    pub calls_left: u64,
    /// Until the last of them may be over; none: not known.
    pub expected: Option<Duration>,
    /// Until no call is left to it; none: calls end by themselves.
    pub deadline_in: Option<Duration>,
}

impl DrainView {
    /// Whether no call is left.
    pub fn is_over(&self) -> bool {
        self.calls_left == 0
    }

    /// As the API shows it.
    pub fn as_str(&self) -> &'static str {
        if self.is_over() {
            "drained"
        } else {
            "draining"
        }
    }
}

/// What is to be looked after of a drain that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draining {
    /// Whose.
    pub peer: PeerId,
    /// Who drains it.
    pub by: DrainedBy,
    /// From when on no call is left to it.
    pub deadline: Option<Instant>,
    /// Nobody has said yet how old its calls are.
    pub ages_wanted: bool,
}

/// The ages that a peer's calls had when its drain began.
#[derive(Clone, Debug)]
pub(super) struct Ages {
    /// When the drain began: so long before `told`.
    ran: Duration,
    told: Instant,
    /// Ascending.
    ages: Arc<[Duration]>,
}

impl Ages {
    /// The mean of the longest of `left` rests, drawn from those ages that are not yet outlived; none when all are.
    fn expected(&self, now: Instant, left: u64) -> Option<Duration> {
        let ran = self.ran + now.saturating_duration_since(self.told);
        let outlived = self.ages.partition_point(|age| *age <= ran);
        let rests = self
            .ages
            .get(outlived..)
            .filter(|rests| !rests.is_empty())?;
        let mut below = 0.0;
        let parts = rests.iter().enumerate().map(|(rank, age)| {
            let up_to = ((rank + 1) as f64 / rests.len() as f64).powf(left as f64);
            let share = (up_to - std::mem::replace(&mut below, up_to)).max(0.0);
            (*age - ran).as_secs_f64() * share
        });
        Duration::try_from_secs_f64(parts.sum()).ok()
    }
}

/// A drain, copied out under the lock.
#[derive(Debug)]
pub(super) struct Snapshot {
    by: DrainedBy,
    calls_left: u64,
    ages: Option<Ages>,
    deadline_in: Option<Duration>,
    now: Instant,
}

impl Snapshot {
    pub fn of(account: &Account, now: Instant) -> Option<Self> {
        Some(Self {
            by: account.drained_by(now)?,
            calls_left: account.slots,
            ages: account.ages.clone(),
            deadline_in: account
                .deadline()
                .map(|deadline| deadline.saturating_duration_since(now)),
            now,
        })
    }

    pub fn view(self) -> DrainView {
        let expected = match (self.calls_left, &self.ages) {
            (0, _) => Some(Duration::ZERO),
            (left, Some(ages)) => ages.expected(self.now, left),
            (_, None) => None,
        };
        DrainView {
            by: self.by,
            calls_left: self.calls_left,
            expected,
            deadline_in: self.deadline_in,
        }
    }
}

impl Account {
    /// From when on no call is left to it.
    fn deadline(&self) -> Option<Instant> {
        self.deadline.filter(|_| self.admin == Admin::Draining)
    }

    fn set_deadline(&mut self, at: Moment, deadline_unix_ms: Option<u64>) {
        self.drain.deadline_unix_ms = deadline_unix_ms;
        self.deadline = deadline_unix_ms.map(|deadline| at.instant_of(deadline));
    }

    /// Who drains it; none when nobody does. What it is without being wanted is no drain.
    pub(super) fn drained_by(&self, now: Instant) -> Option<DrainedBy> {
        match self.admin {
            Admin::Draining => Some(DrainedBy::Operator(self.drain)),
            Admin::Disabled => None,
            Admin::Enabled => {
                let since = self.reports.draining_since;
                let reported = self.reports.acceptance() == Acceptance::Draining;
                let since = since.filter(|_| reported)?;
                Some(DrainedBy::Peer(now.saturating_duration_since(since)))
            }
        }
    }
}

impl Ledger {
    /// The operator drains a peer. A drain that goes on keeps its beginning, and its deadline unless a new one is given.
    pub fn drain(&self, peer: PeerId, at: Moment, drain: Drain) {
        self.change(peer, |account| {
            account.admin = Admin::Draining;
            let before = account.drain.since_unix_ms;
            account.drain.since_unix_ms = before.or(drain.since_unix_ms);
            if drain.deadline_unix_ms.is_some() {
                account.set_deadline(at, drain.deadline_unix_ms);
            }
        });
    }

    /// Sets the deadline of a drain of the operator's, or takes it back, where one goes on.
    pub fn set_deadline(&self, peer: PeerId, at: Moment, deadline_unix_ms: Option<u64>) {
        self.change(peer, |account| {
            if account.admin == Admin::Draining {
                account.set_deadline(at, deadline_unix_ms);
            }
        });
    }

    /// The deadline of a drain of the operator's, as it stands at this moment.
    pub fn deadline(&self, peer: PeerId) -> Option<Instant> {
        self.locked(|state| state.account(peer)?.deadline())
    }

    /// Takes the operator's word. It outlives reloads. Any other than draining ends a drain with its deadline.
    pub fn set_admin(&self, peer: PeerId, admin: Admin) {
        self.change(peer, |account| {
            account.admin = admin;
            if admin != Admin::Draining {
                account.drain = Drain::default();
                account.deadline = None;
            }
        });
    }

    /// Every drain that is not over, also of peers that have been removed since.
    pub fn drains(&self, now: Instant) -> Vec<Draining> {
        self.locked(|state| {
            let now = state.advance(now);
            let draining = |(peer, account): (u32, &mut Account)| {
                let Some(by) = account.drained_by(now) else {
                    account.ages = None;
                    return None;
                };
                (account.slots > 0).then(|| Draining {
                    peer: PeerId(peer),
                    by,
                    deadline: account.deadline(),
                    ages_wanted: account.ages.is_none(),
                })
            };
            let accounts = (0..).zip(&mut state.accounts);
            accounts.filter_map(draining).collect()
        })
    }

    /// How old a peer's calls were when its drain began, so long ago by now. Forgotten with the drain.
    pub fn tell_ages(&self, now: Instant, peer: PeerId, ran: Duration, mut ages: Vec<Duration>) {
        ages.sort_unstable();
        self.locked(|state| {
            let told = state.advance(now);
            if let Some(account) = state.account_mut(peer) {
                let ages = ages.into();
                account.ages = Some(Ages { ran, told, ages });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: f64) -> Duration {
        Duration::from_secs_f64(count)
    }

    fn told(ages: &[f64]) -> (Ages, Instant) {
        let told = Instant::now();
        let ages = Ages {
            ran: Duration::ZERO,
            told,
            ages: ages.iter().copied().map(seconds).collect(),
        };
        (ages, told)
    }

    #[test]
    fn one_call_is_expected_to_last_as_long_again_and_nothing_is_known_once_it_has() {
        let (ages, at) = told(&[60.0]);
        assert_eq!(ages.expected(at, 1), Some(seconds(60.0)));
        assert_eq!(ages.expected(at + seconds(45.0), 1), Some(seconds(15.0)));
        assert_eq!(ages.expected(at + seconds(60.0), 1), None);
        assert_eq!(told(&[]).0.expected(at, 3), None);
    }

    #[test]
    fn what_began_before_it_was_told_has_run_already() {
        let (mut ages, at) = told(&[10.0, 100.0]);
        ages.ran = seconds(50.0);
        assert_eq!(ages.expected(at, 1), Some(seconds(50.0)));
    }

    /// Calls of exponential length with a mean of 180 s, 2 a second, in the fifth hour: the time that the last one takes.
    #[test]
    fn the_expectation_comes_near_to_what_calls_that_came_evenly_take() {
        let mut rng = fastrand::Rng::with_seed(5);
        let (mut expected, mut took, rounds) = (0.0, 0.0, 60);
        for _ in 0..rounds {
            let (mut live, mut rests) = (Vec::new(), Vec::new());
            for call in 0..36_000 {
                let age = 0.5 * f64::from(call);
                let length = -180.0 * (1.0 - rng.f64()).ln();
                if length > age {
                    live.push(age);
                    rests.push(length - age);
                }
            }
            let left = live.len() as u64;
            let (ages, at) = told(&live);
            expected += ages.expected(at, left).expect("known").as_secs_f64();
            took += rests.iter().copied().fold(0.0, f64::max);
        }
        let ratio = expected / took;
        assert!((0.85..1.15).contains(&ratio), "{ratio}");
    }
}
