//! C's socket addresses and control messages, read and written.

use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use nix::libc;

/// Room for the control messages of one datagram: packet info, the kernel's drop count and stamp, an extended error.
pub(super) const CONTROL_SPACE: usize = 192;

#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(super) struct Control(pub(super) [u8; CONTROL_SPACE]);

/// Calls `each(level, type, data)` for every whole control message in `control`.
pub(super) fn each_control(control: &[u8], mut each: impl FnMut(i32, i32, &[u8])) {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    let mut rest = control;
    while rest.len() >= HEADER {
        // SAFETY: `rest` holds at least a header; read_unaligned asks nothing of its alignment.
        let header = unsafe { rest.as_ptr().cast::<libc::cmsghdr>().read_unaligned() };
        let length = header.cmsg_len;
        let Some(data) = rest.get(HEADER..length) else {
            return;
        };
        each(header.cmsg_level, header.cmsg_type, data);
        rest = rest
            .get(length.next_multiple_of(size_of::<usize>())..)
            .unwrap_or_default();
    }
}

/// `struct in_pktinfo`: interface index, our address, the header's destination. The last two differ for a
/// broadcast only, and then the answer must leave from the former.
pub(super) fn packet_info_v4(data: &[u8]) -> Option<IpAddr> {
    let octets: [u8; 4] = data.get(4..8)?.try_into().ok()?;
    Some(IpAddr::V4(Ipv4Addr::from(octets)))
}

/// `struct in6_pktinfo`: local address, interface index.
pub(super) fn packet_info_v6(data: &[u8]) -> Option<IpAddr> {
    let octets: [u8; 16] = data.get(..16)?.try_into().ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(octets)))
}

/// `struct timespec`: seconds and nanoseconds since 1970.
pub(super) fn timestamp(data: &[u8]) -> Option<Duration> {
    let seconds = i64::from_ne_bytes(*data.first_chunk()?);
    let nanoseconds = i64::from_ne_bytes(*data.get(8..)?.first_chunk()?);
    let nanoseconds = u32::try_from(nanoseconds).ok()?;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanoseconds))
}

/// Writes the control message that makes a datagram leave from `local`; returns its length.
pub(super) fn write_packet_info(control: &mut Control, local: IpAddr) -> usize {
    match local {
        IpAddr::V4(ip) => {
            let mut data = [0; size_of::<libc::in_pktinfo>()];
            // ipi_spec_dst, the second field, is the address to send from.
            data[4..8].copy_from_slice(&ip.octets());
            write_control(control, 0, libc::IPPROTO_IP, libc::IP_PKTINFO, &data)
        }
        IpAddr::V6(ip) => {
            let mut data = [0; size_of::<libc::in6_pktinfo>()];
            data[..16].copy_from_slice(&ip.octets());
            write_control(control, 0, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &data)
        }
    }
}

/// Writes, behind what takes `used` bytes, the control message that has the kernel cut what is sent into datagrams of so many
/// bytes; returns the length of all.
pub(super) fn write_segment(control: &mut Control, used: usize, bytes: u16) -> usize {
    let data = bytes.to_ne_bytes();
    write_control(control, used, libc::SOL_UDP, libc::UDP_SEGMENT, &data)
}

/// `at`: where the message before it ended, as its writer said.
fn write_control(control: &mut Control, at: usize, level: i32, kind: i32, data: &[u8]) -> usize {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    let header = libc::cmsghdr {
        cmsg_len: (HEADER + data.len()) as _,
        cmsg_level: level,
        cmsg_type: kind,
    };
    let end = at + HEADER + data.len();
    let space = &mut control.0[at..end];
    // SAFETY: `space` is longer than a header; write_unaligned asks nothing of its alignment.
    unsafe {
        let place = space.as_mut_ptr().cast::<libc::cmsghdr>();
        place.write_unaligned(header);
    }
    space[HEADER..].copy_from_slice(data);
    end.next_multiple_of(size_of::<usize>())
}

/// Reads an IP socket address as the kernel wrote it.
pub(super) fn socket_addr(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let pointer: *const libc::sockaddr_storage = storage;
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what lies there; the storage is large enough and aligned for it.
            let raw = unsafe { &*pointer.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::V4(SocketAddrV4::new(
                ip,
                u16::from_be(raw.sin_port),
            )))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let raw = unsafe { &*pointer.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
            let port = u16::from_be(raw.sin6_port);
            Some(SocketAddr::V6(SocketAddrV6::new(
                ip,
                port,
                0,
                raw.sin6_scope_id,
            )))
        }
        _ => None,
    }
}

/// Writes `address` as the kernel wants it; returns its length.
pub(super) fn write_socket_addr(
    storage: &mut libc::sockaddr_storage,
    address: SocketAddr,
) -> usize {
    let pointer: *mut libc::sockaddr_storage = storage;
    match address {
        SocketAddr::V4(v4) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: the storage is larger than either address type and aligned for both.
            unsafe { pointer.cast::<libc::sockaddr_in>().write(raw) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { pointer.cast::<libc::sockaddr_in6>().write(raw) };
            size_of::<libc::sockaddr_in6>()
        }
    }
}
