//! What the stream of events tells. Every event has the moment it happened and a sentence for people.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AdminState, DrainEntry, FeedbackState, HealthState};

/// One event of the stream, by the names that its lines have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamEvent {
    /// What it is. `gap`: events between the last one seen and the next one here are lost.
    pub event: StreamEventName,
    /// JSON: a `PeerEvent`, a `CallEvent`, a `FailoverEvent` or a `FeedbackEvent`; of a `gap` the id of the oldest event that is kept.
    pub data: String,
    /// For `since` and `Last-Event-ID`; a `gap` has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id: Option<String>,
}

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamEventName {
    /// See `PeerEvent`.
    Peer,
    /// See `CallEvent`.
    Call,
    /// See `FailoverEvent`.
    Failover,
    /// See `FeedbackEvent`.
    Feedback,
    /// Events are lost.
    Gap,
}

/// `event: peer`. A peer is not what it was a second ago.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeerEvent {
    /// When it was seen: RFC 3339, UTC.
    pub at: String,
    /// The peer's name.
    pub peer: String,
    /// What changed.
    pub changes: Vec<Change>,
    /// The operator's word, now.
    pub admin: AdminState,
    /// How far it is emptied, now; null when nobody drains it.
    #[schema(required)]
    pub drain: Option<DrainEntry>,
    /// Alive, now?
    pub health: HealthState,
    /// Does it take new calls, now?
    pub accepting: bool,
    /// May a new call be given to it, now?
    pub eligible: bool,
    /// Why not.
    pub why_not: Vec<String>,
    /// The same for people.
    pub words: String,
}

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// `admin`, `drain` (`none`, `draining`, `drained`), `health`, `accepting`, `eligible`, `weight`, `configured`, `capacity RESOURCE`, or `drift`: our count
    /// of its calls less its own list's (`+7 calls`, or `none`), once the two have been apart for five minutes.
    pub what: String,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

/// `event: feedback`. What a peer says of itself began, ended or changed; not every report is an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackEvent {
    /// When it was seen: RFC 3339, UTC.
    pub at: String,
    /// The peer's name.
    pub peer: String,
    /// Whether its reports are in force.
    pub fresh: bool,
    /// What it says about taking calls.
    #[schema(required)]
    pub state: Option<FeedbackState>,
    /// Reports that were refused since the event before.
    pub refused: u64,
    /// The same for people.
    pub words: String,
}

/// `event: failover`. Calls went on to another peer, or had to be given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailoverEvent {
    /// When: RFC 3339, UTC.
    pub at: String,
    /// How many calls: 1, or more when there were too many in one second to tell each.
    pub calls: u64,
    /// The call; null when there are several.
    #[schema(required)]
    pub call: Option<String>,
    /// The group that it was for.
    #[schema(required)]
    pub group: Option<String>,
    /// The peer that failed.
    pub from: String,
    /// The peer that has it now; null when none could take it, or when there are several calls.
    #[schema(required)]
    pub to: Option<String>,
    /// `timeout`, `transport`, or the status; null when there are several calls.
    #[schema(required)]
    pub reason: Option<String>,
    /// The same for people.
    pub words: String,
}

/// `event: call`. New calls of a group found no peer within one second, or calls ended otherwise than by a BYE of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallEvent {
    /// When it was seen: RFC 3339, UTC.
    pub at: String,
    /// `exhausted` or `ended`.
    pub what: String,
    /// The group; empty for calls that no group took, or of several groups.
    pub group: String,
    /// How many calls: of those that ended 1, or more when there were too many in one second to tell each.
    pub calls: u64,
    /// The one call that ended; null otherwise.
    #[schema(required)]
    pub ended: Option<EndedCall>,
    /// The same for people.
    pub words: String,
}

/// A call that ended otherwise than by a BYE of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedCall {
    /// The call.
    pub call: String,
    /// The peer that it went to; null for a call that left by its Request-URI.
    #[schema(required)]
    pub peer: Option<String>,
    /// What its slots came back for, as in `tandem_slots_released_total`.
    pub cause: String,
    /// What the peer said when it was asked within the dialog: a status, `silence` or `unreachable`; null where it was not that
    /// which ended the call.
    #[schema(required)]
    pub check: Option<String>,
    /// The BYEs by which we ended it.
    pub legs: Vec<Leg>,
}

/// A BYE of ours to one side of a dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leg {
    /// `caller` or `callee`.
    pub to: String,
    /// A status; `silence` (Timer F), `unreachable`, or `unsent`: there was no address that a BYE could go to.
    pub bye: String,
}
