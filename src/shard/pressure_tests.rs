use std::collections::VecDeque;

use super::*;
use crate::base::limits::{DATAGRAM_BATCH, QUEUE_DELAY_SPILLING};

const MS: Duration = Duration::from_millis(1);

/// What it costs a shard to set a call up, to end one, and to refuse one. It can do some 12,500 calls a second.
const SET_UP: Duration = Duration::from_micros(55);
const END: Duration = Duration::from_micros(25);
const REFUSAL: Duration = Duration::from_micros(5);
const CAPACITY: f64 = 12_500.0;
/// How long a call is up.
const HOLD: Duration = Duration::from_millis(300);

#[derive(Clone, Copy)]
enum Kind {
    Invite,
    Bye,
}

/// A shard in virtual time: one queue, batches, and what each datagram costs.
struct Shard {
    now: Instant,
    arrived: Instant,
    queue: VecDeque<(Instant, Kind)>,
    holding: VecDeque<Instant>,
    pressure: Pressure,
    lots: fastrand::Rng,
    ended: u64,
    refused: u64,
    longest: Duration,
}

impl Shard {
    fn new() -> Self {
        let start = Instant::now();
        Shard {
            now: start,
            arrived: start,
            queue: VecDeque::new(),
            holding: VecDeque::new(),
            pressure: Pressure::default(),
            lots: fastrand::Rng::with_seed(1),
            ended: 0,
            refused: 0,
            longest: Duration::ZERO,
        }
    }

    /// Runs for some time while `rate` calls a second are offered.
    fn run(&mut self, rate: f64, seconds: f64) {
        (self.refused, self.ended, self.longest) = (0, 0, Duration::ZERO);
        let end = self.now + Duration::from_secs_f64(seconds);
        let step = Duration::from_secs_f64(1.0 / rate);
        self.arrived = self.arrived.max(self.now);
        while self.now < end {
            while self.arrived <= self.now {
                self.queue.push_back((self.arrived, Kind::Invite));
                self.arrived += step;
            }
            while let Some(at) = self.holding.pop_front_if(|at| *at <= self.now) {
                self.queue.push_back((at, Kind::Bye));
            }
            self.queue.make_contiguous().sort_by_key(|(at, _)| *at);
            self.turn();
        }
    }

    fn turn(&mut self) {
        let now = self.now;
        let full = self.queue.len() >= DATAGRAM_BATCH;
        let oldest = self.queue.front().map_or(now, |(at, _)| *at);
        let waited = if full { now - oldest } else { Duration::ZERO };
        self.longest = self.longest.max(waited);
        let excess = self.pressure.seen(now, waited).unwrap_or_default();
        for (_, kind) in self.queue.drain(..self.queue.len().min(DATAGRAM_BATCH)) {
            self.now += match kind {
                Kind::Bye => {
                    self.ended += 1;
                    END
                }
                Kind::Invite if self.lots.f64() < excess.refused => {
                    self.refused += 1;
                    REFUSAL
                }
                Kind::Invite => {
                    self.holding.push_back(now + HOLD);
                    SET_UP
                }
            };
        }
        self.pressure.turn(now);
        self.now = self.now.max(now + MS / 20);
    }
}

#[test]
fn what_can_be_done_is_done_while_three_times_as_much_is_offered() {
    let mut shard = Shard::new();
    shard.run(1000.0, 2.0);
    assert_eq!(shard.refused, 0);
    shard.run(3.0 * CAPACITY, 3.0);
    shard.run(3.0 * CAPACITY, 10.0);
    let goodput = shard.ended as f64 / 10.0;
    // What is refused has its price.
    let refused = shard.refused as f64 / 10.0;
    let possible = CAPACITY * (1.0 - refused * REFUSAL.as_secs_f64());
    assert!(
        goodput > 0.97 * possible && goodput > 0.8 * CAPACITY,
        "{goodput} of {possible} calls a second"
    );
    assert!(shard.longest < 2 * QUEUE_DELAY_MAX, "{:?}", shard.longest);
}

#[test]
fn refusals_end_with_the_overload() {
    let mut shard = Shard::new();
    shard.run(3.0 * CAPACITY, 5.0);
    assert!(shard.refused > 0);
    shard.run(1000.0, 0.5);
    shard.run(1000.0, 5.0);
    assert_eq!((shard.refused, shard.longest), (0, Duration::ZERO));
}

#[test]
fn the_share_that_is_refused_is_steady() {
    let mut shard = Shard::new();
    shard.run(2.0 * CAPACITY, 5.0);
    let seconds: Vec<u64> = (0..20)
        .map(|_| {
            shard.run(2.0 * CAPACITY, 0.25);
            shard.refused
        })
        .collect();
    let (least, most) = (seconds.iter().min(), seconds.iter().max());
    let (least, most) = (least.expect("some"), most.expect("some"));
    assert!(most - least < most / 3, "{seconds:?}");
}

#[test]
fn nothing_is_refused_below_what_can_be_done() {
    let mut shard = Shard::new();
    shard.run(0.95 * CAPACITY, 10.0);
    assert_eq!(shard.refused, 0);
}

#[test]
fn a_burst_or_a_pause_of_the_machine_refuses_nothing() {
    let mut shard = Shard::new();
    shard.run(0.4 * CAPACITY, 1.0);
    // Nobody ran for this long, and all that came meanwhile lies there.
    shard.now += 60 * MS;
    shard.run(0.4 * CAPACITY, 5.0);
    assert!(shard.longest > 50 * MS, "{:?}", shard.longest);
    assert_eq!(shard.refused, 0);
}

#[test]
fn a_queue_that_spills_is_no_burst() {
    let (mut pressure, now) = (Pressure::default(), Instant::now());
    assert_eq!(pressure.seen(now, QUEUE_DELAY_MAX), None);
    pressure.spilling(now);
    let all = Excess {
        refused: 1.0,
        unanswered: 0.0,
    };
    assert_eq!(pressure.seen(now, QUEUE_DELAY_MAX), Some(all));
    assert_eq!(pressure.seen(now, QUEUE_DELAY_MIN), None);
    assert_eq!(pressure.seen(now + QUEUE_MEMORY, QUEUE_DELAY_MAX), None);
}

#[test]
fn far_beyond_the_longest_delay_there_is_no_time_for_answers_either() {
    let at = |delay| (excess(delay).refused, excess(delay).unanswered);
    let middle = (QUEUE_DELAY_MIN + QUEUE_DELAY_MAX) / 2;
    assert!((at(middle).0 - 0.5).abs() < 1e-6 && at(middle).1 == 0.0);
    assert_eq!(at(QUEUE_DELAY_MUTE), (1.0, 0.0));
    let (refused, unanswered) = at(QUEUE_DELAY_SPILLING);
    assert!(refused == 1.0 && (unanswered - 0.5).abs() < 1e-6);
    assert_eq!(at(QUEUE_DELAY_MUTE * 2), (1.0, 1.0));
    assert_eq!(at(Duration::from_secs(60)), (1.0, 1.0));
}
