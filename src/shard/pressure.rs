//! When new calls are to be refused, and how many of them: by how long what we read has waited for us.
//!
//! A delay alone means nothing, since a burst or a pause of the machine makes one too. One that lasts for [`QUEUE_BURST`] means
//! that more comes than we can do (the thought is CoDel's). From then on the share of new calls that is refused grows with the
//! delay, and the delay settles where the rest is just what we can do: the shard is never idle, and what is refused never
//! waits for long. Whatever belongs to a call that was let in is taken.

use std::time::{Duration, Instant};

use crate::base::limits::{
    QUEUE_BURST, QUEUE_DELAY_MAX, QUEUE_DELAY_MIN, QUEUE_DELAY_MUTE, QUEUE_MEMORY,
};
use crate::proxy::Excess;

/// What a shard knows of its queues.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    /// The longest delay of this turn.
    delay: Duration,
    /// Since when every turn has seen a delay.
    delayed_since: Option<Instant>,
    /// Until when a delay is no burst.
    standing_until: Option<Instant>,
}

impl Pressure {
    /// Something was read that had waited for `delay`. Gives what is too much by that.
    pub(super) fn seen(&mut self, now: Instant, delay: Duration) -> Option<Excess> {
        self.delay = self.delay.max(delay);
        let standing = self.standing_until.is_some_and(|until| now < until);
        (standing && delay > QUEUE_DELAY_MIN).then(|| excess(delay))
    }

    /// The kernel is about to drop: that is no burst, however short it is.
    pub(super) fn spilling(&mut self, now: Instant) {
        self.standing_until = Some(now + QUEUE_MEMORY);
    }

    /// A turn is over.
    pub(super) fn turn(&mut self, now: Instant) {
        if std::mem::take(&mut self.delay) <= QUEUE_DELAY_MIN {
            self.delayed_since = None;
            return;
        }
        let since = *self.delayed_since.get_or_insert(now);
        let standing = self.standing_until.is_some_and(|until| now < until);
        if standing || now.saturating_duration_since(since) >= QUEUE_BURST {
            self.standing_until = Some(now + QUEUE_MEMORY);
        }
    }
}

fn excess(delay: Duration) -> Excess {
    let [delay, min, max, mute] = [delay, QUEUE_DELAY_MIN, QUEUE_DELAY_MAX, QUEUE_DELAY_MUTE]
        .map(|duration| duration.as_secs_f64());
    Excess {
        refused: ((delay - min) / (max - min)).clamp(0.0, 1.0),
        unanswered: ((delay - mute) / mute).clamp(0.0, 1.0),
    }
}

#[cfg(test)]
#[path = "pressure_tests.rs"]
mod tests;
