//! When which peer is probed. A schedule alone: it sends nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::directory::Directory;
use super::id::PeerId;
use super::ledger::Ledger;

/// A probe that is to be sent now.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The peer.
    pub peer: PeerId,
    /// Its first address.
    pub destination: SocketAddr,
    /// The request's method.
    pub method: Arc<str>,
    /// How long an answer may take; then report [`ProbeFailed`](super::Observation::ProbeFailed).
    pub timeout: Duration,
}

/// The schedule of all probes.
#[derive(Debug)]
pub struct Prober {
    rng: fastrand::Rng,
}

impl Prober {
    /// An empty schedule. `seed` decides the jitter.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Takes over a new directory. Peers that stay keep their place in time.
    pub fn apply(&mut self, _now: Instant, _directory: &Directory) {
        self.rng.f64();
    }

    /// The earliest moment worth calling [`Prober::poll`].
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next probe that is due; call until it gives none.
    pub fn poll(&mut self, _now: Instant, _ledger: &Ledger) -> Option<Due> {
        None
    }
}
