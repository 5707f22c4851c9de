//! One call's `reserve` and `release`, by the number of peers and by how the group chooses.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
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

criterion_group!(benches, one_call);
criterion_main!(benches);
