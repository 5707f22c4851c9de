//! What goes into the core and what comes out of it: values only.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::setup::Setup;
use super::stats::{FailoverReason, Outcome, Stats};
use crate::balance::{EndCause, GroupId, PeerId, Transport};
use crate::base::transmit::{ListenerId, Transmit};
use crate::call::{Attempt, CallFilter, CallId, CallRecord, CallView, Side};

/// One thing that happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram came in.
    Datagram {
        /// On this listener.
        listener: ListenerId,
        /// From here.
        source: SocketAddr,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// A datagram came in while more comes than one core can do: an INVITE for a new call may be refused out of hand.
    Pressed {
        /// On this listener.
        listener: ListenerId,
        /// From here.
        source: SocketAddr,
        /// Its bytes.
        bytes: &'a [u8],
        /// How many of the new calls are too many.
        excess: Excess,
    },
    /// The network gave a datagram of ours back: nobody listens at `destination`.
    Unreachable {
        /// Where it was sent.
        destination: SocketAddr,
        /// The datagram as the error queue returned it, maybe cut short.
        bytes: &'a [u8],
    },
    /// The moment of [`super::Core::poll_timeout`] has come.
    Timeout,
    /// The answer to [`Output::Resolve`].
    Resolved {
        /// As it was asked.
        token: u64,
        /// In order of preference; empty when there is none.
        addresses: Vec<SocketAddr>,
    },
    /// A new configuration, whole.
    Setup(Arc<Setup>),
    /// Somebody asks.
    Command {
        /// Comes back in [`Output::Answer`].
        token: u64,
        /// What is asked.
        command: Command,
    },
}

/// Shares of the new calls, each from 0 to 1, that there is no time for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Excess {
    /// Refused, those that get no answer included.
    pub refused: f64,
    /// Passed over without an answer.
    pub unanswered: f64,
}

/// A question or an order from the API.
#[derive(Clone, Debug)]
pub enum Command {
    /// List live calls, ids ascending.
    Calls(CallFilter),
    /// One live call.
    Call(CallId),
    /// End it: BYE to both sides, or CANCEL.
    EndCall(CallId),
    /// The counters.
    Stats,
    /// From now on every new call gets 503.
    Stop,
    /// These calls were up when the process stopped. Those of other shards are passed over.
    Restore(Arc<[CallRecord]>),
    /// Everything that is saved, anew: a [`Persist::Call`] for every call that is up.
    PersistAll,
    /// The peer restarted: the calls of the run before are over.
    PeerRestarted {
        /// The peer.
        peer: PeerId,
        /// When that run was last known to go on; `None`: not known.
        known_until: Option<Instant>,
        /// The Call-IDs that the new run says it has.
        calls: Option<Arc<HashSet<Vec<u8>>>>,
    },
    /// The peer is dead.
    PeerDied(PeerId),
    /// When the calls of this peer began.
    Begun(PeerId),
    /// End the calls of this peer, or many of them: BYE to both sides, or CANCEL. Nothing, where the deadline of its drain is
    /// not this one any more.
    Empty {
        /// The peer.
        peer: PeerId,
        /// The deadline that is over.
        deadline: Instant,
    },
    /// The peer's complete list of Call-IDs.
    PeerCalls {
        /// The peer.
        peer: PeerId,
        /// The Call-IDs.
        calls: Arc<HashSet<Vec<u8>>>,
    },
}

/// The answer to a [`Command`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Command::Calls`].
    Calls(Vec<CallView>),
    /// To [`Command::Call`].
    Call(Option<Box<CallView>>),
    /// To [`Command::EndCall`]: whether there was such a call.
    Ended(bool),
    /// To [`Command::Begun`]: milliseconds since 1970.
    Begun(Vec<u64>),
    /// To [`Command::Stats`].
    Stats(Box<Stats>),
    /// To [`Command::Stop`].
    Stopped,
    /// To the others: how many calls it concerned.
    Done(usize),
}

/// One thing to be done outside.
#[derive(Debug)]
pub enum Output {
    /// Send a datagram.
    Transmit(Transmit),
    /// Find the addresses of a host (RFC 3263); answered by [`Input::Resolved`].
    Resolve {
        /// Comes back with the answer.
        token: u64,
        /// A host name.
        host: String,
        /// The port that the URI named.
        port: Option<u16>,
        /// The transport that the URI named.
        transport: Transport,
    },
    /// Something that people want to know.
    Notice(Notice),
    /// Rows of calls are to be written, or deleted.
    Persist(Vec<Persist>),
    /// The answer to a command.
    Answer {
        /// As it was asked.
        token: u64,
        /// The answer.
        answer: Answer,
    },
}

/// A change of what is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Persist {
    /// This call is up, and so; it replaces what was saved under its id.
    Call(Box<CallRecord>),
    /// This call is over.
    Gone(CallId),
}

/// Something that people want to know.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A call went on to another peer.
    FailedOver {
        /// The call.
        call: CallId,
        /// The group that it was for.
        group: Option<GroupId>,
        /// The peer that failed.
        from: PeerId,
        /// The peer that has it now; `None` when no other could take it.
        to: Option<PeerId>,
        /// Why.
        reason: FailoverReason,
    },
    /// A new call found no peer.
    Exhausted {
        /// The group that it was for.
        group: GroupId,
    },
    /// The set-up of a call failed, was refused by a route, or needed more than one try.
    Decided(Box<Decided>),
    /// A call ended otherwise than by a BYE of its own.
    Ended(Box<Ended>),
    /// A peer has died, and its calls are to be ended: here they are, other shards are to be told. Said again at each
    /// probe that it leaves unanswered.
    PeerDied(PeerId),
}

/// A decision that did not succeed at the first try.
#[derive(Clone)]
pub struct Decided {
    /// The call; none where the routes refused it.
    pub call: Option<CallId>,
    /// Its Call-ID, maybe cut short.
    pub call_id: String,
    /// The group that it was for.
    pub group: Option<GroupId>,
    /// The 1-based number of the route; 0: none.
    pub route: usize,
    /// The tries, in order.
    pub attempts: Vec<Attempt>,
    /// Where it failed: why no other peer of the group took it.
    pub others: Vec<(PeerId, Vec<String>)>,
    /// How it came out.
    pub outcome: Outcome,
    /// The final answer to the caller.
    pub status: u16,
    /// Decisions of this kind before it that were not told: there were too many in one second.
    pub unseen: u64,
}

/// The Call-ID stays out of logs.
impl std::fmt::Debug for Decided {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decided")
            .field("call", &self.call)
            .field("outcome", &self.outcome)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A call that ended otherwise than by a BYE of its own.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The call.
    pub call: CallId,
    /// The group that it was for.
    pub group: Option<GroupId>,
    /// The peer that it went to.
    pub peer: Option<PeerId>,
    /// What its slots came back for.
    pub cause: EndCause,
    /// What the peer said when it was asked within the dialog, where that ended the call.
    pub check: Option<Reply>,
    /// The BYEs by which we ended it.
    pub legs: Vec<Leg>,
}

/// A BYE of ours to one side of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Who got it.
    pub to: Side,
    /// What became of it; `None`: it could not be sent.
    pub bye: Option<Reply>,
}

/// What became of a request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// This final response came.
    Status(u16),
    /// Nothing came in time (Timer F).
    Silence,
    /// It could not be delivered.
    Unreachable,
}
