//! One datagram's hand-over from shard to shard, by the number of shards that hand over to one. Batches of 32, as the
//! sockets give them; the bell rings once a batch. More threads than processors show what contention costs, not what
//! parallelism gains.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tandem::shard::{Exchange, Sender};

const BATCH: u64 = 32;
/// An INVITE with a body, about.
const DATAGRAM: [u8; 800] = [b'x'; 800];

/// Every producer does nothing but hand over. The time is the processors', of all threads together, for one datagram
/// until it is taken: what a clock on the wall says depends on who else runs.
fn hand_over(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hand_over");
    for producers in [1u64, 2, 16, 64] {
        group.bench_function(BenchmarkId::from_parameter(producers), |bencher| {
            bencher.iter_custom(|datagrams| together(producers, datagrams));
        });
    }
    group.finish();
}

fn together(producers: u64, datagrams: u64) -> Duration {
    let mut exchange = Exchange::new().expect("an eventfd");
    let start = Barrier::new(producers as usize + 1);
    std::thread::scope(|scope| {
        let workers = (0..producers).map(|producer| {
            let (mut sender, start) = (exchange.sender(), &start);
            let share = datagrams / producers + u64::from(producer < datagrams % producers);
            scope.spawn(move || {
                start.wait();
                let before = spent();
                produce(&mut sender, share);
                spent() - before
            })
        });
        let workers: Vec<_> = workers.collect();
        start.wait();
        let before = spent();
        let mut left = datagrams;
        while left > 0 {
            left -= exchange.take() as u64;
        }
        let taking = spent() - before;
        let joined = workers.into_iter().map(|worker| worker.join());
        let producing = joined.map(|time| time.expect("a producer that does not panic"));
        taking + producing.sum::<Duration>()
    })
}

fn produce(sender: &mut Sender, datagrams: u64) {
    let arrived = Instant::now();
    for number in 1..=datagrams {
        // A shard would drop what finds no room; here it has to arrive, so that each is taken.
        while !sender.leave(&DATAGRAM, arrived) {
            sender.ring();
            std::thread::sleep(Duration::from_micros(50));
        }
        if number % BATCH == 0 {
            sender.ring();
        }
    }
    sender.ring();
}

/// The processor time of this thread.
fn spent() -> Duration {
    // Only a turn of the scheduler brings the kernel's figure up to date.
    std::thread::yield_now();
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("a thread's own figures");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros as u64)
}

criterion_group!(benches, hand_over);
criterion_main!(benches);
