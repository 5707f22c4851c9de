//! The scratch that a parse fills: where each header line lies.

use crate::base::limits::OWN_HEADERS_MAX;

use super::{HeaderName, Span};

/// One header line in a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IndexedLine {
    pub name: HeaderName,
    pub label_end: u16,
    pub line: Span,
    pub value: Span,
}

/// Scratch for [`parse`](super::parse), kept and used again for each message, so that a parse
/// allocates nothing. It has room for the most header lines a message may have.
#[derive(Debug)]
pub struct Index {
    pub(super) lines: Vec<IndexedLine>,
}

impl Index {
    /// An empty index; the only allocation is here.
    pub fn new() -> Self {
        Self {
            lines: Vec::with_capacity(OWN_HEADERS_MAX),
        }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}
