//! The states of a call: a step consumes one and gives the next, and the slots go with it.

use super::view::CallStage;
use crate::balance::{EndCause, Slot};

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
    pub(super) fn move_target(&mut self, next: Option<Slot>) -> Option<Slot> {
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
