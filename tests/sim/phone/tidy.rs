//! What a phone forgets because it is long over, so that a long run costs no more than a short one.

use super::{Alarm, Deed, DialogKey, GIVE_UP, Phone};
use crate::clock::{Micros, SECOND};

/// Longer than anything rings.
const RINGS_MAX: Micros = 300 * SECOND;

impl Phone {
    /// Every now and then: forgets what can have no effect any more.
    pub(super) fn tidy(&mut self, now: Micros) {
        if now < self.tidied + 2 * GIVE_UP {
            return;
        }
        self.tidied = now;
        self.servers.retain(|_, server| match server.final_at {
            Some(at) => now < at + 2 * GIVE_UP,
            None => now < server.since + RINGS_MAX,
        });
        self.clients
            .retain(|_, client| now < client.started + RINGS_MAX);
        self.outgoing.retain(|_, call| now < call.since + RINGS_MAX);
        self.early
            .retain(|key, _| self.outgoing.contains_key(&key.0));
        self.dialogs.retain(|_, dialog| {
            let keeps = !dialog.over || !dialog.stale;
            dialog.stale = dialog.over;
            keeps
        });
    }

    /// Nobody talks for ever, whatever became of the balancer.
    pub(super) fn at_last(&self, key: &DialogKey) -> (Micros, Alarm) {
        let after = self.call_max + 60 * SECOND;
        (after, Alarm::Do(key.clone(), Deed::Bye))
    }
}
