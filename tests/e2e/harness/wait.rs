//! Waiting for a fact, never for a time.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How often a fact is looked at again.
const STEP: Duration = Duration::from_millis(5);

/// Polls `look` until it gives a value; panics with `what` once `within` has passed.
#[track_caller]
pub fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        std::thread::sleep(STEP);
    }
}

/// Polls `look` until it equals `wanted`; panics with the last value seen.
#[track_caller]
pub fn equal<T: PartialEq + Debug>(
    what: &str,
    wanted: T,
    within: Duration,
    mut look: impl FnMut() -> T,
) {
    let end = Instant::now() + within;
    loop {
        let seen = look();
        if seen == wanted {
            return;
        }
        assert!(
            Instant::now() < end,
            "{what}: wanted {wanted:?}, still {seen:?} after {within:?}"
        );
        std::thread::sleep(STEP);
    }
}

/// Looks for the whole of `time` and panics as soon as `look` differs from `wanted`.
#[track_caller]
pub fn stays<T: PartialEq + Debug>(
    what: &str,
    wanted: T,
    time: Duration,
    mut look: impl FnMut() -> T,
) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        assert_eq!(look(), wanted, "{what}: did not stay");
        std::thread::sleep(STEP);
    }
}
