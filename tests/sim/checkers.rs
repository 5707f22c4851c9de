//! What has to hold after every step, and what at the end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use tandem::balance::{PeerId, PeerView};
use tandem::call::{CallStage, CallView};

use crate::clock::Micros;
use crate::oracle::Oracle;
use crate::process::Process;

thread_local! {
    /// Errors logged by this thread: each is a bug.
    pub static ERRORS: Cell<u64> = const { Cell::new(0) };
}

/// A truth that does not hold.
#[derive(Debug)]
pub struct Violation {
    pub checker: &'static str,
    pub detail: String,
}

fn violation<T>(checker: &'static str, detail: String) -> Result<T, Violation> {
    Err(Violation { checker, detail })
}

/// What the ledger said before.
#[derive(Default)]
pub struct Books {
    before: BTreeMap<PeerId, (u64, u64)>,
}

/// Units of `calls`: own, foreign, capacity.
fn calls_of(peer: &PeerView) -> (u64, u64, Option<u32>) {
    let calls = peer.resources.iter().find(|it| &*it.name == "calls");
    calls.map_or((0, 0, Some(0)), |calls| {
        (calls.own, calls.foreign, calls.capacity)
    })
}

impl Books {
    /// The process starts anew, and so do its books.
    pub fn forget(&mut self) {
        self.before.clear();
    }

    /// After every step.
    pub fn check(
        &mut self,
        now: Micros,
        process: &mut Process,
        oracle: &Oracle,
        name_of: &dyn Fn(SocketAddr) -> Option<String>,
    ) -> Result<(), Violation> {
        if ERRORS.get() > 0 {
            return violation(
                "error log",
                "an ERROR was logged, or an invariant broken".into(),
            );
        }
        let (calls, peers) = (process.calls(now), process.peers(now));
        if let Some(stranded) = process.census().stranded.first() {
            return violation("every call has a deadline", stranded.clone());
        }
        self.accounts(&calls, &peers)?;
        truth(now, &calls, &peers, oracle, name_of)
    }

    /// Slots held are what the ledger has out; what came back and what is out are what was granted; capacity holds.
    fn accounts(&mut self, calls: &[CallView], peers: &[PeerView]) -> Result<(), Violation> {
        let mut held: BTreeMap<PeerId, u64> = BTreeMap::new();
        for call in calls {
            for peer in [call.peer, call.placed_by].into_iter().flatten() {
                *held.entry(peer).or_default() += 1;
            }
        }
        for peer in peers {
            let (own, foreign, capacity) = calls_of(peer);
            let live = held.remove(&peer.id).unwrap_or(0);
            if own != live {
                let detail = format!("{}: {own} counted, {live} slots in calls", peer.name);
                return violation("slots = used", detail);
            }
            let released: u64 = peer.released.iter().sum();
            if peer.granted.checked_sub(released) != Some(live) {
                let detail = format!(
                    "{}: {} granted, {released} released, {live} live",
                    peer.name, peer.granted
                );
                return violation("granted - released = live", detail);
            }
            let dropped = peer.released[tandem::balance::EndCause::Dropped.index()];
            if dropped > 0 || peer.marked > own {
                let detail = format!("{}: {dropped} dropped, {} marked", peer.name, peer.marked);
                return violation("nothing dropped, nothing negative", detail);
            }
            let before = self.before.insert(peer.id, (own, peer.granted));
            let asked =
                before.is_some_and(|(before, granted)| own > before && peer.granted > granted);
            let room = capacity.map_or(u64::MAX, u64::from);
            if asked && peer.marked == 0 && own + foreign > room {
                let detail = format!("{}: {own} own and {foreign} foreign of {room}", peer.name);
                return violation("used <= capacity", detail);
            }
        }
        if let Some((peer, live)) = held.first_key_value() {
            let detail = format!("peer {}: {live} slots of an account that is gone", peer.0);
            return violation("slots = used", detail);
        }
        Ok(())
    }
}

/// What phones hold is counted; what they have ended is not.
fn truth(
    now: Micros,
    calls: &[CallView],
    peers: &[PeerView],
    oracle: &Oracle,
    name_of: &dyn Fn(SocketAddr) -> Option<String>,
) -> Result<(), Violation> {
    let id_of = |name: String| {
        peers
            .iter()
            .find(|peer| *peer.name == *name)
            .map(|it| it.id)
    };
    for held in oracle.up(now) {
        let wants = [
            (name_of(held.callee), true),
            (name_of(held.caller).filter(|_| !held.adopted), false),
        ];
        for (name, called) in wants {
            let Some(name) = name else { continue };
            let peer = id_of(name.clone());
            let counted = calls.iter().any(|call| {
                let on = if called { call.peer } else { call.placed_by };
                call.call_id == held.call_id && on.is_some() && on == peer
            });
            if !counted {
                let detail = format!("{} is up at {name} and holds no slot there", held.call_id);
                return violation("a call that is up holds a slot", detail);
            }
        }
    }
    for call in calls {
        if call.stage != CallStage::Ringing && oracle.is_over(&call.call_id) {
            let detail = format!("{} has ended, and is held: {call:?}", call.call_id);
            return violation("a call that has ended holds none", detail);
        }
    }
    Ok(())
}

/// At the end of a run, long after everything went quiet.
pub fn at_the_end(now: Micros, process: &mut Process, probed: bool) -> Result<(), Violation> {
    let calls = process.calls(now);
    if let Some(call) = calls.first() {
        let detail = format!("{} calls, the first of them {call:?}", calls.len());
        return violation("everything is zero", detail);
    }
    for peer in process.peers(now) {
        let (own, foreign, _) = calls_of(&peer);
        if own + foreign > 0 {
            let detail = format!("{}: {own} own, {foreign} foreign", peer.name);
            return violation("everything is zero", detail);
        }
        if !peer.accepting || peer.feedback.is_some_and(|feedback| feedback.fresh) {
            let detail = format!("{}: reports and penalties still count", peer.name);
            return violation("reports lapse", detail);
        }
    }
    let census = process.census();
    let left = census.transactions + census.contexts + census.own + census.waiting;
    if !probed && left > 0 {
        return violation("everything is empty", format!("{census:?}"));
    }
    if process.rows() > 0 {
        let detail = format!("{} rows", process.rows());
        return violation("the store is empty", detail);
    }
    if !probed && let Some(due) = process.due() {
        let detail = format!("a timer is armed for {due}");
        return violation("everything is empty", detail);
    }
    Ok(())
}
