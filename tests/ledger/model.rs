//! The ledger against a model that reckons everything anew at every step, by fractions.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use tandem::balance::{
    Admin, Capacity, CapacityMode, Demand, EndCause, FeedbackSpec, Mark, PeerSpec, Refusal, Report,
    ResourceReport, Select, Slot, Step,
};

use crate::acts::{Act, PEERS, RESOURCES, act};
use crate::bench_of_facts::{Bench, SECOND, group, peer};

/// A value and when it lapses.
type Lapsing<T> = Option<(T, Instant)>;

#[derive(Clone, Debug)]
struct Model {
    capacity: [Option<Capacity>; 2],
    own: [u64; 2],
    foreign: Lapsing<u64>,
    max: Lapsing<u32>,
    idle: Lapsing<u8>,
    admin: Admin,
    weight: u32,
    priority: u32,
}

/// A fraction.
type Ratio = (u128, u128);

impl Model {
    fn capacity(&self, resource: usize, now: Instant) -> Option<Capacity> {
        let ours = self.capacity[resource]?;
        match (self.max, ours) {
            (Some((max, until)), Capacity::Limited(ours)) if resource == 0 && now < until => {
                Some(Capacity::Limited(ours.min(max)))
            }
            (Some((max, until)), Capacity::Unlimited) if resource == 0 && now < until => {
                Some(Capacity::Limited(max))
            }
            _ => Some(ours),
        }
    }

    fn free(&self, resource: usize, now: Instant) -> Option<u64> {
        let Some(Capacity::Limited(capacity)) = self.capacity(resource, now) else {
            return None;
        };
        let foreign = self
            .foreign
            .filter(|(_, until)| resource == 0 && now < *until);
        let taken = self.own[resource] + foreign.map_or(0, |(units, _)| units);
        let idle = self
            .idle
            .filter(|(_, until)| now < *until)
            .map_or(100, |(idle, _)| idle);
        Some(u64::from(capacity).saturating_sub(taken) * u64::from(idle) / 100)
    }

    fn offers(&self, units: [u32; 2], now: Instant) -> bool {
        (0..2).filter(|r| units[*r] > 0).all(|resource| {
            !matches!(
                self.capacity(resource, now),
                None | Some(Capacity::Limited(0))
            )
        })
    }

    fn fits(&self, units: [u32; 2], now: Instant) -> bool {
        let idle = self
            .idle
            .is_none_or(|(idle, until)| now >= until || idle > 0);
        self.offers(units, now)
            && (0..2)
                .filter(|r| units[*r] > 0)
                .all(|resource| match self.free(resource, now) {
                    Some(free) => free >= u64::from(units[resource]),
                    None => idle,
                })
    }

    /// Lower is better: (unlimited, used, of).
    fn used(&self, units: [u32; 2], now: Instant) -> (bool, Ratio) {
        let limited = (0..2).filter(|r| units[*r] > 0).filter_map(|resource| {
            let Some(Capacity::Limited(capacity)) = self.capacity(resource, now) else {
                return None;
            };
            let free = self.free(resource, now)?;
            Some((u128::from(u64::from(capacity) - free), u128::from(capacity)))
        });
        let tightest = limited.max_by(|a, b| less(*a, *b));
        tightest.map_or_else(
            || {
                let own = (0..2).filter(|r| units[*r] > 0).map(|r| self.own[r]).max();
                (
                    true,
                    (u128::from(own.unwrap_or(0)), u128::from(self.weight)),
                )
            },
            |ratio| (false, ratio),
        )
    }

    fn least_free(&self, units: [u32; 2], now: Instant) -> Option<u64> {
        (0..2)
            .filter(|r| units[*r] > 0)
            .filter_map(|r| self.free(r, now))
            .min()
    }
}

fn less(a: Ratio, b: Ratio) -> std::cmp::Ordering {
    (a.0 * b.1).cmp(&(b.0 * a.1))
}

/// Whether `a` is strictly better than `b`, as `select` goes.
fn beats(select: Select, a: &Model, b: &Model, units: [u32; 2], now: Instant) -> bool {
    let by_load = || {
        let (a, b) = (a.used(units, now), b.used(units, now));
        a.0.cmp(&b.0).then(less(a.1, b.1)).is_lt()
    };
    match select {
        Select::LeastLoaded => by_load(),
        Select::Priority => a.priority < b.priority || a.priority == b.priority && by_load(),
        Select::MostFree => match (a.least_free(units, now), b.least_free(units, now)) {
            (None, None) => by_load(),
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (Some(a), Some(b)) => a > b,
        },
        Select::Weighted | Select::RoundRobin | Select::Random | Select::Hash => false,
    }
}

/// The ledger beside its model.
struct Pair {
    bench: Bench,
    models: Vec<Model>,
    held: Vec<(Slot, usize, [u32; 2])>,
    select: Select,
}

impl Pair {
    fn new(select: Select) -> Self {
        let capacities = [
            [Some(Capacity::Limited(7)), Some(Capacity::Limited(4))],
            [Some(Capacity::Limited(12)), None],
            [Some(Capacity::Limited(9)), Some(Capacity::Limited(12))],
            [Some(Capacity::Unlimited), Some(Capacity::Limited(3))],
        ];
        let spec = |number: usize| PeerSpec {
            capacity: (RESOURCES.iter().zip(capacities[number]))
                .filter_map(|(name, units)| Some(((*name).into(), units?)))
                .collect(),
            weight: 1 + number as u32 % 2,
            priority: [5, 5, 1, 9][number],
            feedback: Some(FeedbackSpec {
                token: "secret".into(),
                ttl: SECOND * 10,
                capacity: CapacityMode::Min,
                legs_per_call: 1,
            }),
            ..peer(&format!("p{number}"), 0)
        };
        let models = (0..PEERS).map(|number| Model {
            capacity: capacities[number],
            own: [0; 2],
            foreign: None,
            max: None,
            idle: None,
            admin: Admin::Enabled,
            weight: 1 + number as u32 % 2,
            priority: [5, 5, 1, 9][number],
        });
        Self {
            bench: Bench::of(vec![group(select)], (0..PEERS).map(spec).collect()),
            models: models.collect(),
            held: Vec::new(),
            select,
        }
    }

    fn demand(&self, units: [u32; 2]) -> Demand {
        let items = RESOURCES.iter().copied().zip(units);
        self.bench
            .demand(&items.filter(|(_, units)| *units > 0).collect::<Vec<_>>())
    }

    fn number(&self, slot: &Slot) -> usize {
        let name = self.bench.name(slot.peer());
        name[1..].parse().expect("p and a number")
    }

    fn hold(&mut self, slot: Slot, units: [u32; 2]) {
        let number = self.number(&slot);
        for (own, units) in self.models[number].own.iter_mut().zip(units) {
            *own += u64::from(units);
        }
        self.held.push((slot, number, units));
    }

    fn reserve(&mut self, step: Step, units: [u32; 2], tried: u8) {
        let now = self.bench.now;
        let tried: Vec<usize> = (0..PEERS)
            .filter(|number| tried >> number & 1 == 1)
            .collect();
        let ids: Vec<_> = tried
            .iter()
            .map(|number| self.bench.id(&format!("p{number}")))
            .collect();
        let answer = self.bench.ask(step, &self.demand(units), &ids);
        let well = |number: &usize| {
            let model = &self.models[*number];
            !tried.contains(number) && model.admin == Admin::Enabled && model.offers(units, now)
        };
        let well: Vec<usize> = (0..PEERS).filter(well).collect();
        let strict = matches!(step, Step::Balance | Step::Failover);
        let fits = |number: &&usize| !strict || self.models[**number].fits(units, now);
        let able: Vec<usize> = well.iter().filter(fits).copied().collect();
        match answer {
            Ok(grant) => {
                let chosen = self.number(&grant.slot);
                assert!(able.contains(&chosen), "{chosen} of {able:?}");
                let better = |other: &&usize| {
                    strict && {
                        let (a, b) = (&self.models[**other], &self.models[chosen]);
                        beats(self.select, a, b, units, now)
                    }
                };
                assert_eq!(able.iter().find(better), None, "better than {chosen}");
                assert_eq!(
                    grant.slot.is_marked(),
                    !self.models[chosen].fits(units, now)
                );
                self.hold(grant.slot, units);
            }
            Err(Refusal::Exhausted) => assert!(able.is_empty() && !well.is_empty() && strict),
            Err(Refusal::NoneEligible) => assert!(well.is_empty()),
        }
    }

    fn feedback(&mut self, peer: usize, used: Option<u64>, max: Option<u64>, idle: Option<u8>) {
        let report = Report {
            ttl_seconds: Some(10.0),
            cpu_idle: idle.map(|idle| f64::from(idle) / 100.0),
            resources: vec![("calls".into(), ResourceReport { used, max })],
            ..Report::default()
        };
        self.bench.feed(&format!("p{peer}"), report);
        let until = self.bench.now + SECOND * 10;
        let model = &mut self.models[peer];
        if let Some(used) = used {
            model.foreign = Some((used.saturating_sub(model.own[0]), until));
        }
        if let Some(max) = max {
            model.max = Some((max as u32, until));
        }
        if let Some(idle) = idle {
            model.idle = Some((idle, until));
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Reserve { step, units, tried } => self.reserve(step, units, tried),
            Act::Readmit { peer, units } => {
                let id = self.bench.id(&format!("p{peer}"));
                let demand = self.demand(units);
                let slot = self.bench.ledger.readmit(id, &demand, Mark::Restored);
                self.hold(slot, units);
            }
            Act::Release(which) if !self.held.is_empty() => {
                let (slot, number, units) = self.held.swap_remove(which.index(self.held.len()));
                slot.release(EndCause::Bye);
                for (own, units) in self.models[number].own.iter_mut().zip(units) {
                    *own -= u64::from(units);
                }
            }
            Act::Release(_) => {}
            Act::Admin(peer, admin) => {
                self.bench
                    .ledger
                    .set_admin(self.bench.id(&format!("p{peer}")), admin);
                self.models[peer].admin = admin;
            }
            Act::Feedback {
                peer,
                used,
                max,
                idle,
            } => self.feedback(peer, used, max, idle),
            Act::Resize {
                peer,
                resource,
                capacity,
            } => {
                let capacity = Capacity::Limited(capacity);
                let id = self.bench.id(&format!("p{peer}"));
                let resized = self
                    .bench
                    .ledger
                    .resize(id, &[(RESOURCES[resource].into(), capacity)]);
                resized.expect("a known resource");
                self.models[peer].capacity[resource] = Some(capacity);
            }
            Act::Pass(millis) => {
                self.bench.pass(Duration::from_millis(millis));
            }
            Act::Reload => self.bench.apply(),
        }
    }

    fn compare(&self) {
        let now = self.bench.now;
        for (number, model) in self.models.iter().enumerate() {
            let view = self.bench.view(&format!("p{number}"));
            assert_eq!(view.eligible, model.admin == Admin::Enabled);
            for seen in &view.resources {
                let resource = usize::from(&*seen.name == "conference");
                assert_eq!(seen.own, model.own[resource], "own of {number}");
                let capacity = model.capacity(resource, now);
                let free = capacity.map_or(Some(0), |_| model.free(resource, now));
                assert_eq!(seen.free, free, "free of {number} {}", seen.name);
            }
            let released: u64 = view.released.iter().sum();
            let held = self.held.iter().filter(|(_, on, _)| *on == number).count();
            assert_eq!(view.granted, released + held as u64);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_does_what_a_naive_model_does(
        select in prop::sample::select(vec![
            Select::LeastLoaded, Select::MostFree, Select::Priority, Select::Random,
            Select::Weighted, Select::RoundRobin, Select::Hash,
        ]),
        acts in prop::collection::vec(act(), 1..120),
    ) {
        let mut pair = Pair::new(select);
        for act in acts {
            pair.act(act);
            pair.compare();
        }
        for (slot, ..) in pair.held.drain(..) {
            slot.release(EndCause::Bye);
        }
        for number in 0..PEERS {
            let view = pair.bench.view(&format!("p{number}"));
            prop_assert!(view.resources.iter().all(|resource| resource.own == 0));
            prop_assert_eq!(view.marked, 0);
        }
    }
}
