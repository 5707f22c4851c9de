//! What a peer reports of itself, and how long it is believed.

use std::sync::Arc;

use super::view::ResourceView;

/// One report, as the peer sent it. What it leaves out keeps its last value until that value's own
/// time is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Grows within one `boot_id`.
    pub seq: Option<u64>,
    /// Whether the peer takes calls.
    pub state: Option<Acceptance>,
    /// The idle share of its processors, 0 to 1.
    pub cpu_idle: Option<f64>,
    /// How long the report counts, in seconds; else the configured `ttl`.
    pub ttl_seconds: Option<f64>,
    /// Names one run of the peer: another one means that it restarted.
    pub boot_id: Option<Arc<str>>,
    /// Resources by name. Names that the peer does not offer are passed over.
    pub resources: Vec<(Arc<str>, ResourceReport)>,
    /// The length of the peer's complete list of calls.
    pub calls: Option<u32>,
}

/// What a peer says of one resource, in its own units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceReport {
    /// In use.
    pub used: Option<u64>,
    /// The most there can be.
    pub max: Option<u64>,
}

/// Whether a peer takes calls, by its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Acceptance {
    /// It does.
    #[default]
    Accepting,
    /// It is finishing what it has.
    Draining,
    /// It does not for the moment.
    Paused,
}

impl Acceptance {
    /// As the API shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepting => "accepting",
            Self::Draining => "draining",
            Self::Paused => "paused",
        }
    }
}

/// A report was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedbackAnswer {
    /// The last `seq` taken in this run of the peer; none if it never gave one.
    pub accepted_seq: Option<u64>,
    /// The `boot_id` is a new one: the calls that the peer had are over, and the caller has to end them. Told with each
    /// report until [`super::Ledger::restart_told`].
    pub restarted: bool,
    /// When the run before last reported; calls that began earlier were that run's. None: this run is the first, or it is not
    /// known.
    pub known_until: Option<std::time::Instant>,
    /// The account after the report.
    pub resources: Vec<ResourceView>,
}

/// A report was not taken; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedbackError {
    /// A newer report was taken before.
    #[error("seq {got} is not newer than {accepted}")]
    OldSeq {
        /// The report's.
        got: u64,
        /// The newest taken.
        accepted: u64,
    },
    /// The report comes from a run of the peer that has ended.
    #[error("boot_id is that of an earlier run")]
    OldBoot,
    /// A value that cannot be.
    #[error("{0}")]
    Impossible(&'static str),
    /// No such peer is configured.
    #[error("no such peer")]
    NoSuchPeer,
}

/// What became of reports, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeedbackOutcome {
    /// Taken.
    Accepted,
    /// Refused: older than one taken before.
    OldSeq,
    /// Refused: impossible values.
    Impossible,
    /// Refused: it could not be read.
    Malformed,
    /// Refused: without the peer's token, or with another one.
    Denied,
}

impl FeedbackOutcome {
    /// All outcomes, in the order of [`FeedbackOutcome::index`].
    pub const ALL: [Self; 5] = [
        Self::Accepted,
        Self::OldSeq,
        Self::Impossible,
        Self::Malformed,
        Self::Denied,
    ];

    /// A dense number, for arrays of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// As metrics show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::OldSeq => "old_seq",
            Self::Impossible => "impossible",
            Self::Malformed => "malformed",
            Self::Denied => "denied",
        }
    }
}
