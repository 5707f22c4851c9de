//! Live calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ExplainOther;

/// A call's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    /// INVITE forwarded, no 2xx yet.
    Ringing,
    /// Answered.
    Up,
    /// BYE forwarded, no final response yet.
    Ending,
}

/// One attempt to place a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// The peer tried.
    pub peer: String,
    /// What came of it: `pending`, `answered`, a status code, `timeout` or `transport`.
    pub outcome: String,
}

/// A live call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallEntry {
    /// Our own id of the call, for the paths of this API.
    pub id: String,
    /// The Call-ID header's value.
    pub call_id: String,
    /// The From URI.
    pub from: String,
    /// The To URI.
    pub to: String,
    /// The peer that the call is counted on; none while no peer is chosen.
    pub peer: Option<String>,
    /// The group it came through.
    pub group: Option<String>,
    /// The number of the route that matched, from 1; null where none is configured, and for a late answer.
    #[schema(required)]
    pub route: Option<usize>,
    /// What it holds on that peer.
    pub resources: BTreeMap<String, u32>,
    /// Its state.
    pub state: CallState,
    /// When its INVITE came: RFC 3339, UTC.
    #[schema(example = "2026-01-01T12:00:00.000Z")]
    pub since: String,
    /// The peers tried, in order.
    pub attempts: Vec<Attempt>,
    /// Of `GET /v1/calls/{id}` alone: every other peer of the group, and in words what stands against it or speaks for the chosen one,
    /// as both are now, with the call on its peer; what was so when it was placed is not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<ExplainOther>,
}

/// A page of calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallList {
    /// In order of id.
    pub calls: Vec<CallEntry>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    pub next_cursor: Option<String>,
}
