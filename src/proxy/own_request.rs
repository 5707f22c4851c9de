//! Requests of our own within a dialog, each sent to one side in the other's name.

use bytes::Bytes;
use std::borrow::Cow;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Instant;

use super::core::Core;
use super::port::Reply;
use super::waiting::{Place, Waiting, place_of};
use crate::balance::Transport;
use crate::base::transmit::ListenerId;
use crate::call::{Call, CallId, CallKey, Dialog, Side};
use crate::sip::{Method, NameAddr, Uri};
use crate::transaction::{Branch, ClientRequest, Owner};

/// A request of ours that has no final response yet.
pub(super) struct OwnRequest {
    pub call: CallKey,
    pub callee_tag: Box<[u8]>,
    /// Who gets it.
    pub to: Side,
    pub what: What,
}

/// What a request of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A BYE: it ends the dialog.
    Bye {
        /// The call under whose name it is told what came of it.
        of: CallId,
        /// Which of that call's BYEs it is.
        leg: usize,
    },
    /// An OPTIONS: it asks whether the dialog is still known.
    Check,
}

impl Core {
    /// Sends a request of ours, at once or once the name of its next hop has been resolved. False: it cannot be sent.
    pub(super) fn start_own(&mut self, now: Instant, own: OwnRequest) -> bool {
        let place = match self.dialog_of(&own) {
            Some((call, dialog)) => place_of(next_hop(call, dialog, own.to)),
            None => return false,
        };
        match place {
            Place::At(destination) => self.send_own(now, own, destination).is_ok(),
            Place::Name(name) => self.wait_for(now, name, Waiting::Own(own)).is_some(),
            Place::Nowhere => false,
        }
    }

    /// The name of its next hop has been resolved, or has not.
    pub(super) fn own_resolved(
        &mut self,
        now: Instant,
        own: OwnRequest,
        destination: Option<SocketAddr>,
    ) {
        let sent = match destination {
            Some(destination) => self.send_own(now, own, destination),
            None => Err(own),
        };
        if let Err(own) = sent {
            self.own_came_out(now, &own, None);
        }
    }

    /// One of our requests has its final response, or never will.
    pub(super) fn own_finished(&mut self, now: Instant, number: u32, reply: Reply) {
        if let Some(own) = self.own.remove(&number) {
            self.own_came_out(now, &own, Some(reply));
        }
    }

    /// `None`: it could not be sent.
    fn own_came_out(&mut self, now: Instant, own: &OwnRequest, reply: Option<Reply>) {
        match own.what {
            What::Bye { of, leg } => self.bye_came_out(now, own, (of, leg), reply),
            What::Check => self.check_came_out(now, own, reply),
        }
    }

    fn send_own(
        &mut self,
        now: Instant,
        own: OwnRequest,
        destination: SocketAddr,
    ) -> Result<(), OwnRequest> {
        let branch = self.transactions.mint_branch();
        let Some(request) = self.build_own(&own, branch, destination) else {
            return Err(own);
        };
        let number = self.token() as u32;
        let opened = self
            .transactions
            .open_client(now, request, Owner::Own(number));
        if opened.is_err() {
            return Err(own);
        }
        self.own.insert(number, own);
        Ok(())
    }

    fn dialog_of(&self, own: &OwnRequest) -> Option<(&Call, &Dialog)> {
        let call = self.calls.get(own.call)?;
        let mut dialogs = call.dialogs.iter();
        let dialog = dialogs.find(|dialog| dialog.callee_tag() == &own.callee_tag[..])?;
        Some((call, dialog))
    }

    /// The number of the request: a BYE takes the sender's next; what only asks takes the last that was seen of the
    /// sender in this dialog, so that its own next one is still news (docs/decisions/0004).
    fn own_cseq(&mut self, own: &OwnRequest) -> Option<u32> {
        let sender = own.to.other();
        match own.what {
            What::Bye { .. } => {
                let cseq = self.calls.get_mut(own.call)?.cseq_mut(sender);
                *cseq = cseq.saturating_add(1);
                Some(*cseq)
            }
            What::Check => {
                let (_, dialog) = self.dialog_of(own)?;
                let [caller, callee] = dialog.cseq();
                Some(match sender {
                    Side::Caller => caller,
                    Side::Callee => callee,
                })
            }
        }
    }

    /// `None` when the dialog is gone, or has no remote target.
    fn build_own(
        &mut self,
        own: &OwnRequest,
        branch: Branch,
        destination: SocketAddr,
    ) -> Option<ClientRequest> {
        let cseq = self.own_cseq(own)?;
        let (call, dialog) = self.dialog_of(own)?;
        let caller = (call.from(), call.caller_tag());
        let callee = (call.to(), dialog.callee_tag());
        let (from, recipient) = match own.to {
            Side::Caller => (callee, caller),
            Side::Callee => (caller, callee),
        };
        let target = target_of(call, dialog, own.to);
        Uri::parse(target)?;
        let listener = self.setup.listener_towards(destination, ListenerId(0));
        let out = self.setup.listeners.get(usize::from(listener.0))?;
        let (request_uri, routes) = strictly(target, dialog.routes(own.to));
        let method = match own.what {
            What::Bye { .. } => Method::Bye,
            What::Check => Method::Options,
        };
        let parts = Parts {
            method,
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
            method,
            payload: parts.write(),
            reliable: out.transport != Transport::Udp,
        })
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

/// What a request of ours is written from.
struct Parts<'a> {
    method: Method,
    request_uri: &'a [u8],
    via: (&'a str, &'a str),
    branch: &'a Branch,
    routes: &'a [u8],
    from: (&'a [u8], &'a [u8]),
    to: (&'a [u8], &'a [u8]),
    call_id: &'a [u8],
    cseq: u32,
}

impl Parts<'_> {
    fn write(&self) -> Bytes {
        let method = self.method.as_str().as_bytes();
        let mut out: Vec<u8> = Vec::with_capacity(512);
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
        put(&[
            method,
            b" ",
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
            "\r\nCSeq: {} {}\r\nContent-Length: 0\r\n\r\n",
            self.cseq,
            self.method.as_str()
        );
        Bytes::from(out)
    }
}
