//! How long to wait before what failed is tried again.

use std::time::Duration;

/// Pauses that double up to a bound.
#[derive(Debug)]
pub struct Backoff {
    least: Duration,
    most: Duration,
    last: Option<Duration>,
}

impl Backoff {
    /// From `least` to `most`.
    pub const fn new(least: Duration, most: Duration) -> Self {
        Backoff {
            least,
            most,
            last: None,
        }
    }

    /// The next pause.
    pub fn pause(&mut self) -> Duration {
        let next = self
            .last
            .map_or(self.least, |last| (last * 2).min(self.most));
        *self.last.insert(next)
    }

    /// The next pause, shortened by up to a half by `chance`, from 0 to 1: those that failed together do not come back together.
    pub fn pause_by(&mut self, chance: f64) -> Duration {
        self.pause().mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
    }

    /// It went well: the next pause is the shortest again.
    pub fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(5);

    #[test]
    fn pauses_double_up_to_their_bound_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(LEAST, MOST);
        assert_eq!(backoff.pause(), LEAST);
        assert_eq!(backoff.pause(), LEAST * 2);
        for _ in 0..20 {
            backoff.pause();
        }
        assert_eq!(backoff.pause(), MOST);
        backoff.reset();
        assert_eq!(backoff.pause(), LEAST);
    }

    #[test]
    fn chance_takes_up_to_a_half_of_a_pause_and_does_not_slow_its_growth() {
        let mut backoff = Backoff::new(LEAST, MOST);
        assert_eq!(backoff.pause_by(0.0), LEAST);
        assert_eq!(backoff.pause_by(1.0), LEAST);
        assert_eq!(backoff.pause_by(0.5), LEAST * 3);
    }
}
