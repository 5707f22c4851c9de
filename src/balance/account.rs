//! One peer's account: the four questions, each in fields of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::ask::{Admin, EndCause, Step};
use super::bucket::Bucket;
use super::configure::TTL_DEFAULT;
use super::drain::{Ages, Drain};
use super::feedback::FeedbackOutcome;
use super::health::{Rules, Vitals};
use super::id::{Demand, GroupId, ResourceId};
use super::reckon::{Load, Measure, Standing};
use super::recovery::{self, Penalty, Strikes};
use super::reports::{self, Fresh, Reports};
use super::topology::{Capacity, CapacityMode};
use super::view::ProbeOutcome;
use crate::base::histogram::Histogram;

/// Upper bounds of probes' round trip times, in seconds.
const RTT_BOUNDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0,
];

/// What is known of a peer. It outlives configuration.
#[derive(Debug)]
pub(super) struct Account {
    // Configured.
    pub configured: bool,
    pub resolved: bool,
    pub weight: u32,
    pub capacity_mode: CapacityMode,
    pub legs_per_call: u32,
    pub ttl: Duration,
    pub rules: Arc<Rules>,
    pub memberships: SmallVec<[Membership; 2]>,
    // How much?
    pub resources: SmallVec<[ResourceAccount; 2]>,
    pub slots: u64,
    pub marked: u64,
    pub bucket: Option<Bucket>,
    // Wanted?
    pub admin: Admin,
    /// While it drains.
    pub drain: Drain,
    /// What `drain.deadline_unix_ms` was by the clock that only goes on, when it was set.
    pub deadline: Option<Instant>,
    /// Of its calls when the drain began, once they have been told.
    pub ages: Option<Ages>,
    pub weight_set: Option<u32>,
    // Alive?
    pub vitals: Vitals,
    // Accepting?
    pub penalty: Penalty,
    pub reports: Reports,
    // Bias.
    pub strikes: Strikes,
    pub ramp_since: Option<Instant>,
    pub tally: Tally,
    // Derived by `State::refresh`, and by nothing else.
    pub eligible: bool,
    pub gated: bool,
    pub wake: Option<Instant>,
}

/// A peer's place in a group.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub group: GroupId,
    /// Its position in the group's pool; none: it does not serve that group any more.
    pub place: Option<u32>,
    pub selections: [u64; Step::ALL.len()],
}

/// One resource of one peer.
#[derive(Clone, Debug)]
pub(super) struct ResourceAccount {
    pub id: ResourceId,
    /// As configured; none: not offered.
    pub configured: Option<Capacity>,
    /// As the operator set it.
    pub resized: Option<Capacity>,
    pub own: u64,
    pub foreign: Option<Fresh<u64>>,
    /// What the first report of a new run said to be in use, and our own at that moment, which that run did not count.
    pub after_restart: Option<(u64, u64)>,
    pub max: Option<Fresh<u32>>,
}

/// What only ever grows, for metrics, and the last probe.
#[derive(Debug)]
pub(super) struct Tally {
    pub granted: u64,
    pub released: [u64; EndCause::ALL.len()],
    pub releases: Rate,
    pub reports: [u64; FeedbackOutcome::ALL.len()],
    pub probes: [u64; ProbeOutcome::ALL.len()],
    pub rtts: Histogram,
    pub last_status: Option<u16>,
    pub last_rtt: Option<Duration>,
    pub next_probe: Option<Instant>,
}

/// How often something happens, over the last ten to twenty seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    since: Instant,
    current: u32,
    previous: u32,
}

const RATE_WINDOW: Duration = Duration::from_secs(10);

impl Rate {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            current: 0,
            previous: 0,
        }
    }

    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if passed >= RATE_WINDOW {
            let previous = if passed < RATE_WINDOW * 2 {
                self.current
            } else {
                0
            };
            *self = Self {
                since: now,
                current: 0,
                previous,
            };
        }
    }

    pub fn count(&mut self, now: Instant) {
        self.turn(now);
        self.current += 1;
    }

    pub fn per_second(mut self, now: Instant) -> f64 {
        self.turn(now);
        let seconds = RATE_WINDOW + now.saturating_duration_since(self.since);
        f64::from(self.current + self.previous) / seconds.as_secs_f64()
    }
}

/// Fewer units were out than came back: a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Underflow;

impl Account {
    /// An empty account, of a peer that nothing is known of.
    pub fn new(now: Instant) -> Self {
        Self {
            configured: false,
            resolved: false,
            weight: 1,
            capacity_mode: CapacityMode::default(),
            legs_per_call: 1,
            ttl: TTL_DEFAULT,
            rules: Arc::default(),
            memberships: SmallVec::new(),
            resources: SmallVec::new(),
            slots: 0,
            marked: 0,
            bucket: None,
            admin: Admin::Enabled,
            drain: Drain::default(),
            deadline: None,
            ages: None,
            weight_set: None,
            vitals: Vitals::default(),
            penalty: Penalty::default(),
            reports: Reports::default(),
            strikes: Strikes::default(),
            ramp_since: None,
            tally: Tally {
                granted: 0,
                released: [0; EndCause::ALL.len()],
                releases: Rate::new(now),
                reports: [0; FeedbackOutcome::ALL.len()],
                probes: [0; ProbeOutcome::ALL.len()],
                rtts: Histogram::new(RTT_BOUNDS),
                last_status: None,
                last_rtt: None,
                next_probe: None,
            },
            eligible: false,
            gated: false,
            wake: None,
        }
    }

    /// The weight in force.
    pub fn weight(&self) -> u32 {
        self.weight_set.unwrap_or(self.weight)
    }

    pub fn resource(&self, id: ResourceId) -> Option<&ResourceAccount> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    pub fn resource_mut(&mut self, id: ResourceId) -> &mut ResourceAccount {
        let found = self.resources.iter().position(|resource| resource.id == id);
        let index = found.unwrap_or_else(|| {
            self.resources.push(ResourceAccount::new(id));
            self.resources.len() - 1
        });
        &mut self.resources[index]
    }

    /// One resource as it stands.
    pub fn standing(&self, id: ResourceId) -> Standing {
        let resource = self.resource(id);
        Standing {
            own: resource.map_or(0, |resource| resource.own),
            foreign: resource
                .and_then(|r| r.foreign)
                .map_or(0, |fresh| fresh.value),
            capacity: resource.and_then(|resource| resource.capacity(self.capacity_mode)),
            idle: self.reports.idle(),
        }
    }

    /// Whether it has every demanded resource at all, however full.
    pub fn offers(&self, demand: &Demand) -> bool {
        let mut items = demand.items().iter();
        items.all(|(id, _)| self.standing(*id).is_offered())
    }

    /// Whether every demanded resource has room.
    pub fn fits(&self, demand: &Demand) -> bool {
        let mut items = demand.items().iter();
        items.all(|(id, units)| self.standing(*id).fits(*units))
    }

    /// Where it stands for a demand.
    pub fn load(&self, demand: &Demand, measure: Measure) -> f64 {
        let mut load = Load::NONE;
        for (id, _) in demand.items() {
            let standing = self.standing(*id);
            load.add(standing, measure, self.weight(), self.strikes.count());
        }
        load.key(measure)
    }

    /// Puts a call on it.
    pub fn charge(&mut self, demand: &Demand, marked: bool) {
        for (id, units) in demand.items() {
            self.resource_mut(*id).own += u64::from(*units);
        }
        self.slots += 1;
        self.marked += u64::from(marked);
        self.tally.granted += 1;
    }

    /// Takes a call off it. A count that would fall below zero stays as it is, and the caller cries.
    pub fn uncharge(
        &mut self,
        now: Instant,
        demand: &Demand,
        marked: bool,
        cause: EndCause,
    ) -> Result<(), Underflow> {
        let mut sound = true;
        for (id, units) in demand.items() {
            let own = &mut self.resource_mut(*id).own;
            sound &= subtract(own, u64::from(*units));
            if cause == EndCause::PeerRestarted {
                self.gone_with_restart(*id, u64::from(*units));
            }
        }
        sound &= subtract(&mut self.slots, 1);
        sound &= subtract(&mut self.marked, u64::from(marked));
        self.tally.released[cause.index()] += 1;
        self.tally.releases.count(now);
        if sound { Ok(()) } else { Err(Underflow) }
    }

    /// What time alone changes.
    pub fn pass_time(&mut self, now: Instant) {
        self.vitals.pass_time(now, &self.rules);
        self.strikes.pass_time(now);
        if self.penalty.pass_time(now) {
            self.ramp_since = Some(now);
        }
        if self
            .ramp_since
            .is_some_and(|since| now >= since + recovery::RAMP)
        {
            self.ramp_since = None;
        }
        self.reports.pass_time(now);
        for resource in &mut self.resources {
            reports::lapse(&mut resource.foreign, now);
            reports::lapse(&mut resource.max, now);
        }
        if let Some(bucket) = &mut self.bucket {
            bucket.fill(now);
        }
    }

    /// When time alone will change something.
    pub fn next_change(&self) -> Option<Instant> {
        let moments = [
            self.vitals.next_change(&self.rules),
            self.strikes.next_change(),
            self.penalty.next_change(),
            self.ramp_since.map(|since| since + recovery::RAMP),
            self.reports.next_change(),
            self.bucket.and_then(|bucket| bucket.next_token()),
        ];
        let resources = self.resources.iter();
        let lapses = resources.flat_map(|r| [reports::until(&r.foreign), reports::until(&r.max)]);
        moments.into_iter().chain(lapses).flatten().min()
    }

    /// The share of calls meant for it that it gets; `blind` where load does not decide, so that strikes
    /// have to.
    pub fn share(&self, now: Instant, blind: bool) -> f64 {
        let strikes = if blind { self.strikes.count() } else { 0 };
        recovery::ramp(self.ramp_since, now) / (1.0 + f64::from(strikes))
    }
}

impl ResourceAccount {
    pub fn new(id: ResourceId) -> Self {
        Self {
            id,
            configured: None,
            resized: None,
            own: 0,
            foreign: None,
            after_restart: None,
            max: None,
        }
    }

    /// In force: the operator's word before the configuration's, and the report's as `mode` says. What
    /// neither offers is not offered, whatever is reported.
    pub fn capacity(&self, mode: CapacityMode) -> Option<Capacity> {
        let ours = self.resized.or(self.configured)?;
        let Some(Fresh { value: max, .. }) = self.max else {
            return Some(ours);
        };
        Some(match (mode, ours) {
            (CapacityMode::Ignore, ours) => ours,
            (CapacityMode::Override, _) | (CapacityMode::Min, Capacity::Unlimited) => {
                Capacity::Limited(max)
            }
            (CapacityMode::Min, Capacity::Limited(ours)) => Capacity::Limited(ours.min(max)),
        })
    }
}

fn subtract(count: &mut u64, units: u64) -> bool {
    let left = count.checked_sub(units);
    *count = left.unwrap_or(*count);
    left.is_some()
}
