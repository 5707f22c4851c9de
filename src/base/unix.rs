//! Time as the rest of the world counts it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970; none before it.
pub fn since_1970(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The same in whole milliseconds.
pub fn unix_ms(at: SystemTime) -> u64 {
    u64::try_from(since_1970(at).as_millis()).unwrap_or(u64::MAX)
}
