//! Threads: one for each shard, started together and ended together.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::mpsc;

use super::handles::Handles;
use super::mailbox::{ResolveAsk, mailbox};
use super::watch::Watch;
use super::worker::Worker;
use crate::io::udp::UdpSocket;
use crate::proxy::{Core, Input, Notice, Output, ShardId};
use crate::store::Intake;

/// What a shard drives: the core, or in tests something simpler.
pub trait Engine {
    /// Takes one thing that happened.
    fn handle(&mut self, now: Instant, input: Input<'_>);
    /// Gives the next thing to do.
    fn poll_output(&mut self) -> Option<Output>;
    /// When it next wants [`Input::Timeout`].
    fn poll_timeout(&self) -> Option<Instant>;
    /// The shard has ended.
    fn leave(self);
}

impl Engine for Core {
    fn handle(&mut self, now: Instant, input: Input<'_>) {
        Core::handle(self, now, input);
    }

    fn poll_output(&mut self) -> Option<Output> {
        Core::poll_output(self)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Core::poll_timeout(self)
    }

    fn leave(self) {
        Core::leave(self);
    }
}

/// Where a shard leaves what it cannot do itself.
#[derive(Clone, Debug)]
pub struct Outlets {
    /// Names to be resolved; answered by [`Handles::resolved`].
    pub resolve: mpsc::Sender<ResolveAsk>,
    /// What people want to know.
    pub notices: mpsc::Sender<Notice>,
    /// What is to be saved.
    pub store: Intake,
}

/// Shards that run.
pub struct Running {
    /// How to reach them.
    pub handles: Handles,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Ends the threads and waits for them.
    pub fn end(self) {
        self.handles.exit();
        for thread in self.threads {
            // A thread that panics aborts the process, so there is nothing to learn here.
            let _ = thread.join();
        }
    }
}

/// Starts one thread for each element of `sockets`, which are a shard's sockets by listener. `engine` is called
/// on each thread.
pub fn start<E: Engine>(
    sockets: Vec<Vec<UdpSocket>>,
    outlets: &Outlets,
    engine: impl Fn(ShardId) -> E + Send + Sync + 'static,
) -> io::Result<Running> {
    let (mailboxes, inboxes): (Vec<_>, Vec<_>) = sockets
        .iter()
        .map(|_| mailbox())
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let handles = Handles::new(mailboxes.clone());
    let engine = Arc::new(engine);
    let mut threads = Vec::with_capacity(sockets.len());
    for ((number, sockets), inbox) in sockets.into_iter().enumerate().zip(inboxes) {
        let shard = ShardId(number as u16);
        let watch = Watch::new(Instant::now(), &sockets, inbox.as_fd())?;
        let (engine, outlets, others) = (Arc::clone(&engine), outlets.clone(), mailboxes.clone());
        threads.push(
            std::thread::Builder::new()
                .name(format!("shard-{number}"))
                .spawn(move || {
                    let _abort = AbortOnPanic(shard);
                    Worker::new(shard, engine(shard), sockets, watch, inbox, others, outlets)
                        .run()
                        .leave();
                })?,
        );
    }
    Ok(Running { handles, threads })
}

/// A shard that panics takes its calls with it, unseen by the rest; a supervisor must see it and start anew.
struct AbortOnPanic(ShardId);

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(shard = self.0.0, "a shard has panicked; the process aborts");
            std::process::abort();
        }
    }
}
