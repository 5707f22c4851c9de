//! Weighted rendezvous hashing: a key's calls go to one peer, and when that peer is away they spread over
//! all others by their weights. The same on every node and in every release.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// A key or a name as a number.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    // The hash of the key only has to spread; who chooses Call-IDs to hit one peer can hit it anyway.
    let mut hasher = SipHasher13::new_with_keys(0x7461_6e64, 0x656d);
    hasher.write(bytes);
    hasher.finish()
}

/// What a key draws at one peer. All bits of both count.
pub(super) fn draw(key: u64, peer: u64) -> u64 {
    let mut mixed = key ^ peer.rotate_left(32);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A draw as a share of 1, never 0.
pub(super) fn share(draw: u64) -> f64 {
    ((draw >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Of peers with draws and weights, the one whose exponential delay −ln(draw) ÷ weight is shortest. Within
/// a row of equal weights the highest draw wins, so that one logarithm a row is enough.
pub(super) fn winner(candidates: impl Iterator<Item = (usize, u32, u64)>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    let mut row: Option<(usize, u32, u64)> = None;
    let mut settle = |row: Option<(usize, u32, u64)>| {
        if let Some((place, weight, draw)) = row {
            let delay = -share(draw).ln() / f64::from(weight);
            if best.is_none_or(|(_, least)| delay < least) {
                best = Some((place, delay));
            }
        }
    };
    for (place, weight, draw) in candidates {
        match &mut row {
            Some(known) if known.1 == weight => {
                if draw > known.2 {
                    *known = (place, weight, draw);
                }
            }
            Some(_) | None => {
                settle(row);
                row = Some((place, weight, draw));
            }
        }
    }
    settle(row);
    best.map(|(place, _)| place)
}
