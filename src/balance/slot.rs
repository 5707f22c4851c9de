//! What a call holds on a peer.

use std::sync::Arc;

use super::ask::EndCause;
use super::id::{Demand, PeerId};
use super::ledger::Ledger;
use crate::base::invariant::{Invariant, violated};

/// Units of a peer's resources, held by one call. It cannot be copied or made up, and is given back
/// once, by value, with a cause. Letting it go without [`Slot::release`] is a bug: the units
/// come back all the same, counted as `dropped`.
#[must_use = "a slot has to be released with a cause"]
pub struct Slot {
    ledger: Arc<Ledger>,
    peer: PeerId,
    demand: Demand,
    kind: SlotKind,
    held: bool,
}

/// What the account has to know again when the slot comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotKind {
    /// The call was the one that tries whether the peer has recovered.
    pub trial: bool,
    /// The call was counted although there was no room, or without having asked.
    pub marked: bool,
}

impl Slot {
    pub(super) fn new(ledger: Arc<Ledger>, peer: PeerId, demand: Demand, kind: SlotKind) -> Self {
        Self {
            ledger,
            peer,
            demand,
            kind,
            held: true,
        }
    }

    /// The peer charged.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// The units held.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// Whether the call is counted without having had room: overflow, dispatch, or a fact that was not
    /// asked for.
    pub fn is_marked(&self) -> bool {
        self.kind.marked
    }

    /// The process ends and the call goes on without it: nothing is given back, for nothing has ended.
    pub fn outlive(mut self) {
        self.held = false;
    }

    /// Gives the units back.
    pub fn release(mut self, cause: EndCause) {
        self.held = false;
        self.ledger
            .give_back(self.peer, &self.demand, self.kind, cause);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.held {
            violated(
                Invariant::SlotDropped,
                &format_args!("peer {}", self.peer.0),
            );
            self.ledger
                .give_back(self.peer, &self.demand, self.kind, EndCause::Dropped);
        }
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("peer", &self.peer)
            .field("demand", &self.demand)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
