//! Searches eight bytes at a time: for texts so short that a call of memchr costs more than it finds.

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES * 0x80;

/// Where the first of these bytes is.
#[inline]
pub(super) fn first_of<const N: usize>(text: &[u8], wanted: [u8; N]) -> Option<usize> {
    let hits = |word: u64| {
        wanted.iter().fold(0, |hits, byte| {
            hits | below(word ^ (ONES * u64::from(*byte)), 1)
        })
    };
    first(text, hits, |byte| wanted.contains(&byte))
}

/// Where the first byte like this one is, of sixteen.
#[inline(always)]
pub(super) fn first_in_block(block: &[u8; 16], wanted: u8) -> Option<usize> {
    place(block, |word| below(word ^ (ONES * u64::from(wanted)), 1))
}

/// Where the first control character is, a tab or a line end among them. Sixteen bytes at a time: the compiler makes
/// vector instructions of it.
#[inline(always)]
pub(super) fn first_control(text: &[u8]) -> Option<usize> {
    let (blocks, rest) = text.as_chunks::<16>();
    for (number, block) in blocks.iter().enumerate() {
        if block.iter().fold(false, |any, byte| any | (*byte < b' ')) {
            return Some(16 * number + place(block, |word| below(word, b' '))?);
        }
    }
    let at = rest.iter().position(|byte| *byte < b' ')?;
    Some(16 * blocks.len() + at)
}

/// As [`first`], in sixteen bytes.
#[inline(always)]
fn place(block: &[u8; 16], hits: impl Fn(u64) -> u64) -> Option<usize> {
    let both = u128::from_le_bytes(*block);
    match (hits(both as u64), hits((both >> 64) as u64)) {
        (0, 0) => None,
        (0, high) => Some(8 + high.trailing_zeros() as usize / 8),
        (low, _) => Some(low.trailing_zeros() as usize / 8),
    }
}

/// `hits` sets the highest bit of each byte of a word that is wanted; above the first of them it may be wrong.
#[inline(always)]
fn first(text: &[u8], hits: impl Fn(u64) -> u64, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let hits = hits(u64::from_le_bytes(*word));
        if hits != 0 {
            return Some(8 * number + hits.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| wanted(*byte))?;
    Some(8 * words.len() + at)
}

/// Marks the bytes below `bound`, which is at most 0x80; right up to the first of them.
#[inline(always)]
fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(bound)) & !word & HIGHS
}

/// Whether `text` is that word, which is given in lower case, in whatever case. It compares eight or four bytes at a
/// time: of what stands in a name only letters have the bit 0x40, and only they have a case.
#[inline(always)]
pub(super) fn is<const N: usize>(text: &[u8], word: &[u8; N]) -> bool {
    let Ok(text) = <&[u8; N]>::try_from(text) else {
        return false;
    };
    match N {
        0..4 => text.eq_ignore_ascii_case(word),
        4..8 => differs::<N, 4>(text, word) == 0,
        8.. => differs::<N, 8>(text, word) == 0,
    }
}

/// The bits in which they differ, case aside, `W` bytes at a time; the last of these may overlap.
#[inline(always)]
fn differs<const N: usize, const W: usize>(text: &[u8; N], word: &[u8; N]) -> u64 {
    let load = |text: &[u8; N], at: usize| {
        let mut bytes = [0; 8];
        bytes[..W].copy_from_slice(&text[at..at + W]);
        u64::from_le_bytes(bytes)
    };
    let differs = |at: usize| {
        let wanted = load(word, at);
        (load(text, at) | ((wanted & (ONES * 0x40)) >> 1)) ^ wanted
    };
    let mut difference = differs(N - W);
    let mut at = 0;
    while at + W < N {
        difference |= differs(at);
        at += W;
    }
    difference
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_byte_that_is_wanted_is_found_wherever_it_stands(text: Vec<u8>) {
            let plain = |wanted: &[u8]| text.iter().position(|byte| wanted.contains(byte));
            prop_assert_eq!(first_of(&text, *b"<;\""), plain(b"<;\""));
            prop_assert_eq!(first_of(&text, [0]), plain(&[0]));
            prop_assert_eq!(first_of(&text, [0xff, 0x80]), plain(&[0xff, 0x80]));
            if let Some(block) = text.first_chunk::<16>() {
                prop_assert_eq!(first_in_block(block, 7), block.iter().position(|byte| *byte == 7));
            }
            prop_assert_eq!(first_control(&text), text.iter().position(|byte| *byte < b' '));
        }
    }

    #[test]
    fn a_word_is_told_in_any_case_and_from_all_that_differ_in_a_byte() {
        assert!(is(b"bRaNcH", b"branch") && is(b"TO", b"to") && !is(b"branc", b"branch"));
        for at in 0..6 {
            for byte in 0..=u8::MAX {
                let mut text = *b"branch";
                text[at] = byte;
                assert_eq!(is(&text, b"branch"), text.eq_ignore_ascii_case(b"branch"));
            }
        }
    }
}
