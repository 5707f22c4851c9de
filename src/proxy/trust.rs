//! Who may start calls, and how fast.

use ahash::RandomState;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::core::Core;
use super::reject::Reject;
use super::route::Caller;
use super::setup::{Trust, Unknown};
use super::stats::DropReason;
use crate::base::limits::SOURCES_TRACKED_MAX;

/// What becomes of a request that may not pass.
pub(super) enum Refused {
    /// It is answered.
    Answer(Reject),
    /// It is dropped.
    Silence,
}

/// New calls by source address: one bucket of tokens each.
pub(super) struct SourceRates {
    buckets: HashMap<IpAddr, Bucket, RandomState>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl SourceRates {
    pub fn new(hasher: RandomState) -> Self {
        Self {
            buckets: HashMap::with_hasher(hasher),
        }
    }

    /// Takes one token of `source`'s, if there is one. Every shard gives its share of the rate, since calls spread evenly by Call-ID.
    fn take(&mut self, now: Instant, source: IpAddr, trust: &Trust, shards: u16) -> bool {
        let share = f64::from(shards.max(1));
        let (rate, burst) = (
            f64::from(trust.per_source_cps) / share,
            (f64::from(trust.burst) / share).max(1.0),
        );
        let refill = |bucket: &Bucket| {
            let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
            (bucket.tokens + passed * rate).min(burst)
        };
        if self.buckets.len() >= SOURCES_TRACKED_MAX && !self.buckets.contains_key(&source) {
            self.buckets.retain(|_, bucket| refill(bucket) < burst);
            if self.buckets.len() >= SOURCES_TRACKED_MAX {
                return false;
            }
        }
        let bucket = self.buckets.entry(source).or_insert(Bucket {
            tokens: burst,
            filled: now,
        });
        bucket.tokens = refill(bucket);
        bucket.filled = now;
        let granted = bucket.tokens >= 1.0;
        if granted {
            bucket.tokens -= 1.0;
        }
        granted
    }
}

impl Core {
    /// Who sent it.
    pub(super) fn caller(&self, source: SocketAddr) -> Caller {
        Caller {
            source,
            peer: self.setup.directory.peer_at(source),
        }
    }

    /// What a source that may not call gets.
    pub(super) fn untrusted(&mut self) -> Refused {
        self.dropped(DropReason::Untrusted);
        match self.setup.trust.unknown {
            Unknown::Reject => Refused::Answer(Reject::new(403)),
            Unknown::Drop => Refused::Silence,
        }
    }

    /// Peers may always call; trusted sources as fast as `trust.rate` allows; others not.
    pub(super) fn may_call(&mut self, now: Instant, caller: &Caller) -> Result<(), Refused> {
        if caller.peer.is_some() {
            return Ok(());
        }
        let setup = self.setup.clone();
        if !setup.trust.covers(caller.source.ip()) {
            return Err(self.untrusted());
        }
        if !self
            .rates
            .take(now, caller.source.ip(), &setup.trust, setup.shards)
        {
            self.dropped(DropReason::RateLimited);
            return Err(Refused::Answer(Reject::unavailable(
                std::time::Duration::from_secs(1),
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn trust() -> Trust {
        Trust {
            sources: Vec::new(),
            unknown: Unknown::Reject,
            per_source_cps: 10,
            burst: 3,
        }
    }

    #[test]
    fn a_source_gets_its_burst_and_then_its_rate() {
        let mut rates = SourceRates::new(RandomState::with_seeds(1, 2, 3, 4));
        let now = Instant::now();
        let source: IpAddr = [127, 0, 0, 1].into();
        let mut granted = |at: Duration, tries: usize| {
            (0..tries)
                .filter(|_| rates.take(now + at, source, &trust(), 1))
                .count()
        };
        assert_eq!(granted(Duration::ZERO, 10), 3);
        assert_eq!(granted(Duration::from_millis(200), 10), 2);
        assert_eq!(granted(Duration::from_secs(60), 10), 3);
    }

    #[test]
    fn one_source_does_not_take_from_another() {
        let mut rates = SourceRates::new(RandomState::with_seeds(1, 2, 3, 4));
        let now = Instant::now();
        for last in 1..=4 {
            assert!(rates.take(now, [127, 0, 0, last].into(), &trust(), 1));
        }
    }
}
