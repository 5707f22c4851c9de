//! The cookie that our Record-Route carries: it names the call and its peer, and is signed, so that a
//! request with a good cookie belongs to a dialog that came through this farm, whether or not this process saw it begin.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use siphasher::sip::SipHasher24;
use smallvec::SmallVec;
use std::hash::Hasher;

/// The URI parameter that holds the cookie.
pub const COOKIE_PARAM: &[u8] = b"tdm";

const VERSION: u8 = 1;
const FIXED_BYTES: usize = 14;
const DEMAND_BYTES: usize = 6;
const MAC_BYTES: usize = 8;
const DEMANDS_MAX: usize = crate::base::limits::DEMAND_RESOURCES_MAX;
const RAW_BYTES_MAX: usize = FIXED_BYTES + DEMANDS_MAX * DEMAND_BYTES + MAC_BYTES;
const TEXT_BYTES_MAX: usize = RAW_BYTES_MAX.div_ceil(3) * 4;

/// A name as the cookie carries it: the same 32 bits in every process.
pub fn name_hash(name: &str) -> u32 {
    let mut hasher = SipHasher24::new();
    hasher.write(name.as_bytes());
    hasher.finish() as u32
}

/// Who sent a request within a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Whoever sent the first INVITE.
    Caller,
    /// Whoever answered it.
    Callee,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Caller => Side::Callee,
            Side::Callee => Side::Caller,
        }
    }
}

/// What the cookie says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Tells apart calls that share Call-ID and tags (spirals).
    pub serial: u32,
    /// [`name_hash`] of the peer that the call went to; 0 when it left by its Request-URI.
    pub peer: u32,
    /// When the INVITE came, seconds since 1970.
    pub started_unix_s: u32,
    /// [`name_hash`] of each resource, and the units of it.
    pub demand: SmallVec<[(u32, u16); 2]>,
}

/// What ties a cookie to one dialog: a cookie is worth nothing under another Call-ID or caller's tag.
fn mac(secret: &[u8; 16], payload: &[u8], call_id: &[u8], caller_tag: &[u8]) -> [u8; MAC_BYTES] {
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(payload);
    hasher.write_u8(0xff);
    hasher.write(call_id);
    hasher.write_u8(0xff);
    hasher.write(caller_tag);
    hasher.finish().to_be_bytes()
}

impl Cookie {
    /// Appends the signed text (base64url) to `out`.
    pub fn write(&self, secret: &[u8; 16], call_id: &[u8], caller_tag: &[u8], out: &mut Vec<u8>) {
        let mut raw: SmallVec<[u8; RAW_BYTES_MAX]> = SmallVec::new();
        raw.push(VERSION);
        raw.extend_from_slice(&self.serial.to_be_bytes());
        raw.extend_from_slice(&self.peer.to_be_bytes());
        raw.extend_from_slice(&self.started_unix_s.to_be_bytes());
        raw.push(self.demand.len().min(DEMANDS_MAX) as u8);
        for (resource, units) in self.demand.iter().take(DEMANDS_MAX) {
            raw.extend_from_slice(&resource.to_be_bytes());
            raw.extend_from_slice(&units.to_be_bytes());
        }
        let mac = mac(secret, &raw, call_id, caller_tag);
        raw.extend_from_slice(&mac);
        let mut text = [0; TEXT_BYTES_MAX];
        if let Ok(length) = URL_SAFE_NO_PAD.encode_slice(&raw, &mut text) {
            out.extend_from_slice(&text[..length]);
        }
    }

    /// Reads and verifies. Which of the two tags it was signed for says who sent the request.
    ///
    /// `None`: not ours, changed, or of another dialog.
    pub fn read(
        text: &[u8],
        secret: &[u8; 16],
        call_id: &[u8],
        from_tag: Option<&[u8]>,
        to_tag: Option<&[u8]>,
    ) -> Option<(Cookie, Side)> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let mut raw = [0; TEXT_BYTES_MAX];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut raw).ok()?;
        let (payload, given) = raw[..length].split_at_checked(length.checked_sub(MAC_BYTES)?)?;
        let signed_for = |tag: Option<&[u8]>| {
            tag.is_some_and(|tag| {
                let good = mac(secret, payload, call_id, tag);
                bool::from(subtle::ConstantTimeEq::ct_eq(&good[..], given))
            })
        };
        let side = if signed_for(from_tag) {
            Side::Caller
        } else if signed_for(to_tag) {
            Side::Callee
        } else {
            return None;
        };
        Some((Self::unpack(payload)?, side))
    }

    /// The serial number in a cookie's text, which nobody has verified.
    pub fn claimed_serial(text: &[u8]) -> Option<u32> {
        let mut raw = [0; 6];
        URL_SAFE_NO_PAD
            .decode_slice(text.get(..8)?, &mut raw)
            .ok()?;
        let [version, a, b, c, d, _] = raw;
        (version == VERSION).then_some(u32::from_be_bytes([a, b, c, d]))
    }

    fn unpack(payload: &[u8]) -> Option<Cookie> {
        let word = |at: usize| {
            payload
                .get(at..at + 4)?
                .try_into()
                .ok()
                .map(u32::from_be_bytes)
        };
        if *payload.first()? != VERSION {
            return None;
        }
        let count = usize::from(*payload.get(FIXED_BYTES - 1)?);
        let demand = payload.get(FIXED_BYTES..)?;
        if count > DEMANDS_MAX || demand.len() != count * DEMAND_BYTES {
            return None;
        }
        let demand = demand
            .chunks_exact(DEMAND_BYTES)
            .map(|c| {
                (
                    u32::from_be_bytes([c[0], c[1], c[2], c[3]]),
                    u16::from_be_bytes([c[4], c[5]]),
                )
            })
            .collect();
        Some(Cookie {
            serial: word(1)?,
            peer: word(5)?,
            started_unix_s: word(9)?,
            demand,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 16] = *b"0123456789abcdef";

    fn sample() -> (Cookie, Vec<u8>) {
        let cookie = Cookie {
            serial: 7,
            peer: name_hash("pbx-a"),
            started_unix_s: 1_700_000_000,
            demand: [(name_hash("calls"), 1), (name_hash("transcoding"), 2)]
                .into_iter()
                .collect(),
        };
        let mut text = Vec::new();
        cookie.write(&SECRET, b"call@host", b"tag-a", &mut text);
        (cookie, text)
    }

    #[test]
    fn a_cookie_reads_back_and_tells_the_side() {
        let (cookie, text) = sample();
        let read = |from: &[u8], to: &[u8]| {
            Cookie::read(&text, &SECRET, b"call@host", Some(from), Some(to))
        };
        assert_eq!(
            read(b"tag-a", b"tag-b"),
            Some((cookie.clone(), Side::Caller))
        );
        assert_eq!(read(b"tag-b", b"tag-a"), Some((cookie, Side::Callee)));
        assert_eq!(Cookie::claimed_serial(&text), Some(7));
        assert_eq!(Cookie::claimed_serial(b"AAAAAAAAAAA"), None);
        assert_eq!(Cookie::claimed_serial(&text[..7]), None);
    }

    #[test]
    fn a_cookie_is_worth_nothing_elsewhere() {
        let (_, text) = sample();
        let tags = (Some(&b"tag-a"[..]), Some(&b"tag-b"[..]));
        assert_eq!(
            Cookie::read(&text, &SECRET, b"other@host", tags.0, tags.1),
            None
        );
        assert_eq!(
            Cookie::read(&text, &[0; 16], b"call@host", tags.0, tags.1),
            None
        );
        assert_eq!(
            Cookie::read(&text, &SECRET, b"call@host", Some(b"x"), tags.1),
            None
        );
        assert_eq!(Cookie::read(&text, &SECRET, b"call@host", None, None), None);
    }

    #[test]
    fn every_changed_byte_spoils_a_cookie() {
        let (_, text) = sample();
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                Cookie::read(&changed, &SECRET, b"call@host", Some(b"tag-a"), None),
                None
            );
        }
        assert_eq!(
            Cookie::read(&text[1..], &SECRET, b"call@host", Some(b"tag-a"), None),
            None
        );
    }
}
