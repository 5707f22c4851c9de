//! The real core under virtual time, in a network that loses, doubles and reorders, among phones and PBXes that do what
//! phones and PBXes do. One seed decides everything: `SIM_SEED=17 cargo test --test sim` tells the story of seed 17.

mod checkers;
mod clock;
mod faults;
mod feedback;
mod log;
mod net;
mod oracle;
mod phone;
mod plan;
mod process;
mod quiet;
mod sim;
mod text;
mod trace;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tandem::balance::EndCause;

use crate::checkers::Violation;
use crate::sim::{Sim, Tally};

/// Seeds that a test run plays if it is told nothing else, and the calls of each; `scripts/test` asks for 2,000.
const SEEDS: u64 = 200;
const CALLS: usize = 4;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn play(seed: u64, calls: usize, traced: bool) -> (Result<Tally, Violation>, String) {
    let mut sim = Sim::new(seed, calls, traced);
    let result = sim.run();
    (result, sim.trace.tell())
}

/// The story of a seed that fails.
fn tell(seed: u64, calls: usize) -> String {
    match play(seed, calls, true) {
        (Err(found), story) => format!(
            "{story}\nseed {seed}, calls {calls}, {}: {}",
            found.checker, found.detail
        ),
        (Ok(tally), story) => format!("{story}\nseed {seed}, calls {calls}: {tally:?}"),
    }
}

/// Plays seeds until one fails, on as many threads as there are cores; the lowest seed that failed.
fn play_all(seeds: std::ops::Range<u64>, calls: usize) -> (Tally, Option<(u64, Violation)>) {
    let (next, sum) = (AtomicU64::new(seeds.start), Mutex::new(Tally::default()));
    let failed: Mutex<Option<(u64, Violation)>> = Mutex::new(None);
    let worker = || {
        log::watched(|| {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end || failed.lock().expect("no panic").is_some() {
                    return;
                }
                match play(seed, calls, false).0 {
                    Ok(tally) => sum.lock().expect("no panic").add(&tally),
                    Err(found) => {
                        failed
                            .lock()
                            .expect("no panic")
                            .get_or_insert((seed, found));
                    }
                }
            }
        });
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(worker);
        }
    });
    let sum = *sum.lock().expect("no panic");
    (sum, failed.into_inner().expect("no panic"))
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.placed += other.placed;
        self.answered += other.answered;
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.reloads += other.reloads;
        self.simulated += other.simulated;
        self.quiet.add(&other.quiet);
        self.counts.add(&other.counts);
        for (sum, count) in self.released.iter_mut().zip(other.released) {
            *sum += count;
        }
    }
}

fn worst_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("unknown").trim().to_string()
}

#[test]
fn every_count_is_the_number_of_live_calls_whatever_happens() {
    let calls = number("SIM_CALLS").map_or(CALLS, |calls| calls as usize);
    if let Some(seed) = number("SIM_SEED") {
        let story = log::watched(|| tell(seed, calls));
        println!("{story}");
        let (result, _) = log::watched(|| play(seed, calls, false));
        assert!(result.is_ok(), "seed {seed}: {result:?}");
        return;
    }
    let first = number("SIM_FIRST").unwrap_or(0);
    let count = number("SIM_SEEDS").unwrap_or(SEEDS);
    let started = std::time::Instant::now();
    let (sum, failed) = play_all(first..first + count, calls);
    if let Some((seed, found)) = failed {
        let (checker, detail) = (found.checker, found.detail);
        println!("SIM_CAUGHT seed {seed} checker {checker}");
        if std::env::var_os("SIM_BRIEF").is_none() {
            println!("{}", log::watched(|| tell(seed, calls)));
        }
        panic!("SIM_SEED={seed} SIM_CALLS={calls}: {checker}: {detail}");
    }
    let taken = started.elapsed().as_secs_f64();
    let rate = sum.placed as f64 / taken;
    println!(
        "{count} seeds, {} calls, {} answered, {} steps, each checked: {taken:.1} s, {rate:.0} calls a second",
        sum.placed, sum.answered, sum.steps
    );
    let (hours, quiet) = (sum.simulated as f64 / 3.6e9, sum.quiet);
    println!(
        "{hours:.0} simulated hours, {} crashes, {} reloads",
        sum.crashes, sum.reloads
    );
    println!(
        "{} quiet times: {} own = {} up + {} to be reclaimed - {} lost in crashes, drift {}",
        quiet.times, quiet.own, quiet.up, quiet.forgotten, quiet.lost, quiet.drift
    );
    let counts = sum.counts;
    println!(
        "{} reliable provisional responses, {} PRACKs answered, {} sessions lengthened after 422",
        counts.reliable, counts.pracked, counts.lengthened
    );
    for (cause, count) in EndCause::ALL.iter().zip(sum.released) {
        println!("released {:>10} {}", count, cause.as_str());
    }
    println!("worst memory: {}", worst_memory());
    assert!(sum.answered > 0, "nobody ever answered");
    assert!(
        counts.reliable > 0 && counts.pracked > 0 && counts.lengthened > 0,
        "{counts:?}: something was never tried"
    );
}

#[test]
fn a_seed_plays_the_same_twice() {
    for seed in [1, 7, 1234] {
        let (once, twice) = (tell(seed, 20), tell(seed, 20));
        assert_eq!(once, twice, "seed {seed}");
    }
}
