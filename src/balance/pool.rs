//! A group's peers, and the choice among them.

use smallvec::SmallVec;

use super::account::Account;
use super::ask::Step;
use super::id::{Demand, PeerId};
use super::patience::Given;
use super::ranking::Ranking;
use super::rendezvous;
use super::topology::Select;
use crate::base::limits::RANKINGS_PER_GROUP_MAX;

/// One group as the ledger sees it.
#[derive(Debug)]
pub(super) struct Pool {
    /// Sorted by priority, then weight, then as configured.
    pub members: Vec<Member>,
    select: Select,
    dispatch: Select,
    rankings: Vec<Ranking>,
    /// The ranking that makes room next, once there are too many.
    oldest: usize,
    pub retry_given: Option<Given>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub peer: PeerId,
    /// The number of different priorities below its own.
    pub rank: u32,
    pub weight: u32,
    /// Its name's hash.
    pub seed: u64,
}

/// What is asked of a pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// The ranking that answers it.
    pub ranking: usize,
    /// Places that were tried before.
    pub tried: &'a [u32],
    /// Places that get only a share of the calls meant for them.
    pub gated: &'a [(u32, f64)],
    /// The hash of the caller's key.
    pub key: u64,
}

impl Pool {
    pub fn new(select: Select, dispatch: Select, members: Vec<Member>) -> Self {
        Self {
            members,
            select,
            dispatch,
            rankings: Vec::new(),
            oldest: 0,
            retry_given: None,
        }
    }

    /// How a step chooses, and whether it asks for room.
    pub fn manner(&self, step: Step) -> (Select, bool) {
        match step {
            Step::Balance | Step::Failover => (self.select, true),
            Step::Overflow => (self.select, false),
            Step::Dispatch => (self.dispatch, false),
        }
    }

    /// Puts a peer where its account says, in every ranking.
    pub fn update(&mut self, place: u32, account: &Account) {
        let Some(member) = self.members.get(place as usize) else {
            return;
        };
        for ranking in &mut self.rankings {
            ranking.update(place as usize, member.rank, account);
        }
    }

    /// The number of the ranking that answers a question; made when there is none yet.
    pub fn ranking(
        &mut self,
        demand: &Demand,
        (select, strict): (Select, bool),
        accounts: &[Account],
    ) -> usize {
        let answers = |r: &Ranking| r.strict == strict && r.select == select && r.demand == *demand;
        if let Some(number) = self.rankings.iter().position(answers) {
            return number;
        }
        let mut fresh = Ranking::new(demand.clone(), select, strict, self.members.len());
        for (place, member) in self.members.iter().enumerate() {
            if let Some(account) = accounts.get(member.peer.0 as usize) {
                fresh.update(place, member.rank, account);
            }
        }
        if self.rankings.len() < RANKINGS_PER_GROUP_MAX {
            self.rankings.push(fresh);
            return self.rankings.len() - 1;
        }
        let number = self.oldest;
        self.oldest = (number + 1) % RANKINGS_PER_GROUP_MAX;
        self.rankings[number] = fresh;
        number
    }

    /// The place that takes the call. Peers that were tried stand back; so do, by chance, those that are
    /// gated with their share of calls, unless nobody else is there. Changes nothing.
    pub fn choose(&mut self, question: &Question<'_>, rng: &mut fastrand::Rng) -> Option<usize> {
        let mut aside = Aside::default();
        let ranking = &mut self.rankings[question.ranking];
        for place in question.tried {
            aside.put(ranking, *place as usize);
        }
        let mut held_back = Aside::default();
        for &(place, share) in question.gated {
            let place = place as usize;
            let chance = match ranking.select {
                // So that a key comes home once, and does not go to and fro.
                Select::Hash => {
                    let seed = self.members.get(place).map_or(0, |member| !member.seed);
                    rendezvous::share(rendezvous::draw(question.key, seed))
                }
                Select::LeastLoaded
                | Select::MostFree
                | Select::Weighted
                | Select::RoundRobin
                | Select::Random
                | Select::Priority => rng.f64(),
            };
            if chance >= share && ranking.key(place) < f64::INFINITY {
                held_back.put(ranking, place);
            }
        }
        let mut chosen = pick(ranking, &self.members, question.key, rng);
        if !held_back.is_empty() {
            held_back.restore(ranking);
            chosen = chosen.or_else(|| pick(ranking, &self.members, question.key, rng));
        }
        aside.restore(ranking);
        chosen
    }

    /// The place has taken a call.
    pub fn took(&mut self, number: usize, place: usize) {
        self.rankings[number].took_turn(place);
    }

    /// Whether, of the peers not tried, anyone can take the call.
    pub fn has_any(&mut self, number: usize, tried: &[u32]) -> bool {
        let mut aside = Aside::default();
        let ranking = &mut self.rankings[number];
        for place in tried {
            aside.put(ranking, *place as usize);
        }
        let any = ranking.has_any();
        aside.restore(ranking);
        any
    }
}

fn pick(ranking: &Ranking, members: &[Member], key: u64, rng: &mut fastrand::Rng) -> Option<usize> {
    match ranking.select {
        Select::LeastLoaded | Select::MostFree | Select::Random | Select::Priority => {
            ranking.lowest(|ties| if ties > 1 { rng.usize(..ties) } else { 0 })
        }
        Select::Weighted | Select::RoundRobin => ranking.lowest(|_| 0),
        Select::Hash => rendezvous::winner(ranking.able().filter_map(|place| {
            let member = members.get(place)?;
            Some((place, member.weight, rendezvous::draw(key, member.seed)))
        })),
    }
}

/// Keys taken out of a ranking for one choice.
#[derive(Debug, Default)]
struct Aside(SmallVec<[(usize, f64); 8]>);

impl Aside {
    fn put(&mut self, ranking: &mut Ranking, place: usize) {
        self.0.push((place, ranking.key(place)));
        ranking.set(place, f64::INFINITY);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts every key back where it was.
    fn restore(self, ranking: &mut Ranking) {
        for (place, key) in self.0.into_iter().rev() {
            ranking.set(place, key);
        }
    }
}

/// The members of a group in the order of a pool.
pub(super) fn order(mut members: Vec<(u32, Member)>) -> Vec<Member> {
    members.sort_by_key(|(priority, member)| (*priority, member.weight));
    let mut rank = 0;
    let mut before = None;
    members
        .into_iter()
        .map(|(priority, member)| {
            rank += u32::from(before.is_some_and(|before| before != priority));
            before = Some(priority);
            Member { rank, ..member }
        })
        .collect()
}
