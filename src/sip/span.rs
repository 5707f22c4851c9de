//! A range of bytes in a message.

/// A half-open range of bytes in [`Message::bytes`](super::Message::bytes).
///
/// A message has at most 65,535 bytes, so two bytes an offset are enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u16,
    /// Offset just past the last byte.
    pub end: u16,
}

impl Span {
    /// The span of two offsets inside a message, whose length the parser has bounded already.
    pub(super) fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= usize::from(u16::MAX));
        Self {
            start: start as u16,
            end: end as u16,
        }
    }

    /// Number of bytes.
    pub fn len(self) -> usize {
        usize::from(self.end.saturating_sub(self.start))
    }

    /// Whether it covers no byte.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes it covers; empty when it lies outside `bytes`.
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(usize::from(self.start)..usize::from(self.end))
            .unwrap_or(&[])
    }

    /// Whether `other` lies wholly inside.
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}
