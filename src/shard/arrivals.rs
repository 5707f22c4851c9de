//! What comes in, from the sockets and from other shards.

use std::time::{Duration, Instant, SystemTime};

use super::mailbox::Letter;
use super::sort;
use super::start::Engine;
use super::worker::Worker;
use crate::base::limits::{DATAGRAM_BATCH, LETTERS_A_TURN, QUEUE_DELAY_SPILLING, STAMPS_LINGER};
use crate::base::transmit::ListenerId;
use crate::io::mmsg::{Datagram, ReceiveBatch};
use crate::proxy::{Excess, Input};

impl<E: Engine> Worker<E> {
    /// Reads one batch from a socket. True when more may wait.
    pub(super) fn take_datagrams(
        &mut self,
        now: Instant,
        number: usize,
        batch: &mut ReceiveBatch,
    ) -> bool {
        let Some(socket) = self.sockets.get_mut(number) else {
            return false;
        };
        let Some(count) = socket.receive(batch) else {
            // It is looked at again before long.
            return false;
        };
        let full = count == DATAGRAM_BATCH;
        let waited = self.socket_delay(now, number, batch, full);
        let excess = self.pressure.seen(now, waited);
        // A batch that comes short is handled as it came. A full one means that we are behind: INVITEs last.
        let passes: &[Option<bool>] = if full {
            &[Some(false), Some(true)]
        } else {
            &[None]
        };
        for pass in passes {
            for datagram in (0..count)
                .filter_map(|i| batch.get(i))
                .filter(|datagram| !datagram.truncated)
            {
                let invite = sort::is_invite(datagram.bytes);
                if pass.is_none_or(|invites| invites == invite) {
                    let excess = excess.filter(|_| invite);
                    self.take_datagram(now, number, datagram, waited, invite, excess);
                }
            }
        }
        self.post.ring();
        if !full {
            self.watch.emptied(number);
        }
        full
    }

    /// How long the oldest datagram of a batch has waited. A batch that comes short leaves nothing behind and tells of no
    /// delay; only while they come full are arrivals stamped.
    fn socket_delay(
        &mut self,
        now: Instant,
        number: usize,
        batch: &ReceiveBatch,
        full: bool,
    ) -> Duration {
        if !full {
            if self.stamps_until.is_some_and(|until| until <= now) {
                self.stamps_until = None;
                self.sockets
                    .iter_mut()
                    .for_each(|socket| socket.stamp(false));
            }
            return Duration::ZERO;
        }
        self.stamps_until = Some(now + STAMPS_LINGER);
        let Some(socket) = self.sockets.get_mut(number) else {
            return Duration::ZERO;
        };
        socket.stamp(true);
        let stamp = batch.get(0).and_then(|datagram| datagram.stamp);
        let clock = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let waited = stamp.map_or(Duration::ZERO, |stamp| clock.saturating_sub(stamp));
        if socket.nearly_full() {
            self.pressure.spilling(now);
            return waited.max(QUEUE_DELAY_SPILLING);
        }
        waited
    }

    fn take_datagram(
        &mut self,
        now: Instant,
        number: usize,
        datagram: Datagram<'_>,
        waited: Duration,
        invite: bool,
        excess: Option<Excess>,
    ) {
        let listener = ListenerId(number as u16);
        match sort::owner(datagram.bytes, self.post.shards()) {
            Some(owner) if owner != self.shard => {
                self.post
                    .datagram(owner, listener, datagram, now, waited, invite);
            }
            // What has no Call-ID (a keep-alive, or nothing that is SIP) is anybody's.
            Some(_) | None => {
                if let Some(socket) = self.sockets.get_mut(number) {
                    socket.learn(datagram.source, datagram.local);
                }
                let (source, bytes) = (datagram.source, datagram.bytes);
                self.engine
                    .handle(now, input(listener, source, bytes, excess));
                self.drain(Some(now));
            }
        }
    }

    /// Takes what other shards left. True when more waits.
    pub(super) fn take_letters(&mut self, now: Instant) -> bool {
        for _ in 0..LETTERS_A_TURN {
            let Ok(letter) = self.inbox.letters.try_recv() else {
                return false;
            };
            match letter {
                Letter::Datagram {
                    listener,
                    source,
                    local,
                    arrived,
                    waited,
                    bytes,
                } => {
                    if let Some(socket) = self.sockets.get_mut(usize::from(listener.0)) {
                        socket.learn(source, local);
                    }
                    let delay = waited + now.saturating_duration_since(arrived);
                    let excess = self.pressure.seen(now, delay);
                    let excess = excess.filter(|_| sort::is_invite(&bytes));
                    self.engine
                        .handle(now, input(listener, source, &bytes, excess));
                    self.drain(Some(arrived));
                }
                Letter::Unreachable { destination, bytes } => {
                    let bytes = &bytes;
                    self.engine
                        .handle(now, Input::Unreachable { destination, bytes });
                    self.drain(None);
                }
            }
        }
        true
    }
}

fn input(
    listener: ListenerId,
    source: std::net::SocketAddr,
    bytes: &[u8],
    excess: Option<Excess>,
) -> Input<'_> {
    match excess {
        None => Input::Datagram {
            listener,
            source,
            bytes,
        },
        Some(excess) => Input::Pressed {
            listener,
            source,
            bytes,
            excess,
        },
    }
}
