//! Retransmission over UDP (RFC 3261 §17): the same bytes again at T1, doubling, until stopped or 64·T1 have passed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::wire::Wire;

pub const T1: Duration = Duration::from_millis(500);
pub const T2: Duration = Duration::from_secs(4);

/// What is being sent again, by a name that the owner chose.
#[derive(Default)]
pub struct Repeats {
    live: HashMap<String, Repeat>,
    due: BinaryHeap<Reverse<(Instant, u64, String)>>,
    generation: u64,
}

struct Repeat {
    generation: u64,
    bytes: Vec<u8>,
    to: SocketAddr,
    interval: Duration,
    cap: Duration,
    end: Instant,
}

impl Repeats {
    /// Sends now and again later; `cap` is the longest interval (an INVITE's has none).
    pub fn send(
        &mut self,
        wire: &mut Wire,
        key: &str,
        to: SocketAddr,
        bytes: Vec<u8>,
        cap: Duration,
    ) {
        wire.send(to, &bytes);
        let now = Instant::now();
        self.generation += 1;
        let repeat = Repeat {
            generation: self.generation,
            bytes,
            to,
            interval: T1,
            cap,
            end: now + 64 * T1,
        };
        self.due
            .push(Reverse((now + T1, self.generation, key.to_owned())));
        self.live.insert(key.to_owned(), repeat);
    }

    /// True when something was being sent under this name.
    pub fn stop(&mut self, key: &str) -> bool {
        self.live.remove(key).is_some()
    }

    /// Sends what is due; gives back the names that ran out of time.
    pub fn tick(&mut self, wire: &mut Wire) -> Vec<String> {
        let now = Instant::now();
        let mut given_up = Vec::new();
        while self.due.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, generation, key))) = self.due.pop() else {
                break;
            };
            let Some(repeat) = self.live.get_mut(&key) else {
                continue;
            };
            if repeat.generation != generation {
                continue;
            }
            if now >= repeat.end {
                self.live.remove(&key);
                given_up.push(key);
                continue;
            }
            wire.send(repeat.to, &repeat.bytes);
            repeat.interval = (repeat.interval * 2).min(repeat.cap);
            let at = (now + repeat.interval).min(repeat.end);
            self.due.push(Reverse((at, generation, key)));
        }
        given_up
    }

    /// When `tick` has something to do.
    pub fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, ..))| *at)
    }
}
