//! Calls that we end ourselves, by BYE to both sides.

use std::time::Instant;

use super::answered::Unwanted;
use super::core::{Core, CoreTimer};
use crate::balance::EndCause;
use crate::base::limits::CLOSING_MAX;
use crate::call::{Call, CallEvent, CallId, CallKey, CallStage, Closing, Side};

/// The sides of a dialog.
pub(super) const BOTH: [Side; 2] = [Side::Caller, Side::Callee];

impl Core {
    /// The operator ends a call; false when there is none.
    pub(super) fn end_by_operator(&mut self, now: Instant, id: CallId) -> bool {
        let Some(call) = self.calls.key_of(id) else {
            return false;
        };
        self.close(now, call, EndCause::EndedByOperator);
        true
    }

    /// A call's longest life is over; or what we did to end it took too long.
    pub(super) fn call_deadline(&mut self, now: Instant, call: CallKey) {
        match self.calls.get(call).map(|call| call.closing) {
            Some(Some(closing)) => self.end_call(now, call, closing.cause),
            Some(None) if self.session_is_over(now, call) => {
                // Neither side has refreshed it, so neither is waited for.
                self.say_bye(now, call, EndCause::Expired, 0, &BOTH);
                self.end_call(now, call, EndCause::Expired);
            }
            Some(None) => self.close(now, call, EndCause::Expired),
            None => {}
        }
    }

    fn session_is_over(&self, now: Instant, call: CallKey) -> bool {
        let over = |call: &Call| call.session_until.is_some_and(|until| until <= now);
        self.calls
            .get(call)
            .is_some_and(|call| over(call) && call.is_up())
    }

    /// Ends a call from here: CANCEL while it rings, else BYE to both sides. It is over when all have answered or fallen silent.
    pub(super) fn close(&mut self, now: Instant, key: CallKey, cause: EndCause) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        if call.closing.is_some() {
            return;
        }
        call.closing = Some(Closing { cause, byes: 0 });
        let (before, context) = (call.deadline, call.context);
        self.timers.cancel(before);
        let deadline = self.timers.arm(now + CLOSING_MAX, CoreTimer::Call(key));
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.deadline = deadline;
        match call.state().stage() {
            Some(CallStage::Ringing) => self.cancel_branches(now, context, cause),
            Some(CallStage::Up | CallStage::Ending) => self.hang_up(now, key, cause, 0),
            None => {}
        }
    }

    /// A call that was answered although we had ended it: the answer has gone to the caller, so both sides get BYE.
    pub(super) fn hang_up_unwanted(&mut self, now: Instant, unwanted: &Unwanted) {
        let Unwanted { call: key, cause } = *unwanted;
        let Some(call) = self.calls.get(key) else {
            return;
        };
        if call.closing.is_none() {
            return self.close(now, key, cause);
        }
        // Other dialogs of the call have had their BYEs.
        let last = call.dialogs.len().saturating_sub(1);
        self.hang_up(now, key, cause, last);
    }

    fn hang_up(&mut self, now: Instant, key: CallKey, cause: EndCause, from: usize) {
        self.say_bye(now, key, cause, from, &BOTH);
        self.calls.step(key, CallEvent::ByeSent);
        let none_under_way = |call: &Call| call.closing.is_none_or(|closing| closing.byes == 0);
        if self.calls.get(key).is_some_and(none_under_way) {
            self.end_call(now, key, cause);
        }
    }

    pub(super) fn one_bye_more(&mut self, key: CallKey) {
        let call = self.calls.get_mut(key);
        if let Some(closing) = call.and_then(|call| call.closing.as_mut()) {
            closing.byes += 1;
        }
    }

    pub(super) fn one_bye_less(&mut self, now: Instant, key: CallKey) {
        let call = self.calls.get_mut(key);
        let Some(closing) = call.and_then(|call| call.closing.as_mut()) else {
            return;
        };
        closing.byes = closing.byes.saturating_sub(1);
        if closing.byes == 0 {
            let cause = closing.cause;
            self.end_call(now, key, cause);
        }
    }
}
