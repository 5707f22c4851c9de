//! Which shard a call lives on.

use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// A shard of the process, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

/// The shard of a Call-ID: the same in every process with as many shards. Whoever picks Call-IDs may load one shard more than
/// the others, as one source may; the rate a source and the mailbox's bound hold that in check.
pub fn shard_of(call_id: &[u8], shards: u16) -> ShardId {
    if shards <= 1 {
        return ShardId(0);
    }
    let mut hasher = SipHasher13::new();
    hasher.write(call_id);
    ShardId((hasher.finish() % u64::from(shards)) as u16)
}
