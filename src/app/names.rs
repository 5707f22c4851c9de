//! Names into addresses: those of the peers at start and reload, and those that the shards ask for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::balance::PeerSpec;
use crate::base::limits::RESOLVING_MAX;
use crate::config;
use crate::io::resolve::Resolver;
use crate::shard::{Handles, ResolveAsk};

/// The addresses of peers whose URIs hold a name, by peer.
pub type Resolved = HashMap<Arc<str>, Vec<SocketAddr>>;

/// Resolves the names of these peers, all at once. One that leads nowhere keeps the addresses it had in
/// `before`, so that a DNS that is out of order takes no peer away.
pub async fn of_peers(peers: &[PeerSpec], before: &Resolved) -> Resolved {
    let resolver = Arc::new(Resolver::from_system());
    let mut running = JoinSet::new();
    let mut lookups = config::lookups(peers).into_iter();
    let mut resolved = Resolved::new();
    loop {
        while running.len() < RESOLVING_MAX
            && let Some(lookup) = lookups.next()
        {
            let resolver = Arc::clone(&resolver);
            running.spawn(async move {
                let found = resolver
                    .resolve(&lookup.host, lookup.port, lookup.transport)
                    .await;
                (lookup, found)
            });
        }
        let Some(joined) = running.join_next().await else {
            return resolved;
        };
        let Ok((lookup, found)) = joined else {
            continue;
        };
        match found {
            Ok(addresses) => {
                resolved.insert(lookup.peer, addresses);
            }
            Err(error) => match before.get(&lookup.peer) {
                Some(known) => {
                    tracing::warn!(peer = %lookup.peer, %error, "keeps the addresses that it had");
                    resolved.insert(lookup.peer, known.clone());
                }
                None => {
                    tracing::warn!(peer = %lookup.peer, %error, "has no address and takes no calls")
                }
            },
        }
    }
}

/// Answers the shards' questions until the last of them has ended. What does not fit is told as failed.
pub async fn answer_shards(mut asks: mpsc::Receiver<ResolveAsk>, handles: Handles) {
    let resolver = Arc::new(Resolver::from_system());
    let places = Arc::new(Semaphore::new(RESOLVING_MAX));
    while let Some(ask) = asks.recv().await {
        let ResolveAsk {
            shard,
            token,
            host,
            port,
            transport,
        } = ask;
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            let _ = handles.resolved(shard, token, Vec::new());
            continue;
        };
        let (resolver, handles) = (Arc::clone(&resolver), handles.clone());
        tokio::spawn(async move {
            let found = resolver.resolve(&host, port, transport).await;
            let addresses = found.unwrap_or_else(|error| {
                tracing::debug!(%error, "not resolved");
                Vec::new()
            });
            // A shard that is gone needs no answer; one that is busy times its question out.
            let _ = handles.resolved(shard, token, addresses);
            drop(place);
        });
    }
}
