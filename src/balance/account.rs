//! One peer's account.

use smallvec::SmallVec;

use super::ask::{Admin, EndCause};
use super::id::ResourceId;
use super::topology::Capacity;

/// What is known of a peer, by its id. It outlives configuration.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub resources: SmallVec<[ResourceAccount; 2]>,
    pub admin: Admin,
    pub granted: u64,
    pub released: [u64; EndCause::ALL.len()],
}

/// One resource of one peer.
#[derive(Debug)]
pub(super) struct ResourceAccount {
    pub id: ResourceId,
    /// As configured; none: not offered.
    pub configured: Option<Capacity>,
    /// As the operator set it.
    pub resized: Option<Capacity>,
    pub own: u64,
}
