//! Several short texts in one allocation: a held call keeps a dozen of them. What is saved of it shares them.

use smallvec::SmallVec;
use std::sync::Arc;

/// `N` byte strings. A copy costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed<const N: usize> {
    bytes: Arc<[u8]>,
    ends: [u32; N],
}

impl<const N: usize> Packed<N> {
    /// Packs `parts`, which are pieces of datagrams and so far below 4 GiB together.
    pub fn new(parts: [&[u8]; N]) -> Self {
        let mut bytes: SmallVec<[u8; 256]> = SmallVec::new();
        let ends = parts.map(|part| {
            bytes.extend_from_slice(part);
            bytes.len() as u32
        });
        Self {
            bytes: bytes.as_slice().into(),
            ends,
        }
    }

    /// The part at `index`; empty when there is no such part.
    pub fn get(&self, index: usize) -> &[u8] {
        let start = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.bytes
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// Replaces one part.
    pub fn set(&mut self, index: usize, part: &[u8]) {
        *self = Self::new(std::array::from_fn(|at| {
            if at == index { part } else { self.get(at) }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_as_they_went_in() {
        let mut packed = Packed::new([&b"one"[..], b"", b"three"]);
        assert_eq!(
            (packed.get(0), packed.get(1), packed.get(2), packed.get(3)),
            (&b"one"[..], &b""[..], &b"three"[..], &b""[..])
        );
        packed.set(1, b"two");
        assert_eq!(
            (packed.get(0), packed.get(1), packed.get(2)),
            (&b"one"[..], &b"two"[..], &b"three"[..])
        );
    }
}
