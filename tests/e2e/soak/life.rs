//! One life of the process, from its start to its crash: what it took of the machine, and what its books said at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::harness::tandem::{Tandem, errors};

/// Linux tells times of processes in hundredths of a second.
const TICKS_A_SECOND: f64 = 100.0;

/// A life.
pub struct Life {
    pid: u32,
    begun: Instant,
    sampled: Instant,
    /// Proportional set size in KiB, and when it was.
    pub memory: Vec<(Instant, u64)>,
    pub lasted: Duration,
    pub cpu_seconds: f64,
    pub granted: f64,
    pub released: f64,
    pub causes: BTreeMap<String, f64>,
    pub errors: Vec<String>,
    pub store_failures: f64,
}

/// A kill and the start after it.
pub struct Crash {
    /// Seconds since 1970.
    pub at: f64,
    pub ready: f64,
    pub away: Duration,
    /// Calls that were counted just before, and just after.
    pub before: u64,
    pub after: u64,
}

impl Life {
    pub fn begin(tandem: &Tandem) -> Self {
        Life {
            pid: tandem.pid(),
            begun: Instant::now(),
            sampled: Instant::now(),
            memory: Vec::new(),
            lasted: Duration::ZERO,
            cpu_seconds: 0.0,
            granted: 0.0,
            released: 0.0,
            causes: BTreeMap::new(),
            errors: Vec::new(),
            store_failures: 0.0,
        }
    }

    pub fn sample_is_due(&self, every: Duration) -> bool {
        self.sampled.elapsed() >= every
    }

    pub fn sample(&mut self) {
        self.sampled = Instant::now();
        self.memory.push((self.sampled, pss_kib(self.pid)));
    }

    /// Reads the books for the last time.
    pub fn end(&mut self, tandem: &Tandem) {
        self.lasted = self.begun.elapsed();
        self.cpu_seconds = cpu_seconds(self.pid);
        let scrape = tandem.metrics();
        self.granted = scrape.sum("tandem_slots_granted_total", &[]);
        self.released = scrape.sum("tandem_slots_released_total", &[]);
        for cause in scrape.label_values("tandem_slots_released_total", "cause") {
            let sum = scrape.sum("tandem_slots_released_total", &[("cause", &cause)]);
            self.causes.insert(cause, sum);
        }
        let failed = [("outcome", "failed")];
        self.store_failures = scrape.sum("tandem_store_writes_total", &failed);
        self.errors = errors(&tandem.log());
    }

    /// The samples taken between two points of this life.
    pub fn memory_between(&self, from: Duration, to: Duration) -> Vec<u64> {
        let within = |at: &Instant| (from..=to).contains(&at.duration_since(self.begun));
        let samples = self.memory.iter().filter(|(at, _)| within(at));
        samples.map(|(_, kib)| *kib).collect()
    }
}

pub fn unix_seconds() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock that is set").as_secs_f64()
}

fn pss_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
    let text = text.expect("the process runs");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.expect("a size")
}

fn cpu_seconds(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The name in brackets may hold anything; user and system time are the 14th and 15th field.
    let (_, rest) = text.rsplit_once(") ").expect("a name in brackets");
    let ticks = rest.split(' ').skip(11).take(2);
    let ticks = ticks.filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_A_SECOND
}
