//! What a person sees of a live call.

use std::time::{Duration, Instant};

use crate::balance::{Demand, GroupId, PeerId};

/// Names one live call for as long as the process runs: the shard in the upper 16 bits, chance in the others.
///
/// Written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

impl CallId {
    /// The shard on which the call lives.
    pub fn shard(self) -> u16 {
        (self.0 >> 48) as u16
    }

    /// Reads 16 hexadecimal digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        plain
            .then(|| u64::from_str_radix(text, 16).ok())
            .flatten()
            .map(CallId)
    }
}

impl std::fmt::Display for CallId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallStage {
    /// INVITE sent, no 2xx yet.
    Ringing,
    /// Answered.
    Up,
    /// A BYE is under way.
    Ending,
}

impl CallStage {
    /// All stages, in the order of [`CallStage::index`].
    pub const ALL: [CallStage; 3] = [CallStage::Ringing, CallStage::Up, CallStage::Ending];

    /// The word that the API and the metrics use.
    pub fn as_str(self) -> &'static str {
        match self {
            CallStage::Ringing => "ringing",
            CallStage::Up => "up",
            CallStage::Ending => "ending",
        }
    }

    /// Position in [`CallStage::ALL`].
    pub fn index(self) -> usize {
        match self {
            CallStage::Ringing => 0,
            CallStage::Up => 1,
            CallStage::Ending => 2,
        }
    }
}

/// What became of one try at one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// No final response yet.
    Pending,
    /// Answered with 2xx.
    Answered,
    /// Refused with this status.
    Status(u16),
    /// Nothing came in time.
    Timeout,
    /// The transport failed, e.g. port unreachable.
    Transport,
    /// Ended by the caller's CANCEL.
    Cancelled,
}

impl AttemptOutcome {
    /// The word that the API uses; a status is its three digits.
    pub fn to_text(self) -> String {
        match self {
            AttemptOutcome::Pending => "pending".into(),
            AttemptOutcome::Answered => "answered".into(),
            AttemptOutcome::Status(status) => status.to_string(),
            AttemptOutcome::Timeout => "timeout".into(),
            AttemptOutcome::Transport => "transport".into(),
            AttemptOutcome::Cancelled => "cancelled".into(),
        }
    }
}

/// One try at one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Who was tried; `None` for a call that leaves by its Request-URI.
    pub peer: Option<PeerId>,
    /// What became of it.
    pub outcome: AttemptOutcome,
}

/// A live call as `GET /v1/calls` shows it.
#[derive(Clone, Debug)]
pub struct CallView {
    /// Its name in the API.
    pub id: CallId,
    /// The Call-ID header's value.
    pub call_id: String,
    /// The From URI.
    pub from: String,
    /// The To URI.
    pub to: String,
    /// The group that the route named.
    pub group: Option<GroupId>,
    /// The peer that holds the call.
    pub peer: Option<PeerId>,
    /// The peer that placed the call, when it is counted there too.
    pub placed_by: Option<PeerId>,
    /// What the call takes on its peer.
    pub demand: Demand,
    /// How far it has come.
    pub stage: CallStage,
    /// When its INVITE came.
    pub since: Instant,
    /// The same, in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// The tries so far, in order.
    pub attempts: Vec<Attempt>,
    /// The 1-based number of the `[[route]]` that matched; 0 without routes.
    pub route: usize,
}

impl CallView {
    /// The call's age at `now`.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

/// Which calls a listing wants.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    /// Only calls on this peer.
    pub peer: Option<PeerId>,
    /// Only calls of this group.
    pub group: Option<GroupId>,
    /// Only calls at this stage.
    pub stage: Option<CallStage>,
    /// Only calls whose id is greater than this one (paging; ids ascend in a listing).
    pub after: Option<CallId>,
    /// At most so many.
    pub limit: usize,
}
