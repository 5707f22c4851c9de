//! Many datagrams in one system call, with the address each was sent to or leaves from.
//!
//! With `cmsg` the only unsafe code of this floor. It calls libc itself because the safe wrappers at hand cannot do the
//! job: nix 0.31 shares one set of control messages among all datagrams of a `sendmmsg` (so no source address
//! per datagram) and keeps the shortened control lengths of one `recvmmsg` for the next; rustix has neither
//! `recvmmsg` nor packet-info messages. Options and single calls elsewhere go through socket2 and nix.
//!
//! Soundness in one rule: every pointer that the kernel gets is to bytes that a send borrows, or into our own boxed
//! slices, which never move or shrink; only the kernel follows it, and only during a call.

use std::io;
use std::mem::{self, size_of};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::libc;

use super::cmsg::{
    CONTROL_SPACE, Control, each_control, packet_info_v4, packet_info_v6, socket_addr, timestamp,
    write_packet_info, write_segment, write_socket_addr,
};
use super::trains::Trains;
use crate::base::limits::{DATAGRAM_BATCH, DATAGRAM_BYTES_MAX};

/// One received datagram, borrowed from the batch it came in.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// Which of our addresses it was sent to, where the socket asks for that.
    pub local: Option<IpAddr>,
    /// How many datagrams the kernel has dropped on this socket so far, once it has dropped any.
    pub kernel_drops: Option<u32>,
    /// When the kernel took it in, since 1970, where the socket asks for that.
    pub stamp: Option<Duration>,
    /// Whether it was longer than a buffer and lost its end.
    pub truncated: bool,
    /// What it carries.
    pub bytes: &'a [u8],
}

/// One datagram to send.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Where it goes.
    pub destination: SocketAddr,
    /// Which of our addresses it must leave from; `None` lets the kernel choose.
    pub local: Option<IpAddr>,
    /// What it carries.
    pub bytes: &'a [u8],
}

/// What the error queue gave back: a datagram that did not arrive.
#[derive(Clone, Copy, Debug)]
pub struct Returned {
    /// Where it was sent.
    pub destination: SocketAddr,
    /// The error number, as of `errno`.
    pub errno: i32,
    /// How many of its bytes came back.
    pub length: usize,
}

/// The names, vectors and headers of up to [`DATAGRAM_BATCH`] datagrams.
struct Headers {
    names: Box<[libc::sockaddr_storage]>,
    control: Box<[Control]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
}

// SAFETY: the pointers inside lead into the boxes beside them, or to bytes that were sent, and are never followed by us.
unsafe impl Send for Headers {}

impl Headers {
    fn new() -> Self {
        // SAFETY: these are plain C structures of integers and pointers, for which all zeroes is a value.
        let (name, vector, header) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        Headers {
            names: vec![name; DATAGRAM_BATCH].into_boxed_slice(),
            control: vec![Control([0; CONTROL_SPACE]); DATAGRAM_BATCH].into_boxed_slice(),
            vectors: vec![vector; DATAGRAM_BATCH].into_boxed_slice(),
            headers: vec![header; DATAGRAM_BATCH].into_boxed_slice(),
        }
    }

    /// Points header `i` at its own name, control space and vector.
    fn link(&mut self, i: usize, name_length: usize, control_length: usize) {
        self.link_vectors(i, name_length, control_length, i, 1);
    }

    /// The same, at `count` vectors from the `first` on.
    fn link_vectors(
        &mut self,
        i: usize,
        name_length: usize,
        control_length: usize,
        first: usize,
        count: usize,
    ) {
        let header = &mut self.headers[i].msg_hdr;
        header.msg_name = (&raw mut self.names[i]).cast();
        header.msg_namelen = name_length as libc::socklen_t;
        header.msg_iov = self.vectors[first..first + count].as_mut_ptr();
        header.msg_iovlen = count as _;
        header.msg_control = match control_length {
            0 => std::ptr::null_mut(),
            _ => (&raw mut self.control[i]).cast(),
        };
        header.msg_controllen = control_length as _;
        header.msg_flags = 0;
        self.headers[i].msg_len = 0;
    }

    /// Fills in the header of a train: the datagrams of `count` vectors from the `first` on, all like its `head`.
    fn head(&mut self, i: usize, head: Outgoing<'_>, first: usize, count: usize) {
        let name_length = write_socket_addr(&mut self.names[i], head.destination);
        let control = &mut self.control[i];
        let mut control_length = match head.local {
            Some(local) => write_packet_info(control, local),
            None => 0,
        };
        if count > 1 {
            control_length = write_segment(control, control_length, head.bytes.len() as u16);
        }
        self.link_vectors(i, name_length, control_length, first, count);
    }
}

/// Buffers for one `recvmmsg`, allocated once.
pub struct ReceiveBatch {
    parts: Headers,
    buffers: Box<[u8]>,
    count: usize,
}

/// From buffer to buffer: nine cache lines more than the buffer takes, or the heads of all would share one set of the cache.
const STRIDE: usize = DATAGRAM_BYTES_MAX.next_multiple_of(64) + 9 * 64;

impl ReceiveBatch {
    /// Allocates the buffers: 16 MiB of address space, of which the kernel backs what is used.
    pub fn new() -> Self {
        let mut batch = ReceiveBatch {
            parts: Headers::new(),
            buffers: vec![0; DATAGRAM_BATCH * STRIDE].into_boxed_slice(),
            count: 0,
        };
        batch.link(DATAGRAM_BATCH);
        batch
    }

    /// Makes the first `count` headers as they were before the kernel wrote to them.
    fn link(&mut self, count: usize) {
        for (i, buffer) in self
            .buffers
            .chunks_exact_mut(STRIDE)
            .take(count)
            .enumerate()
        {
            self.parts.vectors[i] = libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: DATAGRAM_BYTES_MAX,
            };
            self.parts
                .link(i, size_of::<libc::sockaddr_storage>(), CONTROL_SPACE);
        }
    }

    /// Takes what waits on `socket`, at most [`DATAGRAM_BATCH`] datagrams, without waiting. Returns how many.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        // What the last call filled, and the one that it may have stopped at; the others are as they were.
        self.link(self.count + 1);
        self.count = 0;
        // SAFETY: `headers` holds DATAGRAM_BATCH linked headers whose names, vectors, buffers and control space
        // are distinct parts of our own boxes and outlive the call.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.parts.headers.as_mut_ptr(),
                DATAGRAM_BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if received < 0 {
            return Err(io::Error::last_os_error());
        }
        self.count = received as usize;
        Ok(self.count)
    }

    /// The `i`th datagram of the last batch; `None` past its end, or when its source is not an IP address.
    pub fn get(&self, i: usize) -> Option<Datagram<'_>> {
        if i >= self.count {
            return None;
        }
        let header = &self.parts.headers[i];
        let start = i * STRIDE;
        let length = (header.msg_len as usize).min(DATAGRAM_BYTES_MAX);
        let mut datagram = Datagram {
            source: socket_addr(&self.parts.names[i])?,
            local: None,
            kernel_drops: None,
            stamp: None,
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            bytes: self.buffers.get(start..start + length)?,
        };
        let control = self.parts.control[i]
            .0
            .get(..header.msg_hdr.msg_controllen)?;
        each_control(control, |level, kind, data| match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => datagram.local = packet_info_v4(data),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => datagram.local = packet_info_v6(data),
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => datagram.stamp = timestamp(data),
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                datagram.kernel_drops = data
                    .first_chunk()
                    .map(|bytes: &[u8; 4]| u32::from_ne_bytes(*bytes));
            }
            _ => {}
        });
        Some(datagram)
    }
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        Self::new()
    }
}

/// Headers for one `sendmmsg`, allocated once.
pub struct SendBatch {
    parts: Headers,
    pub(super) trains: Trains,
}

impl SendBatch {
    /// Allocates the headers.
    pub fn new() -> Self {
        SendBatch {
            parts: Headers::new(),
            trains: Trains::new(),
        }
    }

    /// Sends its trains in one call and returns how many of them went out. An error is about the first one. `datagram` tells
    /// what waits at a place that the trains name.
    pub(super) fn send<'a>(
        &mut self,
        socket: BorrowedFd<'_>,
        datagram: impl Fn(usize) -> Option<Outgoing<'a>>,
    ) -> io::Result<usize> {
        let SendBatch { parts, trains } = self;
        let (mut count, mut vectors) = (0, 0);
        for places in trains.each() {
            let first = vectors;
            let mut head = None;
            for datagram in places.iter().filter_map(|at| datagram(usize::from(*at))) {
                // The kernel only reads what is sent; the C type knows no const.
                parts.vectors[vectors] = libc::iovec {
                    iov_base: datagram.bytes.as_ptr().cast_mut().cast(),
                    iov_len: datagram.bytes.len(),
                };
                vectors += 1;
                head.get_or_insert(datagram);
            }
            if let Some(head) = head {
                parts.head(count, head, first, vectors - first);
                count += 1;
            }
        }
        if count == 0 {
            return Ok(0);
        }
        // SAFETY: the first `count` headers are linked to our own boxes and to bytes that `'a` keeps alive
        // beyond the call.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                parts.headers.as_mut_ptr(),
                count as libc::c_uint,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        if sent < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(sent as usize)
        }
    }
}

impl Default for SendBatch {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes one entry from the error queue of `socket`, its bytes into `buffer`; `None` when the queue is empty.
pub fn receive_returned(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<Returned>> {
    // SAFETY: plain C structures, for which all zeroes is a value.
    let (mut name, mut header): (libc::sockaddr_storage, libc::msghdr) =
        unsafe { (mem::zeroed(), mem::zeroed()) };
    let mut control = Control([0; CONTROL_SPACE]);
    let mut vector = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    header.msg_control = (&raw mut control).cast();
    header.msg_controllen = CONTROL_SPACE as _;
    // SAFETY: every pointer in `header` is to a local or to `buffer`, with its true length.
    let length = unsafe {
        libc::recvmsg(
            socket.as_raw_fd(),
            &raw mut header,
            libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT,
        )
    };
    if length < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::WouldBlock {
            Ok(None)
        } else {
            Err(error)
        };
    }
    let mut errno = 0;
    let used = control.0.get(..header.msg_controllen).unwrap_or_default();
    each_control(used, |level, kind, data| match (level, kind) {
        (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
            // struct sock_extended_err begins with its __u32 ee_errno.
            errno = data
                .first_chunk()
                .map_or(0, |bytes: &[u8; 4]| i32::from_ne_bytes(*bytes));
        }
        _ => {}
    });
    // An entry without an address is one about the socket as a whole; errno 0 tells the caller to pass over it.
    let destination = socket_addr(&name).unwrap_or_else(|| {
        errno = 0;
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    });
    Ok(Some(Returned {
        destination,
        errno,
        length: (length as usize).min(buffer.len()),
    }))
}

/// How much of its receive buffer `socket` has filled, in bytes, and how large that buffer is.
pub fn receive_queue(socket: BorrowedFd<'_>) -> Option<(u32, u32)> {
    // Indices of SK_MEMINFO_RMEM_ALLOC and SK_MEMINFO_RCVBUF in linux/sock_diag.h; nine counters in all.
    let mut memory = [0u32; 9];
    let mut length = size_of::<[u32; 9]>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into `memory`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            (&raw mut memory).cast(),
            &raw mut length,
        )
    };
    (result == 0 && length as usize >= 8).then_some((memory[0], memory[1]))
}
