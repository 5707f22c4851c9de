//! The Via header field (RFC 3261 §20.42, RFC 3581).

use std::net::{IpAddr, SocketAddr};

use super::Span;
use super::chars::{TOKEN, VIA_VALUE, is_lws, port, quoted_len, trim_end};
use super::host::{Host, bare_address, host_prefix, sendable};
use super::words::is;

/// The `rport` parameter (RFC 3581).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rport {
    /// Not there.
    Absent,
    /// There without a value: whoever sent this wants the answer at the port it sent from.
    Asked,
    /// Filled in by the element that received the request.
    Is(u16),
}

/// One value of a Via header, taken apart. Spans are offsets into the text it was read from: for
/// [`Message::top_via`](super::Message::top_via) into the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// The whole value.
    pub value: Span,
    /// The transport of sent-protocol, as written: `UDP`, `TCP`, …
    pub protocol_transport: &'a [u8],
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The host of sent-by as written.
    pub host_text: &'a [u8],
    /// The port of sent-by, when written.
    pub port: Option<u16>,
    /// The `branch` parameter.
    pub branch: Option<&'a [u8]>,
    /// The `received` parameter, as written: an IPv6 address may stand in brackets.
    pub received: Option<&'a [u8]>,
    /// The `rport` parameter.
    pub rport: Rport,
    /// The `maddr` parameter, as written.
    pub maddr: Option<&'a [u8]>,
    /// Where the `received` parameter lies, from its name on; empty when absent.
    pub received_span: Span,
    /// Where the `rport` parameter lies, from its name on; empty when absent.
    pub rport_span: Span,
}

/// How much to forgive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rigour {
    /// What the grammar allows.
    Strict,
    /// Enough to answer a malformed request: empty and unreadable parameters are passed over.
    Lenient,
}

impl<'a> Via<'a> {
    /// Takes one value apart, for example one from [`Message::values`](super::Message::values).
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let length = u16::try_from(text.len()).ok()?;
        let via = Self::parse_first(
            text,
            Span {
                start: 0,
                end: length,
            },
            Rigour::Strict,
        )?;
        let rest = text.get(usize::from(via.value.end)..)?;
        rest.iter().all(|b| is_lws(*b)).then_some(via)
    }

    /// The first value inside `within`, which is the value of a Via line.
    pub(super) fn parse_first(bytes: &'a [u8], within: Span, rigour: Rigour) -> Option<Self> {
        let bytes = bytes.get(..usize::from(within.end))?;
        let mut cursor = Cursor {
            bytes,
            at: usize::from(within.start),
        };
        cursor.skip_lws();
        let start = cursor.at;
        if cursor.rest().starts_with(b"SIP/2.0/") && cursor.bytes.get(start + 8) > Some(&b' ') {
            cursor.at += 8;
        } else {
            cursor.token()?;
            cursor.eat_between(b'/')?;
            cursor.token()?;
            cursor.eat_between(b'/')?;
        }
        let protocol_transport = cursor.token()?;
        if !cursor.skip_lws() {
            return None;
        }
        let (host, length) = host_prefix(cursor.rest())?;
        let host_text = &cursor.rest()[..length];
        cursor.at += length;
        let mut end = cursor.at;
        let mut sent_port = None;
        if cursor.eat_between(b':').is_some() {
            sent_port = Some(port(cursor.while_true(|b| b.is_ascii_digit()))?);
            end = cursor.at;
        }
        let mut via = Self {
            value: Span::new(start, end),
            protocol_transport,
            host,
            host_text,
            port: sent_port,
            branch: None,
            received: None,
            rport: Rport::Absent,
            maddr: None,
            received_span: Span::default(),
            rport_span: Span::default(),
        };
        via.params(&mut cursor, rigour)?;
        Some(via)
    }

    fn params(&mut self, cursor: &mut Cursor<'a>, rigour: Rigour) -> Option<()> {
        loop {
            cursor.skip_lws();
            match cursor.peek() {
                None | Some(b',') => return Some(()),
                Some(b';') => cursor.at += 1,
                Some(_) if rigour == Rigour::Lenient => cursor.skip_to_param(),
                Some(_) => return None,
            }
            if cursor.bytes.get(cursor.at - 1) != Some(&b';') {
                continue;
            }
            cursor.skip_lws();
            let taken = self.param(cursor);
            if taken.is_none() && rigour == Rigour::Strict {
                return None;
            }
        }
    }

    /// One parameter, the cursor at its name.
    fn param(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        let start = cursor.at;
        let name = cursor.param_name()?;
        let mut end = cursor.at;
        let mut value = None;
        if cursor.eat_between(b'=').is_some() {
            value = Some(cursor.param_value()?);
            end = cursor.end_of_text();
        }
        let span = Span::new(start, end);
        if is(name, b"branch") {
            once(&mut self.branch, value.filter(|text| !text.is_empty()))?;
        } else if is(name, b"received") {
            bare_address(value?)?;
            once(&mut self.received, value)?;
            self.received_span = span;
        } else if is(name, b"maddr") {
            once(&mut self.maddr, value)?;
        } else if is(name, b"rport") {
            if self.rport != Rport::Absent {
                return None;
            }
            self.rport = match value {
                None | Some([]) => Rport::Asked,
                Some(digits) => Rport::Is(port(digits)?),
            };
            self.rport_span = span;
        }
        self.value.end = span.end;
        Some(())
    }

    /// Where a response to the request with this Via on top goes, when that is an address: `maddr`,
    /// else `received` with `rport`, else sent-by, port 5060 (5061 with TLS) when none is written
    /// (RFC 3261 §18.2.2, RFC 3581 §4). Never a broadcast, multicast or unspecified address.
    pub fn response_destination(&self) -> Option<SocketAddr> {
        let secure = self.protocol_transport.eq_ignore_ascii_case(b"TLS")
            || self.protocol_transport.eq_ignore_ascii_case(b"WSS");
        let sent_by_port = self.port.unwrap_or(if secure { 5061 } else { 5060 });
        if let Some(maddr) = self.maddr {
            return sendable(bare_address(maddr)?, sent_by_port);
        }
        let port = match self.rport {
            Rport::Is(port) => port,
            Rport::Absent | Rport::Asked => sent_by_port,
        };
        let ip = self.received_ip().or_else(|| self.host.ip())?;
        sendable(ip, port)
    }

    /// The address in `received`.
    pub fn received_ip(&self) -> Option<IpAddr> {
        bare_address(self.received?)
    }
}

/// Sets what may be set once.
fn once<'a>(field: &mut Option<&'a [u8]>, value: Option<&'a [u8]>) -> Option<()> {
    if field.is_some() {
        return None;
    }
    *field = value;
    Some(())
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn while_true(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|b| !wanted(*b)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let token = self.while_true(|b| TOKEN.holds(b));
        (!token.is_empty()).then_some(token)
    }

    /// A token; most often it is this one.
    fn param_name(&mut self) -> Option<&'a [u8]> {
        match self.rest().split_at_checked(b"branch".len()) {
            Some((name @ b"branch", [b'=', ..])) => {
                self.at += name.len();
                Some(name)
            }
            Some(_) | None => self.token(),
        }
    }

    /// Whether there was any white space.
    fn skip_lws(&mut self) -> bool {
        !self.while_true(is_lws).is_empty()
    }

    /// The byte with white space round it; without it the cursor stays.
    fn eat_between(&mut self, byte: u8) -> Option<()> {
        let before = self.at;
        // Most often neither it nor white space is there.
        if self.peek().is_none_or(|b| b != byte && !is_lws(b)) {
            return None;
        }
        self.skip_lws();
        if self.peek() != Some(byte) {
            self.at = before;
            return None;
        }
        self.at += 1;
        self.skip_lws();
        Some(())
    }

    /// A token, a host or a quoted string.
    fn param_value(&mut self) -> Option<&'a [u8]> {
        if self.peek() == Some(b'"') {
            let rest = self.rest();
            let length = quoted_len(rest)?;
            self.at += length;
            return Some(&rest[..length]);
        }
        let rest = self.rest();
        let (value, _) = rest.split_at(VIA_VALUE.long_run(rest));
        self.at += value.len();
        Some(value)
    }

    /// Where the text read so far ends, without the white space skipped behind it.
    fn end_of_text(&self) -> usize {
        let read = self.bytes.get(..self.at).unwrap_or(&[]);
        trim_end(read).len()
    }

    fn skip_to_param(&mut self) {
        self.at += 1;
        self.while_true(|b| !matches!(b, b';' | b','));
    }
}
