//! A token bucket in whole numbers: so many a second, a burst of one second's worth.

use std::time::{Duration, Instant};

/// One token.
const TOKEN: u64 = 1_000_000_000;

/// A peer's `cps` limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    per_second: u32,
    /// In billionths of a token, so that a nanosecond adds `per_second` of them.
    level: u64,
    since: Instant,
}

impl Bucket {
    /// A full one.
    pub fn new(per_second: u32, now: Instant) -> Self {
        Self {
            per_second,
            level: u64::from(per_second) * TOKEN,
            since: now,
        }
    }

    pub fn per_second(&self) -> u32 {
        self.per_second
    }

    /// Another rate; what is in the bucket stays, up to the new brim.
    pub fn set_rate(&mut self, per_second: u32, now: Instant) {
        self.fill(now);
        self.per_second = per_second;
        self.level = self.level.min(u64::from(per_second) * TOKEN);
    }

    /// Adds what has come since the last time.
    pub fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if passed.is_zero() {
            return;
        }
        self.since = now;
        let rate = u64::from(self.per_second);
        let brim = rate * TOKEN;
        self.level = if passed >= Duration::from_secs(1) {
            brim
        } else {
            brim.min(self.level + u64::from(passed.subsec_nanos()) * rate)
        };
    }

    pub fn has_token(&self) -> bool {
        self.level >= TOKEN
    }

    /// Takes one token, where there is one.
    pub fn take(&mut self) {
        self.level = self.level.checked_sub(TOKEN).unwrap_or(self.level);
    }

    /// When there will be a token; `None` when there is one, or never will be.
    pub fn next_token(&self) -> Option<Instant> {
        let missing = TOKEN
            .checked_sub(self.level)
            .filter(|missing| *missing > 0)?;
        let rate = u64::from(self.per_second);
        let nanos = (rate > 0).then(|| missing.div_ceil(rate))?;
        Some(self.since + Duration::from_nanos(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(bucket: &mut Bucket) -> u32 {
        let mut taken = 0;
        while bucket.has_token() {
            bucket.take();
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_burst_is_one_seconds_worth_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = Bucket::new(30, start);
        assert_eq!(drain(&mut bucket), 30);
        let mut taken = 0;
        for millis in 1..=2000 {
            bucket.fill(start + Duration::from_millis(millis));
            taken += drain(&mut bucket);
        }
        assert_eq!(taken, 60);
    }

    #[test]
    fn the_next_token_is_there_when_announced_and_not_before() {
        let start = Instant::now();
        for rate in [1, 3, 7, 30, 999, 1_000_000] {
            let mut bucket = Bucket::new(rate, start);
            drain(&mut bucket);
            let at = bucket.next_token().expect("it is empty");
            let mut early = bucket;
            early.fill(at - Duration::from_nanos(1));
            assert!(!early.has_token(), "rate {rate}");
            bucket.fill(at);
            assert!(bucket.has_token(), "rate {rate}");
            assert_eq!(bucket.next_token(), None);
        }
    }

    #[test]
    fn a_rate_of_zero_never_has_a_token() {
        let start = Instant::now();
        let mut bucket = Bucket::new(0, start);
        bucket.fill(start + Duration::from_secs(100));
        assert!(!bucket.has_token());
        assert_eq!(bucket.next_token(), None);
    }

    #[test]
    fn a_clock_that_steps_back_adds_nothing() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1, start + Duration::from_secs(1));
        drain(&mut bucket);
        bucket.fill(start);
        assert!(!bucket.has_token());
    }
}
