//! A view of one message: bytes, index and the few fields that every hop needs.

use std::net::SocketAddr;

use super::index::IndexedLine;
use super::start_line::StartLine;
use super::values::Values;
use super::{HeaderName, Method, Scheme, Span, Value, Via};

/// What a parse has read already, so that asking for it costs nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Essentials {
    pub status: u16,
    pub method: Method,
    pub method_text: Span,
    pub uri: Span,
    pub scheme: Scheme,
    pub place: Option<SocketAddr>,
    pub reason: Span,
    pub call_id: Span,
    pub from: Span,
    pub from_tag: Option<Span>,
    pub to: Span,
    pub to_tag: Option<Span>,
    pub cseq: u32,
    pub max_forwards: Option<u8>,
    pub content_length: Option<u32>,
    pub body_start: usize,
}

impl Essentials {
    pub(super) fn new(start: StartLine, body_start: usize) -> Self {
        let blank = Self {
            status: 0,
            method: Method::Other,
            method_text: Span::default(),
            uri: Span::default(),
            scheme: Scheme::Other,
            place: None,
            reason: Span::default(),
            call_id: Span::default(),
            from: Span::default(),
            from_tag: None,
            to: Span::default(),
            to_tag: None,
            cseq: 0,
            max_forwards: None,
            content_length: None,
            body_start,
        };
        match start {
            StartLine::Request {
                method,
                method_text,
                uri,
                scheme,
                place,
            } => Self {
                method,
                method_text,
                uri,
                scheme,
                place,
                ..blank
            },
            StartLine::Status { status, reason } => Self {
                status,
                reason,
                ..blank
            },
        }
    }
}

/// One header line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a> {
    /// Which field it is.
    pub name: HeaderName,
    /// The name as written.
    pub label: &'a [u8],
    /// The value as written, folding included, white space at both ends left off.
    pub value: &'a [u8],
    /// The whole line with its CRLF, and the lines folded into it.
    pub line: Span,
    /// Where the value lies.
    pub value_span: Span,
}

/// A view of a message that [`parse`](super::parse) has checked. Nothing is copied: every part is a
/// slice of the datagram, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    lines: &'a [IndexedLine],
    essentials: Essentials,
    via: Via<'a>,
}

impl<'a> Message<'a> {
    pub(super) fn new(
        bytes: &'a [u8],
        lines: &'a [IndexedLine],
        essentials: Essentials,
        via: Via<'a>,
    ) -> Self {
        Self {
            bytes,
            lines,
            essentials,
            via,
        }
    }

    /// The message: from its start line to the end of its body. All spans are offsets into this, and
    /// [`Edits::apply`](super::Edits::apply) wants it.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it is a request; else it is a response.
    pub fn is_request(&self) -> bool {
        self.essentials.status == 0
    }

    /// The method of the request, or the one that a response's CSeq names.
    pub fn method(&self) -> Method {
        self.essentials.method
    }

    /// The method as written.
    pub fn method_text(&self) -> &'a [u8] {
        self.essentials.method_text.of(self.bytes)
    }

    /// The status of a response, 100 to 699; 0 for a request.
    pub fn status(&self) -> u16 {
        self.essentials.status
    }

    /// The reason phrase of a response.
    pub fn reason(&self) -> &'a [u8] {
        self.essentials.reason.of(self.bytes)
    }

    /// The Request-URI; empty for a response.
    pub fn uri(&self) -> &'a [u8] {
        self.essentials.uri.of(self.bytes)
    }

    /// The scheme of the Request-URI; [`Scheme::Other`] for a response.
    pub fn uri_scheme(&self) -> Scheme {
        self.essentials.scheme
    }

    /// Where the Request-URI leads, if it is `sip:` with an address and no parameters: known without another look.
    pub fn uri_place(&self) -> Option<SocketAddr> {
        self.essentials.place
    }

    /// Where the Request-URI lies.
    pub fn uri_span(&self) -> Span {
        self.essentials.uri
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &'a [u8] {
        self.essentials.call_id.of(self.bytes)
    }

    /// The whole value of From.
    pub fn from(&self) -> &'a [u8] {
        self.essentials.from.of(self.bytes)
    }

    /// The `tag` of From; RFC 2543 elements may leave it out.
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        Some(self.essentials.from_tag?.of(self.bytes))
    }

    /// The whole value of To.
    pub fn to(&self) -> &'a [u8] {
        self.essentials.to.of(self.bytes)
    }

    /// The `tag` of To; inside a dialog it is there.
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        Some(self.essentials.to_tag?.of(self.bytes))
    }

    /// Where the value of To lies.
    pub(super) fn span_of_to(&self) -> Span {
        self.essentials.to
    }

    /// The sequence number of CSeq.
    pub fn cseq(&self) -> u32 {
        self.essentials.cseq
    }

    /// Max-Forwards of a request, when it has one.
    pub fn max_forwards(&self) -> Option<u8> {
        self.essentials.max_forwards
    }

    /// Content-Length in bytes, when written.
    pub fn content_length(&self) -> Option<u32> {
        self.essentials.content_length
    }

    /// The body.
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(self.essentials.body_start..).unwrap_or(&[])
    }

    /// The head: start line, header lines and the empty line.
    pub fn head(&self) -> &'a [u8] {
        self.bytes
            .get(..self.essentials.body_start)
            .unwrap_or(self.bytes)
    }

    /// The topmost Via value.
    pub fn top_via(&self) -> &Via<'a> {
        &self.via
    }

    /// The topmost Via value as one of its list.
    pub(super) fn top_via_value(&self) -> Option<Value<'a>> {
        let line = self
            .lines
            .iter()
            .find(|line| line.name == HeaderName::Via)?;
        let span = self.via.value;
        Some(Value {
            text: span.of(self.bytes),
            span,
            line: line.line,
            alone: Values::behind(self.bytes, line, span).next().is_none(),
        })
    }

    /// The number of Via values, however many share a line.
    pub fn via_count(&self) -> usize {
        1 + self.lower_vias().count()
    }

    /// The Via values below the topmost, however many share a line.
    pub fn lower_vias(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (bytes, top) = (self.bytes, self.via.value);
        self.lines
            .iter()
            .filter(|line| line.name == HeaderName::Via)
            .flat_map(move |line| Values::behind(bytes, line, top))
    }

    /// The header lines in order. They tile the head: each starts where the one before ends.
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = Header<'a>> + Clone + use<'a> {
        let bytes = self.bytes;
        self.lines.iter().map(move |line| Header {
            name: line.name,
            label: Span {
                start: line.line.start,
                end: line.label_end,
            }
            .of(bytes),
            value: line.value.of(bytes),
            line: line.line,
            value_span: line.value,
        })
    }

    /// The value of the first line of that name.
    pub fn header(&self, name: HeaderName) -> Option<&'a [u8]> {
        let line = self.lines.iter().find(|line| line.name == name)?;
        Some(line.value.of(self.bytes))
    }

    /// The value of the first line of any name, compared without case; a compact form finds the long
    /// one and the other way round.
    pub fn header_by_text(&self, label: &[u8]) -> Option<&'a [u8]> {
        let name = HeaderName::of(label);
        if name != HeaderName::Other {
            return self.header(name);
        }
        self.headers()
            .find(|header| header.label.eq_ignore_ascii_case(label))
            .map(|header| header.value)
    }

    /// The values of all lines of that name, in order; lines of list fields are split at their commas
    /// (RFC 3261 §7.3.1), with respect for quotes and angle brackets.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = Value<'a>> + Clone + use<'a> {
        let bytes = self.bytes;
        self.lines
            .iter()
            .filter(move |line| line.name == name)
            .flat_map(move |line| Values::new(bytes, line))
    }

    /// The values of the line that `line` spans.
    pub(super) fn values_of_line(&self, line: Span) -> Option<Values<'a>> {
        let found = self.lines.iter().find(|other| other.line == line)?;
        Some(Values::new(self.bytes, found))
    }
}
