//! From which of our own addresses to answer, on a socket that listens on all of them.
//!
//! The rule: what goes to a remote address leaves from the local address which that remote last wrote to. A
//! remote that answers from another port than it listens on is known by its IP address alone. Where nothing is
//! known, the kernel chooses by its routes. The core knows nothing of this, since to it a listener is one
//! address.

use std::net::{IpAddr, SocketAddr};

use hashbrown::HashMap;

use crate::base::limits::LOCAL_PATHS_MAX;

type Map = HashMap<SocketAddr, IpAddr, ahash::RandomState>;

/// Local addresses by remote ones, of bounded size. Two generations: when the young one is full, it becomes
/// the old one and the old one is forgotten, so what is in use stays.
pub(super) struct Paths {
    young: Map,
    old: Map,
    limit: usize,
}

impl Paths {
    pub(super) fn new() -> Self {
        Self::with_limit(LOCAL_PATHS_MAX)
    }

    fn with_limit(limit: usize) -> Self {
        Paths {
            young: Map::default(),
            old: Map::default(),
            limit,
        }
    }

    /// `remote` has just written to `local`.
    pub(super) fn learn(&mut self, remote: SocketAddr, local: IpAddr) {
        if self.young.get(&remote) == Some(&local) {
            return;
        }
        self.insert(SocketAddr::new(remote.ip(), 0), local);
        self.insert(remote, local);
    }

    /// The local address to write to `remote` from.
    pub(super) fn local_for(&self, remote: SocketAddr) -> Option<IpAddr> {
        self.find(&remote)
            .or_else(|| self.find(&SocketAddr::new(remote.ip(), 0)))
    }

    fn find(&self, remote: &SocketAddr) -> Option<IpAddr> {
        self.young
            .get(remote)
            .or_else(|| self.old.get(remote))
            .copied()
    }

    fn insert(&mut self, remote: SocketAddr, local: IpAddr) {
        if self.young.len() >= self.limit && !self.young.contains_key(&remote) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(remote, local);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn local(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn an_answer_leaves_from_the_address_that_its_very_remote_wrote_to_last() {
        let mut paths = Paths::new();
        paths.learn(remote(6000), local(5));
        paths.learn(remote(6001), local(6));
        paths.learn(remote(6000), local(7));
        assert_eq!(paths.local_for(remote(6000)), Some(local(7)));
        assert_eq!(paths.local_for(remote(6001)), Some(local(6)));
    }

    #[test]
    fn another_port_of_a_known_host_follows_the_host() {
        let mut paths = Paths::new();
        paths.learn(remote(6000), local(5));
        assert_eq!(paths.local_for(remote(5060)), Some(local(5)));
        assert_eq!(
            paths.local_for(SocketAddr::from(([127, 0, 0, 2], 6000))),
            None
        );
    }

    #[test]
    fn what_is_in_use_outlives_any_number_of_strangers() {
        let mut paths = Paths::with_limit(8);
        for port in 1..1000 {
            paths.learn(remote(7), local(5));
            paths.learn(
                SocketAddr::from(([10, 0, (port >> 8) as u8, port as u8], 9)),
                local(6),
            );
            assert_eq!(
                paths.local_for(remote(7)),
                Some(local(5)),
                "after {port} strangers"
            );
            assert!(paths.young.len() + paths.old.len() <= 2 * 8);
        }
    }
}
