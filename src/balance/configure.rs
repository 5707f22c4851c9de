//! What configuration changes in an account, and what it leaves alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::account::{Account, Membership};
use super::ask::Step;
use super::bucket::Bucket;
use super::directory::Peer;
use super::health::Rules;
use super::id::GroupId;
use super::topology::{CapacityMode, ProbeMode};

/// How long a report counts, where neither it nor the configuration says so.
pub(super) const TTL_DEFAULT: Duration = Duration::from_secs(10);

impl Account {
    /// The place in a group's pool.
    pub(super) fn place(&self, group: GroupId) -> Option<u32> {
        let mut memberships = self.memberships.iter();
        memberships.find(|known| known.group == group)?.place
    }

    /// Takes a place in a group's pool. Counters of earlier times go on.
    pub(super) fn join(&mut self, group: GroupId, place: u32) {
        let found = self
            .memberships
            .iter()
            .position(|known| known.group == group);
        let index = found.unwrap_or_else(|| {
            self.memberships.push(Membership {
                group,
                place: None,
                selections: [0; Step::ALL.len()],
            });
            self.memberships.len() - 1
        });
        self.memberships[index].place = Some(place);
    }

    /// Takes over a peer's configuration. What it holds, what it reported and what the operator
    /// set stay. A peer that moved, or comes back after having been removed, is not judged by what
    /// happened before.
    pub(super) fn configure(
        &mut self,
        peer: &Peer,
        rules: Option<Arc<Rules>>,
        moved: bool,
        now: Instant,
    ) {
        if moved || (!self.configured && !peer.removed) {
            self.vitals = Default::default();
            self.penalty = Default::default();
            self.strikes = Default::default();
            self.ramp_since = None;
        }
        self.configured = !peer.removed;
        self.rules = rules.unwrap_or_default();
        if peer.removed || peer.addresses.is_empty() || self.rules.probe.mode == ProbeMode::Off {
            self.tally.next_probe = None;
        }
        if peer.removed {
            return;
        }
        self.resolved = !peer.addresses.is_empty();
        self.weight = peer.weight;
        let feedback = peer.feedback.as_ref();
        self.capacity_mode = feedback.map_or(CapacityMode::default(), |spec| spec.capacity);
        self.legs_per_call = feedback.map_or(1, |spec| spec.legs_per_call);
        self.ttl = feedback.map_or(TTL_DEFAULT, |spec| spec.ttl);
        self.resources
            .iter_mut()
            .for_each(|known| known.configured = None);
        for (id, capacity) in &peer.capacity {
            self.resource_mut(*id).configured = Some(*capacity);
        }
        self.bucket = match (self.bucket, peer.cps) {
            (_, None) => None,
            (None, Some(rate)) => Some(Bucket::new(rate, now)),
            (Some(mut bucket), Some(rate)) => {
                bucket.set_rate(rate, now);
                Some(bucket)
            }
        };
    }
}
