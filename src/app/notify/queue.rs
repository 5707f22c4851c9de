//! The notices that wait, oldest first.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::notice::Notice;
use crate::base::limits::NOTIFY_QUEUE_MAX;
use crate::metrics::{self, Notified};

/// Bounded: when it is full, the oldest makes room.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    more: tokio::sync::Notify,
}

#[derive(Default)]
struct Waiting {
    /// The one that is being delivered.
    in_hand: Option<Arc<Waits>>,
    rest: VecDeque<Arc<Waits>>,
    /// Some were dropped since it was last empty.
    spilling: bool,
}

/// A notice, and since when it waits.
#[derive(Debug)]
pub struct Waits {
    pub notice: Notice,
    pub since: Instant,
}

impl Queue {
    /// Never waits.
    pub fn push(&self, notice: Notice) {
        let since = Instant::now();
        let mut waiting = self.waiting.lock();
        if waiting.len() >= NOTIFY_QUEUE_MAX {
            waiting.rest.pop_front();
            metrics::notified(Notified::Dropped, 1);
            if !std::mem::replace(&mut waiting.spilling, true) {
                let most = NOTIFY_QUEUE_MAX;
                tracing::warn!(most, "too many notices wait: the oldest are dropped");
            }
        }
        waiting.rest.push_back(Arc::new(Waits { notice, since }));
        metrics::notifications_waiting(waiting.len());
        drop(waiting);
        self.more.notify_one();
    }

    /// The oldest, as soon as there is one; the same again until [`Queue::done`].
    pub async fn oldest(&self) -> Arc<Waits> {
        loop {
            if let Some(oldest) = self.waiting.lock().oldest() {
                return oldest;
            }
            self.more.notified().await;
        }
    }

    /// What [`Queue::oldest`] gave is seen to.
    pub fn done(&self) {
        let mut waiting = self.waiting.lock();
        waiting.in_hand = None;
        waiting.spilling &= !waiting.rest.is_empty();
        metrics::notifications_waiting(waiting.len());
    }

    /// Forgets all; how many there were.
    pub fn clear(&self) -> u64 {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        metrics::notifications_waiting(0);
        waiting.len() as u64
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.rest.len() + usize::from(self.in_hand.is_some())
    }

    fn oldest(&mut self) -> Option<Arc<Waits>> {
        if self.in_hand.is_none() {
            self.in_hand = self.rest.pop_front();
        }
        self.in_hand.clone()
    }
}
