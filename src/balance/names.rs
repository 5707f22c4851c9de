//! Names to numbers, and a topology to a directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::directory::{Directory, Group, Peer};
use super::id::{GroupId, PeerId, ResourceId};
use super::topology::{ExhaustedStep, GroupSpec, PeerSpec, Topology};
use super::topology_error::TopologyError;
use crate::base::limits::{GROUPS_MAX, PEERS_MAX, RESOURCES_MAX};

/// Every name ever heard of. A name keeps its number, so that an account outlives configuration.
#[derive(Clone, Debug)]
pub(super) struct Names {
    peers: Interner,
    groups: Interner,
    resources: Interner,
}

#[derive(Clone, Debug)]
struct Interner {
    what: &'static str,
    max: usize,
    numbers: BTreeMap<Arc<str>, usize>,
    names: Vec<Arc<str>>,
}

impl Interner {
    fn new(what: &'static str, max: usize) -> Self {
        Self {
            what,
            max,
            numbers: BTreeMap::new(),
            names: Vec::new(),
        }
    }

    fn number(&mut self, name: &Arc<str>) -> Result<usize, TopologyError> {
        if name.is_empty() {
            return Err(TopologyError::NoName);
        }
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let number = self.names.len();
        if number == self.max {
            return Err(TopologyError::TooMany {
                what: self.what,
                max: self.max,
            });
        }
        self.numbers.insert(name.clone(), number);
        self.names.push(name.clone());
        Ok(number)
    }
}

impl Names {
    pub fn new() -> Self {
        Self {
            peers: Interner::new("peers", PEERS_MAX),
            groups: Interner::new("groups", GROUPS_MAX),
            resources: Interner::new("resources", RESOURCES_MAX),
        }
    }

    pub fn peer(&mut self, name: &Arc<str>) -> Result<PeerId, TopologyError> {
        // The bound on names is below the number's range, here and in the two below.
        Ok(PeerId(self.peers.number(name)? as u32))
    }

    pub fn group(&mut self, name: &Arc<str>) -> Result<GroupId, TopologyError> {
        Ok(GroupId(self.groups.number(name)? as u16))
    }

    pub fn resource(&mut self, name: &Arc<str>) -> Result<ResourceId, TopologyError> {
        Ok(ResourceId(self.resources.number(name)? as u8))
    }

    /// The directory that `topology` asks for. Peers that it lacks stay in it as removed.
    pub fn directory(
        &mut self,
        topology: &Topology,
        before: &Directory,
    ) -> Result<Directory, TopologyError> {
        let mut after = Directory::default();
        for spec in &topology.groups {
            let id = self.group(&spec.name)?;
            if after.group_names.insert(spec.name.clone(), id).is_some() {
                return Err(TopologyError::GroupTwice(spec.name.clone()));
            }
            after.group_order.push(id);
        }
        let mut peers = Vec::with_capacity(topology.peers.len());
        for spec in &topology.peers {
            let peer = self.build_peer(spec, &after)?;
            if after
                .peer_names
                .insert(spec.name.clone(), peer.id)
                .is_some()
            {
                return Err(TopologyError::PeerTwice(spec.name.clone()));
            }
            after.peer_order.push(peer.id);
            for address in &peer.addresses {
                after.addresses.entry(*address).or_insert(peer.id);
            }
            peers.push(peer);
        }
        after.groups = vec![None; self.groups.names.len()];
        for spec in &topology.groups {
            let group = self.build_group(spec, &after, &peers)?;
            let place = usize::from(group.id.0);
            after.groups[place] = Some(group);
        }
        self.place_peers(&mut after, peers, before);
        self.keep_resources(&mut after);
        Ok(after)
    }

    /// Puts the names of resources into a directory.
    pub fn keep_resources(&self, directory: &mut Directory) {
        directory.resources = self.resources.names.clone();
        directory.resource_names = (0u8..=u8::MAX)
            .zip(&self.resources.names)
            .map(|(number, name)| (name.clone(), ResourceId(number)))
            .collect();
    }

    fn build_peer(&mut self, spec: &PeerSpec, known: &Directory) -> Result<Peer, TopologyError> {
        let zero = |what| TopologyError::Zero {
            what,
            name: spec.name.clone(),
        };
        if spec.weight == 0 {
            return Err(zero("weight"));
        }
        if spec.feedback.as_ref().is_some_and(|f| f.legs_per_call == 0) {
            return Err(zero("legs_per_call"));
        }
        let mut capacity: Vec<(ResourceId, _)> = Vec::with_capacity(spec.capacity.len());
        for (name, units) in &spec.capacity {
            let id = self.resource(name)?;
            if capacity.iter().any(|(known, _)| *known == id) {
                return Err(TopologyError::ResourceTwice {
                    peer: spec.name.clone(),
                    resource: name.clone(),
                });
            }
            capacity.push((id, *units));
        }
        let mut groups = Vec::with_capacity(spec.groups.len());
        for name in &spec.groups {
            let id = known.group_named(name);
            let id = id.ok_or_else(|| no_such_group(&spec.name, name))?;
            if !groups.contains(&id) {
                groups.push(id);
            }
        }
        Ok(Peer {
            id: self.peer(&spec.name)?,
            name: spec.name.clone(),
            uri: spec.uri.clone(),
            transport: spec.transport,
            addresses: spec.addresses.clone(),
            groups,
            capacity,
            weight: spec.weight,
            priority: spec.priority,
            cps: spec.cps,
            feedback: spec.feedback.clone(),
            removed: false,
        })
    }

    fn build_group(
        &mut self,
        spec: &GroupSpec,
        known: &Directory,
        peers: &[Peer],
    ) -> Result<Group, TopologyError> {
        let id = self.group(&spec.name)?;
        let resolve = |step: &ExhaustedStep| match step {
            ExhaustedStep::Dispatch => Ok(ExhaustedStep::Dispatch),
            ExhaustedStep::Redirect(uri) => Ok(ExhaustedStep::Redirect(uri.clone())),
            ExhaustedStep::Group(name) => known
                .group_named(name)
                .map(ExhaustedStep::Group)
                .ok_or_else(|| no_such_group(&spec.name, name)),
        };
        let members = peers.iter().filter(|peer| peer.groups.contains(&id));
        Ok(Group {
            id,
            name: spec.name.clone(),
            members: members.map(|peer| peer.id).collect(),
            select: spec.select,
            hash_on: spec.hash_on.clone(),
            failover: spec.failover.clone(),
            disable: spec.disable,
            exhausted: spec
                .exhausted
                .iter()
                .map(resolve)
                .collect::<Result<_, _>>()?,
            dispatch: spec.dispatch.clone(),
            end_calls_of_dead_peers: spec.end_calls_of_dead_peers,
            probe: spec.probe.clone(),
        })
    }

    fn place_peers(&self, after: &mut Directory, peers: Vec<Peer>, before: &Directory) {
        let mut configured: BTreeMap<PeerId, Peer> =
            peers.into_iter().map(|peer| (peer.id, peer)).collect();
        let known = self.peers.names.len();
        after.peers = (0..known as u32)
            .map(PeerId)
            .map(|id| match (configured.remove(&id), before.peer(id)) {
                (Some(peer), _) => peer,
                (None, Some(gone)) => Peer {
                    removed: true,
                    groups: Vec::new(),
                    ..gone.clone()
                },
                // A number is given out only while its peer is put into a directory.
                (None, None) => unreachable!("peer {} was never configured", id.0),
            })
            .collect();
        let removed = after.peers.iter().filter(|peer| peer.removed);
        after.removed_names = removed.map(|peer| (peer.name.clone(), peer.id)).collect();
    }

    /// The directory with one peer more, which is removed already.
    pub fn remember(
        &mut self,
        name: &Arc<str>,
        before: &Directory,
    ) -> Result<Directory, TopologyError> {
        let mut after = before.clone();
        let spec = PeerSpec::named(name.clone());
        let peer = Peer {
            removed: true,
            ..self.build_peer(&spec, before)?
        };
        after.removed_names.insert(name.clone(), peer.id);
        after.peers.push(peer);
        // What its calls take may be what nobody who is configured offers.
        self.keep_resources(&mut after);
        Ok(after)
    }
}

fn no_such_group(by: &Arc<str>, group: &Arc<str>) -> TopologyError {
    TopologyError::NoSuchGroup {
        by: by.clone(),
        group: group.clone(),
    }
}
