//! The one who writes.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::intake::{Intake, Shared};
use super::link::Link;
use super::{Identity, Source, StoreError};
use crate::base::backoff::Backoff;
use crate::base::limits::{
    STORE_GATHER, STORE_LOG_INTERVAL, STORE_LOOK_INTERVAL, STORE_RETRY_MAX, STORE_RETRY_MIN,
};
use crate::base::unix::since_1970;

/// The running writer, as whoever started it holds it.
pub struct Store {
    orders: mpsc::Sender<Order>,
}

enum Order {
    /// Say whether the first snapshot is written, once it has been tried.
    Begun(oneshot::Sender<bool>),
    /// Write everything that there is, now; whether it went well.
    Snapshot(oneshot::Sender<bool>),
    /// Write what waits, and end.
    Close(oneshot::Sender<bool>),
}

impl Store {
    /// Starts to write what comes by `intake`. `loaded` tells whether what was saved has been taken up already. The first
    /// thing that is written is a snapshot. The writer has a thread of its own: nothing else waits for a store.
    pub fn start(
        link: Link,
        loaded: bool,
        intake: &Intake,
        source: Arc<dyn Source>,
    ) -> std::io::Result<Self> {
        let (orders, heard) = mpsc::channel(4);
        let writer = Writer::new(link, loaded, intake, source);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || runtime.block_on(writer.run(heard)))?;
        Ok(Store { orders })
    }

    /// Waits for the first snapshot; false when it did not succeed.
    pub async fn begun(&self) -> bool {
        self.order(Order::Begun).await
    }

    /// Writes everything that there is; false when that did not succeed.
    pub async fn snapshot(&self) -> bool {
        self.order(Order::Snapshot).await
    }

    /// Writes what waits, and ends; false when that did not succeed.
    pub async fn close(self) -> bool {
        self.order(Order::Close).await
    }

    async fn order(&self, order: impl FnOnce(oneshot::Sender<bool>) -> Order) -> bool {
        let (reply, done) = oneshot::channel();
        let sent = self.orders.send(order(reply)).await;
        sent.is_ok() && done.await.unwrap_or(false)
    }
}

struct Writer {
    link: Link,
    loaded: bool,
    shared: Arc<Shared>,
    source: Arc<dyn Source>,
    snapshot_due: bool,
    identities: Vec<Identity>,
    /// The last event that is saved.
    told: u64,
    complained: Option<Instant>,
    /// The log says that nothing is saved.
    end_untold: bool,
}

impl Writer {
    fn new(link: Link, loaded: bool, intake: &Intake, source: Arc<dyn Source>) -> Self {
        Writer {
            link,
            loaded,
            shared: Arc::clone(&intake.shared),
            source,
            snapshot_due: true,
            identities: Vec::new(),
            told: 0,
            complained: None,
            end_untold: false,
        }
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut backoff = Backoff::new(STORE_RETRY_MIN, STORE_RETRY_MAX);
        let mut look = interval(STORE_LOOK_INTERVAL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shared = Arc::clone(&self.shared);
        loop {
            let well = self.write().await;
            let pause = if well {
                backoff.reset();
                STORE_GATHER
            } else {
                backoff.pause()
            };
            let order = tokio::select! {
                order = orders.recv() => order,
                _ = look.tick() => {
                    self.look();
                    continue;
                }
                // In trouble only time helps; else the first change begins a batch.
                () = async {
                    if well {
                        shared.changed.notified().await;
                    }
                    sleep(pause).await;
                } => continue,
            };
            match order {
                Some(Order::Begun(reply)) => {
                    let _ = reply.send(!self.snapshot_due);
                }
                Some(Order::Snapshot(reply)) => {
                    self.snapshot_due = true;
                    let _ = reply.send(self.write().await);
                }
                Some(Order::Close(reply)) => {
                    let well = self.write().await;
                    self.link.close().await;
                    let _ = reply.send(well);
                    return;
                }
                // Whoever started us is gone without a word.
                None => return,
            }
        }
    }

    /// Writes what waits, or all there is where that is due. True when it went well.
    async fn write(&mut self) -> bool {
        *self.shared.asked.lock() = Some(std::time::Instant::now());
        let written = self.try_to_write().await;
        *self.shared.asked.lock() = None;
        let mut figures = self.shared.figures.lock();
        figures.depth = 0;
        match written {
            Ok(nothing) => {
                figures.trouble = None;
                if std::mem::take(&mut self.end_untold) {
                    tracing::info!("the store is back: everything is saved anew");
                }
                if !nothing {
                    figures.written += 1;
                    figures.last_written = unix_seconds();
                }
                true
            }
            Err(error) => {
                self.snapshot_due = true;
                figures.failed += 1;
                figures.trouble = Some(error.to_string());
                drop(figures);
                self.complain(&error);
                false
            }
        }
    }

    /// `Ok(true)`: there was nothing to write.
    async fn try_to_write(&mut self) -> Result<bool, StoreError> {
        if self.shared.pending.lock().overflowed() {
            self.snapshot_due = true;
        }
        if self.snapshot_due {
            self.gather().await?;
        }
        let batch = {
            let mut pending = self.shared.pending.lock();
            let depth = pending.depth() as u64;
            self.shared.figures.lock().depth = depth;
            pending.take_out()
        };
        if batch.is_empty() {
            return Ok(true);
        }
        let words = batch.words.then(|| self.source.words());
        // A store that is begun anew may lack what the one before it had.
        let after = if batch.replace { 0 } else { self.told };
        let history = batch.events.then(|| self.source.history(after));
        let (words_now, history_now) = (words.as_ref(), history.as_ref());
        self.link.write(&batch, words_now, history_now).await?;
        if let Some(words) = words {
            self.identities = words.identities;
        }
        if let Some(last) = history.and_then(|history| history.events.last().map(|event| event.id))
        {
            self.told = last;
        }
        self.snapshot_due = false;
        Ok(false)
    }

    /// Has everything that there is wait to be written, once the store answers.
    async fn gather(&mut self) -> Result<(), StoreError> {
        if !self.loaded {
            let saved = self.link.load().await?;
            self.source
                .restore(saved)
                .await
                .map_err(StoreError::Source)?;
            self.loaded = true;
        }
        self.link.ensure().await?;
        self.shared.pending.lock().begin_snapshot();
        let handed_over = self.source.hand_over().await;
        if handed_over.is_err() {
            self.shared.pending.lock().give_up_snapshot();
        }
        handed_over.map_err(StoreError::Source)
    }

    /// Has the peers' identities written where they have changed.
    fn look(&mut self) {
        let now = self.source.identities();
        let runs = |identities: &[Identity]| -> Vec<_> {
            identities
                .iter()
                .map(|said| (said.peer.clone(), said.boot_id.clone(), said.draining))
                .collect()
        };
        if runs(&now) != runs(&self.identities) {
            self.shared.pending.lock().words_changed();
        }
    }

    /// Once a minute, also of a store that comes and goes.
    fn complain(&mut self, error: &StoreError) {
        let now = Instant::now();
        let quiet = |at: Instant| now.duration_since(at) < STORE_LOG_INTERVAL;
        if !self.complained.is_some_and(quiet) {
            (self.complained, self.end_untold) = (Some(now), true);
            let store = self.link.target();
            tracing::warn!(?store, %error, "nothing is saved until the store is back; calls go on");
        }
    }
}

fn unix_seconds() -> f64 {
    since_1970(SystemTime::now()).as_secs_f64()
}
