//! What a datagram is, as far as its way through the shards needs to know.

use crate::proxy::{ShardId, shard_of};
use crate::sip;

/// Whether it is an INVITE. Those may be dropped first: a lost INVITE is sent again or tried elsewhere, while
/// a lost BYE or ACK holds a slot for as long as it is missing.
pub(super) fn is_invite(bytes: &[u8]) -> bool {
    // Leading CRLFs are allowed (RFC 3261 §7.5).
    let start = bytes
        .iter()
        .position(|byte| !matches!(byte, b'\r' | b'\n'))
        .unwrap_or(0);
    bytes
        .get(start..)
        .is_some_and(|line| line.starts_with(b"INVITE "))
}

/// The shard that the datagram belongs to; `None` when it has no Call-ID that can be read.
pub(super) fn owner(bytes: &[u8], shards: u16) -> Option<ShardId> {
    sip::sniff(bytes).map(|call_id| shard_of(call_id, shards))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_invite_itself_gives_way() {
        assert!(is_invite(b"INVITE sip:a@b SIP/2.0\r\n"));
        assert!(is_invite(b"\r\n\r\nINVITE sip:a@b SIP/2.0\r\n"));
        for other in [
            "BYE sip:a@b SIP/2.0",
            "INVITED sip:a@b SIP/2.0",
            "SIP/2.0 200 OK",
            "",
            "\r\n",
        ] {
            assert!(!is_invite(other.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn a_request_and_its_response_belong_to_one_shard() {
        let request = b"BYE sip:a@b SIP/2.0\r\nCall-ID: one@here\r\nCSeq: 1 BYE\r\n\r\n";
        let response = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\ni:one@here\r\n\r\n";
        assert!(owner(request, 8).is_some());
        assert_eq!(owner(request, 8), owner(response, 8));
        assert_eq!(owner(b"\r\n\r\n", 8), None);
    }
}
