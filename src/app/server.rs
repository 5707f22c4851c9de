//! All parts wired together: what `serve` and `demo` run.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::calls::ShardCalls;
use super::clock::unix_ms;
use super::control::Operator;
use super::drains;
use super::force::{Force, Overlay, Prepared};
use super::keep::{self, Keeper};
use super::names;
use super::news;
use crate::balance::Ledger;
use crate::base::limits::{
    NAMES_REFRESH_INTERVAL, NOTICES_MAX, RESOLVING_MAX, STOP_LINGER, STOP_POLL_INTERVAL,
    STORE_BEGIN_PATIENCE,
};
use crate::config::{self, Config};
use crate::http::{self, Calls, Control, Events, Limits, Parts};
use crate::io::bind::bind_all;
use crate::io::udp;
use crate::proxy::{Command, Core, Notice, Setup, ShardId};
use crate::shard::{self, Handles, Outlets, ResolveAsk, Running};
use crate::store::{self, Intake, Saved, Store};

/// A balancer that runs. Dropping it ends nothing; [`Server::stop`] does.
pub struct Server {
    sip: Vec<SocketAddr>,
    http: SocketAddr,
    operator: Arc<Operator>,
    calls: Arc<ShardCalls>,
    force: Arc<Force>,
    events: Arc<Events>,
    shards: Running,
    store: Store,
    stop_http: oneshot::Sender<()>,
    http_task: JoinHandle<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Binds every address and starts every part. `path` is where a reload reads.
    pub async fn start(config: Config, path: Option<PathBuf>) -> anyhow::Result<Self> {
        crate::metrics::start();
        let Sockets {
            udp,
            sip,
            tcp,
            http,
        } = Sockets::bind(&config).await?;
        let node: Arc<str> = config.node.name.clone();
        let intake = Intake::default();
        let events = Arc::new(Events::saved_by(intake.clone()));
        let Inside {
            ledger,
            force,
            shards,
            store,
            operator,
            tasks,
        } = Inside::start(config, path, udp, &sip, &events, intake).await?;
        let calls = ShardCalls::new(shards.handles.clone(), Arc::clone(&ledger));
        let calls = Arc::new(calls);
        let parts = Parts {
            ledger,
            control: Arc::clone(&operator) as Arc<dyn Control>,
            calls: Arc::clone(&calls) as Arc<dyn Calls>,
            events: Arc::clone(&events),
            node,
            loopback: http.ip().is_loopback(),
        };
        let (stop_http, stopped) = oneshot::channel();
        let http_task = tokio::spawn(http::serve(
            tcp,
            http::site(parts, Limits::default()),
            async {
                let _ = stopped.await;
            },
        ));
        Ok(Server {
            sip,
            http,
            operator,
            calls,
            force,
            events,
            shards,
            store,
            stop_http,
            http_task,
            tasks,
        })
    }

    /// Where it takes calls, by listener.
    pub fn sip(&self) -> &[SocketAddr] {
        &self.sip
    }

    /// Where it serves HTTP.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// What an operator may do.
    pub(super) fn operator(&self) -> Arc<Operator> {
        Arc::clone(&self.operator)
    }

    /// The line that tells whoever started us that all is open, with the ports that the system picked.
    pub fn ready_line(&self) -> String {
        let uris: Vec<String> = self
            .sip
            .iter()
            .map(|address| format!("sip:{address};transport=udp"))
            .collect();
        format!("ready sip={} http={}", uris.join(","), self.http)
    }

    /// Takes no new call, lets those that are there go on for a while, and ends within `node.shutdown_grace`.
    pub async fn stop(self) {
        let grace = self.force.now().config.node.shutdown_grace;
        let deadline = Instant::now() + grace;
        self.operator.stopping();
        if let Err(error) = self.shards.handles.ask_all(|_| Command::Stop).await {
            tracing::error!(%error, "a shard does not know that it stops");
        }
        // The rest is for HTTP, the store and the threads.
        self.wait_for_calls(grace.mul_f64(0.8)).await;
        self.events.close();
        let _ = self.stop_http.send(());
        let left = || deadline.saturating_duration_since(Instant::now());
        let _ = timeout(left() / 3, self.http_task).await;
        self.tasks.iter().for_each(JoinHandle::abort);
        self.force.notifier().stop();
        if !timeout(left() / 2, self.store.snapshot())
            .await
            .unwrap_or(false)
        {
            tracing::warn!("the store does not have all the calls that live");
        }
        let shards = self.shards;
        // Joining threads blocks; they end with their next turn.
        let _ = tokio::task::spawn_blocking(|| shards.end()).await;
        // What the shards handed over since.
        if !timeout(left(), self.store.close()).await.unwrap_or(false) {
            tracing::warn!("the last changes are not saved");
        }
    }

    /// Until no call lives, or `patience` is at its end. New calls are refused with 503 meanwhile; so that
    /// they hear it, some time is spent also where none lives.
    async fn wait_for_calls(&self, patience: Duration) {
        let start = Instant::now();
        let linger = STOP_LINGER.min(patience);
        loop {
            let totals = self.calls.totals().await.unwrap_or_default();
            let live = totals.ringing + totals.up + totals.ending;
            let waited = start.elapsed();
            if waited >= patience || (live == 0 && waited >= linger) {
                tracing::info!(live, "stopped");
                return;
            }
            sleep(STOP_POLL_INTERVAL.min(patience - waited)).await;
        }
    }
}

/// All but HTTP.
struct Inside {
    ledger: Arc<Ledger>,
    force: Arc<Force>,
    shards: Running,
    store: Store,
    operator: Arc<Operator>,
    tasks: Vec<JoinHandle<()>>,
}

impl Inside {
    /// Starts the shards with all that was saved, and the store's writer.
    async fn start(
        mut config: Config,
        path: Option<PathBuf>,
        udp: Vec<Vec<udp::UdpSocket>>,
        sip: &[SocketAddr],
        events: &Arc<Events>,
        intake: Intake,
    ) -> anyhow::Result<Self> {
        let (link, loaded, saved) = open_store(&mut config).await?;
        let overlay = Overlay::of(&saved.words.peers, &config);
        let prepared = Prepared::new(config, overlay).await;
        let ledger = prepared.ledger(chance(), Instant::now())?;
        keep::remember(&ledger, &saved.calls);
        keep::say_again(&ledger, &saved.words);
        events.restore(saved.events);
        let setup = prepared.setup(&ledger, sip);
        let (resolve, asks) = mpsc::channel(RESOLVING_MAX);
        let (notices, heard) = mpsc::channel(NOTICES_MAX);
        let core = cores(Arc::clone(&setup), Arc::clone(&ledger));
        let store = intake.clone();
        let outlets = Outlets {
            resolve,
            notices,
            store,
        };
        let shards =
            shard::start(udp, &outlets, core).context("cannot start the shards' threads")?;
        let handles = shards.handles.clone();
        keep::restore(&handles, saved.calls)
            .await
            .context("the saved calls are not taken up")?;
        let force = prepared.into_force(
            path,
            Arc::clone(&ledger),
            handles.clone(),
            setup,
            intake.clone(),
        );
        let force = Arc::new(force);
        let keeper = Keeper {
            force: Arc::clone(&force),
            ledger: Arc::clone(&ledger),
            handles: handles.clone(),
            events: Arc::clone(events),
        };
        let store = Store::start(link, loaded, &intake, Arc::new(keeper))
            .context("cannot start the store's thread")?;
        // A call that comes first thing is then saved as soon as any other. A store that is away is not waited for.
        let _ = timeout(STORE_BEGIN_PATIENCE, store.begun()).await;
        let operator = Operator::new(
            Arc::clone(&force),
            Arc::clone(&ledger),
            handles.clone(),
            intake,
        );
        let tasks = tasks(asks, heard, events, &ledger, &handles, &force);
        Ok(Inside {
            ledger,
            force,
            shards,
            store,
            operator: Arc::new(operator),
            tasks,
        })
    }
}

/// What goes on beside the shards until the process stops.
fn tasks(
    asks: mpsc::Receiver<ResolveAsk>,
    heard: mpsc::Receiver<Notice>,
    events: &Arc<Events>,
    ledger: &Arc<Ledger>,
    handles: &Handles,
    force: &Arc<Force>,
) -> Vec<JoinHandle<()>> {
    let told = news::tell(
        heard,
        Arc::clone(events),
        Arc::clone(ledger),
        handles.clone(),
        force.notifier(),
    );
    vec![
        tokio::spawn(names::answer_shards(asks, handles.clone())),
        tokio::spawn(drains::look_after(Arc::clone(ledger), handles.clone())),
        tokio::spawn(told),
        tokio::spawn(refresh_names(Arc::clone(force))),
    ]
}

/// Opens the store, and takes its secret where none is configured; whether what was saved could be read, and what that is.
/// Without what was saved the process starts all the same; only a store of a later version is an error.
async fn open_store(config: &mut Config) -> anyhow::Result<(store::Link, bool, Saved)> {
    let made_up = config.secret_is_made_up();
    let secret = made_up.then_some(config.node.secret.0);
    let (link, loaded) = store::open(keep::target(config), secret)
        .await
        .context("[store] url")?;
    let saved = loaded.inspect_err(|error| {
        let store = link.target();
        tracing::warn!(?store, %error, "starts without what was saved; it is taken up once the store is there");
    });
    let saved = saved.ok();
    if let Some(kept) = saved.as_ref().and_then(|saved| saved.secret) {
        config.keep_secret(config::NodeSecret(kept));
    }
    Ok((link, saved.is_some(), saved.unwrap_or_default()))
}

/// Everything that is listened on.
struct Sockets {
    udp: Vec<Vec<udp::UdpSocket>>,
    sip: Vec<SocketAddr>,
    tcp: TcpListener,
    http: SocketAddr,
}

impl Sockets {
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        let addresses: Vec<SocketAddr> = config
            .listeners
            .iter()
            .map(|listen| listen.address)
            .collect();
        let udp = bind_all(&addresses, config::shards(config))?;
        let sip = udp
            .first()
            .into_iter()
            .flatten()
            .map(udp::UdpSocket::address)
            .collect();
        let listen = config.http.listen;
        let tcp = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on {listen} (tcp, HTTP): if the address is in use, stop the program that holds it, or choose another in [http] listen")
        })?;
        let http = tcp.local_addr().context("the HTTP socket has no address")?;
        Ok(Sockets {
            udp,
            sip,
            tcp,
            http,
        })
    }
}

/// Makes each shard's core, on its thread.
fn cores(
    setup: Arc<Setup>,
    ledger: Arc<Ledger>,
) -> impl Fn(ShardId) -> Core + Send + Sync + 'static {
    move |shard| {
        let (setup, ledger) = (Arc::clone(&setup), Arc::clone(&ledger));
        Core::new(Instant::now(), unix_ms(), shard, chance(), setup, ledger)
    }
}

/// A number that nobody outside can foresee: the standard library keys its hashers from the system's entropy.
pub(super) fn chance() -> u64 {
    RandomState::new().hash_one(())
}

async fn refresh_names(force: Arc<Force>) {
    let mut due = interval(NAMES_REFRESH_INTERVAL);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once, and they have just been resolved.
    due.tick().await;
    loop {
        due.tick().await;
        force.refresh_names().await;
    }
}
