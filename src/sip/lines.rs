//! The lines of a head: where each ends, folding included, and where its name and value lie.
//!
//! Both [`parse`](super::parse) and [`sniff`](super::sniff) walk a head with these functions, so they
//! cannot disagree. Lines end with CRLF and nothing else: a CR or LF alone is refused, because an
//! element behind us that took it for a line end would see other headers than we do.

use super::chars::{TOKEN, trim_end, trim_start};

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

/// Offsets of one header line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// Where the line starts, and its name with it.
    pub start: usize,
    /// Past the name.
    pub label_end: usize,
    /// Where the value starts, white space skipped.
    pub value_start: usize,
    /// Past the value, white space left off.
    pub value_end: usize,
    /// Past the line's CRLF.
    pub end: usize,
}

/// How many bytes of line ends and padding come before the start line (RFC 3261 §7.5).
pub(super) fn leading_line_ends(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|b| !matches!(b, b'\r' | b'\n'))
        .unwrap_or(bytes.len())
}

/// Offset just past the CRLF of the unfolded line that starts at `at`.
pub(super) fn physical_line_end(bytes: &[u8], at: usize) -> Result<usize, LineFault> {
    let rest = bytes.get(at..).ok_or(LineFault::Truncated)?;
    let length = memchr::memchr2(b'\r', b'\n', rest).ok_or(LineFault::Truncated)?;
    match rest.get(length..length + 2) {
        Some(b"\r\n") => Ok(at + length + 2),
        Some(_) => Err(LineFault::LineEnd),
        None => Err(LineFault::Truncated),
    }
}

/// Whether the head ends at `at`, with an empty line.
pub(super) fn is_head_end(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..at + 2) == Some(b"\r\n")
}

/// The header line that starts at `at`, with the lines folded into it (RFC 3261 §7.3.1).
pub(super) fn header_line(bytes: &[u8], at: usize) -> Result<Line, LineFault> {
    let rest = bytes.get(at..).ok_or(LineFault::Truncated)?;
    let label = TOKEN.run(rest);
    let mut colon = label;
    while matches!(rest.get(colon), Some(b' ' | b'\t')) {
        colon += 1;
    }
    let colon_byte = *rest.get(colon).ok_or(LineFault::Truncated)?;
    if label == 0 || colon_byte != b':' {
        return Err(LineFault::Name);
    }
    let colon = at + colon;
    let end = folded_line_end(bytes, colon + 1)?;
    let padded = &bytes[colon + 1..end - 2];
    let value = trim_start(padded);
    let value_start = end - 2 - value.len();
    Ok(Line {
        start: at,
        label_end: at + label,
        value_start,
        value_end: value_start + trim_end(value).len(),
        end,
    })
}

/// Past the CRLF of the line at `at` and of all lines that continue it.
pub(super) fn folded_line_end(bytes: &[u8], at: usize) -> Result<usize, LineFault> {
    let mut end = physical_line_end(bytes, at)?;
    while matches!(bytes.get(end), Some(b' ' | b'\t')) {
        end = physical_line_end(bytes, end)?;
    }
    Ok(end)
}
