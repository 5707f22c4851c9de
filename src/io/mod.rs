//! Floor 5: the sockets, and names into addresses.

pub mod bind;
mod cmsg;
pub mod mmsg;
mod paths;
pub mod resolve;
mod trains;
pub mod udp;
