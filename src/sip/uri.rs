//! URIs (RFC 3261 §19.1, RFC 3966 as far as a proxy looks).

use std::net::SocketAddr;

use super::chars::{URI, port};
use super::host::{Host, bare_address, host_prefix, sendable};
use super::params;
use super::words;

/// The scheme of a URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other; such a URI is opaque to us.
    Other,
}

/// A URI, taken apart. All parts are as written: escapes are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// The user part without the password; of a `tel:` URI the number.
    pub user: Option<&'a [u8]>,
    /// The host; an empty name where the scheme has none or is opaque to us.
    pub host: Host<'a>,
    /// The port, when written.
    pub port: Option<u16>,
    /// The URI's parameters, from the first semicolon on.
    pub params: &'a [u8],
    /// The headers behind the question mark.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Takes a URI apart. `None` for white space, control characters, quotes or angle brackets, a
    /// missing scheme, and for `sip:` and `sips:` a missing or malformed host or port.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        if !URI.covers(text) {
            return None;
        }
        if let [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', rest @ ..] = text {
            return Self::sip(Scheme::Sip, rest);
        }
        let colon = words::first_of(text, [b':'])?;
        let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
        match Self::scheme(scheme)? {
            kind @ (Scheme::Sip | Scheme::Sips) => Self::sip(kind, rest),
            Scheme::Tel => {
                let (number, params) = split_before(rest, b';');
                (!number.is_empty()).then_some(Self {
                    user: Some(number),
                    params,
                    ..Self::opaque(Scheme::Tel)
                })
            }
            Scheme::Other => Some(Self::opaque(Scheme::Other)),
        }
    }

    fn scheme(text: &[u8]) -> Option<Scheme> {
        if text.eq_ignore_ascii_case(b"sip") {
            return Some(Scheme::Sip);
        }
        if text.eq_ignore_ascii_case(b"sips") {
            return Some(Scheme::Sips);
        }
        if text.eq_ignore_ascii_case(b"tel") {
            return Some(Scheme::Tel);
        }
        let (first, rest) = text.split_first()?;
        let legal = first.is_ascii_alphabetic()
            && rest
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        legal.then_some(Scheme::Other)
    }

    fn opaque(scheme: Scheme) -> Self {
        Self {
            scheme,
            user: None,
            host: Host::Name(&[]),
            port: None,
            params: &[],
            headers: &[],
        }
    }

    fn sip(scheme: Scheme, text: &'a [u8]) -> Option<Self> {
        // The user part may hold `;` and `?`, so the `@` is looked for first.
        let (user, rest) = match words::first_of(text, [b'@']) {
            Some(at) => (Some(split_before(&text[..at], b':').0), &text[at + 1..]),
            None => (None, text),
        };
        if user.is_some_and(<[u8]>::is_empty) {
            return None;
        }
        let (host, length) = host_prefix(rest)?;
        let (port_text, rest) = match &rest[length..] {
            [b':', rest @ ..] => {
                let digits = rest
                    .iter()
                    .position(|b| !b.is_ascii_digit())
                    .unwrap_or(rest.len());
                (Some(&rest[..digits]), &rest[digits..])
            }
            rest => (None, rest),
        };
        let port = match port_text {
            Some(digits) => Some(port(digits)?),
            None => None,
        };
        let (params, headers) = split_before(rest, b'?');
        matches!(params, [] | [b';', ..]).then_some(Self {
            scheme,
            user,
            host,
            port,
            params,
            headers: headers.get(1..).unwrap_or(&[]),
        })
    }

    /// A URI parameter, by name without case: `None` when absent, `Some(None)` when it has no value.
    pub fn param(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        params::find(self.params, name)
    }

    /// The value of the `transport` parameter.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.param(b"transport").flatten()
    }

    /// As [`Uri::socket_addr`], for a `sip:` URI without parameters; `None` for any other.
    pub(super) fn plain_socket_addr(&self) -> Option<SocketAddr> {
        let plain = self.scheme == Scheme::Sip && self.params.is_empty();
        let ip = self.host.ip().filter(|_| plain)?;
        sendable(ip, self.port.unwrap_or(5060))
    }

    /// Where to send to, when the host is an address: `maddr` before the host (RFC 3261 §19.1.1), port
    /// 5060 when none is written, 5061 for `sips:` and `transport=tls`.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let ip = match self.param(b"maddr") {
            Some(address) => bare_address(address?)?,
            None => self.host.ip()?,
        };
        let secure = self.scheme == Scheme::Sips
            || self
                .transport()
                .is_some_and(|transport| transport.eq_ignore_ascii_case(b"tls"));
        let default = if secure { 5061 } else { 5060 };
        sendable(ip, self.port.unwrap_or(default))
    }
}

/// The text before the first `byte`, and from it on.
fn split_before(text: &[u8], byte: u8) -> (&[u8], &[u8]) {
    text.split_at(words::first_of(text, [byte]).unwrap_or(text.len()))
}
