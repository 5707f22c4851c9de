//! Groups and totals.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Api;
use super::model::{CallCounts, GroupEntry, GroupList, PeerCounts, StatusAnswer};
use super::openapi::{Broken, Guarded};
use super::problem::Problem;
use super::views;
use crate::balance::{PeerView, Select};

/// Lists the groups, in the order of the configuration.
#[utoipa::path(get, path = "/v1/groups", tag = "peers",
    responses((status = 200, description = "All groups", body = GroupList), Guarded))]
pub async fn list(State(api): State<Arc<Api>>) -> Json<GroupList> {
    let views = api.views();
    let directory = api.parts.ledger.directory();
    let groups = directory.groups().map(|group| {
        let members: Vec<&PeerView> = group
            .members
            .iter()
            .filter_map(|id| views.iter().find(|view| view.id == *id))
            .collect();
        GroupEntry {
            name: group.name.to_string(),
            select: word(group.select).to_owned(),
            peers: members.iter().map(|view| view.name.to_string()).collect(),
            eligible: members.iter().filter(|view| view.eligible).count(),
            resources: views::sum(members.iter().map(|view| view.resources.as_slice())),
        }
    });
    Json(GroupList {
        groups: groups.collect(),
    })
}

fn word(select: Select) -> &'static str {
    match select {
        Select::LeastLoaded => "least-loaded",
        Select::MostFree => "most-free",
        Select::Weighted => "weighted",
        Select::RoundRobin => "round-robin",
        Select::Random => "random",
        Select::Priority => "priority",
        Select::Hash => "hash",
    }
}

/// Shows the totals.
#[utoipa::path(get, path = "/v1/status", tag = "operation",
    responses((status = 200, description = "Totals", body = StatusAnswer), Broken, Guarded))]
pub async fn status(State(api): State<Arc<Api>>) -> Result<Json<StatusAnswer>, Problem> {
    let totals = api.parts.calls.totals().await?;
    let views = api.views();
    Ok(Json(StatusAnswer {
        node: api.parts.node.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_seconds: api.started.elapsed().as_secs_f64().round(),
        ready: api.parts.control.readiness().ready(),
        calls: CallCounts {
            total: totals.ringing + totals.up + totals.ending,
            ringing: totals.ringing,
            up: totals.up,
            ending: totals.ending,
        },
        peers: PeerCounts {
            total: views.len(),
            up: views.iter().filter(|view| view.health.is_up()).count(),
            eligible: views.iter().filter(|view| view.eligible).count(),
        },
        resources: views::sum(views.iter().map(|view| view.resources.as_slice())),
    }))
}
