//! The lines of a head: where each ends, folding included, and where its name and value lie.
//!
//! Both [`parse`](super::parse) and [`sniff`](super::sniff) walk a head with these functions, so they
//! cannot disagree. Lines end with CRLF and nothing else: a CR or LF alone is refused, because an
//! element behind us that took it for a line end would see other headers than we do.

use super::chars::{TOKEN, trim_end, trim_start};
use super::index::IndexedLine;
use super::words;
use super::{HeaderName, Span};

/// What is wrong with a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineFault {
    /// A CR or LF that is not part of a CRLF.
    LineEnd,
    /// The bytes end before the line does.
    Truncated,
    /// No name, or no colon behind it.
    Name,
}

/// How many bytes of line ends and padding come before the start line (RFC 3261 §7.5).
pub(super) fn leading_line_ends(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|b| !matches!(b, b'\r' | b'\n'))
        .unwrap_or(bytes.len())
}

/// Offset just past the CRLF of the unfolded line that starts at `at`.
#[inline(always)]
pub(super) fn physical_line_end(bytes: &[u8], at: usize) -> Result<usize, LineFault> {
    let rest = bytes.get(at..).ok_or(LineFault::Truncated)?;
    match words::first_control(rest) {
        Some(length) if rest[length..].starts_with(b"\r\n") => Ok(at + length + 2),
        Some(length) => unusual_line_end(bytes, at + length),
        None => Err(LineFault::Truncated),
    }
}

/// As [`physical_line_end`]: a control character is at `at`, and no line end.
#[cold]
fn unusual_line_end(bytes: &[u8], at: usize) -> Result<usize, LineFault> {
    let length = memchr::memchr2(b'\r', b'\n', &bytes[at..]).ok_or(LineFault::Truncated)?;
    let end = at + length;
    match bytes.get(end..end + 2) {
        Some(b"\r\n") => Ok(end + 2),
        Some(_) => Err(LineFault::LineEnd),
        None => Err(LineFault::Truncated),
    }
}

/// Whether the head ends at `at`, with an empty line.
pub(super) fn is_head_end(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..at + 2) == Some(b"\r\n")
}

/// The header line that starts at `at`, with the lines folded into it (RFC 3261 §7.3.1).
#[inline(always)]
pub(super) fn header_line(bytes: &[u8], at: usize) -> Result<IndexedLine, LineFault> {
    let rest = bytes.get(at..).ok_or(LineFault::Truncated)?;
    let label = match usual_label(rest) {
        Some(label) => label,
        None => any_label(rest)?,
    };
    let behind = at + label.through_colon;
    let end = folded_line_end(bytes, behind)?;
    let value = trimmed(bytes, behind, end - 2);
    Ok(IndexedLine {
        name: label.name,
        label_end: Span::new(at, at + label.length).end,
        line: Span::new(at, end),
        value,
    })
}

/// The bytes from `start` to `end` without the white space at both ends.
#[inline(always)]
fn trimmed(bytes: &[u8], start: usize, end: usize) -> Span {
    let mut span = Span::new(start, end);
    span.start += u16::from(bytes[start] == b' ');
    let text = span.of(bytes);
    let black = |byte: Option<&u8>| byte.is_some_and(|byte| *byte > b' ');
    if black(text.first()) && black(text.last()) {
        return span;
    }
    let inner = trim_start(text);
    let start = usize::from(span.end) - inner.len();
    Span::new(start, start + trim_end(inner).len())
}

struct Label {
    name: HeaderName,
    length: usize,
    through_colon: usize,
}

/// A name that is known needs no look at each of its bytes; nearly all are, with the colon right behind them.
#[inline(always)]
fn usual_label(rest: &[u8]) -> Option<Label> {
    let length = words::first_in_block(rest.first_chunk::<16>()?, b':')?;
    let name = HeaderName::of(&rest[..length]);
    (name != HeaderName::Other).then_some(Label {
        name,
        length,
        through_colon: length + 1,
    })
}

#[cold]
fn any_label(rest: &[u8]) -> Result<Label, LineFault> {
    let length = TOKEN.run(rest);
    let mut colon = length;
    while matches!(rest.get(colon), Some(b' ' | b'\t')) {
        colon += 1;
    }
    let colon_byte = *rest.get(colon).ok_or(LineFault::Truncated)?;
    if length == 0 || colon_byte != b':' {
        return Err(LineFault::Name);
    }
    Ok(Label {
        name: HeaderName::of(&rest[..length]),
        length,
        through_colon: colon + 1,
    })
}

/// Past the CRLF of the line at `at` and of all lines that continue it.
#[inline(always)]
pub(super) fn folded_line_end(bytes: &[u8], at: usize) -> Result<usize, LineFault> {
    let end = physical_line_end(bytes, at)?;
    match bytes.get(end) {
        Some(b' ' | b'\t') => continued_line_end(bytes, end),
        Some(_) | None => Ok(end),
    }
}

#[cold]
fn continued_line_end(bytes: &[u8], mut end: usize) -> Result<usize, LineFault> {
    while matches!(bytes.get(end), Some(b' ' | b'\t')) {
        end = physical_line_end(bytes, end)?;
    }
    Ok(end)
}
