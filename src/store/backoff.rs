//! How long to wait before a store that failed is tried again.

use std::time::Duration;

use crate::base::limits::{STORE_RETRY_MAX, STORE_RETRY_MIN};

/// Pauses that double up to a bound.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    last: Option<Duration>,
}

impl Backoff {
    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        let next = self
            .last
            .map_or(STORE_RETRY_MIN, |last| (last * 2).min(STORE_RETRY_MAX));
        *self.last.insert(next)
    }

    /// It went well: the next pause is the shortest again.
    pub(super) fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(), STORE_RETRY_MIN);
        assert_eq!(backoff.next(), STORE_RETRY_MIN * 2);
        for _ in 0..20 {
            backoff.next();
        }
        assert_eq!(backoff.next(), STORE_RETRY_MAX);
        backoff.reset();
        assert_eq!(backoff.next(), STORE_RETRY_MIN);
    }
}
