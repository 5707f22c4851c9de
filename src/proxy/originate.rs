//! Requests of our own within a call: the BYEs by which we end it.

use bytes::Bytes;
use std::borrow::Cow;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Instant;

use super::answered::Unwanted;
use super::core::{Core, CoreTimer};
use super::waiting::{Place, Waiting, place_of};
use crate::balance::{EndCause, Transport};
use crate::base::limits::CLOSING_MAX;
use crate::base::transmit::ListenerId;
use crate::call::{Call, CallEvent, CallId, CallKey, CallStage, Closing, Dialog, Side};
use crate::sip::{Method, NameAddr, Uri};
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

    /// Sends a BYE to one side in the other's name, at once or once the name of its next hop has been resolved.
    fn send_bye(&mut self, now: Instant, key: CallKey, dialog: usize, to: Side) {
        let Some((call, dialog)) = self
            .calls
            .get(key)
            .and_then(|call| Some((call, call.dialogs.get(dialog)?)))
        else {
            return;
        };
        let first = next_hop(call, dialog, to);
        let callee_tag = dialog.callee_tag().into();
        match place_of(first) {
            Place::At(destination) => self.send_bye_to(now, key, callee_tag, to, destination),
            Place::Name(name) => {
                let waiting = Waiting::Bye {
                    call: key,
                    callee_tag,
                    to,
                };
                if self.wait_for(now, name, waiting).is_some() {
                    self.one_bye_more(key);
                }
            }
            Place::Nowhere => {}
        }
    }

    /// The name of a BYE's next hop has been resolved, or has not.
    pub(super) fn bye_resolved(
        &mut self,
        now: Instant,
        key: CallKey,
        callee_tag: Box<[u8]>,
        to: Side,
        destination: Option<SocketAddr>,
    ) {
        if let Some(destination) = destination {
            self.send_bye_to(now, key, callee_tag, to, destination);
        }
        self.one_bye_less(now, key);
    }

    fn send_bye_to(
        &mut self,
        now: Instant,
        key: CallKey,
        callee_tag: Box<[u8]>,
        to: Side,
        destination: SocketAddr,
    ) {
        let branch = self.transactions.mint_branch();
        let Some(request) = self.build_bye(key, &callee_tag, to, branch, destination) else {
            return;
        };
        let number = self.token() as u32;
        let opened = self
            .transactions
            .open_client(now, request, Owner::Own(number));
        if opened.is_ok() {
            self.own.insert(number, OwnRequest { call: key });
            self.one_bye_more(key);
        }
    }

    /// `None` when the dialog is gone, or has no remote target.
    fn build_bye(
        &mut self,
        key: CallKey,
        callee_tag: &[u8],
        to: Side,
        branch: Branch,
        destination: SocketAddr,
    ) -> Option<ClientRequest> {
        let call = self.calls.get_mut(key)?;
        let cseq = call.cseq_mut(to.other());
        *cseq = cseq.saturating_add(1);
        let cseq = *cseq;
        let call = self.calls.get(key)?;
        let dialog = call
            .dialogs
            .iter()
            .find(|dialog| dialog.callee_tag() == callee_tag)?;
        let caller = (call.from(), call.caller_tag());
        let callee = (call.to(), dialog.callee_tag());
        let (from, recipient) = match to {
            Side::Caller => (callee, caller),
            Side::Callee => (caller, callee),
        };
        let target = target_of(call, dialog, to);
        Uri::parse(target)?;
        let listener = self.setup.listener_towards(destination, ListenerId(0));
        let out = self.setup.listeners.get(usize::from(listener.0))?;
        let (request_uri, routes) = strictly(target, dialog.routes(to));
        let bye = Bye {
            request_uri,
            via: (out.transport.via_str(), &out.advertise),
            branch: &branch,
            routes: &routes,
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
        if let Some(OwnRequest { call }) = self.own.remove(&number) {
            self.one_bye_less(now, call);
        }
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

fn target_of<'a>(call: &'a Call, dialog: &'a Dialog, side: Side) -> &'a [u8] {
    match side {
        Side::Caller => call.caller_target(),
        Side::Callee => dialog.callee_target(),
    }
}

/// The URI that a request to one side goes to first.
fn next_hop<'a>(call: &'a Call, dialog: &'a Dialog, side: Side) -> &'a [u8] {
    let first = NameAddr::parse(first_of(dialog.routes(side)));
    first.map_or(target_of(call, dialog, side), |address| address.uri)
}

/// Request-URI and route: a strict router at its head gets its own URI into the request line, and the target goes to the
/// end (RFC 3261 §12.2.1.1).
fn strictly<'a>(target: &'a [u8], routes: &'a [u8]) -> (&'a [u8], Cow<'a, [u8]>) {
    let first = first_of(routes);
    let strict = NameAddr::parse(first)
        .map(|address| address.uri)
        .filter(|uri| Uri::parse(uri).is_some_and(|uri| uri.param(b"lr").is_none()));
    let Some(request_uri) = strict else {
        return (target, Cow::Borrowed(routes));
    };
    let rest = routes.get(first.len()..).unwrap_or_default();
    let rest = rest.strip_prefix(b", ").unwrap_or(rest);
    let mut moved = rest.to_vec();
    if !moved.is_empty() {
        moved.extend_from_slice(b", ");
    }
    moved.push(b'<');
    moved.extend_from_slice(target);
    moved.push(b'>');
    (request_uri, Cow::Owned(moved))
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
    request_uri: &'a [u8],
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
            self.request_uri,
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
