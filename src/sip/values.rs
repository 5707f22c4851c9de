//! Values of header fields that are comma-separated lists.

use super::Span;
use super::chars::{is_lws, quoted_len};
use super::index::IndexedLine;

/// One value of a header field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value<'a> {
    /// The value as written, white space at both ends left off.
    pub text: &'a [u8],
    /// Where it lies in the message.
    pub span: Span,
    /// The line it stands in.
    pub line: Span,
    /// Whether that line has no other value.
    pub alone: bool,
}

/// The values of one line; empty elements are passed over.
#[derive(Clone, Debug)]
pub(super) struct Values<'a> {
    bytes: &'a [u8],
    line: Span,
    whole: Span,
    list: bool,
    at: usize,
}

impl<'a> Values<'a> {
    pub(super) fn new(bytes: &'a [u8], line: &IndexedLine) -> Self {
        Self {
            bytes,
            line: line.line,
            whole: line.value,
            list: line.name.is_list(),
            at: usize::from(line.value.start),
        }
    }

    /// Those of them that come behind `before` in the message.
    pub(super) fn behind(bytes: &'a [u8], line: &IndexedLine, before: Span) -> Self {
        let all = Self::new(bytes, line);
        Self {
            at: all.at.max(usize::from(before.end)),
            ..all
        }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let end = usize::from(self.whole.end);
        let bytes = self.bytes.get(..end)?;
        while let Some(byte) = bytes.get(self.at) {
            let separator = is_lws(*byte) || (self.list && *byte == b',');
            if !separator {
                break;
            }
            self.at += 1;
        }
        let start = self.at;
        if start >= end {
            return None;
        }
        let element_end = match self.list {
            true => start + element_len(&bytes[start..]),
            false => end,
        };
        self.at = element_end;
        let mut value_end = element_end;
        while value_end > start && is_lws(bytes[value_end - 1]) {
            value_end -= 1;
        }
        let span = Span::new(start, value_end);
        let only_element = |text: &[u8]| text.iter().all(|b| is_lws(*b) || *b == b',');
        let first = start == usize::from(self.whole.start);
        Some(Value {
            text: span.of(bytes),
            span,
            line: self.line,
            alone: first && only_element(&bytes[element_end..]),
        })
    }
}

/// The length up to the next comma outside quotes and angle brackets.
pub(super) fn element_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b',', b'"', b'<', &text[at..]) {
        at += found;
        let skipped = match text[at] {
            b',' => return at,
            b'"' => quoted_len(&text[at..]),
            _ => memchr::memchr(b'>', &text[at..]).map(|length| length + 1),
        };
        match skipped {
            Some(length) => at += length,
            None => return text.len(),
        }
    }
    text.len()
}
