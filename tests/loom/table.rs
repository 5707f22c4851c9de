//! A ledger small enough that every order can be tried, and the exploration itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loom::thread::JoinHandle;
use parking_lot::Mutex;
use tandem::balance::{
    Ask, Capacity, Demand, EndCause, GroupId, GroupSpec, Ledger, Observation, PeerId, PeerSpec,
    PeerView, Refusal, Report, ResourceReport, Slot, Step, Topology,
};
use tandem::base::invariant;

pub const SECOND: Duration = Duration::from_secs(1);

/// A thread's stack, in machine words: room enough to tell of a panic.
const STACK_WORDS: usize = 1 << 16;

/// A ledger of one group, `pbx`, that chooses the least loaded.
pub struct Table {
    pub ledger: Arc<Ledger>,
    pub now: Instant,
    pub calls: Demand,
}

/// What a call was told: a peer, or why none.
pub type Answer = Result<Slot, Refusal>;

/// A peer of the group with so many calls.
pub fn peer(name: &str, calls: u32) -> PeerSpec {
    PeerSpec {
        addresses: vec![([127, 0, 0, 1], 5060).into()],
        groups: vec!["pbx".into()],
        capacity: vec![("calls".into(), Capacity::Limited(calls))],
        ..PeerSpec::named(name)
    }
}

/// The group, and these peers.
pub fn topology(peers: Vec<PeerSpec>) -> Topology {
    Topology {
        peers,
        groups: vec![GroupSpec::named("pbx")],
    }
}

impl Table {
    pub fn with(now: Instant, peers: Vec<PeerSpec>) -> Arc<Self> {
        let ledger = Ledger::new(&topology(peers), 7, now).expect("the topology is sound");
        let calls = ledger.directory().resource_named("calls");
        let calls = Demand::one(calls.expect("every peer offers calls"));
        Arc::new(Self { ledger, now, calls })
    }

    pub fn ask(&self, step: Step, demand: &Demand, tried: &[PeerId]) -> Answer {
        let ask = Ask {
            group: GroupId(0),
            demand,
            step,
            tried,
            hash_key: b"call-1",
        };
        Ok(self.ledger.reserve(self.now, &ask)?.slot)
    }

    /// A new call.
    pub fn call(&self) -> Answer {
        self.ask(Step::Balance, &self.calls, &[])
    }

    /// A call that is at `old` goes to another peer: reserve the next, then release the old.
    pub fn fail_over(&self, old: Slot) -> Answer {
        let next = self.ask(Step::Failover, &self.calls, &[old.peer()]);
        old.release(match next {
            Ok(_) => EndCause::FailedOver,
            Err(_) => EndCause::Rejected,
        });
        next
    }

    pub fn apply(&self, peers: Vec<PeerSpec>) {
        let applied = self.ledger.apply(&topology(peers), self.now);
        applied.expect("the topology is sound");
    }

    pub fn resize(&self, peer: PeerId, calls: u32) {
        let capacity = [("calls".into(), Capacity::Limited(calls))];
        let resized = self.ledger.resize(peer, &capacity);
        resized.expect("the capacity is sound");
    }

    pub fn report(&self, peer: PeerId, what: Observation) {
        self.ledger.report(self.now, peer, what);
    }

    /// Its foreign load as the answer to a report of `used` calls tells it, and our own.
    pub fn feed(&self, peer: PeerId, used: u64) -> (u64, u64) {
        let used = ResourceReport {
            used: Some(used),
            max: None,
        };
        let report = Report {
            resources: vec![("calls".into(), used)],
            ..Report::default()
        };
        let answer = self.ledger.feedback(self.now, peer, &report);
        let answer = answer.expect("the report is in order");
        (answer.resources[0].foreign, answer.resources[0].own)
    }

    pub fn view(&self, peer: PeerId) -> PeerView {
        let view = self.ledger.view_of(self.now, peer);
        let view = view.expect("an account never vanishes");
        assert_balanced(&view);
        view
    }

    /// That the books say that so many calls are live, and no more than there is room for but what is marked.
    pub fn assert_live(&self, peer: PeerId, live: u64) {
        let view = self.view(peer);
        assert_eq!(own(&view), live, "calls at peer {}", peer.0);
        let capacity = view.resources[0].capacity.expect("a limit");
        assert!(
            live - view.marked <= u64::from(capacity),
            "used <= capacity"
        );
    }
}

/// Our calls on a peer.
pub fn own(view: &PeerView) -> u64 {
    view.resources.first().map_or(0, |calls| calls.own)
}

/// Granted − released = live, in one view.
pub fn assert_balanced(view: &PeerView) {
    let released: u64 = view.released.iter().sum();
    let live = view.granted.checked_sub(released);
    assert_eq!(live, Some(own(view)), "granted - released = live");
}

/// A shard of its own thread.
pub fn shard<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let thread = loom::thread::Builder::new().stack_size(STACK_WORDS);
    thread.spawn(work).expect("room for a thread")
}

/// What a shard came to.
pub fn outcome<T>(shard: JoinHandle<T>) -> T {
    shard.join().expect("a shard that does not panic")
}

/// Waits for shards that come to nothing.
pub fn join<const N: usize>(shards: [JoinHandle<()>; N]) {
    shards.into_iter().for_each(outcome);
}

pub fn end(slots: impl IntoIterator<Item = Slot>) {
    slots
        .into_iter()
        .for_each(|slot| slot.release(EndCause::Bye));
}

/// Plays a model in every order, without a bound. A model says how it ended; `endings` is all that may be seen, and all
/// of it must be, or less is explored than is claimed.
pub fn explore<E>(
    name: &'static str,
    endings: &[E],
    model: impl Fn(Instant) -> E + Send + Sync + 'static,
) where
    E: Ord + Clone + std::fmt::Debug + Send + 'static,
{
    let seen = Arc::new(Mutex::new((0u64, BTreeSet::new())));
    let tally = Arc::clone(&seen);
    let model = Arc::new(model);
    let now = Instant::now();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = None;
    builder.check(move || {
        let (model, tally) = (Arc::clone(&model), Arc::clone(&tally));
        let before: Vec<_> = breaches();
        outcome(shard(move || {
            let ending = model(now);
            let mut tally = tally.lock();
            tally.0 += 1;
            tally.1.insert(ending);
        }));
        assert_eq!(breaches(), before, "no slot dropped, nothing below zero");
    });
    let (orders, seen) = &*seen.lock();
    let wanted: BTreeSet<E> = endings.iter().cloned().collect();
    assert_eq!(*seen, wanted, "how the orders ended");
    eprintln!("LOOM {name}: {orders} orders, {} endings", seen.len());
}

fn breaches() -> Vec<(&'static str, u64)> {
    invariant::counts().collect()
}
