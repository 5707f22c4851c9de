//! The configuration in force, and its changes. A change is one swap: it is prepared aside, and either all of
//! it comes into force, or nothing. Counts are the ledger's and stay.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::names::{self, Resolved};
use super::notify::Notifier;
use super::server::chance;
use crate::balance::{Ledger, PeerSpec, TopologyError};
use crate::base::seal;
use crate::config::{self, Config};
use crate::http::model::ReloadAnswer;
use crate::http::{Put, Refused};
use crate::proxy::{Listener, Setup};
use crate::shard::Handles;
use crate::store::{Intake, PeerWord};

/// What is in force.
pub struct InForce {
    /// The file's configuration with the peers that were put or removed since.
    pub config: Config,
    /// What the cores have.
    pub setup: Arc<Setup>,
    /// What the file says.
    file: Config,
    resolved: Resolved,
}

/// Peers that the HTTP API put or removed; they stand over the file, also over a reloaded one.
#[derive(Clone, Default)]
pub struct Overlay {
    put: BTreeMap<Arc<str>, PutPeer>,
    removed: BTreeSet<Arc<str>>,
}

/// A peer that was put, and in which words.
#[derive(Clone)]
struct PutPeer {
    spec: PeerSpec,
    body: serde_json::Value,
}

impl Overlay {
    /// What was saved, as far as it is possible under this configuration.
    pub fn of(words: &[PeerWord], file: &Config) -> Self {
        let groups = group_names(file);
        let mut overlay = Overlay::default();
        for PeerWord { name, spec } in words {
            let Some(body) = spec else {
                overlay.removed.insert(name.as_str().into());
                continue;
            };
            let body = sealed(body);
            match config::peer_from_json(name, &body, &groups) {
                Ok(spec) => {
                    overlay
                        .put
                        .insert(spec.name.clone(), PutPeer { spec, body });
                }
                Err(problems) => {
                    let why = sentence(&problems);
                    tracing::warn!(peer = name, why, "a peer that was put cannot be any more");
                }
            }
        }
        overlay
    }

    /// As it is saved.
    fn words(&self) -> Vec<PeerWord> {
        let put = self.put.iter().map(|(name, put)| PeerWord {
            name: name.to_string(),
            spec: Some(put.body.clone()),
        });
        let removed = self.removed.iter().map(|name| PeerWord {
            name: name.to_string(),
            spec: None,
        });
        put.chain(removed).collect()
    }

    fn over(&self, file: &Config) -> Config {
        let mut config = file.clone();
        config
            .peers
            .retain(|peer| !self.removed.contains(&peer.name));
        for (name, put) in &self.put {
            match config.peers.iter_mut().find(|peer| peer.name == *name) {
                Some(peer) => peer.clone_from(&put.spec),
                None => config.peers.push(put.spec.clone()),
            }
        }
        config
    }
}

/// The body of a PUT as it is kept: what it takes to check the peer's token, and not the token.
fn sealed(body: &serde_json::Value) -> serde_json::Value {
    let mut body = body.clone();
    if let Some(token) = body.pointer_mut("/feedback/token")
        && let Some(text) = token.as_str()
        // What is no token at all is refused as it came.
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !config::is_reference(text)
        && !seal::is_seal(text)
    {
        let salt = u128::from(chance()) << 64 | u128::from(chance());
        *token = seal::sealed(text, salt).into();
    }
    body
}

fn group_names(config: &Config) -> Vec<Arc<str>> {
    let groups = config.groups.iter();
    groups.map(|group| group.name.clone()).collect()
}

fn sentence(problems: &[config::Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

/// Holds what is in force and changes it.
pub struct Force {
    path: Option<PathBuf>,
    ledger: Arc<Ledger>,
    handles: Handles,
    in_force: ArcSwap<InForce>,
    /// Held while a change is made: one at a time.
    overlay: Mutex<Overlay>,
    /// The overlay as it is saved.
    peer_words: ArcSwap<Vec<PeerWord>>,
    intake: Intake,
    notifier: Arc<Notifier>,
}

/// A configuration with its names resolved, before there is a ledger or a shard.
pub struct Prepared {
    file: Config,
    overlay: Overlay,
    /// Both together.
    config: Config,
    resolved: Resolved,
}

impl Prepared {
    pub async fn new(file: Config, overlay: Overlay) -> Self {
        let config = overlay.over(&file);
        let resolved = names::of_peers(&config.peers, &Resolved::new()).await;
        Prepared {
            file,
            overlay,
            config,
            resolved,
        }
    }

    pub fn ledger(&self, seed: u64, now: Instant) -> Result<Arc<Ledger>, TopologyError> {
        Ledger::new(&config::topology(&self.config, &self.resolved), seed, now)
    }

    pub fn setup(&self, ledger: &Ledger, bound: &[SocketAddr]) -> Arc<Setup> {
        let listeners = self.config.listeners.iter().zip(bound);
        let listeners = listeners
            .map(|(listen, bound)| config::listener(listen, *bound))
            .collect();
        Arc::new(config::setup(&self.config, ledger.directory(), listeners))
    }

    pub fn into_force(
        self,
        path: Option<PathBuf>,
        ledger: Arc<Ledger>,
        handles: Handles,
        setup: Arc<Setup>,
        intake: Intake,
    ) -> Force {
        let Prepared {
            file,
            overlay,
            config,
            resolved,
        } = self;
        let notifier = Arc::new(Notifier::default());
        notifier.follow(&config);
        let in_force = InForce {
            config,
            setup,
            file,
            resolved,
        };
        Force {
            notifier,
            path,
            ledger,
            handles,
            in_force: ArcSwap::from_pointee(in_force),
            peer_words: ArcSwap::from_pointee(overlay.words()),
            overlay: Mutex::new(overlay),
            intake,
        }
    }
}

impl Force {
    /// What is in force now.
    pub fn now(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Who tells of events by HTTP.
    pub fn notifier(&self) -> Arc<Notifier> {
        Arc::clone(&self.notifier)
    }

    /// Reads the file again and puts it in force.
    pub async fn reload(&self) -> Result<ReloadAnswer, Refused> {
        let overlay = self.overlay.lock().await;
        let path = self.path.as_deref().ok_or_else(|| {
            Refused::Conflict("this process was started without a configuration file".into())
        })?;
        let mut file =
            config::load(path).map_err(|invalid| Refused::Impossible(invalid.to_string()))?;
        let before = self.now();
        file.keep_secret(before.file.node.secret);
        let changes = config::diff(&before.file, &file);
        file.keep_until_restart(&before.file);
        self.change(file, &overlay).await?;
        let (restart, done): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.restart);
        let texts =
            |changes: Vec<config::Change>| changes.into_iter().map(|change| change.text).collect();
        Ok(ReloadAnswer {
            changed: texts(done),
            needs_restart: texts(restart),
        })
    }

    /// Adds or replaces a peer.
    pub async fn put(&self, name: &str, spec: &serde_json::Value) -> Result<Put, Refused> {
        let mut overlay = self.overlay.lock().await;
        let before = self.now();
        let body = sealed(spec);
        let spec = config::peer_from_json(name, &body, &group_names(&before.config))
            .map_err(|problems| Refused::Impossible(sentence(&problems)))?;
        let known = before
            .config
            .peers
            .iter()
            .any(|peer| peer.name == spec.name);
        let mut changed = overlay.clone();
        changed.removed.remove(&spec.name);
        changed
            .put
            .insert(spec.name.clone(), PutPeer { spec, body });
        self.change(before.file.clone(), &changed).await?;
        self.overlay_is(&mut overlay, changed);
        Ok(if known { Put::Replaced } else { Put::Created })
    }

    /// Removes a peer; its calls go on.
    pub async fn remove(&self, name: &str) -> Result<(), Refused> {
        let mut overlay = self.overlay.lock().await;
        let before = self.now();
        let Some(peer) = before.config.peers.iter().find(|peer| &*peer.name == name) else {
            return Err(Refused::NotFound(format!("there is no peer {name:?}")));
        };
        let mut changed = overlay.clone();
        changed.put.remove(name);
        changed.removed.insert(peer.name.clone());
        self.change(before.file.clone(), &changed).await?;
        self.overlay_is(&mut overlay, changed);
        Ok(())
    }

    /// Takes up peers that were saved, where the store could be read only after the start. What was said since then stands.
    pub async fn adopt(&self, words: &[PeerWord]) {
        let mut overlay = self.overlay.lock().await;
        let before = self.now();
        let mut changed = Overlay::of(words, &before.config);
        changed
            .put
            .retain(|name, _| !overlay.removed.contains(name));
        changed
            .removed
            .retain(|name| !overlay.put.contains_key(name));
        changed.put.append(&mut overlay.put.clone());
        changed.removed.append(&mut overlay.removed.clone());
        match self.change(before.file.clone(), &changed).await {
            Ok(()) => self.overlay_is(&mut overlay, changed),
            Err(refused) => tracing::warn!("peers that were saved are not taken up: {refused}"),
        }
    }

    /// The peers that were put or removed, as they are saved.
    pub fn peer_words(&self) -> Vec<PeerWord> {
        self.peer_words.load().to_vec()
    }

    fn overlay_is(&self, overlay: &mut Overlay, changed: Overlay) {
        self.peer_words.store(Arc::new(changed.words()));
        *overlay = changed;
        self.intake.words_changed();
    }

    /// Asks for the peers' names again, and puts what is new about them in force.
    pub async fn refresh_names(&self) {
        let overlay = self.overlay.lock().await;
        let before = self.now();
        if config::lookups(&before.config.peers).is_empty() {
            return;
        }
        let resolved = names::of_peers(&before.config.peers, &before.resolved).await;
        if resolved == before.resolved {
            return;
        }
        match self.swap(before.file.clone(), before.config.clone(), resolved) {
            Ok(()) => tracing::info!("peers have new addresses"),
            Err(refused) => tracing::warn!("new addresses of peers are not taken: {refused}"),
        }
        drop(overlay);
    }

    async fn change(&self, file: Config, overlay: &Overlay) -> Result<(), Refused> {
        let config = overlay.over(&file);
        let resolved = names::of_peers(&config.peers, &self.now().resolved).await;
        self.swap(file, config, resolved)
    }

    fn swap(&self, file: Config, config: Config, resolved: Resolved) -> Result<(), Refused> {
        let topology = config::topology(&config, &resolved);
        let directory = self
            .ledger
            .apply(&topology, Instant::now())
            .map_err(|error| Refused::Impossible(error.to_string()))?;
        let listeners: Vec<Listener> = self.now().setup.listeners.clone();
        // `advertise` may have changed; where it is bound has not.
        let listeners = config.listeners.iter().zip(&listeners);
        let listeners = listeners
            .map(|(listen, now)| config::listener(listen, now.address))
            .collect();
        let setup = Arc::new(config::setup(&config, directory, listeners));
        self.handles.broadcast_setup(&setup);
        self.notifier.follow(&config);
        self.in_force.store(Arc::new(InForce {
            config,
            setup,
            file,
            resolved,
        }));
        Ok(())
    }
}
