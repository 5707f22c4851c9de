//! Views of peers as a ledger would give them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem::balance::{
    Acceptance, Admin, Directory, FeedbackView, GroupId, GroupSpec, Health, Ledger, PeerId,
    PeerView, ProbeView, ResourceView, Topology,
};
use tandem::base::histogram::Histogram;
use tandem::metrics::Scrape;
use tandem::proxy::{FailoverReason, Outcome, Stats};
use tandem::store::Figures;

/// Of a store that nothing was written to yet.
static QUIET: Figures = Figures {
    depth: 0,
    written: 0,
    failed: 0,
    last_written: 0.0,
    trouble: None,
};

/// A peer of this name with limited calls and unlimited transcoding, that has reported and was probed.
pub fn peer(id: u32, name: &str) -> PeerView {
    let resource = |name: &str, capacity: Option<u32>| ResourceView {
        name: Arc::from(name),
        own: 3,
        foreign: 4,
        capacity,
        free: capacity.map(|units| u64::from(units) - 7),
        utilisation: capacity.map(|units| 7.0 / f64::from(units)),
    };
    let mut rtts = Histogram::new(&[0.001, 0.01, 0.1, 1.0]);
    rtts.record(0.005);
    PeerView {
        id: PeerId(id),
        name: Arc::from(name),
        uri: "sip:127.0.0.11:5060".to_owned(),
        groups: vec![Arc::from("pbx")],
        weight: 1,
        priority: 0,
        removed: false,
        admin: Admin::Draining,
        drain: None,
        health: Health::Unknown,
        accepting: true,
        eligible: false,
        why_not: vec!["draining".to_owned()],
        ramp: 1.0,
        resources: vec![resource("calls", Some(100)), resource("transcoding", None)],
        marked: 1,
        feedback: Some(FeedbackView {
            age: Duration::from_millis(1500),
            seq: Some(17),
            boot_id: None,
            state: Acceptance::Accepting,
            fresh: true,
        }),
        probe: ProbeView {
            last_status: Some(200),
            rtt: Some(Duration::from_millis(5)),
            next_in: None,
            outcomes: [5, 0, 0, 1, 0],
            rtts,
        },
        granted: 13,
        released: [9, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        selections: vec![(GroupId(0), Arc::from("pbx"), [10, 2, 1, 0])],
        reports: [17, 1, 0, 0, 2],
        drift: Some(-1),
    }
}

/// A directory of two groups, of which one has never had a call.
pub fn directory() -> Arc<Directory> {
    let topology = Topology {
        peers: Vec::new(),
        groups: vec![GroupSpec::named("pbx"), GroupSpec::named("idle")],
    };
    let ledger = Ledger::new(&topology, 7, Instant::now()).expect("the topology is sound");
    ledger.directory()
}

/// What a core may have counted.
pub fn stats(directory: &Directory) -> Stats {
    let mut stats = Stats {
        transactions: 12,
        absorbed: 3,
        retransmitted: 4,
        ..Stats::default()
    };
    let group = stats.group(directory.group_named("pbx"));
    group.outcomes[Outcome::Answered.index()] = 5;
    group.active = [1, 2, 0];
    group.answer_seconds.record(0.75);
    stats.group(None).outcomes[Outcome::Rejected.index()] = 1;
    let unnamed = (None, PeerId(4000), FailoverReason::Status(503));
    stats.failovers.insert(unnamed, 1);
    stats
}

/// A scrape of these.
pub fn scrape<'a>(peers: &'a [PeerView], directory: &'a Directory, core: &'a Stats) -> Scrape<'a> {
    Scrape {
        peers,
        directory,
        core,
        added_delay: None,
        drops: &[("mailbox_full", 6)],
        mailbox_depth: 8,
        store: &QUIET,
    }
}
