//! A token as it is kept where others may read: `sha256:SALT:DIGEST`, which checks a token and does not give it away.
//!
//! One round is enough: tokens are made by machines and cannot be guessed, which passwords can.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const KIND: &str = "sha256";
const SALT_LETTERS: usize = 32;
const DIGEST_LETTERS: usize = 64;

/// The seal of `token`; no two with the same salt.
pub fn sealed(token: &str, salt: u128) -> String {
    let salt = format!("{salt:032x}");
    let digest = digest(&salt, token);
    format!("{KIND}:{salt}:{digest}")
}

/// Whether `token` is what was sealed. `None`: `kept` is no seal.
pub fn opens(kept: &str, token: &str) -> Option<bool> {
    let (salt, expected) = parts(kept)?;
    let shown = digest(salt, token);
    Some(shown.as_bytes().ct_eq(expected.as_bytes()).into())
}

/// Whether it has the form of a seal.
pub fn is_seal(kept: &str) -> bool {
    parts(kept).is_some()
}

/// Salt and digest.
fn parts(kept: &str) -> Option<(&str, &str)> {
    let (kind, rest) = kept.split_once(':')?;
    let (salt, digest) = rest.split_once(':')?;
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let lengths = (salt.len(), digest.len()) == (SALT_LETTERS, DIGEST_LETTERS);
    (kind == KIND && lengths && hex(salt) && hex(digest)).then_some((salt, digest))
}

/// Of the salt's letters and the token, so that `printf %s "$SALT$TOKEN" | sha256sum` gives it too.
fn digest(salt: &str, token: &str) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(token);
    let digest = digest.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_for_its_token_alone() {
        let seal = sealed("s3cret", 7);
        assert_eq!(opens(&seal, "s3cret"), Some(true));
        for wrong in ["s3creT", "", "s3cret ", seal.as_str()] {
            assert_eq!(opens(&seal, wrong), Some(false), "{wrong}");
        }
        assert_ne!(seal, sealed("s3cret", 8));
    }

    #[test]
    fn what_sha256sum_says_is_the_digest() {
        // printf %s 00000000000000000000000000000007s3cret | sha256sum
        let digest = "e53e0f3c280b6aaeabaa18091487a53865b0681f82ce91ab597e7b6cd3b7d0e2";
        let seal = sealed("s3cret", 7);
        assert!(seal.ends_with(digest), "{seal}");
    }

    #[test]
    fn a_token_that_only_looks_a_little_like_a_seal_is_a_token() {
        for token in ["sha256", "sha256:", "sha256:00:11", "s3cret", "md5:0:0"] {
            assert_eq!(opens(token, token), None);
            assert!(!is_seal(token));
        }
    }
}
