//! Loopback addresses that no other agent of this run uses, so that well-known ports never collide.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// An address of 127.0.0.0/8 that this process has not handed out before.
pub fn fresh_ip() -> IpAddr {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(n < 60_000, "out of loopback addresses");
    let process = 16 + (std::process::id() % 200) as u8;
    IpAddr::V4(Ipv4Addr::new(
        127,
        process,
        (n / 250) as u8,
        (n % 250) as u8 + 1,
    ))
}
