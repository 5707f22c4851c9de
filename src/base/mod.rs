//! Floor 0: bounds, timers and the few values that every floor above shares.

pub mod backoff;
pub mod histogram;
pub mod invariant;
pub mod limits;
pub mod newest;
pub mod pii;
pub mod seal;
pub mod sync;
pub mod timers;
pub mod transmit;
pub mod transport;
pub mod unix;
