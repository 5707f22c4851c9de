//! What comes in, from the sockets and from other shards.

use std::time::{Duration, Instant, SystemTime};

use super::mailbox::{Arrival, Letter};
use super::sort;
use super::start::Engine;
use super::worker::Worker;
use crate::base::limits::{
    DATAGRAM_BATCH, LETTERS_A_TURN, QUEUE_DELAY_SPILLING, STAMPS_LINGER, TRAINS_FROM,
};
use crate::base::transmit::ListenerId;
use crate::io::mmsg::ReceiveBatch;
use crate::io::udp::Flow;
use crate::proxy::{Excess, Input, shard_of};
use crate::sip;

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
        // Alone on its sockets, and with little to send, a shard need not know whose a datagram is.
        let tell_apart = self.post.shards() > 1 || count >= TRAINS_FROM;
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
                let bytes = datagram.bytes;
                let invite = sort::is_invite(bytes);
                if pass.is_some_and(|invites| invites != invite) {
                    continue;
                }
                let call_id = tell_apart.then(|| sip::sniff(bytes)).flatten();
                let arrival = Arrival {
                    listener: ListenerId(number as u16),
                    source: datagram.source,
                    local: datagram.local,
                    arrived: now,
                    waited,
                    flow: call_id.map(Flow::of),
                    bytes,
                };
                self.take_datagram(arrival, call_id, invite, excess.filter(|_| invite));
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
        arrival: Arrival<&[u8]>,
        call_id: Option<&[u8]>,
        invite: bool,
        excess: Option<Excess>,
    ) {
        let owner = call_id.map(|call_id| shard_of(call_id, self.post.shards()));
        match owner.filter(|owner| *owner != self.shard) {
            Some(owner) => self.post.datagram(owner, arrival, invite),
            // What has no Call-ID (a keep-alive, or nothing that is SIP) is anybody's.
            None => self.hear(arrival.arrived, &arrival, excess),
        }
    }

    /// Gives the engine a datagram of its own.
    fn hear<B: AsRef<[u8]>>(&mut self, now: Instant, arrival: &Arrival<B>, excess: Option<Excess>) {
        let &Arrival {
            listener, source, ..
        } = arrival;
        if let Some(socket) = self.sockets.get_mut(usize::from(listener.0)) {
            socket.learn(source, arrival.local);
        }
        let bytes = arrival.bytes.as_ref();
        let heard = input(listener, source, bytes, excess);
        self.engine.handle(now, heard);
        self.drain(Some((arrival.arrived, arrival.flow)));
    }

    /// Takes what other shards left. True when more waits.
    pub(super) fn take_letters(&mut self, now: Instant) -> bool {
        for _ in 0..LETTERS_A_TURN {
            let Ok(letter) = self.inbox.letters.try_recv() else {
                return false;
            };
            match letter {
                Letter::Datagram(arrival) => {
                    let delay = arrival.waited + now.saturating_duration_since(arrival.arrived);
                    let excess = self.pressure.seen(now, delay);
                    let excess = excess.filter(|_| sort::is_invite(&arrival.bytes));
                    self.hear(now, &arrival, excess);
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
