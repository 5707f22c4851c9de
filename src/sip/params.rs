//! Parameters: `;name=value`, as header fields and URIs have them.

use super::chars::{quoted_len, trim, trim_end, trim_start};
use super::words;

/// One parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param<'a> {
    /// The name as written.
    pub name: &'a [u8],
    /// The value as written, quotes included; `None` without an equals sign.
    pub value: Option<&'a [u8]>,
}

/// The parameters in a text of the form `;a=b;c`, in order; empty ones are left out.
#[derive(Clone, Debug)]
pub(super) struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Params<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        loop {
            self.rest = trim_start(self.rest);
            match self.rest {
                [] => return None,
                [b';', rest @ ..] => self.rest = rest,
                _ => break,
            }
        }
        let (item, rest) = self.rest.split_at(item_len(self.rest));
        self.rest = rest;
        let param = match words::first_of(item, [b'=']) {
            Some(equals) => Param {
                name: trim_end(&item[..equals]),
                value: Some(trim(&item[equals + 1..])),
            },
            None => Param {
                name: trim_end(item),
                value: None,
            },
        };
        Some(param)
    }
}

/// The length up to the next semicolon outside quotes.
fn item_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = words::first_of(&text[at..], *b";\"") {
        at += found;
        if text[at] == b';' {
            return at;
        }
        match quoted_len(&text[at..]) {
            Some(length) => at += length,
            None => return text.len(),
        }
    }
    text.len()
}

/// Whether every quoted string in it has an end. What is written behind one without an end would be
/// read as part of it.
pub(super) fn quotes_are_closed(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(start) = memchr::memchr(b'"', rest) {
        let Some(length) = quoted_len(&rest[start..]) else {
            return false;
        };
        rest = &rest[start + length..];
    }
    true
}

/// The value of the parameter of that name, compared without case: `None` when absent, `Some(None)`
/// when it has no value.
pub(super) fn find<'a>(text: &'a [u8], name: &[u8]) -> Option<Option<&'a [u8]>> {
    Params::new(text)
        .find(|param| param.name.eq_ignore_ascii_case(name))
        .map(|param| param.value)
}
