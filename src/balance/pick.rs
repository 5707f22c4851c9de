//! Choosing for a request that begins no call.

use std::sync::Arc;
use std::time::Instant;

use super::ask::{Ask, EndCause, Refusal};
use super::id::PeerId;
use super::ledger::Ledger;

impl Ledger {
    /// Chooses a peer for a request that begins no call: nothing is charged.
    pub fn pick(self: &Arc<Self>, now: Instant, ask: &Ask<'_>) -> Result<PeerId, Refusal> {
        let grant = self.reserve(now, ask)?;
        grant.slot.release(EndCause::Rejected);
        Ok(grant.peer)
    }
}
