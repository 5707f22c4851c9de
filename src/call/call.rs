//! A call: all dialogs of one INVITE to one peer. It owns the slot.

use smallvec::SmallVec;
use std::time::Instant;

use super::cookie::Side;
use super::dialog::Dialog;
use super::record::CallRecord;
use super::state::{CallState, Held};
use super::texts::CallTexts;
use super::view::{Attempt, AttemptOutcome, CallId, CallView};
use crate::balance::{Demand, EndCause, GroupId, PeerId, Slot};
use crate::base::timers::TimerId;
use crate::transaction::ContextKey;

/// One live call.
#[derive(Debug)]
pub struct Call {
    /// Its name in the API.
    pub id: CallId,
    /// Its number in cookies; a sibling (a late answer of an abandoned peer) shares it.
    pub serial: u32,
    texts: CallTexts,
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
    /// The end of its longest life.
    pub ends_at: Instant,
    /// The end of its session unless it is refreshed (RFC 4028), grace included.
    pub session_until: Option<Instant>,
    /// When a message of it came last.
    pub heard: Instant,
    /// So many of the peer's complete lists in a row lacked it.
    pub lists_without: u8,
    /// A row of it has been handed out to be saved.
    pub saved: bool,
    /// It has changed since.
    pub unsaved: bool,
    /// How its check by a request of ours within its dialogs stands.
    pub checked: Checked,
}

/// A call's check: whether its peer still knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// None is to come.
    Never,
    /// The next one comes when `timer` fires, unless the call was heard of after `since`.
    Due {
        /// Armed.
        timer: TimerId,
        /// When the call was last known to live, as far as this check goes.
        since: Instant,
        /// The last one could not be delivered.
        unreachable: bool,
    },
    /// So many requests of ours have no final response yet.
    Asking {
        /// At least one.
        open: u8,
        /// The check before could not be delivered.
        unreachable: bool,
        /// Nor could this one, at least in part.
        again: bool,
    },
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
pub struct NewCall {
    /// Its texts.
    pub texts: CallTexts,
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
    /// The end of its longest life.
    pub ends_at: Instant,
}

/// A call that was up when the process stopped.
pub struct Restored<'a> {
    /// What was saved of it.
    pub record: &'a CallRecord,
    /// Its slots, charged anew.
    pub held: Held,
    /// Its group, if it is still there.
    pub group: Option<GroupId>,
    /// What it takes.
    pub demand: Demand,
    /// When its INVITE came.
    pub since: Instant,
    /// The end of its session.
    pub session_until: Option<Instant>,
    /// The end of its longest life.
    pub ends_at: Instant,
    /// When it was taken up.
    pub now: Instant,
}

impl Call {
    pub(super) fn new(id: CallId, serial: u32, deadline: TimerId, new: NewCall) -> Self {
        Self {
            id,
            serial,
            texts: new.texts,
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
            ends_at: new.ends_at,
            session_until: None,
            heard: new.since,
            lists_without: 0,
            saved: false,
            unsaved: false,
            checked: Checked::Never,
        }
    }

    /// A call as it was saved, up.
    pub(super) fn restored(
        id: CallId,
        deadline: TimerId,
        context: ContextKey,
        from: Restored<'_>,
    ) -> Self {
        let record = from.record;
        let new = NewCall {
            texts: record.texts.clone(),
            held: from.held,
            group: from.group,
            route: record.route,
            demand: from.demand,
            since: from.since,
            since_unix_ms: record.since_unix_ms,
            cseq: 0,
            context,
            ends_at: from.ends_at,
        };
        let mut call = Self::new(id, record.serial, deadline, new);
        call.cseq = record.cseq;
        call.session_until = from.session_until;
        call.heard = from.now;
        call.saved = true;
        call.dialogs = record.dialogs.iter().map(Dialog::from).collect();
        call
    }

    /// Whether it has been answered.
    pub fn is_up(&self) -> bool {
        match self.state {
            CallState::Up(_) | CallState::Ending(_) => true,
            CallState::Ringing(_) | CallState::Gone => false,
        }
    }

    /// Its texts.
    pub fn texts(&self) -> &CallTexts {
        &self.texts
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &[u8] {
        self.texts.call_id()
    }

    /// The caller's tag.
    pub fn caller_tag(&self) -> &[u8] {
        self.texts.caller_tag()
    }

    /// The From URI.
    pub fn from(&self) -> &[u8] {
        self.texts.from()
    }

    /// The To URI.
    pub fn to(&self) -> &[u8] {
        self.texts.to()
    }

    /// The caller's remote target: the URI of its Contact.
    pub fn caller_target(&self) -> &[u8] {
        self.texts.caller_target()
    }

    /// A target refresh (RFC 3261 §12.2): the caller has a new Contact.
    pub fn refresh(&mut self, target: &[u8]) {
        self.texts.refresh(target);
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
