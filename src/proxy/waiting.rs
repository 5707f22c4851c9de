//! Requests that wait for the addresses of a host name.

use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Instant;

use super::context::Collected;
use super::core::{Core, CoreTimer};
use super::forward::{NotSent, Target};
use super::own_request::OwnRequest;
use super::port::Output;
use super::preprocess::Preprocessed;
use super::stats::{DropReason, Outcome};
use crate::balance::{EndCause, Transport};
use crate::base::limits::{RESOLVE_PATIENCE, WAITING_FOR_NAMES_MAX};
use crate::base::transmit::{ListenerId, Transmit};
use crate::sip::{Host, Message, NameAddr, Scheme, Uri};
use crate::transaction::ContextKey;

/// What waits for a name.
pub(super) enum Waiting {
    /// A context's request.
    Context(ContextKey),
    /// An ACK, ready to go.
    Ack {
        listener: ListenerId,
        payload: Bytes,
    },
    /// A request of ours to one side of a dialog.
    Own(OwnRequest),
}

/// A host name and what else its URI says of the place.
pub(super) struct Name {
    host: String,
    port: Option<u16>,
}

/// Where a URI leads.
pub(super) enum Place {
    /// To this address.
    At(SocketAddr),
    /// To wherever this name leads (RFC 3263).
    Name(Name),
    /// Nowhere that we can reach: no SIP URI, or a transport that we do not speak.
    Nowhere,
}

/// Where a request to this URI, or by this route, goes.
pub(super) fn place_of(uri: &[u8]) -> Place {
    let parsed = Uri::parse(uri).filter(|uri| uri.scheme == Scheme::Sip);
    let Some(parsed) = parsed else {
        return Place::Nowhere;
    };
    let spoken = parsed
        .transport()
        .is_none_or(|transport| Transport::of(transport) == Some(Transport::Udp));
    if !spoken {
        return Place::Nowhere;
    }
    if let Some(address) = parsed.socket_addr() {
        return Place::At(address);
    }
    let maddr = parsed.param(b"maddr").flatten();
    match (maddr, parsed.host) {
        (Some(name), _) | (None, Host::Name(name)) => match std::str::from_utf8(name) {
            Ok(host) => Place::Name(Name {
                host: host.to_string(),
                port: parsed.port,
            }),
            Err(_) => Place::Nowhere,
        },
        (None, Host::V4(_) | Host::V6(_)) => Place::Nowhere,
    }
}

/// Where a request goes that is sent on to `uri`, most often its own Request-URI.
pub(super) fn next_place(message: &Message<'_>, uri: &[u8]) -> Place {
    if let Some(address) = message.uri_place().filter(|_| uri == message.uri()) {
        return Place::At(address);
    }
    // A configured URI may come in angle brackets.
    let uri = match memchr::memchr(b'<', uri) {
        Some(_) => NameAddr::parse(uri).map_or(uri, |address| address.uri),
        None => uri,
    };
    place_of(uri)
}

impl Core {
    /// Sends a context's request where a URI leads, at once or once its host has been resolved.
    pub(super) fn go_to_uri(
        &mut self,
        now: Instant,
        key: ContextKey,
        message: &Message<'_>,
        preprocessed: &Preprocessed<'_>,
        uri: &[u8],
    ) {
        match next_place(message, uri) {
            Place::At(destination) => {
                let sent = self.send_message(now, key, message, preprocessed, destination);
                self.sent_or_settled(now, key, sent);
            }
            Place::Name(name) => {
                let token = self.wait_for(now, name, Waiting::Context(key));
                if let Some(context) = self.contexts.get_mut(key) {
                    context.resolving = token;
                }
                if token.is_none() {
                    self.unreachable_target(now, key);
                }
            }
            Place::Nowhere => self.unreachable_target(now, key),
        }
    }

    /// Asks for the addresses of a name; `None`: too many wait already.
    pub(super) fn wait_for(&mut self, now: Instant, name: Name, waiting: Waiting) -> Option<u64> {
        if self.waiting.len() >= WAITING_FOR_NAMES_MAX {
            self.dropped(DropReason::Unresolved);
            return None;
        }
        let token = self.token();
        let patience = now + RESOLVE_PATIENCE;
        let timer = self.timers.arm(patience, CoreTimer::Resolve(token));
        self.waiting.insert(token, (waiting, timer));
        let Name { host, port } = name;
        self.output(Output::Resolve {
            token,
            host,
            port,
            transport: Transport::Udp,
        });
        Some(token)
    }

    /// The addresses have come, or they do not come any more (none).
    pub(super) fn resolved(&mut self, now: Instant, token: u64, addresses: &[SocketAddr]) {
        let Some((waiting, timer)) = self.waiting.remove(&token) else {
            return;
        };
        self.timers.cancel(timer);
        match (waiting, addresses) {
            (Waiting::Own(own), addresses) => {
                self.own_resolved(now, own, addresses.first().copied());
            }
            (Waiting::Ack { .. }, []) => self.dropped(DropReason::Unresolved),
            (Waiting::Ack { listener, payload }, [destination, ..]) => {
                let listener = self.setup.listener_towards(*destination, listener);
                self.transmit(Transmit {
                    listener,
                    destination: *destination,
                    payload,
                });
            }
            (Waiting::Context(key), addresses) => {
                let Some(context) = self.contexts.get_mut(key) else {
                    return;
                };
                context.resolving = None;
                if context.settled {
                    return;
                }
                let Some((first, others)) = addresses.split_first() else {
                    return self.unreachable_target(now, key);
                };
                context.alternatives = others.into();
                self.send_to(now, key, *first);
            }
        }
    }

    fn send_to(&mut self, now: Instant, key: ContextKey, destination: SocketAddr) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        let request = context.request.clone();
        let sent = self.with_parsed(&request, |core, parsed| {
            let Ok(message) = parsed else {
                return Err(NotSent::TooLong);
            };
            let preprocessed = Preprocessed::read(&core.setup, &message);
            core.send_message(now, key, &message, &preprocessed, destination)
        });
        self.sent_or_settled(now, key, sent);
    }

    /// What could not be sent is answered.
    fn sent_or_settled(&mut self, now: Instant, key: ContextKey, sent: Result<(), NotSent>) {
        match sent {
            Ok(()) => {}
            Err(NotSent::Full) => self.unreachable_target(now, key),
            Err(too_long @ NotSent::TooLong) => {
                let reject = too_long.reject();
                self.settle_with(now, key, &reject, EndCause::Rejected, Outcome::Failed);
            }
        }
    }

    fn send_message(
        &mut self,
        now: Instant,
        key: ContextKey,
        message: &Message<'_>,
        preprocessed: &Preprocessed<'_>,
        destination: SocketAddr,
    ) -> Result<(), NotSent> {
        if let Some(call) = self.contexts.get(key).and_then(|context| context.call())
            && let Some(call) = self.calls.get_mut(call)
        {
            call.attempt(None);
        }
        let target = Target {
            destination,
            peer: None,
        };
        self.send_branch(now, key, message, preprocessed, target)
    }

    /// RFC 3261 §16.9: as if a 503 had come.
    fn unreachable_target(&mut self, now: Instant, key: ContextKey) {
        if let Some(context) = self.contexts.get_mut(key) {
            context.collect(Collected {
                status: 503,
                peers_fault: false,
                payload: Bytes::new(),
            });
        }
        self.settle_best(now, key);
    }
}
