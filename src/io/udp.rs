//! One UDP socket of one shard: batches in, batches out, and what comes back undelivered.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use bytes::Bytes;
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::Socket;

use super::mmsg::{Outgoing, ReceiveBatch, SendBatch, receive_queue, receive_returned};
use super::paths::Paths;
pub use super::trains::Flow;
use super::trains::Waiting;
use crate::base::limits::{
    DATAGRAM_BATCH, RECEIVE_TRIES, SEND_QUEUE_MAX, SOCKET_BUFFER_BYTES, TRAIN_DATAGRAM_BYTES,
    UDP_PAYLOAD_MAX,
};

/// What a socket has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams received whole.
    pub received: u64,
    /// Datagrams handed to the kernel.
    pub sent: u64,
    /// Not sent: too many waited already.
    pub queue_full: u64,
    /// Not sent: longer than a datagram can be.
    pub oversize: u64,
    /// Not sent: the kernel refused the destination.
    pub unsendable: u64,
    /// Received with their end cut off, and ignored.
    pub truncated: u64,
    /// Dropped by the kernel, since we did not read fast enough.
    pub kernel_drops: u64,
}

impl Counters {
    /// Adds another socket's numbers.
    pub fn merge(&mut self, other: &Counters) {
        self.received += other.received;
        self.sent += other.sent;
        self.queue_full += other.queue_full;
        self.oversize += other.oversize;
        self.unsendable += other.unsendable;
        self.truncated += other.truncated;
        self.kernel_drops += other.kernel_drops;
    }
}

/// A datagram that the kernel would not send or that came back, with the first bytes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// Where it was to go.
    pub destination: SocketAddr,
    /// Its bytes, maybe cut short.
    pub bytes: Bytes,
}

/// A datagram that waits to be sent.
struct Parcel {
    destination: SocketAddr,
    bytes: Bytes,
    flow: Option<Flow>,
}

/// A bound UDP socket with the datagrams that wait for room in its send buffer.
pub struct UdpSocket {
    socket: Socket,
    address: SocketAddr,
    paths: Option<Paths>,
    queue: VecDeque<Parcel>,
    /// The longest datagram that may leave together with others.
    longest: usize,
    kernel_drops_seen: u32,
    /// The kernel has dropped since the batch before the last.
    spills: bool,
    stamps: bool,
    counters: Counters,
}

impl UdpSocket {
    pub(super) fn new(socket: Socket, address: SocketAddr) -> Self {
        UdpSocket {
            paths: address.ip().is_unspecified().then(Paths::new),
            address,
            queue: VecDeque::new(),
            // Before Linux 4.18 a train would leave as one datagram.
            longest: match setsockopt(&socket, sockopt::UdpGsoSegment, &0) {
                Ok(()) => TRAIN_DATAGRAM_BYTES,
                Err(_) => 0,
            },
            kernel_drops_seen: 0,
            spills: false,
            stamps: false,
            counters: Counters::default(),
            socket,
        }
    }

    /// The address it is bound to, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has done so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Fills `batch` with what waits, and returns how many datagrams it holds now; `None` when the kernel would not say.
    pub fn receive(&mut self, batch: &mut ReceiveBatch) -> Option<usize> {
        // An error that a datagram caused earlier is reported once by the next call on the socket, whichever it
        // is; the error queue tells it with the datagram, so here it only asks for another try.
        let receive = |_| match batch.receive(self.socket.as_fd()) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => None,
            received => Some(received.unwrap_or(0)),
        };
        let count = (0..RECEIVE_TRIES).find_map(receive)?;
        self.spills = false;
        if let Some(drops) = count
            .checked_sub(1)
            .and_then(|last| batch.get(last)?.kernel_drops)
        {
            let more = drops.wrapping_sub(self.kernel_drops_seen);
            self.counters.kernel_drops += u64::from(more);
            self.kernel_drops_seen = drops;
            self.spills = more > 0;
        }
        let truncated = (0..count)
            .filter(|i| batch.get(*i).is_some_and(|d| d.truncated))
            .count();
        self.counters.truncated += truncated as u64;
        self.counters.received += (count - truncated) as u64;
        Some(count)
    }

    /// Remembers that `remote` wrote to our address `local`, so that answers leave from there.
    pub fn learn(&mut self, remote: SocketAddr, local: Option<IpAddr>) {
        if let (Some(paths), Some(local)) = (&mut self.paths, local) {
            paths.learn(remote, local);
        }
    }

    /// Has the kernel stamp each datagram with the time that it came in ([`Datagram::stamp`](super::mmsg::Datagram)). It costs
    /// something, on every socket of the host.
    pub fn stamp(&mut self, wanted: bool) {
        if self.stamps != wanted {
            // Without stamps delays are not seen, as if there were none.
            let _ = setsockopt(&self.socket, sockopt::ReceiveTimestampns, &wanted);
            self.stamps = wanted;
        }
    }

    /// True when the kernel drops what comes, or is about to. A buffer much smaller than what we ask for fills with any burst, and
    /// means nothing until it spills.
    pub fn nearly_full(&self) -> bool {
        let filled = |(used, size): (u32, u32)| {
            u64::from(used) * 4 > u64::from(size) * 3 && size as usize >= SOCKET_BUFFER_BYTES
        };
        self.spills || receive_queue(self.socket.as_fd()).is_some_and(filled)
    }

    /// Takes a datagram to be sent with the next [`UdpSocket::flush`]; together with others, where it has a `flow`.
    pub fn push(&mut self, destination: SocketAddr, bytes: Bytes, flow: Option<Flow>) {
        if bytes.len() > UDP_PAYLOAD_MAX {
            self.counters.oversize += 1;
        } else if self.queue.len() >= SEND_QUEUE_MAX {
            self.counters.queue_full += 1;
        } else {
            self.queue.push_back(Parcel {
                destination,
                bytes,
                flow,
            });
        }
    }

    /// True while datagrams wait for the kernel to make room.
    pub fn wants_write(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Sends what was pushed. What the kernel has no room for stays for the next call; a datagram that it
    /// refuses goes to `undelivered` and holds up no other.
    pub fn flush(&mut self, batch: &mut SendBatch, undelivered: &mut Vec<Undelivered>) {
        let mut tried_before = false;
        // While a train is in doubt its datagrams go alone: what then goes well was not at fault.
        let mut doubted: Option<io::Error> = None;
        while !self.queue.is_empty() {
            let longest = if doubted.is_some() { 0 } else { self.longest };
            let waiting = self.queue.iter().map(|parcel| Waiting {
                destination: parcel.destination,
                length: parcel.bytes.len(),
                flow: parcel.flow,
            });
            batch.trains.make_up(waiting, longest);
            match batch.send(self.socket.as_fd(), |at| self.outgoing(at)) {
                Ok(sent) => {
                    if let Some(error) = doubted.take() {
                        self.shorten(&error);
                    }
                    self.sent(batch.trains.datagrams(sent));
                    tried_before = false;
                }
                Err(error) if must_wait(&error) => return,
                // The first error may belong to a datagram sent long ago (see `receive`); the second does not.
                Err(_) if !tried_before => tried_before = true,
                Err(error) if batch.trains.datagrams(1).len() > 1 => {
                    (tried_before, doubted) = (false, Some(error));
                }
                Err(error) => {
                    (tried_before, doubted) = (false, None);
                    self.counters.unsendable += 1;
                    if let Some(parcel) = self.queue.pop_front() {
                        let Parcel {
                            destination, bytes, ..
                        } = parcel;
                        tracing::trace!(%destination, %error, "not sent");
                        undelivered.push(Undelivered { destination, bytes });
                    }
                }
            }
        }
    }

    fn outgoing(&self, at: usize) -> Option<Outgoing<'_>> {
        let parcel = self.queue.get(at)?;
        let paths = self.paths.as_ref();
        Some(Outgoing {
            destination: parcel.destination,
            local: paths.and_then(|paths| paths.local_for(parcel.destination)),
            bytes: &parcel.bytes,
        })
    }

    /// Forgets those at these places of the queue.
    fn sent(&mut self, places: &[u8]) {
        self.counters.sent += places.len() as u64;
        let first = |place: &u8| usize::from(*place) < places.len();
        if places.iter().all(first) {
            self.queue.drain(..places.len());
            return;
        }
        let mut gone = [false; DATAGRAM_BATCH];
        for place in places {
            gone[usize::from(*place)] = true;
        }
        let mut at = 0;
        self.queue.retain(|_| {
            at += 1;
            !gone.get(at - 1).copied().unwrap_or(false)
        });
    }

    /// The kernel would not take a train whose first datagram it took.
    fn shorten(&mut self, error: &io::Error) {
        let first = self.queue.front().map_or(0, |parcel| parcel.bytes.len());
        self.longest = match error.raw_os_error() {
            // With EINVAL Linux says the same of a path that is too narrow.
            Some(libc::EMSGSIZE | libc::EINVAL) => first.saturating_sub(1).min(self.longest),
            // A device that cannot cut trains apart.
            Some(libc::EIO | libc::EOPNOTSUPP) => 0,
            // The moment was at fault.
            _ => return,
        };
        let (address, longest) = (self.address, self.longest);
        tracing::info!(%address, longest, %error, "datagrams longer than this are sent one by one");
    }

    /// Takes one datagram from the error queue that a router or host reported as undeliverable; the bytes are
    /// in `buffer`. Other notices (a smaller path MTU) are passed over. `None` when the queue is empty.
    pub fn returned<'b>(&mut self, buffer: &'b mut [u8]) -> Option<(SocketAddr, &'b [u8])> {
        loop {
            // The queue is finite, and each call takes one entry from it or ends the loop.
            let returned = receive_returned(self.socket.as_fd(), buffer)
                .ok()
                .flatten()?;
            match returned.errno {
                libc::ECONNREFUSED
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EPROTO
                | libc::EACCES
                | libc::EOPNOTSUPP
                | libc::ENOPROTOOPT => {
                    return Some((returned.destination, buffer.get(..returned.length)?));
                }
                _ => {}
            }
        }
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn must_wait(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.kind() == io::ErrorKind::Interrupted
        || error.raw_os_error() == Some(libc::ENOBUFS)
}

#[cfg(test)]
#[path = "udp_tests.rs"]
mod tests;
