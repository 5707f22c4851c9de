//! Requests of our own within a call: the BYEs by which we end it.

use bytes::Bytes;
use std::io::Write;
use std::time::Instant;

use super::answered::Unwanted;
use super::core::{Core, CoreTimer};
use super::waiting::{Place, place_of};
use crate::balance::{EndCause, Transport};
use crate::base::limits::CLOSING_MAX;
use crate::base::transmit::ListenerId;
use crate::call::{CallEvent, CallId, CallKey, CallStage, Closing, Side};
use crate::sip::{Method, NameAddr};
use crate::transaction::{Branch, ClientRequest, Owner};

/// A BYE of ours that has no final response yet.
pub(super) struct OwnRequest {
    call: CallKey,
}

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
        let over = |call: &crate::call::Call| call.session_until.is_some_and(|until| until <= now);
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
        let none_under_way =
            |call: &crate::call::Call| call.closing.is_none_or(|closing| closing.byes == 0);
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
        let branch = self.transactions.mint_branch();
        let Some(request) = self.build_bye(key, dialog, to, branch) else {
            return;
        };
        let number = self.token() as u32;
        let opened = self
            .transactions
            .open_client(now, request, Owner::Own(number));
        if opened.is_err() {
            return;
        }
        self.own.insert(number, OwnRequest { call: key });
        let call = self.calls.get_mut(key);
        if let Some(closing) = call.and_then(|call| call.closing.as_mut()) {
            closing.byes += 1;
        }
    }

    /// `None` when the dialog is gone, or its next hop is no address.
    fn build_bye(
        &mut self,
        key: CallKey,
        dialog: usize,
        to: Side,
        branch: Branch,
    ) -> Option<ClientRequest> {
        let call = self.calls.get_mut(key)?;
        let cseq = call.cseq_mut(to.other());
        *cseq = cseq.saturating_add(1);
        let cseq = *cseq;
        let call = self.calls.get(key)?;
        let dialog = call.dialogs.get(dialog)?;
        let caller = (call.from(), call.caller_tag());
        let callee = (call.to(), dialog.callee_tag());
        let (from, recipient, target) = match to {
            Side::Caller => (callee, caller, call.caller_target()),
            Side::Callee => (caller, callee, dialog.callee_target()),
        };
        let routes = dialog.routes(to);
        let first = NameAddr::parse(first_of(routes)).map(|address| address.uri);
        let Place::At(destination) = place_of(first.unwrap_or(target)) else {
            return None;
        };
        let listener = self.setup.listener_towards(destination, ListenerId(0));
        let out = self.setup.listeners.get(usize::from(listener.0))?;
        let bye = Bye {
            target,
            via: (out.transport.via_str(), &out.advertise),
            branch: &branch,
            routes,
            from,
            to: recipient,
            call_id: call.call_id(),
            cseq,
        };
        Some(ClientRequest {
            listener,
            destination,
            branch,
            method: Method::Bye,
            payload: bye.write(),
            reliable: out.transport != Transport::Udp,
        })
    }

    /// One of our BYEs has its final response, or never will.
    pub(super) fn own_finished(&mut self, now: Instant, number: u32) {
        let Some(OwnRequest { call: key }) = self.own.remove(&number) else {
            return;
        };
        let Some(closing) = self
            .calls
            .get_mut(key)
            .and_then(|call| call.closing.as_mut())
        else {
            return;
        };
        closing.byes = closing.byes.saturating_sub(1);
        if closing.byes == 0 {
            let cause = closing.cause;
            self.end_call(now, key, cause);
        }
    }
}

/// The first value of a comma list whose values are in angle brackets.
fn first_of(routes: &[u8]) -> &[u8] {
    let end = routes
        .iter()
        .position(|byte| *byte == b'>')
        .map_or(0, |at| at + 1);
    routes.get(..end).unwrap_or_default()
}

struct Bye<'a> {
    target: &'a [u8],
    via: (&'a str, &'a str),
    branch: &'a Branch,
    routes: &'a [u8],
    from: (&'a [u8], &'a [u8]),
    to: (&'a [u8], &'a [u8]),
    call_id: &'a [u8],
    cseq: u32,
}

impl Bye<'_> {
    fn write(&self) -> Bytes {
        let mut out: Vec<u8> = Vec::with_capacity(512);
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
        put(&[
            b"BYE ",
            self.target,
            b" SIP/2.0\r\nVia: SIP/2.0/",
            self.via.0.as_bytes(),
            b" ",
        ]);
        put(&[
            self.via.1.as_bytes(),
            b";branch=",
            self.branch.as_bytes(),
            b"\r\nMax-Forwards: 70\r\n",
        ]);
        if !self.routes.is_empty() {
            put(&[b"Route: ", self.routes, b"\r\n"]);
        }
        put(&[
            b"From: <",
            self.from.0,
            b">;tag=",
            self.from.1,
            b"\r\nTo: <",
            self.to.0,
            b">;tag=",
            self.to.1,
        ]);
        put(&[b"\r\nCall-ID: ", self.call_id]);
        // Writing into memory does not fail.
        let _ = write!(
            out,
            "\r\nCSeq: {} BYE\r\nContent-Length: 0\r\n\r\n",
            self.cseq
        );
        Bytes::from(out)
    }
}
