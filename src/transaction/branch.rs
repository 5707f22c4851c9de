//! Branches: what names our own transactions on the wire (RFC 3261 §8.1.1.7).

use std::fmt;
use std::hash::Hasher;

use siphasher::sip128::SipHasher24;

/// The mark of a branch that is unique by itself.
pub(super) const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

const TOKEN_BYTES: usize = 32;
const SUFFIX_BYTES: usize = 1 + 16;
const PLAIN_BYTES: usize = MAGIC_COOKIE.len() + TOKEN_BYTES;
const BRANCH_BYTES_MAX: usize = PLAIN_BYTES + SUFFIX_BYTES;

/// A branch parameter that we mint: the magic cookie, 128 bits that no outsider can foretell, and
/// maybe a suffix that the owner gives a meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Branch {
    bytes: [u8; BRANCH_BYTES_MAX],
    length: u8,
}

impl Branch {
    /// The branch as it stands in a Via.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The same branch with a value that can be read back, in place of any it had: a proxy's loop detection
    /// (RFC 3261 §16.6, step 8). Whoever sees the branch can read it.
    pub fn with_suffix(mut self, suffix: u64) -> Self {
        self.bytes[PLAIN_BYTES] = b'.';
        write_hex(&suffix.to_be_bytes(), &mut self.bytes[PLAIN_BYTES + 1..]);
        self.length = BRANCH_BYTES_MAX as u8;
        self
    }

    /// The suffix of a branch read from a Via, if it looks like one of ours that has one.
    pub fn suffix_of(branch: &[u8]) -> Option<u64> {
        let (plain, suffix) = branch.split_at_checked(PLAIN_BYTES)?;
        let digits = suffix
            .strip_prefix(b".")
            .filter(|digits| digits.len() == 16)?;
        if !plain.starts_with(MAGIC_COOKIE) || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

/// Makes branches: a hash, keyed by a secret, of a counter. The counter makes them unique, the key unforeseeable.
#[derive(Debug)]
pub(super) struct Mint {
    key: (u64, u64),
    minted: u64,
}

impl Mint {
    /// The same seed mints the same branches, so a process needs a new one each time it starts.
    pub fn new(seed: u64) -> Self {
        Self {
            key: (expand(seed, 0), expand(seed, 1)),
            minted: 0,
        }
    }

    pub fn mint(&mut self) -> Branch {
        self.minted += 1;
        let hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
        let token = hasher.hash(&self.minted.to_le_bytes()).as_bytes();
        let mut bytes = [0; BRANCH_BYTES_MAX];
        bytes[..MAGIC_COOKIE.len()].copy_from_slice(MAGIC_COOKIE);
        write_hex(&token, &mut bytes[MAGIC_COOKIE.len()..]);
        Branch {
            bytes,
            length: PLAIN_BYTES as u8,
        }
    }
}

/// One of several independent values from a seed; `which` must differ for each use.
pub(super) fn expand(seed: u64, which: u64) -> u64 {
    let mut hasher = siphasher::sip::SipHasher24::new_with_keys(seed, !seed);
    hasher.write_u64(which);
    hasher.finish()
}

fn write_hex(bytes: &[u8], out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (pairs, _) = out.as_chunks_mut::<2>();
    for (byte, pair) in bytes.iter().zip(pairs) {
        *pair = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_branch_is_minted_twice_and_each_is_a_token_with_the_cookie() {
        let mut mint = Mint::new(7);
        let minted: HashSet<Branch> = (0..10_000).map(|_| mint.mint()).collect();
        assert_eq!(minted.len(), 10_000);
        for branch in &minted {
            assert!(branch.as_bytes().starts_with(MAGIC_COOKIE));
            assert!(branch.as_bytes().iter().all(u8::is_ascii_alphanumeric));
        }
    }

    #[test]
    fn another_seed_mints_other_branches_and_the_same_seed_the_same() {
        assert_eq!(Mint::new(1).mint(), Mint::new(1).mint());
        assert_ne!(Mint::new(1).mint(), Mint::new(2).mint());
    }

    #[test]
    fn a_suffix_is_read_back_and_leaves_the_rest_of_the_branch() {
        let plain = Mint::new(3).mint();
        assert_eq!(Branch::suffix_of(plain.as_bytes()), None);
        for suffix in [0, 0xdead_beef, u64::MAX] {
            let branch = plain.with_suffix(1).with_suffix(suffix);
            assert_eq!(Branch::suffix_of(branch.as_bytes()), Some(suffix));
            assert!(branch.as_bytes().starts_with(plain.as_bytes()));
        }
    }

    #[test]
    fn a_foreign_branch_has_no_suffix() {
        let branch = Mint::new(3).mint().with_suffix(5);
        let mut foreign = branch.as_bytes().to_vec();
        foreign[0] = b'y';
        assert_eq!(Branch::suffix_of(&foreign), None);
        assert_eq!(Branch::suffix_of(b"z9hG4bK.0000000000000005"), None);
        let mut sign = branch.as_bytes().to_vec();
        sign[PLAIN_BYTES + 1] = b'+';
        assert_eq!(Branch::suffix_of(&sign), None);
    }
}
