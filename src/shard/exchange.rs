//! The hand-over between shards by itself, so that it can be measured (`benches/mailbox.rs`).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::mailbox::{Arrival, Inbox, Mailbox, mailbox};
use super::post::Post;
use super::watch::Watch;
use crate::base::transmit::ListenerId;
use crate::proxy::ShardId;

/// One shard's mailbox, and the shard that empties it.
#[doc(hidden)]
pub struct Exchange {
    mailbox: Arc<Mailbox>,
    inbox: Inbox,
    watch: Watch,
}

/// A shard that leaves datagrams for the other.
#[doc(hidden)]
pub struct Sender(Post);

impl Exchange {
    /// An empty mailbox.
    pub fn new() -> io::Result<Self> {
        let (mailbox, inbox) = mailbox()?;
        let watch = Watch::new(Instant::now(), &[], inbox.as_fd())?;
        Ok(Self {
            mailbox,
            inbox,
            watch,
        })
    }

    /// One more shard that hands over to this one.
    pub fn sender(&self) -> Sender {
        Sender(Post::new(vec![Arc::clone(&self.mailbox)]))
    }

    /// Takes all that lies there; sleeps until the bell rings when nothing does.
    pub fn take(&mut self) -> usize {
        let taken = self.inbox.letters.try_iter().count();
        if taken == 0 {
            self.watch.wait(&[], false, None);
            self.inbox.silence();
        }
        taken
    }
}

impl Sender {
    /// Copies a datagram into the mailbox; false when it is full.
    pub fn leave(&mut self, bytes: &[u8], arrived: Instant) -> bool {
        let refused = self.0.refused;
        let arrival = Arrival {
            listener: ListenerId(0),
            source: SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)),
            local: None,
            arrived,
            waited: Duration::ZERO,
            flow: None,
            bytes,
        };
        self.0.datagram(ShardId(0), arrival, false);
        self.0.refused == refused
    }

    /// Rings, once the batch is through.
    pub fn ring(&mut self) {
        self.0.ring();
    }
}
