//! From the ledger's view of a peer to the API's.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::model::{
    AdminState, DrainBy, DrainEntry, DrainState, FeedbackEntry, FeedbackState, HealthState,
    PeerEntry, ProbeEntry, ResourceEntry,
};
use crate::balance::{Acceptance, Admin, DrainView, DrainedBy, Health, PeerView, ResourceView};
use crate::base::unix::since_1970;

/// Rooms by resource name.
pub type Rooms = BTreeMap<String, ResourceEntry>;

/// A peer as the API shows it.
pub fn entry(view: PeerView) -> PeerEntry {
    PeerEntry {
        resources: rooms(&view.resources),
        feedback: feedback(&view),
        probe: ProbeEntry {
            last_status: view.probe.last_status,
            rtt_ms: view.probe.rtt.map(|rtt| millis(rtt.as_secs_f64() * 1e3)),
            next_in_seconds: view.probe.next_in.map(seconds),
        },
        admin: admin_state(view.admin),
        drain: view.drain.as_ref().map(drain),
        health: health_state(view.health),
        name: view.name.to_string(),
        uri: view.uri,
        groups: view.groups.iter().map(ToString::to_string).collect(),
        weight: view.weight,
        accepting: view.accepting,
        eligible: view.eligible,
        why_not: view.why_not,
    }
}

/// Alive?
pub fn health_state(health: Health) -> HealthState {
    match health {
        Health::Unknown => HealthState::Unknown,
        Health::Up => HealthState::Up,
        Health::Down => HealthState::Down,
    }
}

/// Whether it takes calls, by its own word.
pub fn feedback_state(state: Acceptance) -> FeedbackState {
    match state {
        Acceptance::Accepting => FeedbackState::Accepting,
        Acceptance::Draining => FeedbackState::Draining,
        Acceptance::Paused => FeedbackState::Paused,
    }
}

/// The operator's word.
pub fn admin_state(admin: Admin) -> AdminState {
    match admin {
        Admin::Enabled => AdminState::Enabled,
        Admin::Disabled => AdminState::Disabled,
        Admin::Draining => AdminState::Draining,
    }
}

/// A drain, at this moment.
pub fn drain(view: &DrainView) -> DrainEntry {
    let now = since_1970(SystemTime::now());
    let (by, age) = match view.by {
        DrainedBy::Operator(times) => (
            DrainBy::Operator,
            times
                .since_unix_ms
                .map(|at| now.saturating_sub(Duration::from_millis(at))),
        ),
        DrainedBy::Peer(time) => (DrainBy::Peer, Some(time)),
    };
    let deadline = view.deadline_in;
    let no_later = |time: Duration| deadline.map_or(time, |deadline| time.min(deadline));
    DrainEntry {
        state: match view.is_over() {
            true => DrainState::Drained,
            false => DrainState::Draining,
        },
        by,
        age_seconds: age.map(seconds),
        calls_left: view.calls_left,
        expected_in_seconds: view.expected.map(no_later).map(seconds),
        deadline_in_seconds: deadline.map(seconds),
    }
}

fn feedback(view: &PeerView) -> FeedbackEntry {
    let Some(feedback) = &view.feedback else {
        return FeedbackEntry::default();
    };
    FeedbackEntry {
        age_seconds: Some(seconds(feedback.age)),
        seq: feedback.seq,
        state: Some(feedback_state(feedback.state)),
        fresh: feedback.fresh,
    }
}

/// Rooms by name.
pub fn rooms(resources: &[ResourceView]) -> Rooms {
    let pairs = resources.iter().map(|resource| {
        let entry = ResourceEntry {
            own: resource.own,
            foreign: resource.foreign,
            capacity: resource.capacity.map(u64::from),
            free: resource.free,
            utilisation: resource.utilisation,
        };
        (resource.name.to_string(), entry)
    });
    pairs.collect()
}

/// The rooms of several peers together. One unlimited peer makes the sum unlimited.
pub fn sum<'a>(peers: impl Iterator<Item = &'a [ResourceView]>) -> Rooms {
    let mut total = Rooms::new();
    for (name, room) in peers.flat_map(rooms) {
        match total.entry(name) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(room);
            }
            std::collections::btree_map::Entry::Occupied(mut occupied) => {
                let sum = occupied.get_mut();
                sum.own += room.own;
                sum.foreign += room.foreign;
                sum.capacity = sum.capacity.zip(room.capacity).map(|(a, b)| a + b);
                sum.free = sum.free.zip(room.free).map(|(a, b)| a + b);
            }
        }
    }
    for room in total.values_mut() {
        room.utilisation = room.capacity.zip(room.free).map(|(capacity, free)| {
            if capacity == 0 {
                return 1.0;
            }
            1.0 - free as f64 / capacity as f64
        });
    }
    total
}

/// Seconds with three decimals: more is noise to a reader.
fn seconds(duration: Duration) -> f64 {
    millis(duration.as_secs_f64())
}

fn millis(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
