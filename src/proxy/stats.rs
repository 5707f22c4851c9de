//! What the core counts: plain numbers, one set a shard, summed at scrape.

use std::collections::BTreeMap;

use super::port::Reply;
use crate::balance::{GroupId, PeerId};
use crate::base::histogram::Histogram;
use crate::sip::{Message, Method};

/// Upper bounds of the call set-up histograms, seconds.
pub const SETUP_BOUNDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 180.0,
];

/// The kinds of message that are counted apart: every method, then 1xx to 6xx.
pub const KINDS: usize = Method::COUNT + 6;

/// The label of a kind, e.g. `INVITE` or `2xx`.
pub fn kind_label(kind: usize) -> &'static str {
    const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"];
    match kind.checked_sub(Method::COUNT) {
        None => Method::ALL[kind].as_str(),
        Some(class) => CLASSES[class.min(5)],
    }
}

/// The kind of a message.
pub fn kind_of(message: &Message<'_>) -> usize {
    if message.is_request() {
        message.method().index()
    } else {
        kind_of_status(message.status())
    }
}

/// The kind of a message of ours, by its first word.
pub(super) fn kind_of_payload(payload: &[u8]) -> usize {
    match payload {
        [
            b'S',
            b'I',
            b'P',
            b'/',
            b'2',
            b'.',
            b'0',
            b' ',
            class @ b'1'..=b'6',
            ..,
        ] => Method::COUNT + usize::from(class - b'1'),
        _ => Method::of(
            payload
                .split(|byte| *byte == b' ')
                .next()
                .unwrap_or_default(),
        )
        .index(),
    }
}

/// The kind of a response with this status.
pub fn kind_of_status(status: u16) -> usize {
    Method::COUNT + usize::from((status / 100).clamp(1, 6) - 1)
}

/// Why a message was dropped without an answer, or answered without being acted upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Not SIP, or too broken to answer.
    Malformed,
    /// From a source that may not call, with `trust.unknown = "drop"`.
    Untrusted,
    /// More new calls a second from one source than it may send.
    RateLimited,
    /// A response that no client transaction waits for.
    StrayResponse,
    /// An ACK that belongs to no dialog of ours.
    StrayAck,
    /// No room for another transaction.
    TableFull,
    /// A host name that did not resolve.
    Unresolved,
    /// An INVITE that more came than could be done; answered with 503.
    Shed,
    /// The same, without an answer.
    ShedUnanswered,
}

impl DropReason {
    /// All reasons, in the order of [`DropReason::index`].
    pub const ALL: [DropReason; 9] = [
        DropReason::Malformed,
        DropReason::Untrusted,
        DropReason::RateLimited,
        DropReason::StrayResponse,
        DropReason::StrayAck,
        DropReason::TableFull,
        DropReason::Unresolved,
        DropReason::Shed,
        DropReason::ShedUnanswered,
    ];

    /// Position in [`DropReason::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::Malformed => "malformed",
            DropReason::Untrusted => "untrusted",
            DropReason::RateLimited => "rate_limited",
            DropReason::StrayResponse => "stray_response",
            DropReason::StrayAck => "stray_ack",
            DropReason::TableFull => "table_full",
            DropReason::Unresolved => "unresolved",
            DropReason::Shed => "shed",
            DropReason::ShedUnanswered => "shed_unanswered",
        }
    }
}

/// How a new call ended its set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A 2xx went to the caller.
    Answered,
    /// The callee, or a rule, refused it.
    Rejected,
    /// The caller gave up.
    Cancelled,
    /// Peers failed, or nobody answered in time.
    Failed,
    /// No peer had room, or none was well.
    Exhausted,
}

impl Outcome {
    /// All outcomes, in the order of [`Outcome::index`].
    pub const ALL: [Outcome; 5] = [
        Outcome::Answered,
        Outcome::Rejected,
        Outcome::Cancelled,
        Outcome::Failed,
        Outcome::Exhausted,
    ];

    /// Position in [`Outcome::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::Rejected => "rejected",
            Outcome::Cancelled => "cancelled",
            Outcome::Failed => "failed",
            Outcome::Exhausted => "exhausted",
        }
    }
}

/// Why a call went on to the next peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailoverReason {
    /// Nothing came within `timers.try`.
    Timeout,
    /// The transport failed.
    Transport,
    /// A covered status.
    Status(u16),
}

impl FailoverReason {
    /// The metric's label: `timeout`, `transport`, or the status.
    pub fn to_text(self) -> String {
        match self {
            FailoverReason::Timeout => "timeout".into(),
            FailoverReason::Transport => "transport".into(),
            FailoverReason::Status(status) => status.to_string(),
        }
    }
}

/// What a check of a dialog came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The peer knows the dialog.
    Alive,
    /// It does not: 481, or 408.
    Forgotten,
    /// It said nothing.
    Silent,
    /// The request could not be delivered.
    Unreachable,
}

impl CheckOutcome {
    /// All outcomes, in the order of [`CheckOutcome::index`].
    pub const ALL: [CheckOutcome; 4] = [
        CheckOutcome::Alive,
        CheckOutcome::Forgotten,
        CheckOutcome::Silent,
        CheckOutcome::Unreachable,
    ];

    /// What an answer means. A dialog that is refused anything, even everything, is known.
    pub fn of(reply: Reply) -> Self {
        match reply {
            Reply::Status(408 | 481) => CheckOutcome::Forgotten,
            Reply::Status(_) => CheckOutcome::Alive,
            Reply::Silence => CheckOutcome::Silent,
            Reply::Unreachable => CheckOutcome::Unreachable,
        }
    }

    /// Whether the dialog lives.
    pub fn shows_life(self) -> bool {
        self == CheckOutcome::Alive
    }

    /// Position in [`CheckOutcome::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckOutcome::Alive => "alive",
            CheckOutcome::Forgotten => "forgotten",
            CheckOutcome::Silent => "silent",
            CheckOutcome::Unreachable => "unreachable",
        }
    }
}

/// What is counted for one group.
#[derive(Clone, Debug)]
pub struct GroupStats {
    /// Calls by [`Outcome::index`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Live calls by [`crate::call::CallStage::index`].
    pub active: [u64; 3],
    /// INVITE to the first 18x or 2xx.
    pub setup_seconds: Histogram,
    /// INVITE to 2xx.
    pub answer_seconds: Histogram,
}

impl Default for GroupStats {
    fn default() -> Self {
        Self {
            outcomes: [0; Outcome::ALL.len()],
            active: [0; 3],
            setup_seconds: Histogram::new(SETUP_BOUNDS),
            answer_seconds: Histogram::new(SETUP_BOUNDS),
        }
    }
}

/// One shard's counters. Calls that no group's route took stand under `None`.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Messages in, by [`kind_of`].
    pub received: [u64; KINDS],
    /// Messages out, by [`kind_of`]; retransmissions included.
    pub sent: [u64; KINDS],
    /// Dropped, by [`DropReason::index`].
    pub dropped: [u64; DropReason::ALL.len()],
    /// Checks of dialogs, by [`CheckOutcome::index`].
    pub checks: [u64; CheckOutcome::ALL.len()],
    /// By group.
    pub groups: BTreeMap<Option<GroupId>, GroupStats>,
    /// Failovers away from a peer.
    pub failovers: BTreeMap<(Option<GroupId>, PeerId, FailoverReason), u64>,
    /// Live transactions, client and server.
    pub transactions: u64,
    /// Requests and responses sent again by timers.
    pub retransmitted: u64,
    /// Retransmissions from others that went no further.
    pub absorbed: u64,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            received: [0; KINDS],
            sent: [0; KINDS],
            dropped: [0; DropReason::ALL.len()],
            checks: [0; CheckOutcome::ALL.len()],
            groups: BTreeMap::new(),
            failovers: BTreeMap::new(),
            transactions: 0,
            retransmitted: 0,
            absorbed: 0,
        }
    }
}

impl Stats {
    /// The group's counters.
    pub fn group(&mut self, group: Option<GroupId>) -> &mut GroupStats {
        self.groups.entry(group).or_default()
    }

    /// One message was dropped.
    pub fn dropped(&mut self, reason: DropReason) {
        self.dropped[reason.index()] += 1;
    }

    /// Adds another shard's numbers.
    pub fn merge(&mut self, other: &Stats) {
        let add =
            |into: &mut [u64], from: &[u64]| into.iter_mut().zip(from).for_each(|(a, b)| *a += b);
        add(&mut self.received, &other.received);
        add(&mut self.sent, &other.sent);
        add(&mut self.dropped, &other.dropped);
        add(&mut self.checks, &other.checks);
        for (group, theirs) in &other.groups {
            let ours = self.group(*group);
            add(&mut ours.outcomes, &theirs.outcomes);
            add(&mut ours.active, &theirs.active);
            ours.setup_seconds.merge(&theirs.setup_seconds);
            ours.answer_seconds.merge(&theirs.answer_seconds);
        }
        for (key, count) in &other.failovers {
            *self.failovers.entry(*key).or_default() += count;
        }
        self.transactions += other.transactions;
        self.retransmitted += other.retransmitted;
        self.absorbed += other.absorbed;
    }
}
