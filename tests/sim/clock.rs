//! Virtual time: microseconds since the beginning, and what happens when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Microseconds since the run began.
pub type Micros = u64;

pub const MS: Micros = 1000;
pub const SECOND: Micros = 1_000_000;

/// Events in the order of their times; of one time, in the order in which they were put in.
pub struct Clock<E> {
    heap: BinaryHeap<Reverse<(Micros, u64)>>,
    events: std::collections::BTreeMap<u64, E>,
    next: u64,
}

impl<E> Clock<E> {
    pub fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            events: std::collections::BTreeMap::new(),
            next: 0,
        }
    }

    pub fn at(&mut self, when: Micros, event: E) {
        self.heap.push(Reverse((when, self.next)));
        self.events.insert(self.next, event);
        self.next += 1;
    }

    /// When the next event is due.
    pub fn due(&self) -> Option<Micros> {
        self.heap.peek().map(|Reverse((when, _))| *when)
    }

    pub fn pop(&mut self) -> Option<(Micros, E)> {
        let Reverse((when, number)) = self.heap.pop()?;
        Some((when, self.events.remove(&number)?))
    }
}
