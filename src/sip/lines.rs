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
    let length = first_cr_or_lf(rest).ok_or(LineFault::Truncated)?;
    match rest.get(length..length + 2) {
        Some(b"\r\n") => Ok(at + length + 2),
        Some(_) => Err(LineFault::LineEnd),
        None => Err(LineFault::Truncated),
    }
}

/// Header lines are short, so that a search built for long texts would be under way only when it has found them: eight
/// bytes at a time.
fn first_cr_or_lf(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The lowest byte that is zero shows as its highest bit.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let (words, rest) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found =
            zeros(word ^ (ONES * u64::from(b'\r'))) | zeros(word ^ (ONES * u64::from(b'\n')));
        if found != 0 {
            return Some(8 * number + found.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|b| matches!(b, b'\r' | b'\n'))?;
    Some(text.len() - rest.len() + at)
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

#[cfg(test)]
mod tests {
    use super::first_cr_or_lf;

    #[test]
    fn the_first_cr_or_lf_is_found_wherever_it_stands_and_nothing_else_is() {
        for filler in [0x00, 0x09, 0x0b, 0x0c, 0x0e, b' ', b'a', 0x8a, 0x8d, 0xff] {
            for at in 0..40 {
                let mut text = vec![filler; at];
                assert_eq!(first_cr_or_lf(&text), None);
                text.extend_from_slice(b"\n\r\n  \r");
                assert_eq!(first_cr_or_lf(&text), Some(at), "LF behind {filler:#x}");
                text[at] = b'\r';
                assert_eq!(first_cr_or_lf(&text), Some(at), "CR behind {filler:#x}");
            }
        }
    }
}
