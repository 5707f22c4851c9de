//! Character classes and small steps over text (RFC 3261 §25.1).

/// A set of bytes.
pub(super) struct Class([bool; 256]);

/// The bytes of `token`.
pub(super) static TOKEN: Class = Class::alphanumeric_and(b"-.!%*_+`'~");

/// The bytes of a host's name or of a dotted quad.
pub(super) static HOST: Class = Class::alphanumeric_and(b"-._");

/// The bytes of a Via parameter's value that is not quoted, the bare IPv6 addresses that `received` may hold included.
pub(super) static VIA_VALUE: Class = Class::alphanumeric_and(b"-.!%*_+`'~[]:");

/// What a URI may hold: neither white space nor control characters, quotes or angle brackets.
pub(super) static URI: Class = {
    let mut table = [true; 256];
    let mut byte = 0;
    while byte <= b' ' as usize {
        table[byte] = false;
        byte += 1;
    }
    table[b'"' as usize] = false;
    table[b'<' as usize] = false;
    table[b'>' as usize] = false;
    table[0x7f] = false;
    Class(table)
};

/// What a Call-ID is refused for is not in it: white space and NUL.
pub(super) static UNBROKEN: Class = {
    let mut table = [true; 256];
    table[0] = false;
    table[b' ' as usize] = false;
    table[b'\t' as usize] = false;
    table[b'\r' as usize] = false;
    table[b'\n' as usize] = false;
    Class(table)
};

impl Class {
    const fn alphanumeric_and(bytes: &[u8]) -> Self {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut at = 0;
        while at < bytes.len() {
            table[bytes[at] as usize] = true;
            at += 1;
        }
        Self(table)
    }

    pub(super) fn holds(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// How many bytes of it `text` begins with: a name or another short word.
    pub(super) fn run(&self, text: &[u8]) -> usize {
        let end = text.iter().position(|byte| !self.holds(*byte));
        end.unwrap_or(text.len())
    }

    /// The same for what may be long, a branch for example.
    pub(super) fn long_run(&self, text: &[u8]) -> usize {
        let (blocks, _) = text.as_chunks::<8>();
        let at = 8 * blocks
            .iter()
            .take_while(|block| self.holds_all(block))
            .count();
        at + self.run(&text[at..])
    }

    /// Whether all of `text` is of it.
    pub(super) fn covers(&self, text: &[u8]) -> bool {
        let (blocks, rest) = text.as_chunks::<8>();
        blocks.iter().all(|block| self.holds_all(block))
            && rest.iter().all(|byte| self.holds(*byte))
    }

    /// All eight are looked up before the first is asked about.
    fn holds_all(&self, block: &[u8; 8]) -> bool {
        block.iter().fold(true, |all, byte| all & self.holds(*byte))
    }
}

/// Linear white space; the line ends of folding count, since no other line end is left in a value.
pub(super) fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// A whole `token`.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && TOKEN.covers(text)
}

/// Without white space at both ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// Without white space at the start.
pub(super) fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text {
        if !is_lws(*first) {
            break;
        }
        text = rest;
    }
    text
}

/// Without white space at the end.
pub(super) fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text {
        if !is_lws(*last) {
            break;
        }
        text = rest;
    }
    text
}

/// Length of the quoted string that `text` begins with, both quotes included; `None` when it has no
/// end.
pub(super) fn quoted_len(text: &[u8]) -> Option<usize> {
    debug_assert_eq!(text.first(), Some(&b'"'));
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Digits alone, as a number; `None` when there are none, others between them, or it is over `max`.
pub(super) fn number(text: &[u8], max: u32) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0_u32;
    for byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u32::from(byte - b'0'))?;
    }
    (value <= max).then_some(value)
}

/// A port other than zero.
pub(super) fn port(text: &[u8]) -> Option<u16> {
    let value = number(text, u32::from(u16::MAX))?;
    u16::try_from(value).ok().filter(|port| *port != 0)
}
