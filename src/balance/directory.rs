//! The topology, interned and immutable: what the core reads without a lock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::id::{GroupId, PeerId, ResourceId};
use super::topology::{
    Capacity, Disable, Dispatch, ExhaustedStep, Failover, FeedbackSpec, HashOn, ProbeSpec, Select,
    Transport,
};

/// One snapshot of all peers and groups. A change makes a new one.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pub(super) peers: Vec<Peer>,
    pub(super) groups: Vec<Option<Group>>,
    pub(super) resources: Vec<Arc<str>>,
    pub(super) peer_order: Vec<PeerId>,
    pub(super) group_order: Vec<GroupId>,
    pub(super) peer_names: BTreeMap<Arc<str>, PeerId>,
    pub(super) removed_names: BTreeMap<Arc<str>, PeerId>,
    pub(super) group_names: BTreeMap<Arc<str>, GroupId>,
    pub(super) resource_names: BTreeMap<Arc<str>, ResourceId>,
    pub(super) addresses: BTreeMap<SocketAddr, PeerId>,
}

/// A peer as configured.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its id.
    pub id: PeerId,
    /// Its name.
    pub name: Arc<str>,
    /// Its URI as configured.
    pub uri: String,
    /// How it is reached.
    pub transport: Transport,
    /// Its addresses, in order of preference; may be empty.
    pub addresses: Vec<SocketAddr>,
    /// The groups it serves.
    pub groups: Vec<GroupId>,
    /// What it offers, as configured.
    pub capacity: Vec<(ResourceId, Capacity)>,
    /// Its weight, as configured.
    pub weight: u32,
    /// Its rank: lowest first.
    pub priority: u32,
    /// New calls a second, at most.
    pub cps: Option<u32>,
    /// How it reports its load.
    pub feedback: Option<FeedbackSpec>,
    /// Set once it is no longer configured: its calls go on, it gets no new ones, and no name or address
    /// leads to it.
    pub removed: bool,
}

/// A group as configured.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: Arc<str>,
    /// Its peers, in the order of the configuration.
    pub members: Vec<PeerId>,
    /// How a peer is chosen.
    pub select: Select,
    /// What is hashed, for [`Select::Hash`].
    pub hash_on: HashOn,
    /// Which failures lead to the next peer.
    pub failover: Failover,
    /// When real traffic takes a peer out.
    pub disable: Disable,
    /// What is tried once no peer has room.
    pub exhausted: Vec<ExhaustedStep<GroupId>>,
    /// How dispatching chooses.
    pub dispatch: Dispatch,
    /// How its peers are probed.
    pub probe: ProbeSpec,
    /// Whether the calls of a peer that has died are ended, and both sides told.
    pub end_calls_of_dead_peers: bool,
}

impl Directory {
    /// A peer, also one that is [`removed`](Peer::removed).
    pub fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id.0 as usize)
    }

    /// A group that is configured.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(usize::from(id.0))?.as_ref()
    }

    /// A configured peer by name.
    pub fn peer_named(&self, name: &str) -> Option<PeerId> {
        self.peer_names.get(name).copied()
    }

    /// A peer by name, also one that is [`removed`](Peer::removed): for what is kept of it.
    pub fn known_peer(&self, name: &str) -> Option<PeerId> {
        let removed = || self.removed_names.get(name).copied();
        self.peer_named(name).or_else(removed)
    }

    /// A configured group by name.
    pub fn group_named(&self, name: &str) -> Option<GroupId> {
        self.group_names.get(name).copied()
    }

    /// A resource that any peer has ever offered, by name.
    pub fn resource_named(&self, name: &str) -> Option<ResourceId> {
        self.resource_names.get(name).copied()
    }

    /// The configured peer at exactly this address and port; the first of them where two share it.
    pub fn peer_at(&self, address: SocketAddr) -> Option<PeerId> {
        self.addresses.get(&address).copied()
    }

    /// The configured peers, in the order of the configuration.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.peer_order.iter().filter_map(|id| self.peer(*id))
    }

    /// The configured groups, in the order of the configuration.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.group_order.iter().filter_map(|id| self.group(*id))
    }

    /// The names of all resources.
    pub fn resources(&self) -> impl Iterator<Item = &Arc<str>> {
        self.resources.iter()
    }

    /// A resource's name.
    pub fn resource_name(&self, id: ResourceId) -> Option<&Arc<str>> {
        self.resources.get(usize::from(id.0))
    }

    /// Whether a peer's calls are ended with it, and both sides told.
    pub fn ends_calls_of_dead(&self, peer: PeerId) -> bool {
        let home = self.home_group(peer);
        home.is_some_and(|group| group.end_calls_of_dead_peers)
    }

    /// The group whose health rules and probes are the peer's: the first that it serves.
    pub fn home_group(&self, peer: PeerId) -> Option<&Group> {
        self.peer(peer)?
            .groups
            .iter()
            .find_map(|id| self.group(*id))
    }
}
