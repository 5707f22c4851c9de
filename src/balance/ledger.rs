//! The ledger: who holds how much of what, and who gets the next call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::account::{Account, ResourceAccount};
use super::ask::{Admin, Ask, EndCause, Grant, Mark, Observation, Refusal, Step};
use super::directory::Directory;
use super::feedback::{FeedbackAnswer, FeedbackError, Report};
use super::id::{Demand, GroupId, PeerId};
use super::names::Names;
use super::slot::{Slot, SlotKind};
use super::topology::{Capacity, Topology, TopologyError};
use super::view::{Overrides, PeerView, Verdict};
use crate::base::invariant::{Invariant, violated};

/// All accounts, under one short lock. Shared by every shard.
pub struct Ledger {
    names: Mutex<Names>,
    directory: ArcSwap<Directory>,
    state: Mutex<Vec<Account>>,
}

impl Ledger {
    /// A ledger with nothing charged. `seed` decides between equals.
    pub fn new(topology: &Topology, _seed: u64, now: Instant) -> Result<Arc<Self>, TopologyError> {
        let ledger = Arc::new(Self {
            names: Mutex::new(Names::new()),
            directory: ArcSwap::default(),
            state: Mutex::new(Vec::new()),
        });
        ledger.apply(topology, now)?;
        Ok(ledger)
    }

    /// Puts a topology in force. Counts, health, the operator's word and reports stay; a peer that it lacks
    /// gets no new calls, and retires with its last slot.
    pub fn apply(
        &self,
        topology: &Topology,
        _now: Instant,
    ) -> Result<Arc<Directory>, TopologyError> {
        let mut names = self.names.lock();
        let mut grown = names.clone();
        let directory = Arc::new(grown.directory(topology, &self.directory.load())?);
        *names = grown;
        let mut state = self.state.lock();
        state.resize_with(directory.peers.len(), Account::default);
        for (account, peer) in state.iter_mut().zip(&directory.peers) {
            for (id, capacity) in &peer.capacity {
                account.resources.push(ResourceAccount {
                    id: *id,
                    configured: Some(*capacity),
                    resized: None,
                    own: 0,
                });
            }
        }
        self.directory.store(directory.clone());
        Ok(directory)
    }

    /// The directory in force.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }

    /// Chooses a peer and charges it, in one step.
    pub fn reserve(self: &Arc<Self>, _now: Instant, ask: &Ask<'_>) -> Result<Grant, Refusal> {
        let directory = self.directory.load();
        let group = directory.group(ask.group).ok_or(Refusal::NoneEligible)?;
        let mut state = self.state.lock();
        let room = |id: &PeerId| {
            let account = state.get(id.0 as usize)?;
            let mut used = 0;
            for (resource, units) in ask.demand.items() {
                let held = account.resources.iter().find(|held| held.id == *resource)?;
                used = used.max(held.own);
                match held.resized.or(held.configured)? {
                    Capacity::Limited(limit)
                        if held.own + u64::from(*units) > u64::from(limit)
                            && matches!(ask.step, Step::Balance | Step::Failover) =>
                    {
                        return None;
                    }
                    Capacity::Limited(_) | Capacity::Unlimited => {}
                }
            }
            (account.admin == Admin::Enabled).then_some((used, *id))
        };
        let members = group.members.iter().filter(|id| !ask.tried.contains(id));
        let (_, peer) = members.filter_map(room).min().ok_or(Refusal::Exhausted)?;
        charge(&mut state[peer.0 as usize], ask.demand);
        drop(state);
        let kind = SlotKind {
            trial: false,
            marked: false,
        };
        Ok(Grant {
            slot: Slot::new(self.clone(), peer, ask.demand.clone(), kind),
            peer,
        })
    }

    /// Counts a call that is a fact. Never refused; may exceed capacity.
    pub fn readmit(self: &Arc<Self>, peer: PeerId, demand: &Demand, _mark: Mark) -> Slot {
        if let Some(account) = self.state.lock().get_mut(peer.0 as usize) {
            charge(account, demand);
        }
        let kind = SlotKind {
            trial: false,
            marked: true,
        };
        Slot::new(self.clone(), peer, demand.clone(), kind)
    }

    /// Takes what traffic or a probe says about a peer.
    pub fn report(&self, _now: Instant, _peer: PeerId, _what: Observation) {}

    /// Takes a peer's report of itself.
    pub fn feedback(
        &self,
        _now: Instant,
        _peer: PeerId,
        report: &Report,
    ) -> Result<FeedbackAnswer, FeedbackError> {
        Ok(FeedbackAnswer {
            accepted_seq: report.seq,
            restarted: false,
            resources: Vec::new(),
        })
    }

    /// Takes the operator's word. It outlives reloads.
    pub fn set_admin(&self, peer: PeerId, admin: Admin) {
        if let Some(account) = self.state.lock().get_mut(peer.0 as usize) {
            account.admin = admin;
        }
    }

    /// Sets capacities by hand, which outlives reloads. Resources left out keep theirs.
    pub fn resize(
        &self,
        _peer: PeerId,
        _capacity: &[(Arc<str>, Capacity)],
    ) -> Result<(), TopologyError> {
        Ok(())
    }

    /// Sets the weight by hand, which outlives reloads.
    pub fn set_weight(&self, _peer: PeerId, _weight: u32) -> Result<(), TopologyError> {
        Ok(())
    }

    /// What the operator set, for every peer that differs from its configuration.
    pub fn overrides(&self) -> Vec<Overrides> {
        Vec::new()
    }

    /// Every configured peer, and every removed one that still holds calls.
    pub fn view(&self, _now: Instant) -> Vec<PeerView> {
        Vec::new()
    }

    /// What would become of this call, peer by peer. Counts nothing.
    pub fn explain(&self, _now: Instant, _ask: &Ask<'_>) -> Vec<(PeerId, Verdict)> {
        Vec::new()
    }

    /// When it is worth asking again, 1 s to 120 s: the earliest moment that anything known may change.
    pub fn retry_after(&self, _now: Instant, _group: GroupId, _demand: &Demand) -> Duration {
        Duration::from_secs(1)
    }

    pub(super) fn give_back(
        &self,
        peer: PeerId,
        demand: &Demand,
        _kind: SlotKind,
        cause: EndCause,
    ) {
        let mut state = self.state.lock();
        let Some(account) = state.get_mut(peer.0 as usize) else {
            return;
        };
        account.released[cause.index()] += 1;
        for (resource, units) in demand.items() {
            let held = account
                .resources
                .iter_mut()
                .find(|held| held.id == *resource);
            let left = held
                .as_ref()
                .and_then(|held| held.own.checked_sub(u64::from(*units)));
            match (held, left) {
                (Some(held), Some(left)) => held.own = left,
                (Some(_), None) | (None, _) => {
                    violated(
                        Invariant::AccountUnderflow,
                        &format_args!("peer {}", peer.0),
                    );
                }
            }
        }
    }
}

fn charge(account: &mut Account, demand: &Demand) {
    account.granted += 1;
    for (resource, units) in demand.items() {
        match account
            .resources
            .iter_mut()
            .find(|held| held.id == *resource)
        {
            Some(held) => held.own += u64::from(*units),
            None => account.resources.push(ResourceAccount {
                id: *resource,
                configured: None,
                resized: None,
                own: u64::from(*units),
            }),
        }
    }
}
