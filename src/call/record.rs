//! What is saved of a call, so that a restart finds it again.

use std::sync::Arc;

use smallvec::SmallVec;

use super::texts::{CallTexts, DialogTexts};

/// Resource names and units.
pub type NamedDemand = SmallVec<[(Arc<str>, u32); 1]>;

/// A call that is up, by names and texts alone: what the numbers of this process mean to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// [`super::CallId`] as its 64 bits.
    pub id: u64,
    /// The call's number in cookies.
    pub serial: u32,
    /// Its texts, shared with the call.
    pub texts: CallTexts,
    /// The group that its route named.
    pub group: Option<Arc<str>>,
    /// The route's number.
    pub route: u16,
    /// The peer that holds it.
    pub peer: Option<Arc<str>>,
    /// The peer that placed it and is charged for it.
    pub placed_by: Option<Arc<str>>,
    /// What it takes.
    pub demand: NamedDemand,
    /// When its INVITE came, milliseconds since 1970.
    pub since_unix_ms: u64,
    /// When its session ends unless it is refreshed (RFC 4028), milliseconds since 1970.
    pub session_until_unix_ms: Option<u64>,
    /// Highest CSeq seen from the caller and from the callee.
    pub cseq: [u32; 2],
    /// Its dialogs.
    pub dialogs: SmallVec<[DialogRecord; 1]>,
}

/// One dialog of a [`CallRecord`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogRecord {
    /// Its texts, shared with the dialog.
    pub texts: DialogTexts,
    /// Highest CSeq seen in it from the caller and from the callee; 0: none.
    pub cseq: [u32; 2],
}
