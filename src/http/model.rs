//! The shapes of the API's JSON. They are public, since the command line's clients read what the server writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A number of units, or `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Units {
    /// So many.
    Limited(u32),
    /// The word `"unlimited"`.
    Unlimited(UnlimitedWord),
}

/// The only word that may stand in place of a number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnlimitedWord {
    /// No limit.
    Unlimited,
}

/// The operator's word about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdminState {
    /// Takes new calls.
    Enabled,
    /// Takes no new calls, is not wanted at all.
    Disabled,
    /// Takes no new calls; those it has go on.
    Draining,
}

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

/// An operator's change to a peer. What is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerPatch {
    /// The operator's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<AdminState>,
    /// New capacities by resource; resources left out keep theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<BTreeMap<String, Units>>,
    /// New weight, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

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
    /// What it holds on that peer.
    pub resources: BTreeMap<String, u32>,
    /// Its state.
    pub state: CallState,
    /// When its INVITE came: RFC 3339, UTC.
    #[schema(example = "2026-01-01T12:00:00.000Z")]
    pub since: String,
    /// The peers tried, in order.
    pub attempts: Vec<Attempt>,
}
