//! Tells a receiver of the operator's choosing, by HTTP, of what should not wait until somebody looks.
//!
//! Events come from `news`, which never waits: what is a notice joins a bounded queue, and one task posts them in
//! order. It runs only while `[notify]` is configured.

mod deliver;
mod notice;
mod post;
mod queue;
mod signature;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::base::limits::NOTIFY_EXHAUSTED_EVERY;
use crate::config::{Config, Notify, Occasion};
use crate::http::Event;
use crate::metrics::{self, Notified};
use deliver::{Delivery, Pace};
use notice::Notice;
use queue::Queue;

/// Whoever has something to tell holds it.
#[derive(Default)]
pub struct Notifier {
    runs: Mutex<Option<Runs>>,
}

/// While somebody is to be told.
struct Runs {
    node: Arc<str>,
    notify: Notify,
    queue: Arc<Queue>,
    task: JoinHandle<()>,
    /// When a group's calls were last told to find no peer.
    exhausted: HashMap<String, Instant>,
}

impl Notifier {
    /// Goes by this configuration from now on. What waits goes to the new receiver; without one it is given up. Must be
    /// called within the runtime.
    pub fn follow(&self, config: &Config) {
        let mut runs = self.runs.lock();
        let same = match (&*runs, &config.notify) {
            (Some(runs), Some(notify)) => runs.notify == *notify && runs.node == config.node.name,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if same {
            return;
        }
        let before = runs.take().map(Runs::end);
        match (&config.notify, before) {
            (Some(notify), before) => {
                let queue = before.unwrap_or_default();
                *runs = Some(Runs::start(config, notify.clone(), queue));
            }
            (None, Some(queue)) => given_up(&queue),
            (None, None) => {}
        }
    }

    /// Takes up what of an event is a notice.
    pub fn hear(&self, id: u64, event: &Event, now: Instant) {
        if let Some(runs) = &mut *self.runs.lock() {
            runs.hear(id, event, now);
        }
    }

    /// Tells nobody any more.
    pub fn stop(&self) {
        if let Some(runs) = self.runs.lock().take() {
            given_up(&runs.end());
        }
    }
}

impl Runs {
    fn start(config: &Config, notify: Notify, queue: Arc<Queue>) -> Self {
        let delivery = Delivery::new(notify.clone(), Pace::default(), Arc::clone(&queue));
        Runs {
            node: Arc::clone(&config.node.name),
            notify,
            queue,
            task: tokio::spawn(delivery.run()),
            exhausted: HashMap::new(),
        }
    }

    /// What is under way stays in the queue.
    fn end(self) -> Arc<Queue> {
        self.task.abort();
        self.queue
    }

    fn hear(&mut self, id: u64, event: &Event, now: Instant) {
        for notice in Notice::of(id, event, &self.node) {
            if self.notify.events.contains(&notice.occasion) && self.is_due(&notice, now) {
                self.queue.push(notice);
            }
        }
    }

    /// Calls that find no peer are an event a second while that lasts, which is too often for people.
    fn is_due(&mut self, notice: &Notice, now: Instant) -> bool {
        if notice.occasion != Occasion::Exhausted {
            return true;
        }
        let passed = |last: &Instant| now.saturating_duration_since(*last);
        self.exhausted
            .retain(|_, last| passed(last) < NOTIFY_EXHAUSTED_EVERY);
        let due = !self.exhausted.contains_key(&notice.about);
        if due {
            self.exhausted.insert(notice.about.clone(), now);
        }
        due
    }
}

fn given_up(queue: &Queue) {
    let waiting = queue.clear();
    if waiting > 0 {
        tracing::warn!(waiting, "notices are given up: nobody is told any more");
        metrics::notified(Notified::Dropped, waiting);
    }
}

#[cfg(test)]
mod tests;
