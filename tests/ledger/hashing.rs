//! Rendezvous hashing.

use std::collections::BTreeMap;

use tandem::balance::{Ask, EndCause, Select, Step};

use crate::bench_of_facts::{Bench, group};
use crate::choosing::many;

/// How many of `count` keys went where.
fn spread_keys(bench: &Bench, count: usize, step: Step) -> BTreeMap<String, Vec<usize>> {
    let mut keys: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for key in 0..count {
        let text = format!("call-{key}@example");
        let ask = Ask {
            group: bench.group("pbx"),
            demand: &bench.calls,
            step,
            tried: &[],
            hash_key: text.as_bytes(),
        };
        let grant = bench
            .ledger
            .reserve(bench.now, &ask)
            .expect("there is room");
        keys.entry(bench.name(grant.peer)).or_default().push(key);
        grant.slot.release(EndCause::Bye);
    }
    keys
}

#[test]
fn the_same_key_always_meets_the_same_peer_on_any_node() {
    let bench = Bench::of(vec![group(Select::Hash)], many(5, |_| 1));
    let other = Bench::of(
        vec![group(Select::Hash)],
        many(5, |_| 1).into_iter().rev().collect(),
    );
    let (here, there) = (
        spread_keys(&bench, 500, Step::Balance),
        spread_keys(&other, 500, Step::Balance),
    );
    assert_eq!(here, there);
}

#[test]
fn hashing_follows_the_weights() {
    let bench = Bench::of(
        vec![group(Select::Hash)],
        many(4, |number| [1, 1, 2, 4][number]),
    );
    let keys = spread_keys(&bench, 16_000, Step::Balance);
    let counts: Vec<_> = keys.values().map(Vec::len).collect();
    for (count, fair) in counts.iter().zip([2000usize, 2000, 4000, 8000]) {
        assert!(count.abs_diff(fair) < fair / 10, "{counts:?}");
    }
}

#[test]
fn one_peer_down_spreads_its_keys_evenly_and_moves_no_others() {
    let bench = Bench::of(vec![group(Select::Hash)], many(5, |_| 1));
    let before = spread_keys(&bench, 6000, Step::Balance);
    bench.timeout("pbx-02");
    let after = spread_keys(&bench, 6000, Step::Balance);
    assert_eq!(after.len(), 4);
    for (name, keys) in &after {
        let kept = before[name].iter().filter(|key| keys.contains(key)).count();
        assert_eq!(kept, before[name].len(), "{name} keeps its keys");
        let gained = keys.len() - kept;
        let fair = before["pbx-02"].len() / 4;
        assert!(
            gained.abs_diff(fair) < fair / 3,
            "{name} gained {gained}, fair is {fair}"
        );
    }
}
