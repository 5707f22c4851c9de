//! Operation: groups, totals, readiness, reload, and calls that are only imagined.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a reload changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReloadAnswer {
    /// One sentence for each thing that changed; empty when nothing did.
    pub changed: Vec<String>,
    /// Changes in the file that need a restart, and are not in force.
    pub needs_restart: Vec<String>,
}

/// A call to imagine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The SIP method; `INVITE` when left out.
    #[serde(default = "invite")]
    #[schema(pattern = "^[A-Za-z0-9.!%*_+`'~-]+$")]
    pub method: String,
    /// The Request-URI.
    #[schema(example = "sip:1001@example.com")]
    pub uri: String,
    /// The From URI; an anonymous one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where the request comes from: `ADDRESS`, `ADDRESS:PORT`, or `peer:NAME`; loopback when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

fn invite() -> String {
    "INVITE".to_owned()
}

/// What explains where a call would go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainAnswer {
    /// The number of the route that matches, from 1; null when no `[[route]]` is configured, or none matches.
    #[schema(required)]
    pub route: Option<usize>,
    /// What becomes of the call.
    pub action: ExplainAction,
    /// The group it goes to.
    #[schema(required)]
    pub group: Option<String>,
    /// The peer that would be chosen. Ties are broken at random, so the next call may go elsewhere.
    #[schema(required)]
    pub peer: Option<String>,
    /// The step that would place it: `balance`, `overflow`, or `dispatch` once no peer has room.
    #[schema(required)]
    pub step: Option<String>,
    /// Where it would be sent when it goes to a URI.
    #[schema(required)]
    pub uri: Option<String>,
    /// The SIP status it would be refused with.
    #[schema(required)]
    pub status: Option<u16>,
    /// What one such call takes, by resource.
    pub resources: BTreeMap<String, u32>,
    /// Every other peer of the group, and why it was not chosen.
    pub others: Vec<ExplainOther>,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExplainAction {
    /// Given to a peer of a group.
    Group,
    /// Sent out to a URI.
    Uri,
    /// Refused.
    Reject,
}

/// A peer that a call would not go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainOther {
    /// Its name.
    pub peer: String,
    /// Why not, in words.
    pub why_not: Vec<String>,
}

/// A group and what its peers have together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupEntry {
    /// Its name.
    pub name: String,
    /// How a peer is chosen.
    pub select: String,
    /// Its peers, by name.
    pub peers: Vec<String>,
    /// How many of them a new call may be given to.
    pub eligible: usize,
    /// Room by resource, summed over its peers; peers share their room with their other groups.
    pub resources: BTreeMap<String, super::ResourceEntry>,
}

/// How many units each peer held at the looks of the last ten minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryAnswer {
    /// How old each look is, oldest first.
    pub ages_seconds: Vec<f64>,
    /// By peer's name: own units at these looks, of the resource of which it held most. A peer that was not there at the
    /// first looks has fewer; they belong to the last ages.
    pub peers: BTreeMap<String, Vec<u32>>,
}

/// All groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupList {
    /// In the order of the configuration.
    pub groups: Vec<GroupEntry>,
}

/// Totals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusAnswer {
    /// This node's name.
    pub node: String,
    /// The program's version.
    pub version: String,
    /// How long it has run.
    pub uptime_seconds: f64,
    /// Whether it takes new calls.
    pub ready: bool,
    /// Live calls by state.
    pub calls: CallCounts,
    /// Peers by condition.
    pub peers: PeerCounts,
    /// Room by resource, summed over all peers.
    pub resources: BTreeMap<String, super::ResourceEntry>,
}

/// Live calls by state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallCounts {
    /// All.
    pub total: u64,
    /// Not answered yet.
    pub ringing: u64,
    /// Answered.
    pub up: u64,
    /// BYE under way.
    pub ending: u64,
}

/// Peers by condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerCounts {
    /// All.
    pub total: usize,
    /// Alive, or not known to be dead.
    pub up: usize,
    /// A new call may be given to them.
    pub eligible: usize,
}

/// Whether new calls are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadyAnswer {
    /// True when they are.
    pub ready: bool,
    /// True once the process stops.
    pub stopping: bool,
    /// What is awaited.
    pub reasons: Vec<String>,
    /// Why nothing can be saved now; left out while all is well. Calls go on without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
}

/// The process is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthAnswer {
    /// Always `ok`.
    pub status: String,
}
