//! What the accounts come to in plain numbers: for tests that compare them with the calls after every step.

use smallvec::SmallVec;

use super::account::Account;
use super::ask::EndCause;
use super::id::{PeerId, ResourceId};

/// One account in numbers.
#[derive(Clone, Debug)]
pub struct Book {
    /// Whose.
    pub peer: PeerId,
    /// Slots that are out.
    pub slots: u64,
    /// Of these, given without room.
    pub marked: u64,
    /// Slots given out, ever.
    pub granted: u64,
    /// Slots that came back, by [`EndCause::index`].
    pub released: [u64; EndCause::ALL.len()],
    /// What it offers, and what calls hold on it.
    pub resources: SmallVec<[Units; 2]>,
}

/// One resource of one account, in units.
#[derive(Clone, Copy, Debug)]
pub struct Units {
    /// Of what.
    pub resource: ResourceId,
    /// Held by calls.
    pub own: u64,
    /// Held by others, as reported.
    pub foreign: u64,
    /// In force; `None`: unlimited. What is not offered is 0.
    pub capacity: Option<u32>,
}

impl Book {
    pub(super) fn of(peer: PeerId, account: &Account) -> Self {
        let rows = account.rows().map(|(resource, standing)| Units {
            resource,
            own: standing.own,
            foreign: standing.foreign,
            capacity: standing.shown_capacity(),
        });
        Self {
            peer,
            slots: account.slots,
            marked: account.marked,
            granted: account.tally.granted,
            released: account.tally.released,
            resources: rows.collect(),
        }
    }
}
