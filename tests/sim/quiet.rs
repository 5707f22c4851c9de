//! Quiet times: nothing is on its way any more, and the ledger's count has to be what the phones themselves hold.

use std::collections::{BTreeMap, BTreeSet};

use tandem::call::CallStage;

use crate::checkers::Violation;
use crate::clock::{MS, SECOND};
use crate::plan::{Fault, pbx_at};
use crate::sim::{Event, Sim};

/// What quiet times came to, in slots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet {
    pub times: u64,
    /// Slots that the ledger had out for calls that were answered.
    pub own: u64,
    /// Calls that both phones held to be up, for every PBX that they were up at.
    pub up: u64,
    /// Held although a phone forgot the call, or the process died over its end: to be reclaimed.
    pub forgotten: u64,
    /// Up although not held: the process died before their row was written, and no request of theirs has come since.
    pub lost: u64,
    /// Whatever else is not equal. Never any.
    pub drift: u64,
}

impl Quiet {
    pub fn add(&mut self, other: &Self) {
        self.times += other.times;
        self.own += other.own;
        self.up += other.up;
        self.forgotten += other.forgotten;
        self.lost += other.lost;
        self.drift += other.drift;
    }
}

/// A call at a PBX: Call-ID, which PBX, and whether it was called there or placed by it.
type Place = (String, usize, bool);

impl Sim {
    /// Compares, as soon as nothing is on its way.
    pub fn compare(&mut self) {
        if !self.process.runs() || self.on_the_way > 0 {
            let soon = self.now + 20 * MS;
            return self.clock.at(soon, Event::Fault(Fault::Quiet));
        }
        let (own, up, known) = (self.held(), self.up(), self.known());
        // A peer that is asked about its calls answers within this time, or has none.
        let asked = self.scenario.settings.check > 0 && self.now > self.started + 60 * SECOND;
        let mut found = Quiet {
            times: 1,
            own: own.values().sum(),
            up: up.values().sum(),
            ..Quiet::default()
        };
        let mut detail = String::new();
        for place in own
            .keys()
            .chain(up.keys().filter(|it| !own.contains_key(*it)))
        {
            let count = |of: &BTreeMap<Place, u64>| of.get(place).copied().unwrap_or(0);
            let (own, up) = (count(&own), count(&up));
            if own == up {
                continue;
            }
            let found_out = asked && own > up && !known.contains(&(place.0.clone(), place.1));
            if found_out || !self.oracle.is_excused(&place.0) {
                found.drift += own.abs_diff(up);
                detail = format!("{place:?}: {own} held, {up} up");
            } else if own > up {
                found.forgotten += own - up;
            } else {
                found.lost += up - own;
            }
        }
        self.trace.say(self.now, || format!("*** {found:?}"));
        self.tally.quiet.add(&found);
        if found.drift > 0 {
            let checker = "no drift at quiet times";
            self.found = Some(Violation { checker, detail });
        }
    }

    /// The slots that are out for calls that were answered.
    fn held(&self) -> BTreeMap<Place, u64> {
        let mut held = BTreeMap::new();
        for call in self.process.live() {
            let slots = call.state().held().into_iter();
            let slots = slots.flat_map(|it| [(&it.target, true), (&it.placed, false)]);
            for (slot, called) in slots {
                let pbx = slot.as_ref().and_then(|it| self.process.pbx_of(it.peer()));
                let ringing = call.state().stage() == Some(CallStage::Ringing);
                if let Some(pbx) = pbx.filter(|_| !ringing) {
                    let call_id = String::from_utf8_lossy(call.call_id()).into_owned();
                    *held.entry((call_id, pbx, called)).or_default() += 1;
                }
            }
        }
        held
    }

    /// The calls that a PBX holds to be up, whatever the other side holds.
    fn known(&self) -> BTreeSet<(String, usize)> {
        let mut known = BTreeSet::new();
        for phone in &self.phones {
            if let Some(pbx) = pbx_at(phone.address) {
                known.extend(phone.up().map(|(key, _)| (key.0.clone(), pbx)));
            }
        }
        known
    }

    /// The calls that both their phones hold to be up, by the phones' own word.
    fn up(&self) -> BTreeMap<Place, u64> {
        let mut sides = BTreeMap::new();
        for phone in &self.phones {
            for (key, placed) in phone.up() {
                sides.insert(key.clone(), (phone.address, placed));
            }
        }
        let mut up = BTreeMap::new();
        for ((call_id, local, remote), (address, placed)) in &sides {
            let other = (call_id.clone(), remote.clone(), local.clone());
            if let (Some(pbx), true) = (pbx_at(*address), sides.contains_key(&other)) {
                // A PBX that answered twice, as a fork does, holds one call.
                up.insert((call_id.clone(), pbx, !placed), 1);
            }
        }
        up
    }
}
