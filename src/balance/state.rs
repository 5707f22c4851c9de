//! Everything under the ledger's lock, and the steps taken there.

use std::collections::BTreeSet;
use std::time::Instant;

use smallvec::SmallVec;

use super::account::{Account, Underflow};
use super::ask::{Ask, EndCause, Refusal, Step};
use super::directory::Directory;
use super::health::Rules;
use super::id::{Demand, GroupId, PeerId};
use super::pool::{self, Member, Pool, Question};
use super::rendezvous;
use super::slot::SlotKind;
use super::topology::Select;

/// All accounts and groups.
#[derive(Debug)]
pub(super) struct State {
    /// The latest moment that anybody named. Threads' clocks are one, their calls may overtake each other.
    pub now: Instant,
    pub accounts: Vec<Account>,
    pub pools: Vec<Option<Pool>>,
    /// When time alone will change which account: one entry at most for each.
    wakes: BTreeSet<(Instant, PeerId)>,
    /// Accounts that get only a share of the calls meant for them.
    gated: Vec<PeerId>,
    rng: fastrand::Rng,
}

/// Places of one group.
type Places = SmallVec<[u32; 4]>;

impl State {
    pub fn new(now: Instant, seed: u64) -> Self {
        Self {
            now,
            accounts: Vec::new(),
            pools: Vec::new(),
            wakes: BTreeSet::new(),
            gated: Vec::new(),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    pub fn account(&self, peer: PeerId) -> Option<&Account> {
        self.accounts.get(peer.0 as usize)
    }

    pub fn account_mut(&mut self, peer: PeerId) -> Option<&mut Account> {
        self.accounts.get_mut(peer.0 as usize)
    }

    pub fn pool(&self, group: GroupId) -> Option<&Pool> {
        self.pools.get(usize::from(group.0))?.as_ref()
    }

    /// Lets time pass for every account that it changes.
    pub fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        while let Some(&(at, peer)) = self.wakes.first()
            && at <= self.now
        {
            self.wakes.pop_first();
            if let Some(account) = self.account_mut(peer) {
                account.wake = None;
            }
            self.refresh(peer);
        }
        self.now
    }

    /// Chooses a peer and charges it. `key` is the hash of the caller's key.
    pub fn reserve(&mut self, ask: &Ask<'_>, key: u64) -> Result<(PeerId, SlotKind), Refusal> {
        let peer = self.take_turn(ask, key)?;
        let account = &mut self.accounts[peer.0 as usize];
        let marked = match ask.step {
            Step::Balance | Step::Failover => false,
            Step::Dispatch | Step::Overflow => !account.fits(ask.demand),
        };
        account.charge(ask.demand, marked);
        let trial = account.vitals.send(self.now);
        if let Some(bucket) = &mut account.bucket {
            bucket.fill(self.now);
            bucket.take();
        }
        let mut memberships = account.memberships.iter_mut();
        if let Some(membership) = memberships.find(|known| known.group == ask.group) {
            membership.selections[ask.step.index()] += 1;
        }
        if trial || account.bucket.is_some() {
            self.refresh(peer);
        } else {
            self.rerank(peer);
        }
        Ok((peer, SlotKind { trial, marked }))
    }

    /// Chooses a peer, which has had its turn then, and charges nothing.
    pub fn pick(&mut self, ask: &Ask<'_>, key: u64) -> Result<PeerId, Refusal> {
        let peer = self.take_turn(ask, key)?;
        self.rerank(peer);
        Ok(peer)
    }

    fn take_turn(&mut self, ask: &Ask<'_>, key: u64) -> Result<PeerId, Refusal> {
        let (ranking, place) = self.choose(ask, key)?;
        let pool = self.pools.get_mut(usize::from(ask.group.0));
        let pool = pool.and_then(Option::as_mut).ok_or(Refusal::NoneEligible)?;
        pool.took(ranking, place);
        let member = pool.members.get(place).ok_or(Refusal::NoneEligible)?;
        Ok(member.peer)
    }

    /// The ranking and the place in it that would take a call. Counts nothing.
    pub fn choose(&mut self, ask: &Ask<'_>, key: u64) -> Result<(usize, usize), Refusal> {
        let tried = self.places(ask.group, ask.tried);
        let pool = self.pools.get_mut(usize::from(ask.group.0));
        let pool = pool.and_then(Option::as_mut).ok_or(Refusal::NoneEligible)?;
        let manner = pool.manner(ask.step);
        let ranking = pool.ranking(ask.demand, manner, &self.accounts);
        let gated = gates(&self.gated, &self.accounts, self.now, ask.group, manner.0);
        let question = Question {
            ranking,
            tried: &tried,
            gated: &gated,
            key,
        };
        if let Some(place) = pool.choose(&question, &mut self.rng) {
            return Ok((ranking, place));
        }
        if manner.1 {
            let whatever_load = pool.ranking(ask.demand, (manner.0, false), &self.accounts);
            if pool.has_any(whatever_load, &tried) {
                return Err(Refusal::Exhausted);
            }
        }
        Err(Refusal::NoneEligible)
    }

    /// As [`State::choose`], without moving the dice.
    pub fn foresee(&mut self, ask: &Ask<'_>, key: u64) -> Option<PeerId> {
        let dice = self.rng.clone();
        let chosen = self.choose(ask, key);
        self.rng = dice;
        let (_, place) = chosen.ok()?;
        self.pool(ask.group)?
            .members
            .get(place)
            .map(|member| member.peer)
    }

    /// Takes a call off a peer.
    pub fn give_back(
        &mut self,
        peer: PeerId,
        demand: &Demand,
        kind: SlotKind,
        cause: EndCause,
    ) -> Result<(), Underflow> {
        let now = self.now;
        let Some(account) = self.account_mut(peer) else {
            return Ok(());
        };
        let sound = account.uncharge(now, demand, kind.marked, cause);
        if kind.trial {
            account.trial_over(now, cause == EndCause::Bye);
            self.refresh(peer);
        } else {
            self.rerank(peer);
        }
        sound
    }

    /// Puts a peer where its account says, in every ranking of its groups. Enough when only its load has
    /// changed.
    pub fn rerank(&mut self, peer: PeerId) {
        let Some(account) = self.accounts.get(peer.0 as usize) else {
            return;
        };
        for membership in &account.memberships {
            let pool = self.pools.get_mut(usize::from(membership.group.0));
            if let (Some(Some(pool)), Some(place)) = (pool, membership.place) {
                pool.update(place, account);
            }
        }
    }

    /// Derives anew whether a peer is eligible, and when that changes by itself.
    pub fn refresh(&mut self, peer: PeerId) {
        let Some(account) = self.accounts.get_mut(peer.0 as usize) else {
            return;
        };
        account.pass_time(self.now);
        account.eligible = account.is_eligible();
        let wake = account.next_change();
        if wake != account.wake {
            if let Some(at) = account.wake {
                self.wakes.remove(&(at, peer));
            }
            if let Some(at) = wake {
                self.wakes.insert((at, peer));
            }
            account.wake = wake;
        }
        let gated = account.share(self.now, true) < 1.0;
        if gated != account.gated {
            account.gated = gated;
            if gated {
                self.gated.push(peer);
            } else {
                self.gated.retain(|known| *known != peer);
            }
        }
        self.rerank(peer);
    }

    /// Brings accounts and pools in line with a directory.
    pub fn apply(&mut self, before: &Directory, after: &Directory) {
        let now = self.now;
        self.accounts
            .resize_with(after.peers.len(), || Account::new(now));
        for (account, peer) in self.accounts.iter_mut().zip(&after.peers) {
            let rules = after.home_group(peer.id).map(Rules::of);
            let moved = before
                .peer(peer.id)
                .is_some_and(|known| known.uri != peer.uri);
            account.configure(peer, rules, moved, now);
        }
        self.rebuild_pools(after);
    }

    /// Builds every pool anew, and every place in it.
    pub fn rebuild_pools(&mut self, directory: &Directory) {
        for account in &mut self.accounts {
            account
                .memberships
                .iter_mut()
                .for_each(|known| known.place = None);
        }
        self.pools = (0..directory.groups.len()).map(|_| None).collect();
        for group in directory.groups() {
            let members = group.members.iter().filter_map(|id| {
                let (account, peer) = (self.account(*id)?, directory.peer(*id)?);
                let member = Member {
                    peer: *id,
                    rank: 0,
                    weight: account.weight(),
                    seed: rendezvous::hash(peer.name.as_bytes()),
                };
                Some((peer.priority, member))
            });
            let members = pool::order(members.collect());
            for (place, member) in (0u32..).zip(&members) {
                if let Some(account) = self.account_mut(member.peer) {
                    account.join(group.id, place);
                }
            }
            let pool = Pool::new(group.select, group.dispatch.select, members);
            self.pools[usize::from(group.id.0)] = Some(pool);
        }
        for number in 0..directory.peers.len() as u32 {
            self.refresh(PeerId(number));
        }
    }

    fn places(&self, group: GroupId, peers: &[PeerId]) -> Places {
        let place = |peer: &PeerId| self.account(*peer)?.place(group);
        peers.iter().filter_map(place).collect()
    }
}

/// Who gets only a share of the calls of a group, and which. Hashing keeps to its keys as long as a peer
/// is well: there only the ramp counts.
fn gates(
    gated: &[PeerId],
    accounts: &[Account],
    now: Instant,
    group: GroupId,
    select: Select,
) -> SmallVec<[(u32, f64); 4]> {
    let blind = match select {
        Select::Weighted | Select::RoundRobin | Select::Random => true,
        Select::LeastLoaded | Select::MostFree | Select::Priority | Select::Hash => false,
    };
    let gate = |peer: &PeerId| {
        let account = accounts.get(peer.0 as usize)?;
        Some((account.place(group)?, account.share(now, blind)))
    };
    let gates = gated.iter().filter_map(gate);
    gates.filter(|(_, share)| *share < 1.0).collect()
}
