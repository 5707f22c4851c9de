//! A request goes out to one target (RFC 3261 §16.6): splices into the bytes as they came.

use bytes::Bytes;
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::time::Instant;

use super::context::{BranchState, Phase};
use super::core::Core;
use super::preprocess::Preprocessed;
use super::reject::Reject;
use super::setup::Listener;
use crate::balance::{Demand, PeerId, Transport};
use crate::base::limits::{MAX_FORWARDS_DEFAULT, RETRY_AFTER_FULL, UDP_PAYLOAD_MAX};
use crate::base::transmit::{ListenerId, Transmit};
use crate::call::{CallKey, Cookie, name_hash};
use crate::sip::{HeaderName, Message, Method, NameAddr, Uri};
use crate::transaction::{Branch, ClientRequest, ContextKey, Full, Owner};

/// Where a request goes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub destination: SocketAddr,
    /// The peer, when it was chosen.
    pub peer: Option<PeerId>,
}

/// What Record-Route says of a request that may begin a dialog.
pub(super) struct Recording {
    pub cookie: Cookie,
}

/// One hop of one request.
pub(super) struct Hop<'h, 'm, 'a> {
    pub message: &'h Message<'m>,
    pub preprocessed: &'h Preprocessed<'a>,
    pub source: SocketAddr,
    pub from: ListenerId,
    pub to: ListenerId,
    pub recording: Option<Recording>,
}

/// A request did not go out. The fault is not the target's, another would not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotSent {
    /// No room for another transaction.
    Full,
    /// With our own lines it is longer than a datagram.
    TooLong,
}

impl NotSent {
    pub fn reject(self) -> Reject {
        match self {
            NotSent::Full => Reject::unavailable(RETRY_AFTER_FULL),
            NotSent::TooLong => Reject::new(513),
        }
    }
}

impl From<Full> for NotSent {
    fn from(_: Full) -> Self {
        NotSent::Full
    }
}

impl Core {
    /// Sends a context's request to `target`: a new branch of it.
    pub(super) fn send_branch(
        &mut self,
        now: Instant,
        key: ContextKey,
        message: &Message<'_>,
        preprocessed: &Preprocessed<'_>,
        target: Target,
    ) -> Result<(), NotSent> {
        let Some(context) = self.contexts.get(key) else {
            return Ok(());
        };
        let (from, source, call) = (context.listener, context.source, context.call());
        let number = context.branches.len() as u16;
        let to = self.setup.listener_towards(target.destination, from);
        let records = matches!(
            message.method(),
            Method::Invite | Method::Subscribe | Method::Refer
        ) && message.to_tag().is_none();
        let recording = records.then(|| Recording {
            cookie: self.cookie(now, call, target.peer),
        });
        let hop = Hop {
            message,
            preprocessed,
            source,
            from,
            to,
            recording,
        };
        // RFC 3261 §16.6 step 8: the branch tells a loop from a spiral.
        let branch = self.transactions.mint_branch().with_suffix(self.loop_hash(
            source,
            message,
            preprocessed,
        ));
        self.build_hop(&hop, &branch);
        let reliable = self.setup.transport_of(to) != Transport::Udp;
        if !reliable && self.buffer.len() > UDP_PAYLOAD_MAX {
            return Err(NotSent::TooLong);
        }
        let request = ClientRequest {
            listener: to,
            destination: target.destination,
            branch,
            method: message.method(),
            payload: Bytes::copy_from_slice(&self.buffer),
            reliable,
        };
        let owner = Owner::Context {
            key,
            branch: number,
        };
        let client = self.transactions.open_client(now, request, owner)?;
        if let Some(context) = self.contexts.get_mut(key) {
            context.branches.push(BranchState {
                client,
                peer: target.peer,
                phase: Phase::Waiting,
            });
        }
        let (timing, invite) = (&self.setup.timing, message.method() == Method::Invite);
        if target.peer.is_some() {
            self.arm_context(now, key, timing.try_);
        } else if invite {
            self.arm_context(now, key, timing.ring);
        }
        Ok(())
    }

    /// Forwards without a transaction: ACK for a 2xx (RFC 3261 §16.11).
    pub(super) fn send_stateless(&mut self, hop: &Hop<'_, '_, '_>, destination: SocketAddr) {
        let payload = self.build_stateless(hop);
        self.transmit(Transmit {
            listener: hop.to,
            destination,
            payload,
        });
    }

    /// The request as it leaves without a transaction.
    pub(super) fn build_stateless(&mut self, hop: &Hop<'_, '_, '_>) -> Bytes {
        let branch = self.transactions.mint_branch();
        self.build_hop(hop, &branch);
        Bytes::copy_from_slice(&self.buffer)
    }

    /// The cookie for a call on its way to `peer`.
    fn cookie(&self, now: Instant, call: Option<CallKey>, peer: Option<PeerId>) -> Cookie {
        let directory = &self.setup.directory;
        let call = call.and_then(|key| self.calls.get(key));
        let named = |demand: &Demand| {
            let item = |&(resource, units): &(_, u32)| {
                let name = directory.resource_name(resource).map_or("", |name| name);
                (name_hash(name), u16::try_from(units).unwrap_or(u16::MAX))
            };
            demand
                .items()
                .iter()
                .map(item)
                .collect::<SmallVec<[_; 2]>>()
        };
        Cookie {
            serial: call.map_or(0, |call| call.serial),
            peer: peer
                .and_then(|peer| directory.peer(peer))
                .map_or(0, |peer| name_hash(&peer.name)),
            started_unix_s: (self.unix_ms(now) / 1000) as u32,
            demand: call.map(|call| named(&call.demand)).unwrap_or_default(),
        }
    }

    /// Writes the request as it leaves into the buffer.
    fn build_hop(&mut self, hop: &Hop<'_, '_, '_>, branch: &Branch) {
        let setup = self.setup.clone();
        self.buffer.clear();
        let Some(out) = setup.listeners.get(usize::from(hop.to.0)) else {
            return;
        };
        let message = hop.message;
        self.edits.clear();
        let via: [&[u8]; 6] = [
            b"SIP/2.0/",
            out.transport.via_str().as_bytes(),
            b" ",
            out.advertise.as_bytes(),
            b";branch=",
            branch.as_bytes(),
        ];
        self.edits.push_via(message, &via);
        self.edits.stamp_received(message, hop.source);
        let forwards = message
            .max_forwards()
            .map_or(MAX_FORWARDS_DEFAULT, |left| left.saturating_sub(1));
        self.edits.set_max_forwards(message, forwards);
        if let Some(recording) = &hop.recording {
            let lines = self.record_route(hop, out, recording);
            self.edits
                .prepend_header(message, HeaderName::RecordRoute, &lines);
        }
        self.edit_route(message, hop.preprocessed);
        self.edits.apply(message.bytes(), &mut self.buffer);
    }

    /// One line, or two where the request leaves by another listener than it came by (RFC 5658).
    fn record_route(
        &self,
        hop: &Hop<'_, '_, '_>,
        out: &Listener,
        recording: &Recording,
    ) -> Vec<u8> {
        let mut lines = Vec::with_capacity(160);
        let tag = hop.message.from_tag().unwrap_or_default();
        let mut line = |listener: &Listener| {
            lines.extend_from_slice(b"Record-Route: <");
            listener.write_entry(&mut lines);
            recording
                .cookie
                .write(&self.setup.secret, hop.message.call_id(), tag, &mut lines);
            lines.extend_from_slice(b">\r\n");
        };
        line(out);
        if hop.from != hop.to
            && let Some(inner) = self.setup.listeners.get(usize::from(hop.from.0))
        {
            line(inner);
        }
        lines
    }

    /// Our entries come off the route; a strict router next, or before us, gets its due (RFC 3261 §16.4, §16.6 step 6).
    fn edit_route(&mut self, message: &Message<'_>, preprocessed: &Preprocessed<'_>) {
        for own in &preprocessed.own {
            self.edits.remove_value(message, own);
        }
        let mut request_uri = preprocessed.request_uri(message);
        if let Some(restored) = &preprocessed.restored {
            self.edits.remove_value(message, restored);
        }
        if let Some((next, uri)) = strict_next(preprocessed) {
            let mut last = b"<".to_vec();
            last.extend_from_slice(request_uri);
            last.push(b'>');
            self.edits
                .append_value_last(message, HeaderName::Route, &last);
            self.edits.remove_value(message, &next);
            request_uri = uri;
        }
        if request_uri != message.uri() {
            self.edits.set_request_uri(message, request_uri);
        }
    }
}

/// The next entry of the route when it is a strict router: one without `lr`.
fn strict_next<'a>(preprocessed: &Preprocessed<'a>) -> Option<(crate::sip::Value<'a>, &'a [u8])> {
    let next = preprocessed.next?;
    let uri = NameAddr::parse(next.text)?.uri;
    let strict = Uri::parse(uri)?.param(b"lr").is_none();
    strict.then_some((next, uri))
}
