//! Floor 5: the sockets, and names into addresses.

mod cmsg;
pub mod mmsg;
mod paths;
pub mod resolve;
pub mod udp;
