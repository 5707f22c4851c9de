//! Looks at peers that change, and at those that do not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::balance::{
    Admin, Capacity, CapacityMode, Disable, Dispatch, Failover, FeedbackSpec, GroupSpec, HashOn,
    Observation, PeerSpec, ProbeSpec, Report, Select, Topology, Transport,
};
use crate::base::limits::{EVENTS_DRIFT_CALLS, EVENTS_DRIFT_LASTING};

fn peer(number: u8) -> PeerSpec {
    PeerSpec {
        name: format!("pbx-{number}").into(),
        uri: format!("sip:127.0.0.{number}"),
        transport: Transport::Udp,
        addresses: vec![SocketAddr::from(([127, 0, 0, number], 5060))],
        groups: vec!["pbx".into()],
        capacity: vec![("calls".into(), Capacity::Limited(50))],
        weight: 1,
        priority: 0,
        cps: None,
        feedback: Some(FeedbackSpec {
            token: "token".into(),
            ttl: Duration::from_secs(10),
            capacity: CapacityMode::Min,
            legs_per_call: 1,
        }),
    }
}

fn topology(peers: u8) -> Topology {
    let group = GroupSpec {
        name: "pbx".into(),
        select: Select::LeastLoaded,
        hash_on: HashOn::CallId,
        failover: Failover::default(),
        disable: Disable::default(),
        exhausted: Vec::new(),
        dispatch: Dispatch::default(),
        probe: ProbeSpec::default(),
        end_calls_of_dead_peers: false,
    };
    Topology {
        peers: (1..=peers).map(peer).collect(),
        groups: vec![group],
    }
}

struct World {
    ledger: Arc<Ledger>,
    peers: Peers,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let ledger = Ledger::new(&topology(3), 7, now).expect("the topology is sound");
        let peers = Peers::new(&ledger, now);
        World { ledger, peers, now }
    }

    fn id(&self, name: &str) -> PeerId {
        let id = self.ledger.directory().peer_named(name);
        id.expect("it is configured")
    }

    fn report(&self, seq: u64) {
        let report = Report {
            seq: Some(seq),
            cpu_idle: Some(0.5),
            ..Report::default()
        };
        let taken = self.ledger.feedback(self.now, self.id("pbx-2"), &report);
        assert_eq!(taken.is_ok(), seq > 0);
    }

    /// A look a second later: what it told.
    fn look(&mut self) -> Vec<String> {
        self.now += Duration::from_secs(1);
        let events = self.peers.look(&self.ledger, self.now).into_iter();
        let told = events.map(|event| match event {
            Event::Peer(event) => event.words,
            Event::Feedback(event) => event.words,
            other => panic!("{other:?}"),
        });
        told.collect()
    }
}

#[test]
fn a_look_at_peers_that_stay_as_they_are_puts_none_into_words() {
    let mut world = World::new();
    assert!(world.peers.changed(&world.ledger, world.now).is_empty());
    world.report(1);
    assert_eq!(world.look(), ["pbx-2 reports, and is accepting"]);
    // Reports that say the same again are no news either.
    for seq in 2..5 {
        world.report(seq);
        assert!(world.peers.changed(&world.ledger, world.now).is_empty());
        assert!(world.look().is_empty());
    }
}

#[test]
fn whatever_changes_of_a_peer_is_told_once() {
    let mut world = World::new();
    let id = world.id("pbx-2");
    world.ledger.set_admin(id, Admin::Disabled);
    let words = world.look();
    assert!(words[0].starts_with("pbx-2: admin enabled \u{2192} disabled, eligible yes"));
    world.ledger.set_admin(id, Admin::Enabled);
    assert_eq!(world.look().len(), 1);
    world.ledger.set_weight(id, 2).expect("a weight");
    assert_eq!(world.look(), ["pbx-2: weight 1 \u{2192} 2"]);
    let capacity = [("calls".into(), Capacity::Unlimited)];
    world.ledger.resize(id, &capacity).expect("a capacity");
    assert_eq!(
        world.look(),
        ["pbx-2: capacity calls 50 \u{2192} unlimited"]
    );
    world.report(1);
    assert_eq!(world.look().len(), 1);
    world.ledger.report_refused(id, FeedbackOutcome::Denied);
    assert_eq!(world.look(), ["1 reports of pbx-2 were refused"]);
    world.now += Duration::from_secs(10);
    assert_eq!(
        world.look(),
        ["the reports of pbx-2 are stale: they have no effect any more"]
    );
    for _ in 0..2 {
        let sent = world.now;
        world.now += Duration::from_secs(2);
        let lost = Observation::ProbeFailed { sent };
        world.ledger.report(world.now, id, lost);
    }
    let words = world.look();
    assert!(
        words[0].contains("health unknown \u{2192} down"),
        "{words:?}"
    );
    assert!(world.look().is_empty());
}

#[test]
fn a_peer_that_lasts_otherwise_is_told_although_its_sign_stays() {
    let mut world = World::new();
    let id = world.id("pbx-2");
    let busy = Observation::Busy503 {
        retry_after: Some(Duration::from_secs(9)),
    };
    world.ledger.report(world.now, id, busy);
    assert_eq!(world.look().len(), 1, "it accepts no more");
    let told: usize = (0..4).map(|_| world.look().len()).sum();
    assert_eq!(told, 0);
    let told: Vec<_> = (0..8).flat_map(|_| world.look()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn peers_that_come_are_told_and_one_that_went_is_new_when_it_comes_again() {
    let mut world = World::new();
    let apply = |world: &World, peers| {
        let applied = world.ledger.apply(&topology(peers), world.now);
        applied.expect("the topology is sound");
    };
    apply(&world, 4);
    assert_eq!(world.look(), ["pbx-4: configured no \u{2192} yes"]);
    apply(&world, 3);
    assert!(world.look().is_empty(), "it had no calls");
    apply(&world, 4);
    assert_eq!(world.look(), ["pbx-4: configured no \u{2192} yes"]);
}

#[test]
fn a_count_that_stays_off_the_peer_s_own_list_is_told_once_and_so_is_its_end() {
    let mut world = World::new();
    let list = |world: &mut World, seq, calls| {
        let report = Report {
            seq: Some(seq),
            calls: Some(calls),
            ..Report::default()
        };
        let taken = world.ledger.feedback(world.now, world.id("pbx-2"), &report);
        taken.expect("it is sound");
        world.look()
    };
    // So many are explained by calls that come and go.
    let within = u32::try_from(EVENTS_DRIFT_CALLS).expect("few");
    assert_eq!(
        list(&mut world, 1, within),
        ["pbx-2 reports, and is accepting"]
    );
    let lasting = EVENTS_DRIFT_LASTING.as_secs();
    for seq in 2..lasting + 10 {
        assert!(list(&mut world, seq, within).is_empty());
    }
    let start = lasting + 10;
    for seq in start..start + lasting {
        assert!(list(&mut world, seq, 7).is_empty(), "{}", seq - start);
    }
    let then = start + lasting;
    assert_eq!(
        list(&mut world, then, 7),
        ["pbx-2: drift none \u{2192} -7 calls"]
    );
    for seq in then + 1..then + 20 {
        assert!(list(&mut world, seq, 9).is_empty());
    }
    assert_eq!(
        list(&mut world, then + 20, 0),
        ["pbx-2: drift -7 calls \u{2192} none"]
    );
    assert!(list(&mut world, then + 21, 9).is_empty(), "it begins anew");
}
