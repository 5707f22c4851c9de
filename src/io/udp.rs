//! One UDP socket of one shard: batches in, batches out, and what comes back undelivered.
//!
//! Each shard has its own socket on each listener's address (`SO_REUSEPORT`); the kernel spreads remotes over
//! them. The first socket of an address binds without sharing it, so an address that another process holds is
//! an error even where both would share.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use bytes::Bytes;
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::mmsg::{Outgoing, ReceiveBatch, SendBatch, receive_queue, receive_returned};
use super::paths::Paths;
use crate::base::limits::{
    DATAGRAM_BATCH, RECEIVE_TRIES, SEND_QUEUE_MAX, SOCKET_BUFFER_BYTES, UDP_PAYLOAD_MAX,
};

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (udp): {error}; {}", advice(.error))]
pub struct BindError {
    /// The address as configured.
    pub address: SocketAddr,
    /// What the kernel said.
    pub error: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program holds it (`ss -lunp` shows which): stop that, or choose another port in [[listen]] uri"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this host has no such address (`ip addr` lists those it has): correct [[listen]] uri"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it, or choose another port in [[listen]] uri"
        }
        _ => "check [[listen]] uri",
    }
}

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

/// A bound UDP socket with the datagrams that wait for room in its send buffer.
pub struct UdpSocket {
    socket: Socket,
    address: SocketAddr,
    paths: Option<Paths>,
    queue: VecDeque<(SocketAddr, Bytes)>,
    kernel_drops_seen: u32,
    /// The kernel has dropped since the batch before the last.
    spills: bool,
    stamps: bool,
    counters: Counters,
}

impl UdpSocket {
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

    /// Takes a datagram to be sent with the next [`UdpSocket::flush`].
    pub fn push(&mut self, destination: SocketAddr, payload: Bytes) {
        if payload.len() > UDP_PAYLOAD_MAX {
            self.counters.oversize += 1;
        } else if self.queue.len() >= SEND_QUEUE_MAX {
            self.counters.queue_full += 1;
        } else {
            self.queue.push_back((destination, payload));
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
        while !self.queue.is_empty() {
            let paths = self.paths.as_ref();
            let datagrams = self
                .queue
                .iter()
                .take(DATAGRAM_BATCH)
                .map(|(destination, bytes)| Outgoing {
                    destination: *destination,
                    local: paths.and_then(|paths| paths.local_for(*destination)),
                    bytes,
                });
            match batch.send(self.socket.as_fd(), datagrams) {
                Ok(sent) => {
                    self.queue.drain(..sent);
                    self.counters.sent += sent as u64;
                    tried_before = false;
                }
                Err(error) if must_wait(&error) => return,
                // The first error may belong to a datagram sent long ago (see `receive`); the second does not.
                Err(_) if !tried_before => tried_before = true,
                Err(error) => {
                    tried_before = false;
                    self.counters.unsendable += 1;
                    if let Some((destination, bytes)) = self.queue.pop_front() {
                        tracing::trace!(%destination, %error, "not sent");
                        undelivered.push(Undelivered { destination, bytes });
                    }
                }
            }
        }
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

/// Opens one socket for each shard on each address: the outer vector is by shard, the inner by listener. A
/// port of 0 picks a free one, the same for all shards.
pub fn bind_all(addresses: &[SocketAddr], shards: u16) -> Result<Vec<Vec<UdpSocket>>, BindError> {
    let mut by_shard: Vec<Vec<UdpSocket>> = (0..shards).map(|_| Vec::new()).collect();
    for address in addresses {
        let error = |error| BindError {
            address: *address,
            error,
        };
        let mut bound = None;
        for sockets in &mut by_shard {
            let socket = match bound {
                None => bind_first(*address),
                Some(bound) => bind_another(bound),
            }
            .map_err(error)?;
            bound = Some(socket.address);
            sockets.push(socket);
        }
    }
    Ok(by_shard)
}

/// Binds alone, and only then allows others to join.
fn bind_first(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address)?;
    socket.bind(&address.into())?;
    socket.set_reuse_port(true)?;
    let socket = adopt(socket)?;
    report_buffers(&socket);
    Ok(socket)
}

/// Joins the socket that [`bind_first`] bound.
fn bind_another(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    adopt(socket)
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    let wildcard = address.ip().is_unspecified();
    match address {
        SocketAddr::V4(_) => {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &wildcard)?;
        }
        SocketAddr::V6(_) => {
            // IPv4 has its own listener; one socket for both would show IPv4 remotes as ::ffff:….
            socket.set_only_v6(true)?;
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &wildcard)?;
        }
    }
    setsockopt(&socket, sockopt::RxqOvfl, &1)?;
    // With CAP_NET_ADMIN the kernel's ceiling (net.core.rmem_max) does not bind; without, we get up to it.
    if setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BUFFER_BYTES).is_err() {
        socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    }
    if setsockopt(&socket, sockopt::SndBufForce, &SOCKET_BUFFER_BYTES).is_err() {
        socket.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
    }
    Ok(socket)
}

fn adopt(socket: Socket) -> io::Result<UdpSocket> {
    let address = socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::other("the kernel names no IP address for the socket"))?;
    Ok(UdpSocket {
        paths: address.ip().is_unspecified().then(Paths::new),
        address,
        socket,
        queue: VecDeque::new(),
        kernel_drops_seen: 0,
        spills: false,
        stamps: false,
        counters: Counters::default(),
    })
}

fn report_buffers(socket: &UdpSocket) {
    // Linux doubles what is asked for, to account for its own bookkeeping, and tells the doubled number.
    let granted = |size: io::Result<usize>| size.map_or(0, |bytes| bytes / 2);
    let receive = granted(socket.socket.recv_buffer_size());
    let send = granted(socket.socket.send_buffer_size());
    let address = socket.address;
    if receive.min(send) < SOCKET_BUFFER_BYTES {
        tracing::warn!(%address, asked = SOCKET_BUFFER_BYTES, receive, send,
            "smaller socket buffers than asked for: a burst may be lost; raise net.core.rmem_max and net.core.wmem_max");
    } else {
        tracing::info!(%address, receive, send, "socket buffers granted");
    }
}

#[cfg(test)]
#[path = "udp_tests.rs"]
mod tests;
