//! The accounts as they stand, for the API, metrics and the operator.

use std::sync::Arc;
use std::time::Duration;

use super::ask::{Admin, EndCause, Step};
use super::drain::{Drain, DrainView};
use super::feedback::{Acceptance, FeedbackOutcome};
use super::id::{GroupId, PeerId};
use super::topology::Capacity;
use crate::base::histogram::Histogram;

/// Everything about one peer at one moment.
#[derive(Clone, Debug)]
pub struct PeerView {
    /// Its id.
    pub id: PeerId,
    /// Its name.
    pub name: Arc<str>,
    /// Its URI as configured.
    pub uri: String,
    /// The groups it serves, by name.
    pub groups: Vec<Arc<str>>,
    /// Its weight in force.
    pub weight: u32,
    /// Its rank.
    pub priority: u32,
    /// It is configured no more; the view stays until its last call has ended.
    pub removed: bool,
    /// Wanted? The operator's word.
    pub admin: Admin,
    /// Whether it is being emptied; none when nobody drains it.
    pub drain: Option<DrainView>,
    /// Alive?
    pub health: Health,
    /// Accepting? By its own reports, and not under penalty.
    pub accepting: bool,
    /// Whether it may be given a call now, were there room.
    pub eligible: bool,
    /// Why not, and what is full; short sentences. Empty when nothing stands against it.
    pub why_not: Vec<String>,
    /// The share of the calls meant for it that it gets: below 1 while it recovers.
    pub ramp: f64,
    /// How much? By resource.
    pub resources: Vec<ResourceView>,
    /// Calls that it holds without having had room for them, or that nobody asked it for.
    pub marked: u64,
    /// Its last report; none when it never sent one.
    pub feedback: Option<FeedbackView>,
    /// Its probes.
    pub probe: ProbeView,
    /// Slots granted since the process started.
    pub granted: u64,
    /// Slots released, by [`EndCause::index`].
    pub released: [u64; EndCause::ALL.len()],
    /// Selections by group, each by [`Step::index`].
    pub selections: Vec<(GroupId, Arc<str>, [u64; Step::ALL.len()])>,
    /// Reports by [`FeedbackOutcome::index`].
    pub reports: [u64; FeedbackOutcome::ALL.len()],
    /// Our count of calls less that of the peer's last complete list; none without a fresh list.
    pub drift: Option<i64>,
}

/// Alive?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Health {
    /// Nothing is known yet; it may be given calls.
    #[default]
    Unknown,
    /// It is.
    Up,
    /// It is not.
    Down,
}

impl Health {
    /// As the API shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// Whether it counts as up for metrics: nothing seen yet does.
    pub const fn is_up(self) -> bool {
        match self {
            Self::Unknown | Self::Up => true,
            Self::Down => false,
        }
    }
}

/// One resource of one peer. Units of that resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceView {
    /// Its name.
    pub name: Arc<str>,
    /// Held by calls that we know.
    pub own: u64,
    /// Held by others, by the peer's fresh report.
    pub foreign: u64,
    /// In force; `None`: unlimited. What is not offered shows as 0.
    pub capacity: Option<u32>,
    /// Left; `None`: unlimited.
    pub free: Option<u64>,
    /// 1 − free ÷ capacity; `None`: unlimited.
    pub utilisation: Option<f64>,
}

/// A peer's reports.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedbackView {
    /// Since the last one.
    pub age: Duration,
    /// The last `seq`.
    pub seq: Option<u64>,
    /// The last `boot_id`.
    pub boot_id: Option<Arc<str>>,
    /// What it said about taking calls, while that is fresh; else accepting.
    pub state: Acceptance,
    /// Whether the last report still counts.
    pub fresh: bool,
}

/// A peer's probes.
#[derive(Clone, Debug)]
pub struct ProbeView {
    /// The status of the last answer.
    pub last_status: Option<u16>,
    /// From request to answer, of the last answer.
    pub rtt: Option<Duration>,
    /// Until the next one; none when it is not probed.
    pub next_in: Option<Duration>,
    /// Probes by [`ProbeOutcome::index`].
    pub outcomes: [u64; ProbeOutcome::ALL.len()],
    /// Round trip times.
    pub rtts: Histogram,
}

/// What became of probes, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeOutcome {
    /// Answered as accepted.
    Ok,
    /// Answered 503: alive, not accepting.
    Busy,
    /// Answered with a status that is not accepted.
    Refused,
    /// Not answered, or not sent.
    Failed,
    /// Not answered, but the peer answered something else meanwhile.
    Excused,
}

impl ProbeOutcome {
    /// All outcomes, in the order of [`ProbeOutcome::index`].
    pub const ALL: [Self; 5] = [
        Self::Ok,
        Self::Busy,
        Self::Refused,
        Self::Failed,
        Self::Excused,
    ];

    /// A dense number, for arrays of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// As metrics show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Busy => "busy",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Excused => "excused",
        }
    }
}

/// What the ledger says of one peer about one imagined call.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It would get the call; among equals, it would by chance.
    Chosen,
    /// It could take the call, but another one is preferred; the sentence says by what.
    PassedOver(String),
    /// It cannot take the call; the sentences say why.
    Unfit(Vec<String>),
}

/// What the operator set for one peer through the API, for keeping over a restart.
#[derive(Clone, Debug, PartialEq)]
pub struct Overrides {
    /// The peer's name.
    pub peer: Arc<str>,
    /// The operator's word.
    pub admin: Admin,
    /// Where that is draining: since when, and until when.
    pub drain: Drain,
    /// The weight, where it was set.
    pub weight: Option<u32>,
    /// The capacities that were set.
    pub capacity: Vec<(Arc<str>, Capacity)>,
}

/// What is kept over a restart of what a peer said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The peer's name.
    pub peer: Arc<str>,
    /// The run that it is in.
    pub boot_id: Option<Arc<str>>,
    /// The last report's number.
    pub seq: Option<u64>,
    /// It says that it drains.
    pub draining: bool,
}
