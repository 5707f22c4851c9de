//! What has to hold after every step, and what at the end.

use std::cell::Cell;
use std::collections::BTreeMap;

use tandem::balance::{Book, EndCause, PeerId, ResourceId, Slot};
use tandem::call::{Call, CallStage};

use crate::clock::Micros;
use crate::oracle::Oracle;
use crate::plan::{pbx_at, pbx_name};
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

/// Of one resource: what was out, and of its peer what had been granted, and what was marked.
type Before = (u64, u64, u64);

/// What the ledger said before.
#[derive(Default)]
pub struct Books {
    before: BTreeMap<(PeerId, ResourceId), Before>,
}

/// What the calls hold: slots of a peer, units of its resources.
#[derive(Default)]
struct Held {
    slots: BTreeMap<PeerId, u64>,
    units: BTreeMap<(PeerId, ResourceId), u64>,
}

impl Held {
    fn by(process: &Process) -> Self {
        let mut held = Self::default();
        for slot in process.live().flat_map(slots) {
            *held.slots.entry(slot.peer()).or_default() += 1;
            for (resource, units) in slot.demand().items() {
                *held.units.entry((slot.peer(), *resource)).or_default() += u64::from(*units);
            }
        }
        held
    }
}

/// The slots of a call: of the peer that it went to, of the peer that placed it.
pub fn slots(call: &Call) -> impl Iterator<Item = &Slot> {
    let held = call.state().held();
    held.into_iter()
        .flat_map(|held| [&held.target, &held.placed])
        .flatten()
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
        process: &Process,
        oracle: &Oracle,
    ) -> Result<(), Violation> {
        if ERRORS.get() > 0 {
            return violation(
                "error log",
                "an ERROR was logged, or an invariant broken".into(),
            );
        }
        if let Some(stranded) = process.stranded() {
            return violation("every call has a deadline", stranded);
        }
        let mut held = Held::by(process);
        for book in process.books(now) {
            account(&book, &mut held)?;
            self.room(&book)?;
        }
        if let Some((peer, live)) = held.slots.first_key_value() {
            let detail = format!("peer {}: {live} slots of an account that is gone", peer.0);
            return violation("slots = used", detail);
        }
        if let Some(((peer, resource), units)) = held.units.first_key_value() {
            let detail = format!("peer {}: {units} units of {resource:?} uncounted", peer.0);
            return violation("slots = used", detail);
        }
        truth(now, process, oracle)
    }

    /// Who asked for room had it; what did not ask is marked.
    fn room(&mut self, book: &Book) -> Result<(), Violation> {
        for units in &book.resources {
            let key = (book.peer, units.resource);
            let marked = book.marked;
            let before = self.before.insert(key, (units.own, book.granted, marked));
            // What did not ask for room is marked, and counts when the next one asks.
            let asked = before.is_some_and(|(own, granted, marks)| {
                units.own > own && book.granted > granted && marked <= marks
            });
            let room = units.capacity.map_or(u64::MAX, u64::from);
            if asked && units.own + units.foreign > room {
                let detail = format!("peer {}: {units:?}", book.peer.0);
                return violation("used <= capacity", detail);
            }
        }
        Ok(())
    }
}

/// Slots held are what the ledger has out; what came back and what is out are what was granted.
fn account(book: &Book, held: &mut Held) -> Result<(), Violation> {
    let peer = book.peer;
    let live = held.slots.remove(&peer).unwrap_or(0);
    if book.slots != live {
        let detail = format!("{book:?}: {live} slots in calls");
        return violation("slots = used", detail);
    }
    for units in &book.resources {
        let used = held.units.remove(&(peer, units.resource)).unwrap_or(0);
        if units.own != used {
            let detail = format!("{book:?}: {used} units of {:?} in calls", units.resource);
            return violation("slots = used", detail);
        }
    }
    let released: u64 = book.released.iter().sum();
    if book.granted.checked_sub(released) != Some(live) {
        let detail = format!("{book:?}: {released} released, {live} live");
        return violation("granted - released = live", detail);
    }
    let dropped = book.released[EndCause::Dropped.index()];
    if dropped > 0 || book.marked > book.slots {
        return violation("nothing dropped, nothing negative", format!("{book:?}"));
    }
    Ok(())
}

/// What phones hold is counted; what they have ended is not; and nothing is held for ever.
fn truth(now: Micros, process: &Process, oracle: &Oracle) -> Result<(), Violation> {
    for held in oracle.up(now) {
        let called = pbx_at(held.callee).map(|pbx| (pbx, true));
        let placed = pbx_at(held.caller).filter(|_| !held.adopted);
        for (pbx, called) in called.into_iter().chain(placed.map(|pbx| (pbx, false))) {
            let counted = process.live().any(|call| {
                let state = call.state().held();
                let slot =
                    state.and_then(|it| if called { &it.target } else { &it.placed }.as_ref());
                call.call_id() == held.call_id.as_bytes()
                    && slot.and_then(|slot| process.pbx_of(slot.peer())) == Some(pbx)
            });
            if !counted {
                let detail = format!(
                    "{} is up at {} and holds no slot there",
                    held.call_id,
                    pbx_name(pbx)
                );
                return violation("a call that is up holds a slot", detail);
            }
        }
    }
    for call in process.live() {
        let call_id = std::str::from_utf8(call.call_id()).unwrap_or_default();
        if call.state().stage() != Some(CallStage::Ringing) && oracle.is_over(call_id) {
            let detail = format!("{call_id} has ended, and is held: {call:?}");
            return violation("a call that has ended holds none", detail);
        }
        if oracle.is_old(now, call_id) {
            let detail = format!("{call_id} was placed too long ago, or never: {call:?}");
            return violation("no call outlives call_max", detail);
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
        let mut units = peer.resources.iter();
        if units.any(|units| units.own + units.foreign > 0) {
            let detail = format!("{}: {:?}", peer.name, peer.resources);
            return violation("everything is zero", detail);
        }
        if !peer.accepting || peer.feedback.is_some_and(|feedback| feedback.fresh) {
            let detail = format!("{}: reports and penalties still count", peer.name);
            return violation("reports lapse", detail);
        }
    }
    for census in process.census() {
        let left = census.transactions + census.contexts + census.own + census.waiting;
        if !probed && left > 0 {
            return violation("everything is empty", format!("{census:?}"));
        }
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
