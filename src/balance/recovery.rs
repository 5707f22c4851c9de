//! What keeps a peer that failed from being flooded: penalties, strikes and the ramp.

use std::time::{Duration, Instant};

/// How long the ramp lasts.
pub(super) const RAMP: Duration = Duration::from_secs(20);
/// Where the ramp begins.
const RAMP_FLOOR: f64 = 0.1;
/// Strikes halve in this time.
const STRIKES_HALVE: Duration = Duration::from_secs(5);
/// More strikes than these say nothing more.
const STRIKES_MAX: u32 = 30;
/// The penalty of a 503 that names no Retry-After.
const PENALTY_DEFAULT: Duration = Duration::from_secs(2);

/// The share of the calls meant for a peer that it gets `since` it came back:
/// 0.1 + 0.9 × elapsed ÷ 20 s, at most 1. It is a chance, taken for each call, and a call that nobody
/// else can take ignores it. A peer that never failed has no ramp.
pub(super) fn ramp(since: Option<Instant>, now: Instant) -> f64 {
    since.map_or(1.0, |since| {
        let elapsed = now.saturating_duration_since(since);
        (RAMP_FLOOR + (1.0 - RAMP_FLOOR) * elapsed.as_secs_f64() / RAMP.as_secs_f64()).min(1.0)
    })
}

/// Recent failures, halved every five seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strikes {
    count: u32,
    halve_at: Option<Instant>,
}

impl Strikes {
    pub fn add(&mut self, now: Instant) {
        self.count = (self.count + 1).min(STRIKES_MAX);
        self.halve_at.get_or_insert(now + STRIKES_HALVE);
    }

    pub fn count(self) -> u32 {
        self.count
    }

    pub fn next_change(self) -> Option<Instant> {
        self.halve_at
    }

    pub fn pass_time(&mut self, now: Instant) {
        while let Some(at) = self.halve_at
            && at <= now
        {
            self.count /= 2;
            self.halve_at = (self.count > 0).then_some(at + STRIKES_HALVE);
        }
    }
}

/// Accepting? As far as 503 answers it. What calls heard and what probes heard are kept apart, since
/// a good probe takes back only what a probe has said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Penalty {
    calls: Option<Instant>,
    probe: Option<Instant>,
}

impl Penalty {
    /// A call was answered 503. Retry-After is believed up to `cap`: some PBXes name five minutes for a
    /// queue of a moment. A penalty is never shortened by another.
    pub fn busy(&mut self, now: Instant, retry_after: Option<Duration>, cap: Duration) {
        let until = now + retry_after.unwrap_or(PENALTY_DEFAULT).min(cap);
        self.calls = Some(self.calls.map_or(until, |known| known.max(until)));
    }

    /// A probe was answered 503: until the next one answers otherwise, or is overdue.
    pub fn probe_busy(&mut self, until: Instant) {
        self.probe = Some(until);
    }

    /// A probe was answered well. True when that ends a penalty.
    pub fn probe_well(&mut self) -> bool {
        self.probe.take().is_some() && self.calls.is_none()
    }

    /// When it ends; none: there is none.
    pub fn until(self) -> Option<Instant> {
        self.calls.max(self.probe)
    }

    pub fn next_change(self) -> Option<Instant> {
        self.until()
    }

    /// True when the penalty has ended.
    pub fn pass_time(&mut self, now: Instant) -> bool {
        let over = self.until().is_some_and(|until| until <= now);
        if over {
            *self = Self::default();
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_ramp_rises_from_a_tenth_to_the_whole_in_its_time() {
        let start = Instant::now();
        assert_eq!(ramp(None, start), 1.0);
        assert!((ramp(Some(start), start) - 0.1).abs() < 1e-9);
        assert!((ramp(Some(start), start + RAMP / 2) - 0.55).abs() < 1e-9);
        assert_eq!(ramp(Some(start), start + RAMP), 1.0);
        assert_eq!(ramp(Some(start), start + RAMP * 9), 1.0);
    }

    #[test]
    fn strikes_halve_until_they_are_forgotten() {
        let start = Instant::now();
        let mut strikes = Strikes::default();
        for _ in 0..5 {
            strikes.add(start);
        }
        for (seconds, left) in [(4, 5), (5, 2), (9, 2), (10, 1), (15, 0)] {
            strikes.pass_time(start + SECOND * seconds);
            assert_eq!(strikes.count(), left, "after {seconds} s");
        }
        assert_eq!(strikes.next_change(), None);
    }

    #[test]
    fn strikes_forget_all_at_once_when_nobody_looked_for_long() {
        let start = Instant::now();
        let mut strikes = Strikes::default();
        for _ in 0..1000 {
            strikes.add(start);
        }
        assert_eq!(strikes.count(), STRIKES_MAX);
        strikes.pass_time(start + SECOND * 3600);
        assert_eq!(strikes.count(), 0);
    }

    #[test]
    fn a_good_probe_takes_back_only_what_a_probe_has_said() {
        let start = Instant::now();
        let mut penalty = Penalty::default();
        penalty.busy(start, Some(SECOND * 300), SECOND * 10);
        penalty.probe_busy(start + SECOND * 60);
        assert_eq!(penalty.until(), Some(start + SECOND * 60));
        assert!(!penalty.probe_well());
        assert_eq!(penalty.until(), Some(start + SECOND * 10));
    }

    #[test]
    fn a_second_503_lengthens_a_penalty_and_never_shortens_it() {
        let start = Instant::now();
        let mut penalty = Penalty::default();
        penalty.busy(start, Some(SECOND * 8), SECOND * 10);
        penalty.busy(start + SECOND, Some(SECOND), SECOND * 10);
        assert_eq!(penalty.until(), Some(start + SECOND * 8));
    }
}
