//! The operator's side of the process, as the HTTP API wants it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::clock::moment;
use super::force::Force;
use super::imagine;
use crate::balance::{Admin, Capacity, Drain, Ledger, PeerId};
use crate::http::model::{AdminState, ExplainRequest, PeerPatch, ReloadAnswer, Units};
use crate::http::{Control, Put, Readiness, Refused, Reply, RouteChoice};
use crate::metrics;
use crate::proxy::Stats;
use crate::shard::{Handles, ShardStats};
use crate::store::Intake;

/// Does what the operator asks.
pub struct Operator {
    force: Arc<Force>,
    ledger: Arc<Ledger>,
    handles: Handles,
    intake: Intake,
    stopping: AtomicBool,
}

impl Operator {
    pub fn new(force: Arc<Force>, ledger: Arc<Ledger>, handles: Handles, intake: Intake) -> Self {
        Operator {
            force,
            ledger,
            handles,
            intake,
            stopping: AtomicBool::new(false),
        }
    }

    #[cfg(test)]
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// From now on the process is not ready.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn patch(&self, name: &str, patch: &PeerPatch) -> Result<(), Refused> {
        let gone = || Refused::NotFound(format!("there is no peer {name:?}"));
        let peer: PeerId = self.ledger.directory().peer_named(name).ok_or_else(gone)?;
        let impossible =
            |error: crate::balance::TopologyError| Refused::Impossible(error.to_string());
        // What can be refused first, so that a refused patch changes nothing.
        if let Some(capacity) = &patch.capacity {
            let capacity: Vec<(Arc<str>, Capacity)> = capacity
                .iter()
                .map(|(name, units)| (name.as_str().into(), limit(*units)))
                .collect();
            self.ledger.resize(peer, &capacity).map_err(impossible)?;
        }
        if let Some(weight) = patch.weight {
            self.ledger.set_weight(peer, weight).map_err(impossible)?;
        }
        let at = moment();
        let deadline = patch.deadline_seconds;
        let deadline = deadline.map(|left| left.map(|left| at.unix_ms + (left * 1e3) as u64));
        // First, so that a deadline that is taken back ends no call in between.
        if let Some(deadline) = deadline {
            self.ledger.set_deadline(peer, at, deadline);
        }
        let drain = Drain {
            since_unix_ms: Some(at.unix_ms),
            deadline_unix_ms: deadline.flatten(),
        };
        match patch.admin {
            Some(AdminState::Draining) => self.ledger.drain(peer, at, drain),
            Some(AdminState::Enabled) => self.ledger.set_admin(peer, Admin::Enabled),
            Some(AdminState::Disabled) => self.ledger.set_admin(peer, Admin::Disabled),
            None => {}
        }
        self.intake.words_changed();
        Ok(())
    }

    async fn exposition(&self) -> String {
        let (mut core, mut shards) = (Stats::default(), ShardStats::default());
        for report in self.handles.reports().await {
            core.merge(&report.core);
            shards.merge(&report.shard_stats);
        }
        metrics::Scrape {
            peers: &self.ledger.view(Instant::now()),
            directory: &self.ledger.directory(),
            core: &core,
            added_delay: Some(&shards.added_delay),
            drops: &shards.drops(),
            mailbox_depth: shards.mailbox_depth,
            store: &self.intake.figures(),
        }
        .render()
    }
}

fn limit(units: Units) -> Capacity {
    match units {
        Units::Limited(units) => Capacity::Limited(units),
        Units::Unlimited => Capacity::Unlimited,
    }
}

impl Control for Operator {
    fn admin_token(&self) -> Option<Arc<str>> {
        self.force
            .now()
            .config
            .http
            .admin_token
            .as_ref()
            .map(|token| token.expose().into())
    }

    fn reload(&self) -> Reply<'_, Result<ReloadAnswer, Refused>> {
        Box::pin(async {
            let answer = self.force.reload().await;
            metrics::reloaded(answer.is_ok());
            answer
        })
    }

    fn put_peer<'a>(
        &'a self,
        name: &'a str,
        spec: serde_json::Value,
    ) -> Reply<'a, Result<Put, Refused>> {
        Box::pin(async move { self.force.put(name, &spec).await })
    }

    fn remove_peer<'a>(&'a self, name: &'a str) -> Reply<'a, Result<(), Refused>> {
        Box::pin(self.force.remove(name))
    }

    fn patch_peer<'a>(
        &'a self,
        name: &'a str,
        patch: &'a PeerPatch,
    ) -> Reply<'a, Result<(), Refused>> {
        Box::pin(std::future::ready(self.patch(name, patch)))
    }

    fn route<'a>(&'a self, call: &'a ExplainRequest) -> Reply<'a, Result<RouteChoice, Refused>> {
        Box::pin(std::future::ready(imagine::route(
            &self.force.now().setup,
            call,
        )))
    }

    fn readiness(&self) -> Readiness {
        // HTTP is served once all else is, so that nothing is ever awaited.
        Readiness {
            stopping: self.stopping.load(Ordering::Acquire),
            reasons: Vec::new(),
            store: self.intake.figures().trouble,
        }
    }

    fn metrics(&self) -> Reply<'_, String> {
        Box::pin(self.exposition())
    }
}
