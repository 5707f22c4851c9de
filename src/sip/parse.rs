//! From bytes to a [`Message`].

use crate::base::limits::{CSEQ_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX, OWN_HEADERS_MAX};

use super::chars::{UNBROKEN, is_lws, number, trim};
use super::index::IndexedLine;
use super::lines::{self, LineFault};
use super::message::Essentials;
use super::start_line::{self, StartLine};
use super::via::Rigour;
use super::words;
use super::{HeaderName, Index, Message, Method, NameAddr, ParseError, Span, Via};

/// Reads one datagram: checks the syntax of all that a proxy must read (RFC 3261 §16.3 step 1) and
/// the limits, and fills `index`. It takes time linear in the size, and allocates nothing.
///
/// Line ends before the start line are skipped, and bytes beyond Content-Length cut off: the message
/// is what [`Message::bytes`] gives, and all its spans are offsets into that. Without Content-Length
/// the body is the rest of the datagram (RFC 3261 §18.3).
///
/// Whatever is wrong with a response is [`ParseError::BadResponse`], since responses are not answered.
pub fn parse<'a>(bytes: &'a [u8], index: &'a mut Index) -> Result<Message<'a>, ParseError> {
    parse_within(bytes, index, HEADERS_MAX)
}

/// As [`parse`], for a message that we sent: it may have a few header lines more, our own.
pub fn parse_own<'a>(bytes: &'a [u8], index: &'a mut Index) -> Result<Message<'a>, ParseError> {
    parse_within(bytes, index, OWN_HEADERS_MAX)
}

fn parse_within<'a>(
    bytes: &'a [u8],
    index: &'a mut Index,
    headers_max: usize,
) -> Result<Message<'a>, ParseError> {
    let bytes = without_padding(bytes)?;
    let (start, head_start) = start_line::parse(bytes)?;
    let message = read(bytes, start, head_start, index, headers_max);
    match start {
        StartLine::Status { .. } if message.is_err() => Err(ParseError::BadResponse),
        StartLine::Status { .. } | StartLine::Request { .. } => message,
    }
}

fn read<'a>(
    bytes: &'a [u8],
    start: StartLine,
    head_start: usize,
    index: &'a mut Index,
    headers_max: usize,
) -> Result<Message<'a>, ParseError> {
    let (seen, body_start) = scan_headers(bytes, head_start, index, headers_max)?;
    let essentials = gather(bytes, start, &seen, body_start)?;
    let via = seen.via.ok_or(ParseError::MissingHeader(HeaderName::Via))?;
    let via = Via::parse_first(bytes, via, Rigour::Strict)
        .ok_or(ParseError::BadHeader(HeaderName::Via))?;
    let end = body_end(bytes, body_start, essentials.content_length)?;
    Ok(Message::new(&bytes[..end], &index.lines, essentials, via))
}

/// A lenient view of a request that [`parse`] refused, good enough to answer it. It has a Via that can
/// be read, and of From, To, Call-ID and CSeq the first of each that is there. `None` asks for
/// silence: a response, an ACK (never answered), or something nobody could be answered about.
pub fn parse_for_reject<'a>(bytes: &'a [u8], index: &'a mut Index) -> Option<Message<'a>> {
    let bytes = without_padding(bytes).ok()?;
    let (start, mut at) = start_line::parse_lenient(bytes)?;
    index.lines.clear();
    while index.lines.len() < HEADERS_MAX && !lines::is_head_end(bytes, at) {
        match lines::header_line(bytes, at) {
            Ok(line) => {
                index.lines.push(line);
                at = usize::from(line.line.end);
            }
            Err(LineFault::Name) => match lines::folded_line_end(bytes, at) {
                Ok(end) => at = end,
                Err(_) => break,
            },
            Err(LineFault::LineEnd | LineFault::Truncated) => break,
        }
    }
    let lines = &index.lines;
    let via_line = first(lines, HeaderName::Via)?;
    let mut essentials = Essentials::new(start, bytes.len());
    if essentials.method == Method::Ack {
        return None;
    }
    let via = Via::parse_first(bytes, via_line.value, Rigour::Lenient)?;
    let value = |name| first(lines, name).map_or(Span::default(), |line| line.value);
    essentials.call_id = value(HeaderName::CallId);
    essentials.from = value(HeaderName::From);
    essentials.to = value(HeaderName::To);
    essentials.from_tag = tag(bytes, essentials.from).ok().flatten();
    essentials.to_tag = tag(bytes, essentials.to).ok().flatten();
    if let Some((sequence, _)) = cseq(value(HeaderName::CSeq).of(bytes)) {
        essentials.cseq = sequence;
    }
    Some(Message::new(bytes, lines, essentials, via))
}

/// The message without what may come before its start line.
fn without_padding(bytes: &[u8]) -> Result<&[u8], ParseError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(ParseError::TooLong);
    }
    let message = &bytes[lines::leading_line_ends(bytes)..];
    if message.iter().all(|b| is_lws(*b) || *b == 0) {
        return Err(ParseError::KeepAlive);
    }
    Ok(message)
}

/// Fills the index; gives what was seen on the way, and the offset of the body.
fn scan_headers(
    bytes: &[u8],
    start: usize,
    index: &mut Index,
    headers_max: usize,
) -> Result<(Seen, usize), ParseError> {
    let mut seen = Seen::default();
    index.lines.clear();
    let mut at = start;
    while !lines::is_head_end(bytes, at) {
        let line = lines::header_line(bytes, at).map_err(|fault| match fault {
            LineFault::LineEnd => ParseError::BadLineEnd,
            LineFault::Truncated => ParseError::Truncated,
            LineFault::Name => ParseError::BadHeaderLine,
        })?;
        if index.lines.len() == headers_max {
            return Err(ParseError::TooManyHeaders);
        }
        seen.take(bytes, &line)?;
        index.lines.push(line);
        at = usize::from(line.line.end);
    }
    Ok((seen, at + 2))
}

fn first(lines: &[IndexedLine], name: HeaderName) -> Option<&IndexedLine> {
    lines.iter().find(|line| line.name == name)
}

/// Reads what every hop needs, and checks it.
fn gather(
    bytes: &[u8],
    start: StartLine,
    seen: &Seen,
    body_start: usize,
) -> Result<Essentials, ParseError> {
    let mandatory = |value: Option<Span>, name| value.ok_or(ParseError::MissingHeader(name));
    let mut essentials = Essentials::new(start, body_start);
    essentials.from = mandatory(seen.from, HeaderName::From)?;
    essentials.to = mandatory(seen.to, HeaderName::To)?;
    essentials.call_id = mandatory(seen.call_id, HeaderName::CallId)?;
    let cseq_value = mandatory(seen.cseq, HeaderName::CSeq)?.of(bytes);

    let call_id = essentials.call_id.of(bytes);
    if call_id.is_empty() || !UNBROKEN.covers(call_id) {
        return Err(ParseError::BadHeader(HeaderName::CallId));
    }
    let bad = ParseError::BadHeader;
    essentials.from_tag = tag(bytes, essentials.from).map_err(|()| bad(HeaderName::From))?;
    essentials.to_tag = tag(bytes, essentials.to).map_err(|()| bad(HeaderName::To))?;
    let (sequence, method_text) = cseq(cseq_value).ok_or(bad(HeaderName::CSeq))?;
    essentials.cseq = sequence;
    let method_span = span_in(bytes, method_text);
    match start {
        StartLine::Request { method_text, .. } => {
            if method_text.of(bytes) != method_span.of(bytes) {
                return Err(ParseError::CSeqMethod);
            }
            let value = seen.max_forwards.map(|span| number(span.of(bytes), 255));
            essentials.max_forwards = match value {
                None => None,
                Some(None) => return Err(bad(HeaderName::MaxForwards)),
                Some(Some(value)) => Some(value as u8),
            };
        }
        StartLine::Status { .. } => {
            essentials.method = Method::of(method_text);
            essentials.method_text = method_span;
        }
    }
    essentials.content_length = seen.content_length;
    Ok(essentials)
}

fn body_end(bytes: &[u8], start: usize, length: Option<u32>) -> Result<usize, ParseError> {
    let Some(length) = length else {
        return Ok(bytes.len());
    };
    match start.checked_add(length as usize) {
        Some(end) if end <= bytes.len() => Ok(end),
        Some(_) | None => Err(ParseError::BodyCutShort),
    }
}

/// Values of the fields that every hop needs; all but Via may be there once.
#[derive(Default)]
struct Seen {
    /// Of the first line.
    via: Option<Span>,
    from: Option<Span>,
    to: Option<Span>,
    call_id: Option<Span>,
    cseq: Option<Span>,
    max_forwards: Option<Span>,
    content_length: Option<u32>,
}

impl Seen {
    fn take(&mut self, bytes: &[u8], line: &IndexedLine) -> Result<(), ParseError> {
        let name = line.name;
        let field = if name == HeaderName::Via {
            self.via.get_or_insert(line.value);
            return Ok(());
        } else if name == HeaderName::ContentLength {
            return self.content_length(line.value.of(bytes));
        } else if name == HeaderName::From {
            &mut self.from
        } else if name == HeaderName::To {
            &mut self.to
        } else if name == HeaderName::CallId {
            &mut self.call_id
        } else if name == HeaderName::CSeq {
            &mut self.cseq
        } else if name == HeaderName::MaxForwards {
            &mut self.max_forwards
        } else {
            return Ok(());
        };
        match field.replace(line.value) {
            None => Ok(()),
            Some(_) => Err(ParseError::DuplicateHeader(line.name)),
        }
    }

    /// The same length twice is harmless; two that differ hide a second message from one of us.
    fn content_length(&mut self, value: &[u8]) -> Result<(), ParseError> {
        let length =
            number(value, u32::MAX).ok_or(ParseError::BadHeader(HeaderName::ContentLength))?;
        match self.content_length.replace(length) {
            Some(before) if before != length => {
                Err(ParseError::DuplicateHeader(HeaderName::ContentLength))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The tag of From or To; an error when the value cannot be read, or holds two tags.
fn tag(bytes: &[u8], value: Span) -> Result<Option<Span>, ()> {
    if let Some(found) = usual_tag(bytes, value) {
        return Ok(found);
    }
    let address = NameAddr::parse(value.of(bytes)).ok_or(())?;
    let mut tags = super::params::Params::new(address.params)
        .filter(|param| param.name.eq_ignore_ascii_case(b"tag"));
    let Some(tag) = tags.next() else {
        return Ok(None);
    };
    let text = tag.value.filter(|text| !text.is_empty()).ok_or(())?;
    match tags.next() {
        None => Ok(Some(span_in(bytes, text))),
        Some(_) => Err(()),
    }
}

/// As [`tag`], for the one form that nearly all have: a URI in angle brackets, no quotes, and either
/// nothing behind it or the tag alone. `None`: it is in some other form, or malformed.
fn usual_tag(bytes: &[u8], value: Span) -> Option<Option<Span>> {
    let text = value.of(bytes);
    let open = words::first_of(text, *b"<;\"")?;
    let uri = match &text[open..] {
        [b'<', uri @ ..] => uri,
        _ => return None,
    };
    let close = words::first_of(uri, [b'>'])?;
    if close == 0 || is_lws(uri[0]) {
        return None;
    }
    match &uri[close + 1..] {
        [] => Some(None),
        [b';', b't' | b'T', b'a' | b'A', b'g' | b'G', b'=', tag @ ..]
            if super::chars::is_token(tag) =>
        {
            Some(Some(span_in(bytes, tag)))
        }
        _ => None,
    }
}

/// Sequence number and method of a CSeq value.
fn cseq(value: &[u8]) -> Option<(u32, &[u8])> {
    let digits = value.iter().position(|b| is_lws(*b))?;
    let sequence = number(&value[..digits], CSEQ_MAX)?;
    let method = trim(&value[digits..]);
    super::chars::is_token(method).then_some((sequence, method))
}

/// Where a part of `bytes` lies in it.
fn span_in(bytes: &[u8], part: &[u8]) -> Span {
    let start = part.as_ptr() as usize - bytes.as_ptr() as usize;
    Span::new(start, start + part.len())
}
