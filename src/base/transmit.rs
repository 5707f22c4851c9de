//! A datagram that wants to leave.

use std::net::SocketAddr;

use bytes::Bytes;

/// One of the addresses Tandem listens on: its position in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u16);

/// Bytes to be sent from a listener to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The listener whose socket, and so whose source address, is used.
    pub listener: ListenerId,
    /// Where the bytes go.
    pub destination: SocketAddr,
    /// The whole message.
    pub payload: Bytes,
}
