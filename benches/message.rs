//! One proxy hop of an INVITE, through our message view and through rsip, and what a long header
//! costs each. Before the times it prints how often each allocates.
//!
//! `docs/decisions/0001-own-message-view.md` has the figures and what was decided by them.

#[path = "message/counted.rs"]
mod counted;
#[path = "message/hops.rs"]
mod hops;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hops::{INVITE, Ours, long_route, rsip_hop};

#[global_allocator]
static ALLOCATOR: counted::Counted = counted::Counted;

fn hop(criterion: &mut Criterion) {
    let mut ours = Ours::new();
    ours.hop(INVITE);
    let of_ours = counted::allocations(|| ours.hop(black_box(INVITE)));
    black_box(ours.out());
    let of_rsip = counted::allocations(|| {
        black_box(rsip_hop(black_box(INVITE)));
    });
    println!("allocations per hop: ours {of_ours}, rsip {of_rsip}");

    let mut group = criterion.benchmark_group("hop");
    group.throughput(Throughput::Bytes(INVITE.len() as u64));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| ours.hop(black_box(INVITE)))
    });
    group.bench_function("rsip", |bencher| {
        bencher.iter(|| rsip_hop(black_box(INVITE)))
    });
    group.bench_function("sniff", |bencher| {
        bencher.iter(|| tandem::sip::sniff(black_box(INVITE)).map(<[u8]>::len));
    });
    group.finish();
}

/// What a sender can make us work with one datagram.
fn one_long_header(criterion: &mut Criterion) {
    let mut ours = Ours::new();
    let mut group = criterion.benchmark_group("one long Route");
    group.sample_size(10);
    for size in [2_000, 8_000, 64_000] {
        let message = long_route(size);
        group.bench_function(format!("rsip/{size}"), |bencher| {
            bencher.iter(|| hops::rsip_route(black_box(&message)));
        });
    }
    for size in [2_000, 8_000, 64_000] {
        let message = long_route(size);
        group.bench_function(format!("ours/{size}"), |bencher| {
            bencher.iter(|| ours.hop(black_box(&message)));
        });
    }
    group.finish();
}

criterion_group!(benches, hop, one_long_header);
criterion_main!(benches);
