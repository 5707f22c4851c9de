//! `name-addr` and `addr-spec`, the values of From, To, Contact, Route and their like
//! (RFC 3261 §20.10, §25.1).

use super::chars::{quoted_len, trim, trim_start};
use super::params;
use super::words;

/// One value of From, To, Contact, Route or Record-Route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    /// The display name as written, quotes included; empty when there is none.
    pub display: &'a [u8],
    /// The URI, without angle brackets.
    pub uri: &'a [u8],
    /// The header's parameters, from the first semicolon on; empty when there are none.
    pub params: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// Reads one value. Without angle brackets all parameters belong to the header, not to the URI
    /// (RFC 3261 §20).
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = trim(text);
        if text.first() == Some(&b'"') {
            let (display, rest) = text.split_at(quoted_len(text)?);
            let rest = trim_start(rest);
            return (rest.first() == Some(&b'<')).then(|| Self::bracketed(display, rest))?;
        }
        match words::first_of(text, *b"<;\"") {
            Some(at) if text[at] == b'<' => Self::bracketed(trim(&text[..at]), &text[at..]),
            Some(at) if text[at] == b';' => Self::bare(&text[..at], &text[at..]),
            Some(_) => None,
            None => Self::bare(text, &[]),
        }
    }

    fn bracketed(display: &'a [u8], text: &'a [u8]) -> Option<Self> {
        let close = words::first_of(text, [b'>'])?;
        let uri = trim(&text[1..close]);
        let params = trim_start(&text[close + 1..]);
        let well_formed = !uri.is_empty() && matches!(params, [] | [b';', ..]);
        (well_formed && params::quotes_are_closed(params)).then_some(Self {
            display,
            uri,
            params,
        })
    }

    fn bare(uri: &'a [u8], params: &'a [u8]) -> Option<Self> {
        let uri = trim(uri);
        (!uri.is_empty() && params::quotes_are_closed(params)).then_some(Self {
            display: &[],
            uri,
            params,
        })
    }

    /// A parameter of the header, by name without case: `None` when absent, `Some(None)` when it has
    /// no value.
    pub fn param(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        params::find(self.params, name)
    }
}
