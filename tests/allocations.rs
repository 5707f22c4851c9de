//! A hop asks for no memory once its scratch has grown to size.

#[path = "../benches/message/counted.rs"]
mod counted;
#[path = "../benches/message/hops.rs"]
#[allow(dead_code, reason = "the bench uses the rest")]
mod hops;

use hops::{INVITE, Ours, rsip_hop};

#[global_allocator]
static ALLOCATOR: counted::Counted = counted::Counted;

#[test]
fn a_hop_allocates_nothing_once_warm() {
    let mut ours = Ours::new();
    ours.hop(INVITE);
    assert_eq!(counted::allocations(|| ours.hop(INVITE)), 0);
    let vector = counted::allocations(|| drop(vec![0_u8; 9]));
    assert_eq!(vector, 1, "the counter counts");
}

/// The bench compares the same work: but for where Record-Route stands, both write one message.
#[test]
fn both_ways_of_a_hop_write_the_same_lines() {
    let mut ours = Ours::new();
    ours.hop(INVITE);
    let sorted = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let mut lines: Vec<String> = text.split("\r\n").map(|line| line.to_string()).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(ours.out()), sorted(&rsip_hop(INVITE)));
}
