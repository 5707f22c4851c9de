//! The response context (RFC 3261 §16): one request on its way, the branches it was sent on, and what came back.

use bytes::Bytes;
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::time::Instant;

use crate::balance::{Demand, EndCause, GroupId, PeerId};
use crate::base::timers::TimerId;
use crate::base::transmit::ListenerId;
use crate::call::{CallKey, CallTexts, Cookie, Side};
use crate::sip::Method;
use crate::transaction::{ClientKey, ServerKey};

/// One request on its way.
pub(super) struct Context {
    pub server: ServerKey,
    /// As it came; given up once a final response went back.
    pub request: Bytes,
    pub method: Method,
    pub listener: ListenerId,
    pub source: SocketAddr,
    /// Where its responses go.
    pub reply_to: SocketAddr,
    pub since: Instant,
    pub purpose: Purpose,
    /// The group whose counters it is under.
    pub group: Option<GroupId>,
    pub branches: SmallVec<[BranchState; 1]>,
    /// Addresses of the target that have not been tried.
    pub alternatives: SmallVec<[SocketAddr; 2]>,
    /// The best final response so far.
    pub best: Option<Collected>,
    /// Challenges of other 401 and 407 responses, whole header lines (RFC 3261 §16.7 step 7).
    pub challenges: Vec<u8>,
    /// Set once the call is not wanted any more; the cause its slot will come back with.
    pub cancelled: Option<EndCause>,
    /// A final response went back.
    pub settled: bool,
    /// Hashes of the To tags of the 2xx that came: a retransmission makes no dialog again, least of all one that has ended.
    pub answered_tags: SmallVec<[u64; 1]>,
    /// A provisional response above 100 went back.
    pub rang: bool,
    /// `timers.try` until the peer's first sign, then Timer C.
    pub timer: Option<TimerId>,
    /// Waits for addresses, under this token.
    pub resolving: Option<u64>,
}

/// What a request is about.
pub(super) enum Purpose {
    /// It may begin a call.
    Call {
        key: CallKey,
        /// The call's number in cookies.
        serial: u32,
        /// What the call takes.
        demand: Demand,
        /// The peer that placed it, when it is counted there.
        placed_by: Option<PeerId>,
        /// The call's texts: a late answer makes a call of its own, maybe when the first one is over.
        texts: CallTexts,
        ladder: Option<Ladder>,
    },
    /// It is within a dialog.
    InDialog {
        call: Option<CallKey>,
        /// Which of the two sent it.
        side: Side,
        callee_tag: Box<[u8]>,
        /// What names its call, while we hold no such call.
        cookie: Option<Box<Cookie>>,
    },
    /// Neither: REGISTER, MESSAGE, and so on, dispatched.
    Plain { ladder: Option<Ladder> },
}

/// Where a request stands on the ladder of its group.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    pub group: GroupId,
    pub demand: Demand,
    pub overflow: bool,
    pub tried: SmallVec<[PeerId; 4]>,
    /// Peers tried in this group.
    pub attempts: u32,
    pub rung: Rung,
    /// Groups gone to by `exhausted`; bounds what a cycle of groups could do.
    pub hops: u8,
    /// Where the ladders that led to this group go on once it has nobody either; at most `hops` long.
    pub above: SmallVec<[Above; 1]>,
}

/// A ladder that was left for another group's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Above {
    pub group: GroupId,
    pub attempts: u32,
    /// Its next step of `exhausted`.
    pub next: usize,
}

/// A rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    Balance,
    Overflow,
    /// This step of the group's `exhausted`.
    Exhausted(usize),
}

impl Ladder {
    pub fn new(group: GroupId, demand: Demand, overflow: bool) -> Self {
        Self {
            group,
            demand,
            overflow,
            tried: SmallVec::new(),
            attempts: 0,
            rung: Rung::Balance,
            hops: 0,
            above: SmallVec::new(),
        }
    }
}

/// One branch: the request as it was sent to one target.
pub(super) struct BranchState {
    pub client: ClientKey,
    pub peer: Option<PeerId>,
    pub phase: Phase,
}

impl BranchState {
    /// Whether nothing more will come on it.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether it is waited for.
    pub fn is_live(&self) -> bool {
        match self.phase {
            Phase::Waiting | Phase::Proceeding => true,
            Phase::Abandoned | Phase::Succeeded | Phase::Closed => false,
        }
    }
}

/// How far a branch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing came yet.
    Waiting,
    /// A provisional response came.
    Proceeding,
    /// Given up in favour of another, yet it may still answer.
    Abandoned,
    /// A 2xx came; more may (forks, retransmissions).
    Succeeded,
    /// Nothing more will come.
    Closed,
}

/// A final response that may go back.
pub(super) struct Collected {
    pub status: u16,
    /// The group's rules took it for a failure of that peer, for which another was asked.
    pub peers_fault: bool,
    /// Ready to be sent, our own Via taken off.
    pub payload: Bytes,
}

impl Context {
    /// The ladder, when it has one.
    pub fn ladder(&self) -> Option<&Ladder> {
        match &self.purpose {
            Purpose::Call { ladder, .. } | Purpose::Plain { ladder } => ladder.as_ref(),
            Purpose::InDialog { .. } => None,
        }
    }

    /// The ladder, when it has one.
    pub fn ladder_mut(&mut self) -> Option<&mut Ladder> {
        match &mut self.purpose {
            Purpose::Call { ladder, .. } | Purpose::Plain { ladder } => ladder.as_mut(),
            Purpose::InDialog { .. } => None,
        }
    }

    /// The call that it began.
    pub fn call(&self) -> Option<CallKey> {
        match &self.purpose {
            Purpose::Call { key, .. } => Some(*key),
            Purpose::InDialog { .. } | Purpose::Plain { .. } => None,
        }
    }

    /// Whether nothing more will come on any branch.
    pub fn all_closed(&self) -> bool {
        self.branches.iter().all(BranchState::is_closed)
    }

    /// Keeps `response` if it is better than what is there (RFC 3261 §16.7 step 6); says whether it did.
    pub fn collect(&mut self, response: Collected) -> bool {
        let better = |best: &Collected| response.rank() < best.rank();
        let kept = self.best.as_ref().is_none_or(better);
        if kept {
            self.best = Some(response);
        }
        kept
    }
}

impl Collected {
    /// Lower is better. What a peer was failed for speaks of that peer alone: any other answer is the callee's own.
    fn rank(&self) -> (bool, u16) {
        (self.peers_fault, rank(self.status))
    }
}

/// Lower is better: 6xx settles for all; then the lowest class, in 4xx those first that tell the caller what to do;
/// 503 last, since it speaks of one peer and not of us.
fn rank(status: u16) -> u16 {
    match status {
        600..=699 => 0,
        503 => 900,
        401 | 407 | 415 | 420 | 484 => 400,
        400..=499 => 401,
        300..=399 | 500..=599 => status / 100 * 100,
        _ => 800,
    }
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn the_best_response_is_chosen_as_the_rfc_says() {
        let order = [603, 302, 407, 486, 500, 408, 503];
        let best = |a: u16, b: u16| if rank(a) <= rank(b) { a } else { b };
        assert_eq!(best(603, 302), 603);
        assert_eq!(best(302, 407), 302);
        assert_eq!(best(486, 407), 407);
        assert_eq!(best(500, 486), 486);
        assert_eq!(best(503, 500), 500);
        for status in order {
            assert_eq!(best(status, 503), status);
        }
    }
}
