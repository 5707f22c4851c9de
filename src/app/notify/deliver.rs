//! The task that delivers: in order, one at a time, each until it is taken, refused, or too old.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::post::{Answer, Poster};
use super::queue::{Queue, Waits};
use crate::base::backoff::Backoff;
use crate::base::limits::{NOTIFY_RETRY_AFTER_MAX, NOTIFY_RETRY_MAX, NOTIFY_RETRY_MIN};
use crate::config::Notify;
use crate::metrics::{self, Notified};

/// The pauses between tries, which tests shorten.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub least: Duration,
    pub most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            least: NOTIFY_RETRY_MIN,
            most: NOTIFY_RETRY_MAX,
        }
    }
}

/// The way to one receiver.
pub struct Delivery {
    notify: Notify,
    queue: Arc<Queue>,
    backoff: Backoff,
    /// Not before. It is the receiver that is spared, so it holds for the next notice as well.
    resume: Instant,
    /// The log says that it takes nothing.
    complained: bool,
}

impl Delivery {
    pub fn new(notify: Notify, pace: Pace, queue: Arc<Queue>) -> Self {
        Delivery {
            notify,
            queue,
            backoff: Backoff::new(pace.least, pace.most),
            resume: Instant::now(),
            complained: false,
        }
    }

    /// Until it is aborted; then what is in hand stays in the queue.
    pub async fn run(mut self) {
        let poster = Poster::new(&self.notify).await;
        let queue = Arc::clone(&self.queue);
        loop {
            let oldest = queue.oldest().await;
            let became = self.deliver(&poster, &oldest).await;
            queue.done();
            metrics::notified(became, 1);
        }
    }

    /// Every notice gets one try at least, however old it is.
    async fn deliver(&mut self, poster: &Poster, waits: &Waits) -> Notified {
        let (host, id) = (self.notify.url.host().to_owned(), &waits.notice.id);
        let until = waits.since + self.notify.retry_for;
        loop {
            sleep_until(self.resume).await;
            match poster.post(&self.notify, &waits.notice).await {
                Answer::Taken => {
                    self.answered();
                    tracing::debug!(host, id, "a notice is delivered");
                    return Notified::Delivered;
                }
                Answer::Refused(status) => {
                    self.answered();
                    tracing::warn!(host, id, %status, "a notice is refused, and given up");
                    return Notified::Failed;
                }
                Answer::Later { why, retry_after } => {
                    if !std::mem::replace(&mut self.complained, true) {
                        tracing::warn!(host, id, why, "a notice is not taken: it is tried again");
                    }
                    self.rest(retry_after);
                    if self.resume > until {
                        tracing::warn!(host, id, why, "a notice is too old, and given up");
                        return Notified::Failed;
                    }
                }
            }
        }
    }

    /// The receiver works.
    fn answered(&mut self) {
        self.backoff.reset();
        if std::mem::take(&mut self.complained) {
            tracing::info!(host = self.notify.url.host(), "notices are delivered again");
        }
    }

    fn rest(&mut self, retry_after: Option<Duration>) {
        let pause = self.backoff.pause_by(fastrand::f64());
        let asked = retry_after.unwrap_or_default().min(NOTIFY_RETRY_AFTER_MAX);
        self.resume = Instant::now() + pause.max(asked);
    }
}
