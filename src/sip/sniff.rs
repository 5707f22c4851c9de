//! The Call-ID of a datagram, without a full parse.

use crate::base::limits::MESSAGE_BYTES_MAX;

use super::HeaderName;
use super::lines;

/// The value of the first Call-ID header, so that a datagram can be given to its shard. It reads no
/// further than that header; for every message that [`parse`](super::parse) takes it equals
/// [`Message::call_id`](super::Message::call_id).
pub fn sniff(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return None;
    }
    let bytes = bytes.get(lines::leading_line_ends(bytes)..)?;
    let mut at = lines::physical_line_end(bytes, 0).ok()?;
    while !lines::is_head_end(bytes, at) {
        let line = lines::header_line(bytes, at).ok()?;
        if line.name == HeaderName::CallId {
            return Some(line.value.of(bytes));
        }
        at = usize::from(line.line.end);
    }
    None
}
