//! A group's peers ranked for one kind of call, kept ready, so that choosing looks at few of them.
//!
//! Every peer has a key; the lowest takes the call, infinity cannot. Keys stand in blocks of 64 that know
//! their lowest key and how many share it: a change touches one block, a choice reads one number a
//! block and then looks into one of them. Ties are drawn among all that share the lowest key.

use super::account::Account;
use super::id::Demand;
use super::reckon::Measure;
use super::topology::Select;

const BLOCK: usize = 64;

/// A range of keys with its lowest.
#[derive(Clone, Copy, Debug)]
struct Block {
    least: f64,
    ties: usize,
}

/// Peers ranked for calls of one demand.
#[derive(Debug)]
pub(super) struct Ranking {
    pub demand: Demand,
    pub select: Select,
    /// Only peers with room; else also full ones.
    pub strict: bool,
    keys: Vec<f64>,
    blocks: Vec<Block>,
    /// For the two that take turns: how many turns each place has had, and where the last one stood.
    turns: Vec<u64>,
    reached: f64,
}

impl Ranking {
    pub fn new(demand: Demand, select: Select, strict: bool, places: usize) -> Self {
        let takes_turns = match select {
            Select::Weighted | Select::RoundRobin => true,
            Select::LeastLoaded
            | Select::MostFree
            | Select::Random
            | Select::Priority
            | Select::Hash => false,
        };
        let empty = Block {
            least: f64::INFINITY,
            ties: 0,
        };
        Self {
            demand,
            select,
            strict,
            keys: vec![f64::INFINITY; places],
            blocks: vec![empty; places.div_ceil(BLOCK)],
            turns: vec![0; if takes_turns { places } else { 0 }],
            reached: 0.0,
        }
    }

    /// Puts a peer where its account says. `rank` orders priorities, lowest first.
    pub fn update(&mut self, place: usize, rank: u32, account: &Account) {
        let fits = account.eligible
            && if self.strict {
                account.fits(&self.demand)
            } else {
                account.offers(&self.demand)
            };
        let key = if fits {
            match self.select {
                Select::LeastLoaded => account.load(&self.demand, Measure::Used),
                Select::MostFree => account.load(&self.demand, Measure::Free),
                // Loads stay below 3, and multiples of 4 cost the sum no bit that matters.
                Select::Priority => {
                    4.0 * f64::from(rank) + account.load(&self.demand, Measure::Used)
                }
                Select::Random | Select::Hash => 0.0,
                Select::Weighted => self.turn(place, account.weight()),
                Select::RoundRobin => self.turn(place, 1),
            }
        } else {
            f64::INFINITY
        };
        self.set(place, key);
    }

    /// A peer's key; infinity: it cannot take the call.
    pub fn key(&self, place: usize) -> f64 {
        self.keys.get(place).copied().unwrap_or(f64::INFINITY)
    }

    pub fn set(&mut self, place: usize, key: f64) {
        let Some(slot) = self.keys.get_mut(place) else {
            return;
        };
        let before = std::mem::replace(slot, key);
        let block = &mut self.blocks[place / BLOCK];
        if key < block.least {
            *block = Block {
                least: key,
                ties: 1,
            };
            return;
        }
        block.ties += usize::from(key == block.least);
        block.ties -= usize::from(before == block.least);
        if block.ties == 0 {
            let start = place / BLOCK * BLOCK;
            let end = self.keys.len().min(start + BLOCK);
            *block = measure(&self.keys[start..end]);
        }
    }

    /// Whether anyone can take the call.
    pub fn has_any(&self) -> bool {
        self.least() < f64::INFINITY
    }

    /// The place with the lowest key. Of equals `draw` picks one, given their number.
    pub fn lowest(&self, draw: impl FnOnce(usize) -> usize) -> Option<usize> {
        let least = self.least();
        if least == f64::INFINITY {
            return None;
        }
        let shared = |block: &Block| if block.least == least { block.ties } else { 0 };
        let mut skip = draw(self.blocks.iter().map(shared).sum());
        for (number, block) in self.blocks.iter().enumerate() {
            if skip >= shared(block) {
                skip -= shared(block);
                continue;
            }
            let start = number * BLOCK;
            let places = (start..self.keys.len()).filter(|place| self.keys[*place] == least);
            return places.take(BLOCK).nth(skip);
        }
        None
    }

    /// All places that can take the call.
    pub fn able(&self) -> impl Iterator<Item = usize> {
        let keys = self.keys.iter().enumerate();
        keys.filter(|(_, key)| **key < f64::INFINITY)
            .map(|(place, _)| place)
    }

    /// The place has had its turn.
    pub fn took_turn(&mut self, place: usize) {
        let reached = self.key(place);
        if let Some(turns) = self.turns.get_mut(place) {
            *turns += 1;
            self.reached = self.reached.max(reached);
        }
    }

    fn least(&self) -> f64 {
        let least = |least: f64, block: &Block| {
            if block.least < least {
                block.least
            } else {
                least
            }
        };
        self.blocks.iter().fold(f64::INFINITY, least)
    }

    /// Where a place's next turn stands. The turns of a peer of weight w stand at (k + ½) ÷ w, so that in
    /// each unit every peer has exactly as many as its weight, evenly spread, whatever their number. A
    /// peer that could not take its turns does not catch up on them.
    fn turn(&mut self, place: usize, weight: u32) -> f64 {
        let Some(turns) = self.turns.get_mut(place) else {
            return 0.0;
        };
        let weight = f64::from(weight);
        let at = |turns: u64| (turns as f64 + 0.5) / weight;
        if at(*turns) < self.reached {
            let passed = (self.reached * weight - 0.5).ceil().max(0.0);
            *turns = (*turns).max(passed as u64);
        }
        at(*turns)
    }
}

fn measure(keys: &[f64]) -> Block {
    let lower = |least: f64, key: &f64| if *key < least { *key } else { least };
    let least = keys.iter().fold(f64::INFINITY, lower);
    Block {
        least,
        ties: keys.iter().filter(|key| **key == least).count(),
    }
}
