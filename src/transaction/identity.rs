//! What makes two requests the same server transaction: RFC 3261 §17.2.3.

use super::branch::MAGIC_COOKIE;
use crate::sip::{Host, Message, Method};

/// The fields that must agree, each with its length before it, so that different fields never make the same bytes.
/// The whole of it is compared; its hash only finds candidates.
pub(super) type Identity = Vec<u8>;

const BY_BRANCH: u8 = 0;
const BY_FIELDS: u8 = 1;

/// The part of an identity before RFC 3261 that depends on the message: its To tag. An INVITE repeats its own; the ACK
/// carries that of the response it acknowledges.
#[derive(Debug, Default)]
pub(super) struct ToTags {
    pub request: Option<Box<[u8]>>,
    pub response: Option<Box<[u8]>>,
}

impl ToTags {
    pub fn of(request: &Message) -> Self {
        Self {
            request: request.to_tag().map(Box::from),
            response: None,
        }
    }

    /// True when a request of this identity has the To tag that its method must have.
    pub fn agree(&self, request: &Message) -> bool {
        let expected = if request.method() == Method::Ack {
            &self.response
        } else {
            &self.request
        };
        expected.as_deref() == request.to_tag()
    }
}

/// Writes the identity of the transaction that a request belongs to. An ACK, and a CANCEL when `cancelled` is asked
/// for, have that of their INVITE.
pub(super) fn write_identity(request: &Message, cancelled: bool, identity: &mut Identity) {
    let of_invite =
        request.method() == Method::Ack || cancelled && request.method() == Method::Cancel;
    let method = if of_invite {
        b"INVITE"
    } else {
        request.method_text()
    };
    identity.clear();
    let via = request.top_via();
    match via.branch.filter(|branch| has_cookie(branch)) {
        Some(branch) => {
            identity.push(BY_BRANCH);
            put(identity, method);
            put(identity, branch);
            put_host(identity, via.host);
            let port = via.port.map_or([0; 3], |port| {
                [1, port.to_be_bytes()[0], port.to_be_bytes()[1]]
            });
            identity.extend_from_slice(&port);
        }
        None => {
            identity.push(BY_FIELDS);
            put(identity, method);
            put(identity, request.uri());
            put(identity, request.call_id());
            put(identity, request.from_tag().unwrap_or_default());
            identity.extend_from_slice(&request.cseq().to_be_bytes());
            let span = usize::from(via.value.start)..usize::from(via.value.end);
            put(identity, request.bytes().get(span).unwrap_or_default());
        }
    }
}

/// True when the To tag counts too, since the sender did not know RFC 3261.
pub(super) fn needs_to_tag(identity: &[u8]) -> bool {
    identity.first() == Some(&BY_FIELDS)
}

/// A branch that is the cookie alone is not unique, whatever it claims.
fn has_cookie(branch: &[u8]) -> bool {
    branch
        .split_at_checked(MAGIC_COOKIE.len())
        .is_some_and(|(cookie, rest)| cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && !rest.is_empty())
}

fn put(identity: &mut Identity, field: &[u8]) {
    // A message has at most 65,535 bytes, so four bytes hold the length of any field.
    identity.extend_from_slice(&(field.len() as u32).to_be_bytes());
    identity.extend_from_slice(field);
}

fn put_host(identity: &mut Identity, host: Host) {
    match host {
        Host::Name(name) => {
            put(identity, name);
            let start = identity.len() - name.len();
            identity[start..].make_ascii_lowercase();
        }
        Host::V4(address) => put(identity, &address.octets()),
        Host::V6(address) => put(identity, &address.octets()),
    }
}
