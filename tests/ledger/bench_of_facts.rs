//! A ledger on a table: peers by a line each, time by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem::balance::{
    Ask, Capacity, Demand, EndCause, Failure, FeedbackSpec, Grant, GroupId, GroupSpec, Ledger,
    Observation, PeerId, PeerSpec, PeerView, Refusal, Report, Select, Slot, Step, Topology,
};

/// A ledger with a clock.
pub struct Bench {
    pub ledger: Arc<Ledger>,
    pub topology: Topology,
    pub now: Instant,
    pub calls: Demand,
}

pub const SECOND: Duration = Duration::from_secs(1);

/// A peer of one group, `pbx`, with so many calls.
pub fn peer(name: &str, calls: u32) -> PeerSpec {
    let number = name.bytes().fold(7u16, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    PeerSpec {
        uri: format!("sip:{name}.example"),
        addresses: vec![([127, 0, 0, 1], number).into()],
        groups: vec!["pbx".into()],
        capacity: vec![("calls".into(), Capacity::Limited(calls))],
        ..PeerSpec::named(name)
    }
}

/// A peer that reports.
pub fn reporting(name: &str, calls: u32) -> PeerSpec {
    PeerSpec {
        feedback: Some(FeedbackSpec {
            token: "secret".into(),
            ttl: SECOND * 10,
            capacity: Default::default(),
            legs_per_call: 1,
        }),
        ..peer(name, calls)
    }
}

/// The group `pbx`.
pub fn group(select: Select) -> GroupSpec {
    GroupSpec {
        select,
        ..GroupSpec::named("pbx")
    }
}

impl Bench {
    pub fn of(groups: Vec<GroupSpec>, peers: Vec<PeerSpec>) -> Self {
        let topology = Topology { peers, groups };
        let now = Instant::now();
        let ledger = Ledger::new(&topology, 7, now).expect("the topology is sound");
        let calls = ledger.directory().resource_named("calls");
        let calls = Demand::one(calls.expect("some peer offers calls"));
        Self {
            ledger,
            topology,
            now,
            calls,
        }
    }

    /// The group `pbx`, choosing the least loaded.
    pub fn with(peers: Vec<PeerSpec>) -> Self {
        Self::of(vec![group(Select::LeastLoaded)], peers)
    }

    pub fn pass(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self
    }

    pub fn apply(&mut self) {
        let applied = self.ledger.apply(&self.topology, self.now);
        applied.expect("the topology is sound");
    }

    pub fn id(&self, name: &str) -> PeerId {
        let directory = self.ledger.directory();
        let mut peers = directory.peers();
        peers
            .find(|peer| &*peer.name == name)
            .expect("a known peer")
            .id
    }

    pub fn name(&self, id: PeerId) -> String {
        let directory = self.ledger.directory();
        directory.peer(id).expect("a known peer").name.to_string()
    }

    pub fn group(&self, name: &str) -> GroupId {
        self.ledger
            .directory()
            .group_named(name)
            .expect("a known group")
    }

    pub fn demand(&self, items: &[(&str, u32)]) -> Demand {
        let directory = self.ledger.directory();
        let id = |name: &str| directory.resource_named(name).expect("a known resource");
        Demand::new(items.iter().map(|(name, units)| (id(name), *units))).expect("a demand")
    }

    pub fn ask(&self, step: Step, demand: &Demand, tried: &[PeerId]) -> Result<Grant, Refusal> {
        let ask = Ask {
            group: self.group("pbx"),
            demand,
            step,
            tried,
            hash_key: b"call-1",
        };
        self.ledger.reserve(self.now, &ask)
    }

    /// One more call by balancing.
    pub fn call(&self) -> Result<Slot, Refusal> {
        Ok(self.ask(Step::Balance, &self.calls, &[])?.slot)
    }

    /// Where one more call goes; it ends at once.
    pub fn next(&self) -> Result<String, Refusal> {
        let slot = self.call()?;
        let name = self.name(slot.peer());
        slot.release(EndCause::Bye);
        Ok(name)
    }

    /// Calls by balancing that all stay.
    pub fn fill(&self, count: usize) -> Vec<Slot> {
        (0..count)
            .map(|_| self.call().expect("there is room"))
            .collect()
    }

    pub fn view(&self, name: &str) -> PeerView {
        let id = self.id(name);
        self.ledger.view_of(self.now, id).expect("a known peer")
    }

    pub fn own(&self, name: &str) -> u64 {
        self.view(name).resources[0].own
    }

    pub fn report(&self, name: &str, what: Observation) {
        self.ledger.report(self.now, self.id(name), what);
    }

    pub fn timeout(&self, name: &str) {
        self.report(name, Observation::Failed(Failure::Timeout));
    }

    pub fn probe_ok(&self, name: &str) {
        let rtt = Duration::from_millis(2);
        self.report(name, Observation::ProbeOk { rtt, status: 200 });
    }

    pub fn probe_failed(&self, name: &str) {
        let sent = self.now - SECOND * 2;
        self.report(name, Observation::ProbeFailed { sent });
    }

    pub fn feed(&self, name: &str, report: Report) {
        let taken = self.ledger.feedback(self.now, self.id(name), &report);
        taken.expect("the report is in order");
    }
}

/// Releases every slot.
pub fn end(slots: Vec<Slot>) {
    for slot in slots {
        slot.release(EndCause::Bye);
    }
}
