//! The shapes of the API's JSON. They are public, since the command line's clients read what the server writes.

mod call;
mod decision;
mod event;
mod feedback;
mod operation;
mod peer;

pub use call::{Attempt, CallEntry, CallList, CallState};
pub use decision::{DecisionAttempt, DecisionEntry, DecisionList, DecisionOutcome};
pub use event::{
    CallEvent, Change, EndedCall, FailoverEvent, FeedbackEvent, Leg, PeerEvent, StreamEvent,
    StreamEventName,
};
pub use feedback::{FeedbackAnswer, FeedbackReport, ReportedResource};
pub use operation::{
    CallCounts, ExplainAction, ExplainAnswer, ExplainOther, ExplainRequest, GroupEntry, GroupList,
    HealthAnswer, HistoryAnswer, PeerCounts, ReadyAnswer, ReloadAnswer, StatusAnswer,
};
pub use peer::{
    AdminState, DrainBy, DrainEntry, DrainState, FeedbackEntry, FeedbackState, HealthState,
    PeerEntry, PeerFeedback, PeerFeedbackCapacity, PeerList, PeerPatch, PeerSpec, ProbeEntry,
    ResourceEntry, Units,
};
