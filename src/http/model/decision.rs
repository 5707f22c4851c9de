//! Decisions that did not succeed at the first try.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ExplainOther;

/// The newest decisions that failed, were refused by a route, or needed more than one try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionList {
    /// Newest first, the last 128 at most; since this process started.
    pub decisions: Vec<DecisionEntry>,
}

/// What became of a call that was not placed at the first try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionOutcome {
    /// Answered by another peer than the first.
    FailedOver,
    /// Refused: by a route, by no route, or by the callee at another peer than the first.
    Rejected,
    /// The caller gave up after more than one try.
    Cancelled,
    /// Peers failed, or nobody answered in time.
    Failed,
    /// No peer had room, or none was well.
    Exhausted,
}

/// One decision that did not succeed at the first try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionEntry {
    /// When: RFC 3339, UTC.
    pub at: String,
    /// The call's id in this API; null where it was refused before there was one.
    #[schema(required)]
    pub call: Option<String>,
    /// The Call-ID header's value, cut after 256 bytes.
    pub call_id: String,
    /// The group that it was for; null where there was none.
    #[schema(required)]
    pub group: Option<String>,
    /// The number of the route that matched, from 1; null where none did, or none is configured.
    #[schema(required)]
    pub route: Option<usize>,
    /// How it came out.
    pub outcome: DecisionOutcome,
    /// The final answer that the caller got.
    pub status: u16,
    /// The tries, in order.
    pub attempts: Vec<DecisionAttempt>,
    /// Where it failed: every peer of the group that was not tried, and why not, at that moment.
    pub others: Vec<ExplainOther>,
    /// Decisions of this kind before it that were not kept: a shard tells at most 20 a second.
    pub unseen: u64,
    /// The same for people.
    pub words: String,
}

/// One try at one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionAttempt {
    /// The peer; empty for a call that left by its Request-URI.
    pub peer: String,
    /// What came of it: `pending`, `answered`, a status code, `timeout`, `transport` or `cancelled`.
    pub outcome: String,
    /// The same for people.
    pub words: String,
}
