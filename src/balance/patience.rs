//! When it is worth asking again: what a 503 tells the caller.

use std::time::{Duration, Instant};

use super::account::Account;
use super::ask::Admin;
use super::feedback::Acceptance;
use super::health::Life;
use super::id::{Demand, GroupId};
use super::reports;
use super::state::State;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(120);
/// Where calls hold everything and none has ended lately.
const UNKNOWN: Duration = Duration::from_secs(30);
/// One answer serves all callers for this long.
const KEPT: Duration = Duration::from_millis(100);

/// An answer that was given lately.
#[derive(Clone, Debug)]
pub(super) struct Given {
    until: Instant,
    demand: Demand,
    wait: Duration,
}

impl State {
    /// The shortest wait that any peer of the group promises, within 1 s to 120 s.
    pub fn retry_after(&mut self, group: GroupId, demand: &Demand) -> Duration {
        let now = self.now;
        let Some(pool) = self.pool(group) else {
            return LONGEST;
        };
        if let Some(given) = pool.retry_given.as_ref()
            && now < given.until
            && given.demand == *demand
        {
            return given.wait;
        }
        let mut soonest = LONGEST;
        let mut full = false;
        let mut releases = 0.0;
        for member in &pool.members {
            let Some(account) = self.account(member.peer) else {
                continue;
            };
            match account.wait(now, demand) {
                Wait::For(time) => soonest = soonest.min(time),
                Wait::ForRelease { or } => {
                    full = true;
                    soonest = soonest.min(or.unwrap_or(LONGEST));
                    releases += account.tally.releases.per_second(now);
                }
                Wait::Forever => {}
            }
        }
        if full {
            // Others wait as well: two releases are one for this caller.
            let release = 2.0 / f64::max(releases, 2.0 / UNKNOWN.as_secs_f64());
            soonest = soonest.min(Duration::from_secs_f64(release));
        }
        let wait = soonest.clamp(SHORTEST, LONGEST);
        let given = Given {
            until: now + KEPT,
            demand: demand.clone(),
            wait,
        };
        if let Some(Some(pool)) = self.pools.get_mut(usize::from(group.0)) {
            pool.retry_given = Some(given);
        }
        wait
    }
}

/// What a peer that cannot take a call waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wait {
    For(Duration),
    /// A call of its own has to end; or a report of foreign load lapses.
    ForRelease {
        or: Option<Duration>,
    },
    /// Somebody has to do something.
    Forever,
}

impl Account {
    fn wait(&self, now: Instant, demand: &Demand) -> Wait {
        let wanted = self.configured && self.resolved && self.admin == Admin::Enabled;
        if !wanted || !self.offers(demand) {
            return Wait::Forever;
        }
        let left = |at: Instant| at.saturating_duration_since(now);
        let mut wait = Duration::ZERO;
        match self.vitals.life {
            Life::Unknown | Life::Up => {}
            Life::Trial(_) => wait = SHORTEST,
            Life::Down(down) => {
                let rest = left(down.rest_until);
                let probe = self.tally.next_probe.map_or(rest, left);
                let missing = self.rules.probe.up_after.saturating_sub(down.signs).max(1);
                wait = probe + self.rules.probe.interval * (missing - 1);
            }
        }
        let refuses = self.reports.state;
        let refuses = refuses.filter(|state| state.value != Acceptance::Accepting);
        let moments = [
            self.penalty.until(),
            refuses.map(|state| state.until),
            self.bucket.and_then(|bucket| bucket.next_token()),
        ];
        let wait = moments
            .into_iter()
            .flatten()
            .map(left)
            .fold(wait, Duration::max);
        if self.fits(demand) || !wait.is_zero() {
            return Wait::For(wait);
        }
        let lapses = demand.items().iter().filter_map(|(id, _)| {
            let resource = self.resource(*id)?;
            let reported = [
                reports::until(&resource.foreign),
                reports::until(&resource.max),
            ];
            reported.into_iter().flatten().min()
        });
        let idle = reports::until(&self.reports.idle);
        let or = lapses.chain(idle).min().map(left);
        if self.slots == 0 {
            return or.map_or(Wait::Forever, Wait::For);
        }
        Wait::ForRelease { or }
    }
}
