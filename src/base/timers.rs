//! A hierarchical timing wheel: many timers, most of which are cancelled before they fire.
//!
//! Time is cut into ticks of one millisecond since an origin. A timer lies in the wheel of the highest
//! group of six bits in which its tick differs from the present one; when the present enters that
//! slot, its timers are spread over the finer wheels below. So arming and cancelling are O(1), a timer moves at
//! most once for each wheel, and a jump over years costs as little as a step of one tick.

use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = 7;
/// The last tick the wheels reach, some 139 years on; whatever is later is due then.
const TICK_MAX: u64 = (1 << (BITS * LEVELS as u32)) - 1;
const NIL: u32 = u32::MAX;

/// Names an armed timer. Once it has fired or was cancelled the id is stale and harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId {
    index: u32,
    generation: u32,
}

/// Timers that carry a key each. See the module's text for how they are kept.
#[derive(Debug)]
pub struct Timers<K> {
    origin: Instant,
    /// Every tick before this one has been fired.
    present: u64,
    wheels: Box<[Wheel; LEVELS]>,
    nodes: Vec<Node<K>>,
    free: u32,
    armed: usize,
}

#[derive(Debug)]
struct Wheel {
    occupied: u64,
    slots: [List; SLOTS],
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
}

impl Wheel {
    const EMPTY: Self = Self {
        occupied: 0,
        slots: [List::EMPTY; SLOTS],
    };
}

impl List {
    const EMPTY: Self = Self {
        first: NIL,
        last: NIL,
    };
}

#[derive(Debug)]
struct Node<K> {
    key: K,
    tick: u64,
    generation: u32,
    previous: u32,
    /// The next of its slot, or of the free list.
    next: u32,
    /// Where it lies; `None` while it is free.
    place: Option<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    level: u8,
    slot: u8,
}

impl<K: Copy> Timers<K> {
    /// No timers; `origin` is where the count of ticks begins, and nothing is armed before it.
    pub fn new(origin: Instant) -> Self {
        let wheels = Box::new([const { Wheel::EMPTY }; LEVELS]);
        Self {
            origin,
            present: 0,
            wheels,
            nodes: Vec::new(),
            free: NIL,
            armed: 0,
        }
    }

    /// Arms a timer that fires at `at`, rounded up to a whole tick. A moment that has passed counts as the present.
    /// Timers of one tick fire in the order in which they were armed.
    pub fn arm(&mut self, at: Instant, key: K) -> TimerId {
        let tick = self.tick_of(at);
        let index = self.allocate(key, tick);
        self.armed += 1;
        self.link(index);
        TimerId {
            index,
            generation: self.nodes[index as usize].generation,
        }
    }

    /// As [`arm`](Self::arm), in place of a timer that may still be armed, which is taken back. Where that one was to
    /// fire in the same tick it keeps its turn.
    pub fn arm_instead(&mut self, before: Option<TimerId>, at: Instant, key: K) -> TimerId {
        let Some(id) = before.filter(|id| self.is_armed(*id)) else {
            return self.arm(at, key);
        };
        let tick = self.tick_of(at);
        let node = &mut self.nodes[id.index as usize];
        node.key = key;
        if node.tick != tick {
            self.unlink(id.index);
            self.nodes[id.index as usize].tick = tick;
            self.link(id.index);
        }
        id
    }

    fn tick_of(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.origin);
        let begun = u64::from(!since.subsec_nanos().is_multiple_of(1_000_000));
        (since.as_secs().saturating_mul(1000))
            .saturating_add(u64::from(since.subsec_millis()) + begun)
            .clamp(self.present, TICK_MAX)
    }

    /// Whether it will still fire.
    pub fn is_armed(&self, id: TimerId) -> bool {
        let live = |node: &Node<K>| node.generation == id.generation && node.place.is_some();
        self.nodes.get(id.index as usize).is_some_and(live)
    }

    /// Takes a timer back. False when it has fired or was cancelled already.
    pub fn cancel(&mut self, id: TimerId) -> bool {
        if !self.is_armed(id) {
            return false;
        }
        self.unlink(id.index);
        self.release(id.index);
        true
    }

    /// The earliest moment at which [`pop`](Self::pop) is worth a call: never later than the first timer, and
    /// earlier only when that one must first move to a finer wheel.
    pub fn next(&self) -> Option<Instant> {
        let (_, tick) = self.next_slot()?;
        Some(self.origin + Duration::from_millis(tick))
    }

    /// The next timer that is due at `now`, earliest first.
    pub fn pop(&mut self, now: Instant) -> Option<(TimerId, K)> {
        let now = now.saturating_duration_since(self.origin).as_millis();
        let now = now.min(u128::from(TICK_MAX)) as u64;
        while let Some((level, tick)) = self.next_slot() {
            if tick > now {
                break;
            }
            self.present = tick;
            let slot = slot_of(tick, level);
            if level > 0 {
                self.cascade(level, slot);
                continue;
            }
            let index = self.wheels[0].slots[slot].first;
            let node = &self.nodes[index as usize];
            let fired = (
                TimerId {
                    index,
                    generation: node.generation,
                },
                node.key,
            );
            self.unlink(index);
            self.release(index);
            return Some(fired);
        }
        // Everything before the next occupied slot is empty, so the present may move on.
        self.present = self.present.max(now);
        None
    }

    /// The number of armed timers.
    pub fn len(&self) -> usize {
        self.armed
    }

    /// True when nothing is armed.
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// The first occupied slot from the present on: its wheel and the tick it begins with. A finer wheel's slots all come
    /// before a coarser one's, since they share more leading bits with the present.
    fn next_slot(&self) -> Option<(usize, u64)> {
        self.wheels.iter().enumerate().find_map(|(level, wheel)| {
            let from = slot_of(self.present, level);
            let ahead = wheel.occupied >> from << from;
            if ahead == 0 {
                return None;
            }
            let slot = u64::from(ahead.trailing_zeros());
            let shift = BITS * level as u32;
            let base = self.present >> shift >> BITS << BITS;
            Some((level, (base | slot) << shift))
        })
    }

    /// Spreads the timers of a coarse slot, which the present has entered, over the finer wheels in their order.
    fn cascade(&mut self, level: usize, slot: usize) {
        let wheel = &mut self.wheels[level];
        let mut index = wheel.slots[slot].first;
        wheel.slots[slot] = List::EMPTY;
        wheel.occupied &= !(1 << slot);
        while index != NIL {
            let next = self.nodes[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    fn link(&mut self, index: u32) {
        let tick = self.nodes[index as usize].tick;
        let differing = tick ^ self.present;
        let level = (differing | 1).ilog2() / BITS;
        let slot = slot_of(tick, level as usize);
        let wheel = &mut self.wheels[level as usize];
        wheel.occupied |= 1 << slot;
        let list = &mut wheel.slots[slot];
        let previous = std::mem::replace(&mut list.last, index);
        if previous == NIL {
            list.first = index;
        } else {
            self.nodes[previous as usize].next = index;
        }
        let node = &mut self.nodes[index as usize];
        node.previous = previous;
        node.next = NIL;
        node.place = Some(Place {
            level: level as u8,
            slot: slot as u8,
        });
    }

    fn unlink(&mut self, index: u32) {
        let node = &mut self.nodes[index as usize];
        let Some(place) = node.place.take() else {
            return;
        };
        let (previous, next) = (node.previous, node.next);
        let wheel = &mut self.wheels[place.level as usize];
        let list = &mut wheel.slots[place.slot as usize];
        if previous == NIL {
            list.first = next;
        }
        if next == NIL {
            list.last = previous;
        }
        if list.first == NIL {
            wheel.occupied &= !(1 << place.slot);
        }
        if previous != NIL {
            self.nodes[previous as usize].next = next;
        }
        if next != NIL {
            self.nodes[next as usize].previous = previous;
        }
    }

    fn allocate(&mut self, key: K, tick: u64) -> u32 {
        let index = self.free;
        if let Some(node) = self.nodes.get_mut(index as usize) {
            self.free = node.next;
            node.key = key;
            node.tick = tick;
            return index;
        }
        let index = u32::try_from(self.nodes.len()).expect("fewer timers than memory could hold");
        self.nodes.push(Node {
            key,
            tick,
            generation: 0,
            previous: NIL,
            next: NIL,
            place: None,
        });
        index
    }

    fn release(&mut self, index: u32) {
        let free = self.free;
        let node = &mut self.nodes[index as usize];
        node.generation = node.generation.wrapping_add(1);
        node.next = free;
        self.free = index;
        self.armed -= 1;
    }
}

fn slot_of(tick: u64, level: usize) -> usize {
    (tick >> (BITS * level as u32)) as usize & (SLOTS - 1)
}
