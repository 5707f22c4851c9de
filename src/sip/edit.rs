//! Edits to a message: ordered splices over the bytes it came in.
//!
//! What no splice touches is copied as it is, never written anew, so order, case, folding and bytes
//! that are not text leave as they came.

use std::net::SocketAddr;

use super::stamp::stamps;
use super::{HeaderName, Message, Span, Value};

/// A list of splices, kept and used again for each message.
#[derive(Debug, Default)]
pub struct Edits {
    /// In the order of their starts; of those with the same start, as they were asked for.
    splices: Vec<Splice>,
    /// Texts of all splices, one behind the other.
    texts: Vec<u8>,
    /// Values removed from lists so far.
    removed: Vec<Removed>,
}

#[derive(Clone, Copy, Debug)]
struct Splice {
    removes: Span,
    text_start: usize,
    text_end: usize,
    of_list: bool,
}

#[derive(Clone, Copy, Debug)]
struct Removed {
    line: Span,
    value: Span,
}

impl Edits {
    /// No edits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all edits and keeps the memory.
    pub fn clear(&mut self) {
        self.splices.clear();
        self.texts.clear();
        self.removed.clear();
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Puts `text` before the byte at `at`; several at one place stand in the order of the calls.
    pub fn insert(&mut self, at: u16, text: &[u8]) {
        self.insert_pieces(at, [text]);
    }

    /// Takes bytes away.
    pub fn remove(&mut self, span: Span) {
        self.splice(span, [], false);
    }

    /// Puts `text` in the place of bytes.
    pub fn replace(&mut self, span: Span, text: &[u8]) {
        self.splice(span, [text], false);
    }

    fn insert_pieces<'p>(&mut self, at: u16, pieces: impl IntoIterator<Item = &'p [u8]>) {
        self.splice(Span { start: at, end: at }, pieces, false);
    }

    fn splice<'p>(
        &mut self,
        removes: Span,
        pieces: impl IntoIterator<Item = &'p [u8]>,
        of_list: bool,
    ) {
        let text_start = self.texts.len();
        for piece in pieces {
            self.texts.extend_from_slice(piece);
        }
        let splice = Splice {
            removes,
            text_start,
            text_end: self.texts.len(),
            of_list,
        };
        let place = self
            .splices
            .iter()
            .rposition(|other| other.removes.start <= removes.start)
            .map_or(0, |before| before + 1);
        self.splices.insert(place, splice);
    }

    /// Writes the edited message to the end of `out`. `bytes` must be those of the message that the
    /// edits are for ([`Message::bytes`]). Where removals overlap, each byte is left out once.
    pub fn apply(&self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len() + self.texts.len());
        let mut at = 0;
        for splice in &self.splices {
            let start = usize::from(splice.removes.start).min(bytes.len());
            if let Some(untouched) = bytes.get(at..start) {
                out.extend_from_slice(untouched);
                at = start;
            }
            out.extend_from_slice(&self.texts[splice.text_start..splice.text_end]);
            at = at.max(usize::from(splice.removes.end));
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or(&[]));
    }

    /// A new Via line above all others; `value`, in pieces, without the name and the line end.
    pub fn push_via(&mut self, message: &Message<'_>, value: &[&[u8]]) {
        let top = first_line(message, HeaderName::Via);
        let (name, end) = ([&b"Via: "[..]], [&b"\r\n"[..]]);
        let pieces = name.into_iter().chain(value.iter().copied()).chain(end);
        self.insert_pieces(top.start, pieces);
    }

    /// Writes where the request came from into its top Via (RFC 3261 §18.2.1, RFC 3581 §4):
    /// `received` when sent-by is another host or `rport` is there, and the value of `rport`.
    pub fn stamp_received(&mut self, message: &Message<'_>, source: SocketAddr) {
        for stamp in stamps(message.top_via(), source).into_iter().flatten() {
            self.replace(stamp.span, stamp.text());
        }
    }

    /// Takes the topmost Via value away, and its line when no other value stands in it.
    pub fn pop_via(&mut self, message: &Message<'_>) {
        if let Some(top) = message.top_via_value() {
            self.remove_value(message, &top);
        }
    }

    /// Sets Max-Forwards; without one it is written below the Vias.
    pub fn set_max_forwards(&mut self, message: &Message<'_>, value: u8) {
        let mut digits = [0; 3];
        let digits = decimal(value, &mut digits);
        let present = message
            .headers()
            .find(|header| header.name == HeaderName::MaxForwards);
        match present {
            Some(header) => self.replace(header.value_span, digits),
            None => {
                let below = last_line(message, HeaderName::Via).end;
                self.insert_pieces(below, [&b"Max-Forwards: "[..], digits, b"\r\n"]);
            }
        }
    }

    /// Puts another URI into the request line.
    pub fn set_request_uri(&mut self, message: &Message<'_>, uri: &[u8]) {
        self.replace(message.uri_span(), uri);
    }

    /// Takes one value out of its list with its comma, or the line when no value is left in it. It may
    /// be called for several values of one line.
    pub fn remove_value(&mut self, message: &Message<'_>, value: &Value<'_>) {
        let line = value.line;
        self.removed.push(Removed {
            line,
            value: value.span,
        });
        self.splices
            .retain(|splice| !(splice.of_list && line.contains(splice.removes)));
        if value.alone {
            return self.splice(line, [], true);
        }
        let mut last_kept: Option<Span> = None;
        let mut run: Option<Span> = None;
        let Some(values) = message.values_of_line(line) else {
            return;
        };
        for other in values {
            let span = other.span;
            let is_removed = self
                .removed
                .iter()
                .any(|gone| gone.line == line && gone.value == span);
            if is_removed {
                run = Some(Span {
                    start: run.map_or(span.start, |run| run.start),
                    end: span.end,
                });
                continue;
            }
            if let Some(run) = run.take() {
                let through_comma = Span {
                    start: run.start,
                    end: span.start,
                };
                self.splice(through_comma, [], true);
            }
            last_kept = Some(span);
        }
        match (last_kept, run) {
            (None, _) => self.splice(line, [], true),
            (Some(kept), Some(run)) => {
                let with_comma = Span {
                    start: kept.end,
                    end: run.end,
                };
                self.splice(with_comma, [], true);
            }
            (Some(_), None) => {}
        }
    }

    /// Puts a whole header line (`"Record-Route: <…>\r\n"`) before the first of that name, or below
    /// the Vias when there is none.
    pub fn prepend_header(&mut self, message: &Message<'_>, name: HeaderName, line: &[u8]) {
        let at = message
            .headers()
            .find(|header| header.name == name)
            .map_or_else(
                || last_line(message, HeaderName::Via).end,
                |header| header.line.start,
            );
        self.insert(at, line);
    }

    /// Puts a header line with that value after the last of that name, or below the Vias when there is
    /// none: a Route at the end of the route set.
    pub fn append_value_last(&mut self, message: &Message<'_>, name: HeaderName, value: &[u8]) {
        let at = message
            .headers()
            .rfind(|header| header.name == name)
            .map_or_else(
                || last_line(message, HeaderName::Via).end,
                |header| header.line.end,
            );
        let label = name.as_str().as_bytes();
        self.insert_pieces(at, [label, b": ", value, b"\r\n"]);
    }

    /// Takes all lines of that name away.
    pub fn remove_all(&mut self, message: &Message<'_>, name: HeaderName) {
        for header in message.headers().filter(|header| header.name == name) {
            self.remove(header.line);
        }
    }
}

/// The line of the first header of that name; the message's end of head when there is none, which no
/// parsed message has for Via.
fn first_line(message: &Message<'_>, name: HeaderName) -> Span {
    message
        .headers()
        .find(|header| header.name == name)
        .map_or_else(|| head_end(message), |header| header.line)
}

/// Likewise of the last.
fn last_line(message: &Message<'_>, name: HeaderName) -> Span {
    message
        .headers()
        .rfind(|header| header.name == name)
        .map_or_else(|| head_end(message), |header| header.line)
}

fn head_end(message: &Message<'_>) -> Span {
    let end = message.headers().next_back().map_or(0, |h| h.line.end);
    Span { start: end, end }
}

/// A number of at most three digits as text.
fn decimal(value: u8, digits: &mut [u8; 3]) -> &[u8] {
    *digits = [
        b'0' + value / 100,
        b'0' + value / 10 % 10,
        b'0' + value % 10,
    ];
    let zeros = match value {
        0..=9 => 2,
        10..=99 => 1,
        100..=255 => 0,
    };
    &digits[zeros..]
}
