//! A request comes in: retransmission, part of a dialog, or new (RFC 3261 §16.2, §16.3).

use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::core::Core;
use super::preprocess::{CookieState, Preprocessed, own_uri};
use super::reject::Reject;
use super::route::Caller;
use super::stats::DropReason;
use super::trust::Refused;
use crate::balance::Observation;
use crate::base::transmit::ListenerId;
use crate::sip::{HeaderName, Message, Method, Scheme, Uri, Via};
use crate::transaction::{Branch, ServerState};

/// A request with where it came from.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'m, 'a> {
    pub message: &'m Message<'a>,
    pub listener: ListenerId,
    pub caller: Caller,
}

impl Core {
    pub(super) fn request(
        &mut self,
        now: Instant,
        listener: ListenerId,
        source: SocketAddr,
        message: &Message<'_>,
    ) {
        if let Some(server) = self.transactions.find_server(message) {
            // Some user agents send the ACK for a 2xx under the INVITE's branch; it is the dialog's all the same.
            let dialogs = message.method() == Method::Ack
                && self.transactions.server_state(server) == Some(ServerState::Accepted);
            if !dialogs {
                self.transactions.receive(now, server, message);
                return;
            }
        }
        if self.ends_shed(now, message) {
            return;
        }
        let incoming = Incoming {
            message,
            listener,
            caller: self.caller(source),
        };
        if message.method() == Method::Cancel {
            return self.cancel(now, incoming);
        }
        if let Err(refused) = self.admit(now, incoming) {
            self.answer_refused(incoming, refused);
        }
    }

    pub(super) fn answer_refused(&mut self, incoming: Incoming<'_, '_>, refused: Refused) {
        match refused {
            Refused::Answer(reject) => {
                self.refuse(
                    incoming.listener,
                    incoming.caller.source,
                    incoming.message,
                    &reject,
                );
            }
            Refused::Silence => {}
        }
    }

    fn admit(&mut self, now: Instant, incoming: Incoming<'_, '_>) -> Result<(), Refused> {
        let setup = self.setup.clone();
        let message = incoming.message;
        let preprocessed = Preprocessed::read(&setup, message);
        if message.to_tag().is_some() {
            return self.in_dialog(now, incoming, &preprocessed);
        }
        if message.method() == Method::Ack {
            self.dropped(DropReason::StrayAck);
            return Ok(());
        }
        self.may_call(now, &incoming.caller)?;
        self.validate(incoming, &preprocessed)
            .map_err(Refused::Answer)?;
        if let Some(peer) = incoming.caller.peer {
            self.ledger.report(now, peer, Observation::Alive);
        }
        if self.is_keep_alive(message, &preprocessed) {
            let allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, SUBSCRIBE, NOTIFY, MESSAGE, PUBLISH, REGISTER";
            return Err(Refused::Answer(
                Reject::new(200).with("Allow", allow.into()),
            ));
        }
        if self.stopping {
            return Err(Refused::Answer(Reject::unavailable(
                crate::base::limits::RETRY_AFTER_STOPPING,
            )));
        }
        // A route beyond us is followed for peers alone, or anybody could send anything anywhere through us.
        let foreign = preprocessed.next.is_some() || preprocessed.cookie != CookieState::None;
        if foreign && incoming.caller.peer.is_none() {
            return Err(Refused::Answer(Reject::new(403)));
        }
        self.begin(now, incoming, &preprocessed)
            .map_err(Refused::Answer)
    }

    /// RFC 3261 §16.3: what a proxy checks before it touches a request.
    pub(super) fn validate(
        &self,
        incoming: Incoming<'_, '_>,
        preprocessed: &Preprocessed<'_>,
    ) -> Result<(), Reject> {
        let message = incoming.message;
        let scheme = match &preprocessed.restored {
            None => Some(message.uri_scheme()),
            Some(_) => Uri::parse(preprocessed.request_uri(message)).map(|uri| uri.scheme),
        };
        if scheme.is_none_or(|scheme| scheme == Scheme::Other) {
            return Err(Reject::new(416));
        }
        if message.max_forwards() == Some(0) {
            return Err(Reject::new(483));
        }
        if message.lower_vias().next().is_some()
            && self.has_been_here(incoming.caller.source, message, preprocessed)
        {
            return Err(Reject::new(482));
        }
        if message.header(HeaderName::ProxyRequire).is_none() {
            return Ok(());
        }
        let required: Vec<String> = message
            .values(HeaderName::ProxyRequire)
            .map(|value| String::from_utf8_lossy(value.text).into_owned())
            .collect();
        if !required.is_empty() {
            return Err(Reject::new(420).with("Unsupported", required.join(", ")));
        }
        Ok(())
    }

    /// All that decides where a request goes: the same a second time is a loop, anything else a spiral (RFC 3261 §16.6 step 8).
    pub(super) fn loop_hash(
        &self,
        source: SocketAddr,
        message: &Message<'_>,
        preprocessed: &Preprocessed<'_>,
    ) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(preprocessed.request_uri(message));
        for part in [
            message.call_id(),
            message.from_tag().unwrap_or_default(),
            message.to_tag().unwrap_or_default(),
        ] {
            hasher.write(part);
            hasher.write_u8(0xff);
        }
        hasher.write_u32(message.cseq());
        // Where a route looks at who sent it, a request that comes back from elsewhere may go another way.
        if self
            .setup
            .routes
            .iter()
            .any(|route| route.matches.source.is_some())
        {
            match source.ip() {
                IpAddr::V4(ip) => hasher.write(&ip.octets()),
                IpAddr::V6(ip) => hasher.write(&ip.octets()),
            }
        }
        if let Some(next) = preprocessed.next {
            hasher.write(next.text);
        }
        hasher.finish()
    }

    fn has_been_here(
        &self,
        source: SocketAddr,
        message: &Message<'_>,
        preprocessed: &Preprocessed<'_>,
    ) -> bool {
        let again = self.loop_hash(source, message, preprocessed);
        let branch = |text| {
            Via::parse(text)
                .and_then(|via: Via<'_>| via.branch)
                .and_then(Branch::suffix_of)
        };
        message
            .values(HeaderName::Via)
            .any(|via| branch(via.text) == Some(again))
    }

    /// OPTIONS to ourselves: the balancer is asked whether it lives.
    fn is_keep_alive(&self, message: &Message<'_>, preprocessed: &Preprocessed<'_>) -> bool {
        message.method() == Method::Options
            && preprocessed.next.is_none()
            && own_uri(&self.setup, message.uri())
            && Uri::parse(message.uri()).is_some_and(|uri| uri.user.is_none())
    }
}
