//! Binding.
//!
//! Each shard has its own socket on each listener's address (`SO_REUSEPORT`); the kernel spreads remotes over
//! them. The first socket of an address binds without sharing it, so an address that another process holds is
//! an error even where both would share.

use std::io;
use std::net::SocketAddr;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::udp::UdpSocket;
use crate::base::limits::SOCKET_BUFFER_BYTES;

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
            bound = Some(socket.address());
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
    report_buffers(&socket)?;
    adopt(socket)
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

fn report_buffers(socket: &Socket) -> io::Result<()> {
    // Linux doubles what is asked for, to account for its own bookkeeping, and tells the doubled number.
    let granted = |size: io::Result<usize>| size.map_or(0, |bytes| bytes / 2);
    let receive = granted(socket.recv_buffer_size());
    let send = granted(socket.send_buffer_size());
    let address = local_address(socket)?;
    if receive.min(send) < SOCKET_BUFFER_BYTES {
        tracing::warn!(%address, asked = SOCKET_BUFFER_BYTES, receive, send,
            "smaller socket buffers than asked for: a burst may be lost; raise net.core.rmem_max and net.core.wmem_max");
    } else {
        tracing::info!(%address, receive, send, "socket buffers granted");
    }
    Ok(())
}

fn adopt(socket: Socket) -> io::Result<UdpSocket> {
    let address = local_address(&socket)?;
    Ok(UdpSocket::new(socket, address))
}

fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    let none = || io::Error::other("the kernel names no IP address for the socket");
    socket.local_addr()?.as_socket().ok_or_else(none)
}
