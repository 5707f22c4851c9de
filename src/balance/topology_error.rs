//! What is wrong with a topology.

use std::sync::Arc;

/// Why a topology cannot be. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// A name is empty.
    #[error("a peer, group or resource without a name")]
    NoName,
    /// Two peers of one name.
    #[error("two peers are named {0:?}")]
    PeerTwice(Arc<str>),
    /// Two groups of one name.
    #[error("two groups are named {0:?}")]
    GroupTwice(Arc<str>),
    /// A peer offers the same resource twice.
    #[error("peer {peer:?} offers {resource:?} twice")]
    ResourceTwice {
        /// The peer.
        peer: Arc<str>,
        /// The resource.
        resource: Arc<str>,
    },
    /// A group is named that is not there.
    #[error("{by:?} names the group {group:?}, which is not there")]
    NoSuchGroup {
        /// The peer or group that names it.
        by: Arc<str>,
        /// The missing group.
        group: Arc<str>,
    },
    /// A weight or another divisor is zero.
    #[error("{what} of {name:?} must be at least 1")]
    Zero {
        /// The key.
        what: &'static str,
        /// The peer or group.
        name: Arc<str>,
    },
    /// More names than the process can keep.
    #[error("too many {what}: at most {max}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The bound.
        max: usize,
    },
}
