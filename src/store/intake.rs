//! Where the process leaves what is to be saved, and reads how saving goes.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::pending::Pending;
use crate::base::limits::STORE_SLOW;
use crate::proxy::Persist;

/// Takes what changes, from any thread, at once: the lock is held for as long as the rows take to be filed, and by the
/// writer only to take them all.
#[derive(Clone, Default)]
pub struct Intake {
    pub(super) shared: Arc<Shared>,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) pending: Mutex<Pending>,
    pub(super) changed: Notify,
    /// Taken after `pending`; its depth is that of the batch which is being written.
    pub(super) figures: Mutex<Figures>,
    /// Since when the store has owed the writer an answer.
    pub(super) asked: Mutex<Option<Instant>>,
}

/// How saving goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Rows that wait, or are being written.
    pub depth: u64,
    /// Transactions that went well.
    pub written: u64,
    /// Tries that did not.
    pub failed: u64,
    /// When the last one went well, in seconds since 1970; 0: none has.
    pub last_written: f64,
    /// Why nothing can be saved now.
    pub trouble: Option<String>,
}

impl Intake {
    /// Takes changes of calls.
    pub fn calls(&self, rows: Vec<Persist>) {
        self.shared.pending.lock().take_in(rows);
        self.shared.changed.notify_one();
    }

    /// What the operator set has changed.
    pub fn words_changed(&self) {
        self.shared.pending.lock().words_changed();
        self.shared.changed.notify_one();
    }

    /// Something happened that is to be told after a restart too.
    pub fn events_changed(&self) {
        self.shared.pending.lock().events_changed();
        self.shared.changed.notify_one();
    }

    /// How saving goes now.
    pub fn figures(&self) -> Figures {
        // Under both locks, so that no row is between the two counts.
        let pending = self.shared.pending.lock();
        let mut figures = self.shared.figures.lock().clone();
        figures.depth += pending.depth() as u64;
        let waited = self.shared.asked.lock().map(|asked| asked.elapsed());
        if let (None, Some(waited)) = (&figures.trouble, waited.filter(|it| *it >= STORE_SLOW)) {
            figures.trouble = Some(format!("it has not answered for {} s", waited.as_secs()));
        }
        figures
    }
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").finish_non_exhaustive()
    }
}
