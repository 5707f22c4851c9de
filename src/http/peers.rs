//! Peers: what there is, and what an operator may change.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};

use super::Api;
use super::body::{JsonBody, Unasked};
use super::control::Put;
use super::model::{AdminState, PeerEntry, PeerList, PeerPatch, PeerSpec};
use super::openapi::{Broken, Guarded, Impossible, NoSuchPeer, WithBody, Writing};
use super::problem::Problem;
use super::views;
use crate::balance::PeerView;
use crate::base::limits::{CONFIG_WEIGHT_MAX, DRAIN_DEADLINE_SECONDS_MAX};

impl Api {
    /// The configured peers as they stand. Those that are removed and only finish their calls are not shown.
    pub(super) fn views(&self) -> Vec<PeerView> {
        let mut views = self.parts.ledger.view(Instant::now());
        views.retain(|view| !view.removed);
        views
    }

    fn entry(&self, name: &str) -> Result<PeerEntry, Problem> {
        let found = self.views().into_iter().find(|view| *view.name == *name);
        found
            .map(views::entry)
            .ok_or_else(|| Problem::no_such_peer(name))
    }

    fn require_peer(&self, name: &str) -> Result<(), Problem> {
        let found = self.parts.ledger.directory().peer_named(name);
        found.map(drop).ok_or_else(|| Problem::no_such_peer(name))
    }
}

/// Lists the peers, in order of name.
#[utoipa::path(get, path = "/v1/peers", tag = "peers",
    responses((status = 200, description = "All peers", body = PeerList), Guarded))]
pub async fn list(State(api): State<Arc<Api>>) -> Json<PeerList> {
    let mut peers: Vec<PeerEntry> = api.views().into_iter().map(views::entry).collect();
    peers.sort_by(|left, right| left.name.cmp(&right.name));
    Json(PeerList { peers })
}

/// Shows one peer.
#[utoipa::path(get, path = "/v1/peers/{peer}", tag = "peers",
    params(("peer" = String, Path, description = "The peer's name")),
    responses((status = 200, description = "The peer", body = PeerEntry), NoSuchPeer, Guarded))]
pub async fn show(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Json<PeerEntry>, Problem> {
    api.entry(&name).map(Json)
}

/// Adds or replaces a peer.
///
/// The body has the keys of a `[[peer]]` table. A peer that is replaced keeps its calls, its health and the
/// operator's word.
#[utoipa::path(put, path = "/v1/peers/{peer}", tag = "peers", security(("admin" = [])),
    params(("peer" = String, Path, description = "The peer's name")),
    request_body = PeerSpec,
    responses(
        (status = 200, description = "Replaced", body = PeerEntry),
        (status = 201, description = "Added", body = PeerEntry),
        Writing, WithBody, Impossible, Broken, Guarded,
    ))]
pub async fn put(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<JsonBody<serde_json::Value>, Problem>,
) -> Result<(StatusCode, Json<PeerEntry>), Problem> {
    api.admin(&headers)?;
    let JsonBody(spec) = body?;
    let Some(table) = spec.as_object() else {
        return Err(Problem::malformed("the body: a peer is an object"));
    };
    match table.get("name") {
        None => {}
        Some(inner) if inner.as_str() == Some(&name) => {}
        Some(inner) => {
            return Err(Problem::malformed(format!(
                "the body: name is {inner}, but the path says {name:?}"
            )));
        }
    }
    let status = match api.parts.control.put_peer(&name, spec).await? {
        Put::Created => StatusCode::CREATED,
        Put::Replaced => StatusCode::OK,
    };
    Ok((status, Json(api.entry(&name)?)))
}

/// Changes what an operator may change: the admin state with a drain's deadline, capacities, the weight. It survives a restart.
#[utoipa::path(patch, path = "/v1/peers/{peer}", tag = "peers", security(("admin" = [])),
    params(("peer" = String, Path, description = "The peer's name")),
    request_body = PeerPatch,
    responses((status = 200, description = "The peer as it is now", body = PeerEntry),
        Writing, NoSuchPeer, WithBody, Impossible, Broken, Guarded))]
pub async fn patch(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<JsonBody<PeerPatch>, Problem>,
) -> Result<Json<PeerEntry>, Problem> {
    api.admin(&headers)?;
    let JsonBody(patch) = body?;
    let peer = api.entry(&name)?;
    check(&patch, &peer)?;
    api.parts.control.patch_peer(&name, &patch).await?;
    api.entry(&name).map(Json)
}

fn check(patch: &PeerPatch, peer: &PeerEntry) -> Result<(), Problem> {
    if *patch == PeerPatch::default() {
        return Err(Problem::malformed(
            "the body: give at least one of admin, deadline_seconds, capacity, weight",
        ));
    }
    if let Some(weight) = patch
        .weight
        .filter(|weight| !(1..=CONFIG_WEIGHT_MAX).contains(weight))
    {
        return Err(Problem::impossible(format!(
            "weight: a whole number from 1 to {CONFIG_WEIGHT_MAX}, not {weight}; to take a peer out, use admin"
        )));
    }
    if let Some(seconds) = patch.deadline_seconds.flatten() {
        let max = f64::from(DRAIN_DEADLINE_SECONDS_MAX);
        if !(0.0..=max).contains(&seconds) {
            return Err(Problem::impossible(format!(
                "deadline_seconds: a number from 0 to {max}, not {seconds}"
            )));
        }
        if patch.admin.unwrap_or(peer.admin) != AdminState::Draining {
            return Err(Problem::impossible(
                "deadline_seconds: is for a peer that the operator drains: give it with \"admin\": \"draining\"",
            ));
        }
    }
    let named = patch.capacity.iter().flat_map(|capacity| capacity.keys());
    match named
        .into_iter()
        .find(|name| !peer.resources.contains_key(*name))
    {
        None => Ok(()),
        Some(unknown) => {
            let offered: Vec<&str> = peer.resources.keys().map(String::as_str).collect();
            Err(Problem::impossible(format!(
                "capacity.{unknown}: {} offers only {}",
                peer.name,
                offered.join(", ")
            )))
        }
    }
}

/// Removes a peer. Its calls go on, counted, until they end.
#[utoipa::path(delete, path = "/v1/peers/{peer}", tag = "peers", security(("admin" = [])),
    params(("peer" = String, Path, description = "The peer's name")),
    responses((status = 204, description = "Removed"), Writing, NoSuchPeer, Impossible, Broken, Guarded))]
pub async fn remove(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    _: Unasked,
) -> Result<StatusCode, Problem> {
    api.admin(&headers)?;
    api.require_peer(&name)?;
    api.parts.control.remove_peer(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
