//! What a shard counts beside its core.

use crate::base::histogram::Histogram;
use crate::io::udp::Counters;

/// Upper bounds of the added delay, seconds.
pub const ADDED_DELAY_BOUNDS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 1.0,
];

/// One shard's counters, or several added up.
#[derive(Clone, Debug, PartialEq)]
pub struct ShardStats {
    /// From the end of the call that received a message to the end of the one that sent what followed from it.
    pub added_delay: Histogram,
    /// What the sockets have done.
    pub sockets: Counters,
    /// Datagrams that found no room in another shard's mailbox.
    pub mailbox_full: u64,
    /// Notices that nobody took in time.
    pub notices_lost: u64,
    /// Datagrams that waited in this shard's mailbox when it was asked.
    pub mailbox_depth: u64,
}

impl Default for ShardStats {
    fn default() -> Self {
        ShardStats {
            added_delay: Histogram::new(ADDED_DELAY_BOUNDS),
            sockets: Counters::default(),
            mailbox_full: 0,
            notices_lost: 0,
            mailbox_depth: 0,
        }
    }
}

impl ShardStats {
    /// Datagrams that never reached a core or the network, by the reason that metrics name.
    pub fn drops(&self) -> [(&'static str, u64); 6] {
        [
            ("mailbox_full", self.mailbox_full),
            ("kernel_queue_full", self.sockets.kernel_drops),
            ("truncated", self.sockets.truncated),
            ("send_queue_full", self.sockets.queue_full),
            ("oversize", self.sockets.oversize),
            ("unsendable", self.sockets.unsendable),
        ]
    }

    /// Adds another shard's numbers.
    pub fn merge(&mut self, other: &ShardStats) {
        self.added_delay.merge(&other.added_delay);
        self.sockets.merge(&other.sockets);
        self.mailbox_full += other.mailbox_full;
        self.notices_lost += other.notices_lost;
        self.mailbox_depth += other.mailbox_depth;
    }
}
