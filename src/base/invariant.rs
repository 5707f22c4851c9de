//! Truths that no input may break. A breach is a bug of ours: it is counted, logged, and survived.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

/// What must never be seen to be false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// A slot went out of scope without having been released with a cause.
    SlotDropped,
    /// An account would have gone below zero.
    AccountUnderflow,
    /// A call was found that no deadline would ever end.
    CallWithoutDeadline,
    /// A timer fired for a transaction that is not there.
    TimerWithoutTransaction,
    /// An ACK or CANCEL could not be built from a request that we sent ourselves.
    OwnRequestUnreadable,
}

const NAMES: [&str; 5] = [
    "slot_dropped",
    "account_underflow",
    "call_without_deadline",
    "timer_without_transaction",
    "own_request_unreadable",
];

static COUNTS: [AtomicU64; NAMES.len()] = [const { AtomicU64::new(0) }; NAMES.len()];

impl Invariant {
    /// The name as metrics and logs show it.
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

/// Counts a breach and logs it. Of the repeats of one name only every first, second, fourth, eighth …
/// is logged, so a breach in a loop cannot flood the log and yet is never silent.
pub fn violated(which: Invariant, detail: &dyn Display) {
    let seen = COUNTS[which as usize].fetch_add(1, Ordering::Relaxed) + 1;
    if seen.is_power_of_two() {
        tracing::error!(
            invariant = which.name(),
            seen,
            "invariant violated: {detail}"
        );
    }
}

/// All names with how often each was violated since the process started.
pub fn counts() -> impl Iterator<Item = (&'static str, u64)> {
    NAMES
        .iter()
        .zip(&COUNTS)
        .map(|(name, count)| (*name, count.load(Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count_of(which: Invariant) -> u64 {
        counts()
            .find(|(name, _)| *name == which.name())
            .map(|(_, count)| count)
            .expect("every invariant is listed")
    }

    #[test]
    fn a_violation_raises_the_count_of_its_own_name() {
        // No other test of this crate violates this one on purpose.
        let before = count_of(Invariant::CallWithoutDeadline);
        violated(Invariant::CallWithoutDeadline, &"test");
        assert_eq!(count_of(Invariant::CallWithoutDeadline), before + 1);
    }

    #[test]
    fn the_last_variant_has_the_last_name() {
        assert_eq!(Invariant::OwnRequestUnreadable as usize, NAMES.len() - 1);
        assert_eq!(
            Invariant::OwnRequestUnreadable.name(),
            NAMES[NAMES.len() - 1]
        );
    }
}
