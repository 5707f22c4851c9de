//! The ledger: who holds how much of what, and who gets the next call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::account::Account;
use super::ask::{Ask, EndCause, Grant, Mark, Observation, Refusal};
use super::books::Book;
use super::directory::Directory;
use super::feedback::{FeedbackAnswer, FeedbackError, FeedbackOutcome, Report};
use super::id::{Demand, GroupId, PeerId};
use super::inspect;
use super::names::Names;
use super::rendezvous;
use super::sign::Sign;
use super::slot::{Slot, SlotKind};
use super::state::State;
use super::topology::{Capacity, ProbeMode, Topology};
use super::topology_error::TopologyError;
use super::view::{Overrides, PeerView, Verdict};
use crate::base::invariant::{Invariant, violated};
use crate::base::sync::{ArcSwap, Mutex};

/// All accounts, under one short lock. Shared by every shard.
///
/// Under the lock there is arithmetic alone: no logging, no wording, and no allocation once a group has been
/// asked for the same demand before.
pub struct Ledger {
    /// Taken before `state`, by what changes the directory.
    names: Mutex<Names>,
    directory: ArcSwap<Directory>,
    state: Mutex<State>,
}

impl Ledger {
    /// A ledger with nothing charged. `seed` decides between equals.
    pub fn new(topology: &Topology, seed: u64, now: Instant) -> Result<Arc<Self>, TopologyError> {
        let ledger = Arc::new(Self {
            names: Mutex::new(Names::new()),
            directory: ArcSwap::default(),
            state: Mutex::new(State::new(now, seed)),
        });
        ledger.apply(topology, now)?;
        Ok(ledger)
    }

    /// Puts a topology in force. Counts, health, the operator's word and reports stay; a peer that it lacks
    /// gets no new calls, and retires with its last slot. On an error nothing has changed.
    pub fn apply(
        &self,
        topology: &Topology,
        now: Instant,
    ) -> Result<Arc<Directory>, TopologyError> {
        let mut names = self.names.lock();
        let before = self.directory();
        let mut grown = names.clone();
        let after = Arc::new(grown.directory(topology, &before)?);
        *names = grown;
        let mut state = self.state.lock();
        state.advance(now);
        state.apply(&before, &after);
        self.directory.store(after.clone());
        Ok(after)
    }

    /// Takes up a peer that was removed in an earlier run and has calls still: it is known by its name alone, and gets no new
    /// ones. One that is known stays as it is.
    pub fn remember(&self, name: &Arc<str>, now: Instant) -> Result<(), TopologyError> {
        let mut names = self.names.lock();
        let before = self.directory();
        if before.known_peer(name).is_some() {
            return Ok(());
        }
        let mut grown = names.clone();
        let after = Arc::new(grown.remember(name, &before)?);
        *names = grown;
        let mut state = self.state.lock();
        state.advance(now);
        state.apply(&before, &after);
        self.directory.store(after);
        Ok(())
    }

    /// The directory in force.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }

    /// Chooses a peer and charges it, in one step.
    pub fn reserve(self: &Arc<Self>, now: Instant, ask: &Ask<'_>) -> Result<Grant, Refusal> {
        let key = rendezvous::hash(ask.hash_key);
        let mut state = self.state.lock();
        state.advance(now);
        let (peer, kind) = state.reserve(ask, key)?;
        drop(state);
        let slot = Slot::new(self.clone(), peer, ask.demand.clone(), kind);
        Ok(Grant { slot, peer })
    }

    /// Chooses a peer for a request that begins no call: nothing is charged, and no `cps` limit spent.
    pub fn pick(&self, now: Instant, ask: &Ask<'_>) -> Result<PeerId, Refusal> {
        let key = rendezvous::hash(ask.hash_key);
        let mut state = self.state.lock();
        state.advance(now);
        state.pick(ask, key)
    }

    /// Counts a call that is a fact. Never refused; may exceed capacity. On an id that this ledger has not
    /// given out it is counted nowhere.
    pub fn readmit(self: &Arc<Self>, peer: PeerId, demand: &Demand, mark: Mark) -> Slot {
        let mut state = self.state.lock();
        let marked = state.account_mut(peer).is_some_and(|account| {
            let marked = match mark {
                Mark::Restored | Mark::LateAnswer => true,
                Mark::PlacedByPeer => !account.fits(demand),
            };
            account.charge(demand, marked);
            marked
        });
        state.rerank(peer);
        drop(state);
        let kind = SlotKind {
            trial: false,
            marked,
        };
        Slot::new(self.clone(), peer, demand.clone(), kind)
    }

    /// Takes what traffic or a probe says about a peer.
    pub fn report(&self, now: Instant, peer: PeerId, what: Observation) {
        let mut state = self.state.lock();
        let now = state.advance(now);
        let account = state.account_mut(peer);
        if account.is_some_and(|account| account.observe(now, what)) {
            state.refresh(peer);
        }
    }

    /// Whether a peer has died: it is down, and long silent.
    pub fn is_dead(&self, now: Instant, peer: PeerId) -> bool {
        let state = self.state.lock();
        let account = state.account(peer);
        account.is_some_and(|account| account.vitals.is_dead(now, &account.rules))
    }

    /// Takes a peer's report of itself.
    pub fn feedback(
        &self,
        now: Instant,
        peer: PeerId,
        report: &Report,
    ) -> Result<FeedbackAnswer, FeedbackError> {
        let directory = self.directory();
        let mut state = self.state.lock();
        let now = state.advance(now);
        let account = state.account_mut(peer).filter(|account| account.configured);
        let account = account.ok_or(FeedbackError::NoSuchPeer)?;
        let answer = account.take_report(now, report, &directory)?;
        state.refresh(peer);
        Ok(answer)
    }

    /// Counts a report that was refused before it could be taken: unreadable, impossible, or not the peer's.
    pub fn report_refused(&self, peer: PeerId, outcome: FeedbackOutcome) {
        if let Some(account) = self.state.lock().account_mut(peer) {
            account.tally.reports[outcome.index()] += 1;
        }
    }

    /// Changes an account in what decides whether it is eligible.
    pub(super) fn change(&self, peer: PeerId, change: impl FnOnce(&mut Account)) {
        let mut state = self.state.lock();
        if let Some(account) = state.account_mut(peer) {
            change(account);
            state.refresh(peer);
        }
    }

    /// Does something under the lock.
    pub(super) fn locked<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock())
    }

    /// Sets capacities by hand, which outlives reloads. Resources left out keep theirs; one that the
    /// configuration does not name is offered from now on.
    pub fn resize(
        &self,
        peer: PeerId,
        capacity: &[(Arc<str>, Capacity)],
    ) -> Result<(), TopologyError> {
        let mut names = self.names.lock();
        let mut grown = names.clone();
        let named = capacity
            .iter()
            .map(|(name, units)| Ok((grown.resource(name)?, *units)));
        let named: Vec<_> = named.collect::<Result<_, TopologyError>>()?;
        *names = grown;
        let mut directory = Directory::clone(&self.directory());
        names.keep_resources(&mut directory);
        self.directory.store(Arc::new(directory));
        let mut state = self.state.lock();
        if let Some(account) = state.account_mut(peer) {
            for (id, units) in named {
                account.resource_mut(id).resized = Some(units);
            }
            state.refresh(peer);
        }
        Ok(())
    }

    /// Sets the weight by hand, which outlives reloads.
    pub fn set_weight(&self, peer: PeerId, weight: u32) -> Result<(), TopologyError> {
        let _names = self.names.lock();
        let directory = self.directory();
        if weight == 0 {
            let name = directory
                .peer(peer)
                .map_or("".into(), |peer| peer.name.clone());
            return Err(TopologyError::Zero {
                what: "weight",
                name,
            });
        }
        let mut state = self.state.lock();
        if let Some(account) = state.account_mut(peer) {
            account.weight_set = Some(weight);
            state.rebuild_pools(&directory);
        }
        Ok(())
    }

    /// What the operator set, for every peer that differs from its configuration.
    pub fn overrides(&self) -> Vec<Overrides> {
        let directory = self.directory();
        let state = self.state.lock();
        let peers = directory.peers.iter();
        peers
            .filter_map(|peer| inspect::overrides(state.account(peer.id)?, peer, &directory))
            .collect()
    }

    /// What [`FeedbackAnswer::restarted`] asks for is done.
    pub fn restart_told(&self, peer: PeerId) {
        let mut state = self.state.lock();
        if let Some(account) = state.account_mut(peer) {
            account.reports.untold = None;
        }
    }

    /// Every configured peer, and every removed one that still holds calls.
    pub fn view(&self, now: Instant) -> Vec<PeerView> {
        let views = self.look(now, |_, _| true).into_iter();
        views.map(|(_, view)| view).collect()
    }

    /// Of the same peers those whose sign is `news`, which is asked about each, under the lock.
    pub fn look(
        &self,
        now: Instant,
        mut news: impl FnMut(PeerId, &Sign) -> bool,
    ) -> Vec<(Sign, PeerView)> {
        let directory = self.directory();
        let removed = directory.peers.iter().filter(|peer| peer.removed);
        let peers = directory.peers().chain(removed);
        // One peer at a time: the shards need not wait for thousands of them.
        let mut snapshot = |peer: &super::Peer| {
            let mut state = self.state.lock();
            let now = state.advance(now);
            let account = state.account(peer.id)?;
            if !account.configured && account.slots == 0 {
                return None;
            }
            let sign = Sign::of(account, peer, now);
            news(peer.id, &sign).then(|| (sign, inspect::Snapshot::of(account, now)))
        };
        let seen = peers.filter_map(|peer| snapshot(peer).map(|seen| (peer, seen)));
        seen.map(|(peer, (sign, snapshot))| (sign, snapshot.view(peer, &directory)))
            .collect()
    }

    /// The numbers of every account that a peer ever had, without words.
    pub fn books(&self, now: Instant) -> Vec<Book> {
        let directory = self.directory.load();
        let mut state = self.state.lock();
        state.advance(now);
        let peers = directory.peers.iter().map(|peer| peer.id);
        peers
            .filter_map(|peer| Some(Book::of(peer, state.account(peer)?)))
            .collect()
    }

    /// One peer, as [`Ledger::view`] shows it.
    pub fn view_of(&self, now: Instant, peer: PeerId) -> Option<PeerView> {
        let directory = self.directory();
        let mut state = self.state.lock();
        let now = state.advance(now);
        let snapshot = inspect::Snapshot::of(state.account(peer)?, now);
        drop(state);
        Some(snapshot.view(directory.peer(peer)?, &directory))
    }

    /// What would become of this call, peer by peer. Counts nothing.
    pub fn explain(&self, now: Instant, ask: &Ask<'_>) -> Vec<(PeerId, Verdict)> {
        let directory = self.directory();
        let key = rendezvous::hash(ask.hash_key);
        let mut state = self.state.lock();
        state.advance(now);
        let chosen = state.foresee(ask, key);
        let judged = inspect::judge(&state, ask, &directory, chosen);
        drop(state);
        let worded = judged.into_iter();
        worded
            .map(|(peer, judgement)| (peer, judgement.verdict(&directory)))
            .collect()
    }

    /// Of a call that has been placed: why it is with `chosen`, as things are now. Counts nothing.
    pub fn explain_call(
        &self,
        now: Instant,
        ask: &Ask<'_>,
        chosen: PeerId,
    ) -> Vec<(PeerId, Verdict)> {
        let directory = self.directory();
        let judged = self.locked(|state| {
            state.advance(now);
            inspect::judge(state, ask, &directory, Some(chosen))
        });
        let lighter = |(peer, judgement): (PeerId, inspect::Judgement)| {
            (peer, judgement.of_old().verdict(&directory))
        };
        judged.into_iter().map(lighter).collect()
    }

    /// When it is worth asking again, 1 s to 120 s: the earliest moment that anything known may change.
    pub fn retry_after(&self, now: Instant, group: GroupId, demand: &Demand) -> Duration {
        let mut state = self.state.lock();
        state.advance(now);
        state.retry_after(group, demand)
    }

    /// Whether a peer wants the probe that is due; if so, takes note of when the next one is.
    pub(super) fn plan_probe(
        &self,
        now: Instant,
        peer: PeerId,
        mode: ProbeMode,
        next: Instant,
    ) -> bool {
        let mut state = self.state.lock();
        state.advance(now);
        state.account_mut(peer).is_some_and(|account| {
            let wanted = match mode {
                ProbeMode::Always => true,
                ProbeMode::WhenDown => account.vitals.is_down(),
                ProbeMode::Off => false,
            };
            account.tally.next_probe = wanted.then_some(next);
            wanted
        })
    }

    pub(super) fn give_back(&self, peer: PeerId, demand: &Demand, kind: SlotKind, cause: EndCause) {
        let sound = self.state.lock().give_back(peer, demand, kind, cause);
        if sound.is_err() {
            violated(
                Invariant::AccountUnderflow,
                &format_args!("peer {}", peer.0),
            );
        }
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}
