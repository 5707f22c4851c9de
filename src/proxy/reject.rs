//! Refusals. A refusal on the wire is a value, not an error.

use smallvec::SmallVec;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use super::core::Core;
use super::stats::DropReason;
use crate::base::limits::RETRY_AFTER_MAX_S;
use crate::base::transmit::ListenerId;
use crate::sip::{self, Message, ParseError, Rport, build};

/// A response that we give ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reject {
    pub status: u16,
    pub reason: &'static str,
    pub headers: SmallVec<[(&'static str, String); 1]>,
}

impl Reject {
    pub fn new(status: u16) -> Self {
        Self {
            status,
            reason: build::reason_phrase(status),
            headers: SmallVec::new(),
        }
    }

    /// 503 with its Retry-After.
    pub fn unavailable(retry_after: Duration) -> Self {
        let rounded_up = retry_after.as_millis().div_ceil(1000);
        let seconds = rounded_up.clamp(1, u128::from(RETRY_AFTER_MAX_S));
        Self::new(503).with("Retry-After", seconds.to_string())
    }

    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Where the responses to a request go (RFC 3261 §18.2.2, RFC 3581): back to the source's address, to its port if `rport` asks for it,
/// else to the port in Via.
pub(super) fn reply_address(message: &Message<'_>, source: SocketAddr) -> SocketAddr {
    let via = message.top_via();
    match via.rport {
        Rport::Asked | Rport::Is(_) => source,
        Rport::Absent => SocketAddr::new(source.ip(), via.port.unwrap_or(5060)),
    }
}

impl Core {
    /// The To tag of our own responses: the same for every copy of a request, so that a stateless refusal is too (RFC 3261 §8.2.7).
    pub(super) fn local_tag(&self, message: &Message<'_>) -> String {
        format!("{:016x}", self.hash_of_copies(message, 0))
    }

    /// Whether it is [`Self::local_tag`], without writing that.
    pub(super) fn is_local_tag(&self, tag: &[u8], message: &Message<'_>) -> bool {
        let written = std::str::from_utf8(tag).ok();
        written.and_then(|tag| u64::from_str_radix(tag, 16).ok())
            == Some(self.hash_of_copies(message, 0))
    }

    /// The same for every copy of a request and for the ACK of its refusal, and to be foreseen by nobody. Each purpose has its own.
    pub(super) fn hash_of_copies(&self, message: &Message<'_>, purpose: u8) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u8(purpose);
        hasher.write(message.call_id());
        hasher.write(message.top_via().branch.unwrap_or_default());
        hasher.write_u32(message.cseq());
        hasher.finish()
    }

    /// Writes a response of our own into the buffer.
    pub(super) fn build_reject(
        &mut self,
        message: &Message<'_>,
        source: SocketAddr,
        reject: &Reject,
    ) {
        let tag = message.to_tag().is_none().then(|| self.local_tag(message));
        let headers: SmallVec<[(&str, &str); 2]> = reject
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.buffer.clear();
        let tag = tag.as_deref().map(str::as_bytes);
        build::response(
            message,
            source,
            reject.status,
            reject.reason,
            tag,
            &headers,
            &mut self.buffer,
        );
    }

    /// Refuses statelessly (RFC 3261 §16.11): nothing is kept, a retransmission is refused again.
    pub(super) fn refuse(
        &mut self,
        listener: ListenerId,
        source: SocketAddr,
        message: &Message<'_>,
        reject: &Reject,
    ) {
        if message.method() == sip::Method::Ack {
            return;
        }
        self.build_reject(message, source, reject);
        self.transmit_buffer(listener, reply_address(message, source));
    }

    /// A message that does not parse: a request that shows where it came from is answered, all else is dropped.
    pub(super) fn malformed(
        &mut self,
        listener: ListenerId,
        source: SocketAddr,
        bytes: &[u8],
        error: ParseError,
    ) {
        self.dropped(DropReason::Malformed);
        let Some((status, reason)) = error.reject() else {
            return;
        };
        if !self.is_known(source) {
            return;
        }
        let mut index = sip::Index::new();
        if let Some(message) = sip::parse_for_reject(bytes, &mut index) {
            let reject = Reject {
                status,
                reason,
                headers: SmallVec::new(),
            };
            self.refuse(listener, source, &message, &reject);
        }
    }
}
