//! A call: all dialogs of one INVITE to one peer. It owns the slot.

use smallvec::SmallVec;
use std::time::Instant;

use super::cookie::Side;
use super::dialog::Dialog;
use super::packed::Packed;
use super::view::{Attempt, AttemptOutcome, CallId, CallStage, CallView};
use crate::balance::{Demand, EndCause, GroupId, PeerId, Slot};
use crate::base::timers::TimerId;
use crate::transaction::ContextKey;

/// The slots of one call: on the peer that it went to, and on the peer that placed it.
#[derive(Debug, Default)]
pub struct Held {
    /// On the peer that it went to; `None` for a call that left by its Request-URI.
    pub target: Option<Slot>,
    /// On the peer that placed it, when it is counted there.
    pub placed: Option<Slot>,
}

impl Held {
    /// The call goes on without this process.
    fn outlive(self) {
        for slot in [self.target, self.placed].into_iter().flatten() {
            slot.outlive();
        }
    }

    /// Gives both back.
    fn release(self, cause: EndCause) {
        for slot in [self.target, self.placed].into_iter().flatten() {
            slot.release(cause);
        }
    }
}

/// The states of a call. Each but the last owns its slots.
#[derive(Debug)]
pub enum CallState {
    /// INVITE sent, no 2xx yet.
    Ringing(Held),
    /// Answered.
    Up(Held),
    /// A BYE is under way in its last dialog.
    Ending(Held),
    /// Over; nothing is held.
    Gone,
}

/// What moves a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// A 2xx came.
    Answered,
    /// A BYE went out in the last dialog that had none.
    ByeSent,
    /// The BYE was challenged, or another dialog of the call lives on.
    ByeUndone,
    /// It is over, for this cause.
    Ended(EndCause),
}

impl CallState {
    /// One step. Ending gives the slots back, whatever the state.
    pub fn step(self, event: CallEvent) -> CallState {
        match (self, event) {
            (CallState::Ringing(held) | CallState::Up(held), CallEvent::Answered) => {
                CallState::Up(held)
            }
            (CallState::Ending(held), CallEvent::Answered) => CallState::Up(held),
            (CallState::Up(held) | CallState::Ending(held), CallEvent::ByeSent) => {
                CallState::Ending(held)
            }
            (CallState::Up(held) | CallState::Ending(held), CallEvent::ByeUndone) => {
                CallState::Up(held)
            }
            // A BYE in an early dialog (RFC 3261 §15): the INVITE's own final response settles the call.
            (CallState::Ringing(held), CallEvent::ByeSent | CallEvent::ByeUndone) => {
                CallState::Ringing(held)
            }
            (
                CallState::Ringing(held) | CallState::Up(held) | CallState::Ending(held),
                CallEvent::Ended(cause),
            ) => {
                held.release(cause);
                CallState::Gone
            }
            (
                CallState::Gone,
                CallEvent::Answered
                | CallEvent::ByeSent
                | CallEvent::ByeUndone
                | CallEvent::Ended(_),
            ) => CallState::Gone,
        }
    }

    /// The call goes on without this process: its slots are neither given back nor dropped.
    pub(super) fn outlive(self) {
        match self {
            CallState::Ringing(held) | CallState::Up(held) | CallState::Ending(held) => {
                held.outlive();
            }
            CallState::Gone => {}
        }
    }

    /// The slots.
    pub fn held(&self) -> Option<&Held> {
        match self {
            CallState::Ringing(held) | CallState::Up(held) | CallState::Ending(held) => Some(held),
            CallState::Gone => None,
        }
    }

    /// The call goes on to another target: `next` takes the target's place, what it had comes back.
    fn move_target(&mut self, next: Option<Slot>) -> Option<Slot> {
        match self {
            CallState::Ringing(held) | CallState::Up(held) | CallState::Ending(held) => {
                std::mem::replace(&mut held.target, next)
            }
            CallState::Gone => next,
        }
    }

    /// For people.
    pub fn stage(&self) -> Option<CallStage> {
        match self {
            CallState::Ringing(_) => Some(CallStage::Ringing),
            CallState::Up(_) => Some(CallStage::Up),
            CallState::Ending(_) => Some(CallStage::Ending),
            CallState::Gone => None,
        }
    }
}

const CALL_ID: usize = 0;
const CALLER_TAG: usize = 1;
const FROM: usize = 2;
const TO: usize = 3;
const CALLER_TARGET: usize = 4;

/// The texts that every message of a call carries.
pub struct CallText<'a> {
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The From tag of the INVITE.
    pub caller_tag: &'a [u8],
    /// The From URI.
    pub from: &'a [u8],
    /// The To URI.
    pub to: &'a [u8],
    /// The Contact URI of the INVITE.
    pub caller_target: &'a [u8],
}

/// One live call.
#[derive(Debug)]
pub struct Call {
    /// Its name in the API.
    pub id: CallId,
    /// Its number in cookies; a sibling (a late answer of an abandoned peer) shares it.
    pub serial: u32,
    text: Packed<5>,
    pub(super) state: CallState,
    /// Confirmed dialogs.
    pub dialogs: SmallVec<[Dialog; 1]>,
    /// The tries so far.
    pub attempts: SmallVec<[Attempt; 2]>,
    /// The group that its route named.
    pub group: Option<GroupId>,
    /// The route's number.
    pub route: u16,
    /// What it takes.
    pub demand: Demand,
    /// When the INVITE came.
    pub since: Instant,
    /// The same in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// Highest CSeq seen from the caller and from the callee.
    pub cseq: [u32; 2],
    /// Fires at the longest life of a call; always armed.
    pub deadline: TimerId,
    /// The context of its INVITE.
    pub context: ContextKey,
    /// We are ending it ourselves.
    pub closing: Option<Closing>,
}

/// A call that we end ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The cause that its slots will come back with.
    pub cause: EndCause,
    /// BYEs of ours without a final response.
    pub byes: u32,
}

/// What a new [`Call`] starts from.
pub struct NewCall<'a> {
    /// Its texts.
    pub text: CallText<'a>,
    /// Its slots.
    pub held: Held,
    /// The group that its route named.
    pub group: Option<GroupId>,
    /// The route's number.
    pub route: u16,
    /// What it takes.
    pub demand: Demand,
    /// When the INVITE came.
    pub since: Instant,
    /// The same in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// The INVITE's CSeq.
    pub cseq: u32,
    /// The INVITE's context.
    pub context: ContextKey,
}

impl Call {
    pub(super) fn new(id: CallId, serial: u32, deadline: TimerId, new: NewCall<'_>) -> Self {
        let text = new.text;
        let text = Packed::new([
            text.call_id,
            text.caller_tag,
            text.from,
            text.to,
            text.caller_target,
        ]);
        Self {
            id,
            serial,
            text,
            state: CallState::Ringing(new.held),
            dialogs: SmallVec::new(),
            attempts: SmallVec::new(),
            group: new.group,
            route: new.route,
            demand: new.demand,
            since: new.since,
            since_unix_ms: new.since_unix_ms,
            cseq: [new.cseq, 0],
            deadline,
            context: new.context,
            closing: None,
        }
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &[u8] {
        self.text.get(CALL_ID)
    }

    /// The caller's tag.
    pub fn caller_tag(&self) -> &[u8] {
        self.text.get(CALLER_TAG)
    }

    /// The From URI.
    pub fn from(&self) -> &[u8] {
        self.text.get(FROM)
    }

    /// The To URI.
    pub fn to(&self) -> &[u8] {
        self.text.get(TO)
    }

    /// The caller's remote target: the URI of its Contact.
    pub fn caller_target(&self) -> &[u8] {
        self.text.get(CALLER_TARGET)
    }

    /// A target refresh (RFC 3261 §12.2): the caller has a new Contact.
    pub fn refresh(&mut self, target: &[u8]) {
        if self.caller_target() != target {
            self.text.set(CALLER_TARGET, target);
        }
    }

    /// The state.
    pub fn state(&self) -> &CallState {
        &self.state
    }

    /// The call goes on to another target: `next` takes the target's place, what it had comes back.
    pub fn move_target(&mut self, next: Option<Slot>) -> Option<Slot> {
        self.state.move_target(next)
    }

    /// The peer that it went to.
    pub fn peer(&self) -> Option<PeerId> {
        self.state.held()?.target.as_ref().map(Slot::peer)
    }

    /// The dialog with this callee's tag.
    pub fn dialog_mut(&mut self, callee_tag: &[u8]) -> Option<&mut Dialog> {
        self.dialogs
            .iter_mut()
            .find(|dialog| dialog.callee_tag() == callee_tag)
    }

    /// The highest CSeq seen from `side`.
    pub fn cseq_mut(&mut self, side: Side) -> &mut u32 {
        let [caller, callee] = &mut self.cseq;
        match side {
            Side::Caller => caller,
            Side::Callee => callee,
        }
    }

    /// Whether every dialog has a BYE under way.
    pub fn all_ending(&self) -> bool {
        self.dialogs.iter().all(Dialog::ending)
    }

    /// Notes a new try.
    pub fn attempt(&mut self, peer: Option<PeerId>) {
        if self.attempts.len() < crate::base::limits::ATTEMPTS_MAX {
            self.attempts.push(Attempt {
                peer,
                outcome: AttemptOutcome::Pending,
            });
        }
    }

    /// Notes how the pending try at `peer` came out.
    pub fn attempt_came_out(&mut self, peer: Option<PeerId>, outcome: AttemptOutcome) {
        let pending = |attempt: &&mut Attempt| {
            attempt.peer == peer && attempt.outcome == AttemptOutcome::Pending
        };
        if let Some(attempt) = self.attempts.iter_mut().rev().find(pending) {
            attempt.outcome = outcome;
        }
    }

    /// For people; `None` once it is gone.
    pub fn view(&self) -> Option<CallView> {
        let held = self.state.held()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(CallView {
            id: self.id,
            call_id: text(self.call_id()),
            from: text(self.from()),
            to: text(self.to()),
            group: self.group,
            peer: held.target.as_ref().map(Slot::peer),
            placed_by: held.placed.as_ref().map(Slot::peer),
            demand: self.demand.clone(),
            stage: self.state.stage()?,
            since: self.since,
            since_unix_ms: self.since_unix_ms,
            attempts: self.attempts.to_vec(),
            route: usize::from(self.route),
        })
    }
}
