//! When which peer is probed. A schedule alone: it sends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::directory::Directory;
use super::id::PeerId;
use super::ledger::Ledger;
use super::topology::{ProbeMode, ProbeSpec};
use crate::base::limits::PROBES_PER_SLICE_MAX;

/// First probes are spread over this time, at most.
const FIRST_WITHIN: Duration = Duration::from_secs(1);
/// How soon it is seen that a peer went down which is probed only then.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Of the interval, to either side.
const JITTER: f64 = 0.1;
/// The slice of time that [`PROBES_PER_SLICE_MAX`] bounds.
const SLICE: Duration = Duration::from_millis(10);

/// A probe that is to be sent now. Report its outcome as [`ProbeOk`](super::Observation::ProbeOk), whatever
/// the status, or as [`ProbeFailed`](super::Observation::ProbeFailed) after `timeout`.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The peer.
    pub peer: PeerId,
    /// Its first address.
    pub destination: SocketAddr,
    /// The request's method.
    pub method: Arc<str>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// The schedule of all probes.
#[derive(Debug)]
pub struct Prober {
    rng: fastrand::Rng,
    plans: BTreeMap<PeerId, Plan>,
    queue: BTreeSet<(Instant, PeerId)>,
    slice_start: Option<Instant>,
    slice_count: u32,
}

#[derive(Debug)]
struct Plan {
    at: Instant,
    destination: SocketAddr,
    spec: ProbeSpec,
}

impl Prober {
    /// An empty schedule. `seed` decides the jitter.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            plans: BTreeMap::new(),
            queue: BTreeSet::new(),
            slice_start: None,
            slice_count: 0,
        }
    }

    /// Takes over a new directory. Peers that stay keep their place in time; new ones are probed within
    /// a second.
    pub fn apply(&mut self, now: Instant, directory: &Directory) {
        let mut before = std::mem::take(&mut self.plans);
        self.queue.clear();
        for peer in directory.peers() {
            let Some(group) = directory.home_group(peer.id) else {
                continue;
            };
            let Some(destination) = peer.addresses.first().copied() else {
                continue;
            };
            let spec = group.probe.clone();
            let at = match (spec.mode, before.remove(&peer.id)) {
                (ProbeMode::Off, _) => continue,
                (ProbeMode::Always | ProbeMode::WhenDown, Some(known)) => {
                    known.at.min(now + spec.interval)
                }
                (ProbeMode::Always | ProbeMode::WhenDown, None) => {
                    now + spec.interval.min(FIRST_WITHIN).mul_f64(self.rng.f64())
                }
            };
            self.queue.insert((at, peer.id));
            let plan = Plan {
                at,
                destination,
                spec,
            };
            self.plans.insert(peer.id, plan);
        }
    }

    /// The earliest moment worth calling [`Prober::poll`].
    pub fn next_timeout(&self) -> Option<Instant> {
        let (first, _) = self.queue.first()?;
        match self.slice_start {
            Some(start) if self.slice_count >= PROBES_PER_SLICE_MAX => {
                Some((*first).max(start + SLICE))
            }
            Some(_) | None => Some(*first),
        }
    }

    /// The next probe that is due; call until it gives none.
    pub fn poll(&mut self, now: Instant, ledger: &Ledger) -> Option<Due> {
        if self.slice_start.is_none_or(|start| now >= start + SLICE) {
            (self.slice_start, self.slice_count) = (Some(now), 0);
        }
        while self.slice_count < PROBES_PER_SLICE_MAX {
            let &(at, peer) = self.queue.first()?;
            if at > now {
                return None;
            }
            self.queue.pop_first();
            let Some(plan) = self.plans.get_mut(&peer) else {
                continue;
            };
            let jitter = 1.0 + JITTER * (2.0 * self.rng.f64() - 1.0);
            // The answer to one probe is awaited before the next is sent.
            let next = now + plan.spec.interval.mul_f64(jitter).max(plan.spec.timeout);
            let wanted = ledger.plan_probe(now, peer, plan.spec.mode, next);
            plan.at = if wanted {
                next
            } else {
                next.min(now + LOOK_EVERY)
            };
            self.queue.insert((plan.at, peer));
            if wanted {
                self.slice_count += 1;
                return Some(Due {
                    peer,
                    destination: plan.destination,
                    method: plan.spec.method.clone(),
                    timeout: plan.spec.timeout,
                });
            }
        }
        None
    }
}
