//! What is saved of a call, so that a restart finds it again.

use serde::{Deserialize, Serialize};

/// A call that is up, by names and texts alone: what the numbers of this process mean to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// [`super::CallId`] as its 64 bits.
    pub id: u64,
    /// The call's number in cookies.
    pub serial: u32,
    /// The Call-ID.
    pub call_id: Vec<u8>,
    /// The From tag of the INVITE.
    pub caller_tag: Vec<u8>,
    /// The From URI.
    pub from: Vec<u8>,
    /// The To URI.
    pub to: Vec<u8>,
    /// The caller's Contact URI.
    pub caller_target: Vec<u8>,
    /// The group that its route named.
    pub group: Option<String>,
    /// The route's number.
    pub route: u16,
    /// The peer that holds it.
    pub peer: Option<String>,
    /// The peer that placed it and is charged for it.
    pub placed_by: Option<String>,
    /// Resource names and units.
    pub demand: Vec<(String, u32)>,
    /// When its INVITE came, milliseconds since 1970.
    pub since_unix_ms: u64,
    /// When its session ends unless it is refreshed (RFC 4028), milliseconds since 1970.
    pub session_until_unix_ms: Option<u64>,
    /// Highest CSeq seen from the caller and from the callee.
    pub cseq: [u32; 2],
    /// Its dialogs.
    pub dialogs: Vec<DialogRecord>,
}

/// One dialog of a [`CallRecord`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogRecord {
    /// The callee's tag.
    pub callee_tag: Vec<u8>,
    /// The callee's Contact URI.
    pub callee_target: Vec<u8>,
    /// From us to the caller: `Route` values joined by commas.
    pub caller_routes: Vec<u8>,
    /// From us to the callee.
    pub callee_routes: Vec<u8>,
    /// Highest CSeq seen in it from the caller and from the callee; 0: none.
    pub cseq: [u32; 2],
}
