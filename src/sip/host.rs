//! Host names and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::chars::HOST;

/// The host of a URI or of a Via's sent-by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Host<'a> {
    /// A name, to be resolved; empty in URIs that have no host (`tel:`).
    Name(&'a [u8]),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, in brackets on the wire.
    V6(Ipv6Addr),
}

impl Host<'_> {
    /// The address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }
}

/// Reads the host that `text` begins with; gives it and the number of bytes it takes.
pub(super) fn host_prefix(text: &[u8]) -> Option<(Host<'_>, usize)> {
    if text.first() == Some(&b'[') {
        let close = memchr::memchr(b']', text)?;
        return Some((Host::V6(v6(&text[1..close])?), close + 1));
    }
    if let Some((address, length)) = dotted_quad(text) {
        return Some((Host::V4(address), length));
    }
    let length = HOST.run(text);
    if length == 0 {
        return None;
    }
    let name = &text[..length];
    // Only what ends in a digit can be dotted quads; a name's last label begins with a letter.
    let address = match name.last() {
        Some(last) if last.is_ascii_digit() => ascii(name).and_then(|text| text.parse().ok()),
        Some(_) | None => None,
    };
    Some((address.map_or(Host::Name(name), Host::V4), length))
}

/// The IPv4 address that `text` begins with, and its length; `None` when it is part of a longer name,
/// or not written as the standard library would take it.
fn dotted_quad(text: &[u8]) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0_u8; 4];
    let mut at = 0;
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            if *text.get(at)? != b'.' {
                return None;
            }
            at += 1;
        }
        let (value, digits) = leading_octet(text.get(at..)?)?;
        *octet = value;
        at += digits;
    }
    match text.get(at) {
        Some(byte) if HOST.holds(*byte) => None,
        Some(_) | None => Some((Ipv4Addr::from(octets), at)),
    }
}

/// Up to three digits without zeros before them, and how many they are; what follows is not looked at.
fn leading_octet(text: &[u8]) -> Option<(u8, usize)> {
    let digit = |at: usize| {
        let digit = text.get(at)?.wrapping_sub(b'0');
        (digit < 10).then_some(digit)
    };
    let first = digit(0)?;
    let Some(second) = digit(1) else {
        return Some((first, 1));
    };
    if first == 0 {
        return None;
    }
    let two = 10 * first + second;
    match digit(2) {
        None => Some((two, 2)),
        Some(third) => Some((two.checked_mul(10)?.checked_add(third)?, 3)),
    }
}

/// An address as `received` and `maddr` hold it: with brackets or without (RFC 5118 §4.5).
pub(super) fn bare_address(text: &[u8]) -> Option<IpAddr> {
    let inner = match text {
        [b'[', inner @ .., b']'] => inner,
        whole => {
            if let Some((address, length)) = dotted_quad(whole)
                && length == whole.len()
            {
                return Some(IpAddr::V4(address));
            }
            whole
        }
    };
    ascii(inner)?.parse().ok()
}

/// The address to send to, unless nothing should ever be sent there.
pub(super) fn sendable(ip: IpAddr, port: u16) -> Option<SocketAddr> {
    // 0.0.0.0/8 is "this network" (RFC 1122 §3.2.1.3): no host is there.
    let nobody = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0);
    let refused = nobody || ip.is_multicast() || ip.is_unspecified() || port == 0;
    (!refused).then(|| SocketAddr::new(ip, port))
}

/// The grammar of RFC 3261 allows a third colon before an embedded IPv4 address, and RFC 5118 §4.10
/// wants it understood.
fn v6(text: &[u8]) -> Option<Ipv6Addr> {
    const LONGEST: usize = 46;
    if let Ok(address) = ascii(text)?.parse() {
        return Some(address);
    }
    let third = memchr::memmem::find(text, b":::")? + 2;
    let before_v4 = ascii(&text[third + 1..])?.parse::<Ipv4Addr>().is_ok();
    if !before_v4 || text.len() > LONGEST {
        return None;
    }
    let mut mended = [0; LONGEST];
    mended[..third].copy_from_slice(&text[..third]);
    let length = text.len() - 1;
    mended[third..length].copy_from_slice(&text[third + 1..]);
    ascii(&mended[..length])?.parse().ok()
}

fn ascii(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok()
}
