//! One call's `reserve` and `release`, by the number of peers, by how the group chooses, and by the number of threads
//! that do nothing else. More threads than processors show what contention costs, not what parallelism gains.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tandem::balance::{
    Ask, Capacity, Demand, EndCause, GroupSpec, Ledger, PeerSpec, Select, Slot, Step, Topology,
};

const SIZES: [u32; 4] = [10, 100, 1_000, 10_000];

fn ledger(peers: u32, select: Select) -> Arc<Ledger> {
    let peer = |number: u32| PeerSpec {
        addresses: vec![([127, 0, 0, 1], 5060).into()],
        groups: vec!["pbx".into()],
        capacity: vec![("calls".into(), Capacity::Limited(500 + number % 7))],
        weight: 1 + number % 3,
        ..PeerSpec::named(format!("pbx-{number}"))
    };
    let group = GroupSpec {
        select,
        ..GroupSpec::named("pbx")
    };
    let topology = Topology {
        peers: (0..peers).map(peer).collect(),
        groups: vec![group],
    };
    Ledger::new(&topology, 1, Instant::now()).expect("the topology is sound")
}

/// A ledger that holds calls already, as in service: about a third of its capacity.
fn busy(peers: u32, select: Select) -> (Arc<Ledger>, Demand, Vec<Slot>) {
    let ledger = ledger(peers, select);
    let calls = ledger.directory().resource_named("calls");
    let demand = Demand::one(calls.expect("every peer offers calls"));
    let held = (0..peers * 5)
        .map(|number| reserve(&ledger, &demand, number))
        .collect();
    (ledger, demand, held)
}

fn reserve(ledger: &Arc<Ledger>, demand: &Demand, number: u32) -> Slot {
    let ask = Ask {
        group: tandem::balance::GroupId(0),
        demand,
        step: Step::Balance,
        tried: &[],
        hash_key: &number.to_le_bytes(),
    };
    let grant = ledger.reserve(Instant::now(), &ask);
    grant.expect("there is room").slot
}

fn one_call(criterion: &mut Criterion) {
    for (name, select) in [
        ("least-loaded", Select::LeastLoaded),
        ("weighted", Select::Weighted),
        ("random", Select::Random),
        ("hash", Select::Hash),
    ] {
        let mut group = criterion.benchmark_group(format!("reserve_release/{name}"));
        for peers in SIZES {
            let (ledger, demand, held) = busy(peers, select);
            let mut number = 0;
            group.bench_function(BenchmarkId::from_parameter(peers), |bencher| {
                bencher.iter(|| {
                    number += 1;
                    black_box(reserve(&ledger, &demand, number)).release(EndCause::Bye);
                });
            });
            held.into_iter()
                .for_each(|slot| slot.release(EndCause::Bye));
        }
        group.finish();
    }
}

/// Each thread places and ends calls as fast as it can. The time is the processors', of all threads together, for one
/// call: what a clock on the wall says depends on who else runs.
fn many_threads(criterion: &mut Criterion) {
    for peers in [10, 1_000] {
        let mut group = criterion.benchmark_group(format!("threads/{peers}-peers"));
        let (ledger, demand, held) = busy(peers, Select::LeastLoaded);
        for threads in [1u64, 2, 16, 64] {
            group.bench_function(BenchmarkId::from_parameter(threads), |bencher| {
                bencher.iter_custom(|calls| together(threads, calls, &ledger, &demand));
            });
        }
        held.into_iter()
            .for_each(|slot| slot.release(EndCause::Bye));
        group.finish();
    }
}

fn together(threads: u64, calls: u64, ledger: &Arc<Ledger>, demand: &Demand) -> Duration {
    let start = Barrier::new(threads as usize);
    std::thread::scope(|scope| {
        let workers = (0..threads).map(|thread| {
            let start = &start;
            let share = calls / threads + u64::from(thread < calls % threads);
            scope.spawn(move || {
                start.wait();
                let before = spent();
                for number in 0..share as u32 {
                    black_box(reserve(ledger, demand, number)).release(EndCause::Bye);
                }
                spent() - before
            })
        });
        let workers: Vec<_> = workers.collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined
            .map(|time| time.expect("a worker that does not panic"))
            .sum()
    })
}

/// The processor time of this thread.
fn spent() -> Duration {
    // Only a turn of the scheduler brings the kernel's figure up to date.
    std::thread::yield_now();
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("a thread's own figures");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros as u64)
}

criterion_group!(benches, one_call, many_threads);
criterion_main!(benches);
