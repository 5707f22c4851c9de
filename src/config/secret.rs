//! Keys, and what the process knows of itself.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::model::{Config, NodeSecret};
use super::values::is_name;

/// Fewer characters could be guessed.
const LEAST: usize = 16;

/// The key that a configured secret stands for: 32 hex digits are the key itself, any other text is hashed.
/// `None`: too short.
pub(super) fn key_of(text: &str) -> Option<NodeSecret> {
    if text.chars().count() < LEAST {
        return None;
    }
    if text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        let key = u128::from_str_radix(text, 16).ok()?;
        return Some(NodeSecret(key.to_be_bytes()));
    }
    let mut hasher = SipHasher24::new_with_key(b"tandem node key.");
    hasher.write(text.as_bytes());
    Some(NodeSecret(hasher.finish128().as_bytes()))
}

/// Where none is configured: one key for the life of the process, so that a reload keeps it.
pub(super) fn of_this_process() -> NodeSecret {
    static KEY: OnceLock<NodeSecret> = OnceLock::new();
    *KEY.get_or_init(|| {
        // The standard library keys its hashers from the system's random source.
        let half = || RandomState::new().hash_one(0x7461_6e64_656d_u64);
        let key = (u128::from(half()) << 64) | u128::from(half());
        NodeSecret(key.to_be_bytes())
    })
}

impl Config {
    /// Whether no secret is configured, and `node.secret` is one of this process alone.
    #[must_use]
    pub fn secret_is_made_up(&self) -> bool {
        self.node.secret == of_this_process()
    }

    /// Uses a secret that was kept, where none is configured.
    pub fn keep_secret(&mut self, kept: NodeSecret) {
        if self.secret_is_made_up() {
            self.node.secret = kept;
        }
    }
}

/// The host's name, or `tandem` where it has none that we could use.
pub(super) fn host_name() -> String {
    let name = nix::unistd::gethostname().ok();
    let name = name.and_then(|name| name.into_string().ok());
    name.filter(|name| is_name(name))
        .unwrap_or_else(|| "tandem".to_owned())
}
