//! Calls that we end ourselves, by BYE to both sides.

use std::time::Instant;

use super::answered::Unwanted;
use super::core::{Core, CoreTimer};
use super::own_request::{OwnRequest, What};
use crate::balance::EndCause;
use crate::base::limits::CLOSING_MAX;
use crate::call::{Call, CallEvent, CallId, CallKey, CallStage, Closing, Side};

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
                self.say_bye(now, call, 0);
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
    fn close(&mut self, now: Instant, key: CallKey, cause: EndCause) {
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
        self.say_bye(now, key, from);
        self.calls.step(key, CallEvent::ByeSent);
        let none_under_way = |call: &Call| call.closing.is_none_or(|closing| closing.byes == 0);
        if self.calls.get(key).is_some_and(none_under_way) {
            self.end_call(now, key, cause);
        }
    }

    /// BYE to both sides of every dialog from this one on.
    fn say_bye(&mut self, now: Instant, key: CallKey, from: usize) {
        let dialogs = self.calls.get(key).map_or(0, |call| call.dialogs.len());
        for dialog in from..dialogs {
            for to in [Side::Caller, Side::Callee] {
                self.send_bye(now, key, dialog, to);
            }
        }
    }

    /// Sends a BYE to one side in the other's name.
    fn send_bye(&mut self, now: Instant, key: CallKey, dialog: usize, to: Side) {
        let call = self.calls.get(key);
        let Some(dialog) = call.and_then(|call| call.dialogs.get(dialog)) else {
            return;
        };
        let own = OwnRequest {
            call: key,
            callee_tag: dialog.callee_tag().into(),
            to,
            what: What::Bye,
        };
        if self.start_own(now, own) {
            self.one_bye_more(key);
        }
    }

    /// A BYE of ours has its final response, or never will.
    pub(super) fn bye_came_out(&mut self, now: Instant, own: &OwnRequest) {
        self.one_bye_less(now, own.call);
    }

    fn one_bye_more(&mut self, key: CallKey) {
        let call = self.calls.get_mut(key);
        if let Some(closing) = call.and_then(|call| call.closing.as_mut()) {
            closing.byes += 1;
        }
    }

    fn one_bye_less(&mut self, now: Instant, key: CallKey) {
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
