//! Floor 2: who holds how much, who is well, and who gets the next call.
//!
//! A count is never kept, it is owned: [`Ledger::reserve`] chooses a peer and charges it in one step and
//! hands out a [`Slot`]; the slot comes back once, by value, with a cause. Nothing else changes a count.

mod account;
mod ask;
mod books;
mod bucket;
mod configure;
mod directory;
mod drain;
mod eligibility;
mod failover;
mod feedback;
mod health;
mod id;
mod inspect;
mod intake;
mod ledger;
mod names;
mod observe;
mod patience;
mod pool;
mod probe;
mod ranking;
mod reckon;
mod recovery;
mod rendezvous;
mod reports;
mod sign;
mod slot;
mod state;
mod topology;
mod topology_error;
mod view;

pub use ask::{Admin, Ask, EndCause, Grant, Mark, Observation, Refusal, Step};
pub use books::{Book, Units};
pub use directory::{Directory, Group, Peer};
pub use drain::{Drain, DrainView, DrainedBy, Draining, Moment};
pub use feedback::{
    Acceptance, FeedbackAnswer, FeedbackError, FeedbackOutcome, Report, ResourceReport,
};
pub use id::{Demand, DemandError, GroupId, PeerId, ResourceId};
pub use ledger::Ledger;
pub use probe::{Due, Prober};
pub use sign::Sign;
pub use slot::Slot;
pub use topology::{
    Capacity, CapacityMode, CodeRule, Disable, Dispatch, ExhaustedStep, Failover, FailoverRule,
    Failure, FeedbackSpec, GroupSpec, HashOn, PeerSpec, ProbeMode, ProbeSpec, Select, Topology,
    Transport,
};
pub use topology_error::TopologyError;
pub use view::{
    FeedbackView, Health, Identity, Overrides, PeerView, ProbeOutcome, ProbeView, ResourceView,
    Verdict,
};
