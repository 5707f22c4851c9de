//! Floor 2: who holds how much, who is well, and who gets the next call.
//!
//! A count is never kept, it is owned: [`Ledger::reserve`] chooses a peer and charges it in one step and
//! hands out a [`Slot`]; the slot comes back once, by value, with a cause. Nothing else changes a count.

mod account;
mod ask;
mod directory;
mod feedback;
mod id;
mod ledger;
mod names;
mod pick;
mod probe;
mod slot;
mod topology;
mod view;

pub use ask::{Admin, Ask, EndCause, Grant, Mark, Observation, Refusal, Step};
pub use directory::{Directory, Group, Peer};
pub use feedback::{
    Acceptance, FeedbackAnswer, FeedbackError, FeedbackOutcome, Report, ResourceReport,
};
pub use id::{Demand, DemandError, GroupId, PeerId, ResourceId};
pub use ledger::Ledger;
pub use probe::{Due, Prober};
pub use slot::Slot;
pub use topology::{
    Capacity, CapacityMode, CodeRule, Disable, Dispatch, ExhaustedStep, Failover, FailoverRule,
    Failure, FeedbackSpec, GroupSpec, HashOn, PeerSpec, ProbeMode, ProbeSpec, Select, Topology,
    TopologyError, Transport,
};
pub use view::{
    FeedbackView, Health, Overrides, PeerView, ProbeOutcome, ProbeView, ResourceView, Verdict,
};
