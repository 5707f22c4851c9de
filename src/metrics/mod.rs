//! Metrics for Prometheus: gathered when somebody looks, from plain numbers that their owners keep anyway.
//!
//! What shards and ledger count is written by an encoder of our own; what the control plane records goes through
//! the `metrics` crate. `docs/decisions/0003-metrics.md` says why.

mod names;
mod peers;
mod process;
mod recorded;
mod sip;
mod text;

pub use names::{FAMILIES, Family, Kind, Source};
pub use recorded::{Notified, notifications_waiting, notified, reloaded, start};

use crate::balance::{Directory, PeerView};
use crate::base::histogram::Histogram;
use crate::base::invariant;
use crate::proxy::Stats;
use crate::store::Figures;
use text::Encoder;

/// The commit that this was built from, or `unknown`.
pub const COMMIT: &str = env!("TANDEM_COMMIT");

/// Everything that one scrape shows.
pub struct Scrape<'a> {
    /// The peers, as [`crate::balance::Ledger::view`] gives them.
    pub peers: &'a [PeerView],
    /// The names of groups and peers.
    pub directory: &'a Directory,
    /// The cores' counters, all shards added up.
    pub core: &'a Stats,
    /// From a message in to what followed from it out, all shards added up.
    pub added_delay: Option<&'a Histogram>,
    /// What was dropped outside the cores, by reasons that are not among [`crate::proxy::DropReason`].
    pub drops: &'a [(&'static str, u64)],
    /// Messages that wait to change shards.
    pub mailbox_depth: u64,
    /// How saving goes.
    pub store: &'a Figures,
}

impl Scrape<'_> {
    /// The whole exposition, the recorded part included.
    pub fn render(&self) -> String {
        let mut encoder = Encoder::with_capacity(16_384 + 4096 * self.peers.len());
        peers::encode(&mut encoder, self.peers);
        sip::encode(&mut encoder, self);
        let mut samples = encoder.family(names::INVARIANT_VIOLATIONS);
        for (name, count) in invariant::counts() {
            samples.whole(&[name], count);
        }
        let mut samples = encoder.family(names::BUILD_INFO);
        samples.whole(&[env!("CARGO_PKG_VERSION"), COMMIT], 1);
        process::encode(&mut encoder);
        encoder.append(&start().render());
        encoder.finish()
    }
}
