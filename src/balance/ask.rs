//! What callers say to the ledger and hear from it.

use std::time::{Duration, Instant};

use super::id::{Demand, GroupId, PeerId};
use super::slot::Slot;
use super::topology::Failure;

/// A new call looks for a peer.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The group that shall take it.
    pub group: GroupId,
    /// What it takes.
    pub demand: &'a Demand,
    /// The step of the ladder it stands on.
    pub step: Step,
    /// Peers that it has been at, which are not asked again.
    pub tried: &'a [PeerId],
    /// The bytes to hash, where the group hashes.
    pub hash_key: &'a [u8],
}

/// A step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The first choice: a peer with room.
    Balance,
    /// The next best peer with room.
    Failover,
    /// A peer that is well, whatever its load.
    Dispatch,
    /// A call that may exceed capacity; chosen as for balancing.
    Overflow,
}

impl Step {
    /// All steps, in the order of [`Step::index`].
    pub const ALL: [Self; 4] = [
        Self::Balance,
        Self::Failover,
        Self::Dispatch,
        Self::Overflow,
    ];

    /// A dense number, for arrays of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// As metrics show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::Failover => "failover",
            Self::Dispatch => "dispatch",
            Self::Overflow => "overflow",
        }
    }
}

/// A peer has been chosen and charged.
#[derive(Debug)]
#[must_use = "a grant holds a slot, which has to be released"]
pub struct Grant {
    /// What the call holds on the peer.
    pub slot: Slot,
    /// The peer.
    pub peer: PeerId,
}

/// No peer was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Some peer is well, none has room.
    #[error("no peer has room")]
    Exhausted,
    /// None is well.
    #[error("no peer is eligible")]
    NoneEligible,
}

/// Why a call is counted without having been asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// It was live when the process stopped.
    Restored,
    /// The peer answered a call that had been given up.
    LateAnswer,
    /// The peer placed it itself.
    PlacedByPeer,
}

/// How a call ended, as far as its slot is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndCause {
    /// BYE, with its final response.
    Bye,
    /// The peer or the network refused the call.
    Rejected,
    /// The caller gave up.
    Cancelled,
    /// Another peer took over.
    FailedOver,
    /// Nobody answered in time.
    NoAnswer,
    /// The call outlived its deadline.
    Expired,
    /// The peer's own list of calls lacks it.
    Reconciled,
    /// The peer restarted.
    PeerRestarted,
    /// The operator ended it.
    EndedByOperator,
    /// Nobody released the slot: a bug.
    Dropped,
}

impl EndCause {
    /// All causes, in the order of [`EndCause::index`].
    pub const ALL: [Self; 10] = [
        Self::Bye,
        Self::Rejected,
        Self::Cancelled,
        Self::FailedOver,
        Self::NoAnswer,
        Self::Expired,
        Self::Reconciled,
        Self::PeerRestarted,
        Self::EndedByOperator,
        Self::Dropped,
    ];

    /// A dense number, for arrays of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// As metrics show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bye => "bye",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::FailedOver => "failed_over",
            Self::NoAnswer => "no_answer",
            Self::Expired => "expired",
            Self::Reconciled => "reconciled",
            Self::PeerRestarted => "peer_restarted",
            Self::EndedByOperator => "ended_by_operator",
            Self::Dropped => "dropped",
        }
    }
}

/// The operator's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Admin {
    /// Takes new calls.
    #[default]
    Enabled,
    /// Takes none.
    Disabled,
    /// Takes none; those it has go on.
    Draining,
}

impl Admin {
    /// As the API shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Draining => "draining",
        }
    }
}

/// What traffic or a probe says about a peer.
///
/// A request that the peer answered is one of `Answered`, `Failed` or `Busy503`; which of them the
/// group's failover rules decide. Silence is `Failed(Timeout)` or `Failed(Transport)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// It answered a call with this status, provisional or final, that is no covered failure.
    Answered(u16),
    /// A covered failure.
    Failed(Failure),
    /// It answered a call with 503.
    Busy503 {
        /// Its Retry-After, where it gave one.
        retry_after: Option<Duration>,
    },
    /// Any other sign of life: an answer within a dialog, a request of its own.
    Alive,
    /// It answered a probe, with any status.
    ProbeOk {
        /// From request to answer.
        rtt: Duration,
        /// The status.
        status: u16,
    },
    /// It did not answer a probe, or the probe could not be sent.
    ProbeFailed {
        /// When the probe was sent.
        sent: Instant,
    },
}
