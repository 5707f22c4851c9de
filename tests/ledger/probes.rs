//! When which peer is probed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tandem::balance::{Due, GroupSpec, Health, PeerSpec, ProbeMode, ProbeSpec, Prober, Select};

use crate::bench_of_facts::{Bench, SECOND, group, peer};

fn probed(mode: ProbeMode) -> GroupSpec {
    GroupSpec {
        probe: ProbeSpec {
            mode,
            ..ProbeSpec::default()
        },
        ..group(Select::LeastLoaded)
    }
}

fn peers(count: usize) -> Vec<PeerSpec> {
    (0..count)
        .map(|number| peer(&format!("pbx-{number}"), 10))
        .collect()
}

/// Lets a prober run for so long, from one of its moments to the next.
fn run(prober: &mut Prober, bench: &mut Bench, time: Duration) -> Vec<(Instant, Due)> {
    let end = bench.now + time;
    let mut sent = Vec::new();
    while let Some(at) = prober.next_timeout().filter(|at| *at <= end) {
        bench.now = bench.now.max(at);
        while let Some(due) = prober.poll(bench.now, &bench.ledger) {
            sent.push((bench.now, due));
        }
    }
    bench.now = end;
    sent
}

fn started(mode: ProbeMode, count: usize) -> (Prober, Bench, Instant) {
    let bench = Bench::of(vec![probed(mode)], peers(count));
    let mut prober = Prober::new(3);
    prober.apply(bench.now, &bench.ledger.directory());
    let start = bench.now;
    (prober, bench, start)
}

#[test]
fn first_probes_come_within_a_second_and_not_all_at_once() {
    let (mut prober, mut bench, _) = started(ProbeMode::Always, 100);
    let sent = run(&mut prober, &mut bench, SECOND);
    assert_eq!(sent.len(), 100);
    let moments: BTreeMap<_, usize> = sent.iter().map(|(at, _)| (*at, 1)).collect();
    assert!(moments.len() > 90);
    let due = &sent[0].1;
    assert_eq!((&*due.method, due.timeout), ("OPTIONS", SECOND * 2));
    let directory = bench.ledger.directory();
    let peer = directory.peer(due.peer).expect("a known peer");
    assert_eq!(due.destination, peer.addresses[0]);
}

#[test]
fn each_peer_is_probed_once_an_interval_give_or_take_a_tenth() {
    let (mut prober, mut bench, _) = started(ProbeMode::Always, 5);
    let sent = run(&mut prober, &mut bench, SECOND * 200);
    let mut by_peer: BTreeMap<_, Vec<Instant>> = BTreeMap::new();
    for (at, due) in sent {
        by_peer.entry(due.peer).or_default().push(at);
    }
    for moments in by_peer.values() {
        let gaps: Vec<_> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            gaps.iter()
                .all(|gap| (SECOND * 9..=SECOND * 11).contains(gap)),
            "{gaps:?}"
        );
        assert!(gaps.windows(2).any(|pair| pair[0] != pair[1]), "jittered");
    }
    assert_eq!(by_peer.len(), 5);
}

#[test]
fn never_more_than_a_bounded_number_is_due_at_once() {
    let (mut prober, bench, _) = started(ProbeMode::Always, 2000);
    let late = bench.now + SECOND * 60;
    let mut moment = late;
    let mut total = std::iter::from_fn(|| prober.poll(late, &bench.ledger)).count();
    assert_eq!(total, 256);
    while total < 2000 {
        let next = prober.next_timeout().expect("more are due");
        assert!(next > moment);
        moment = next;
        let count = std::iter::from_fn(|| prober.poll(moment, &bench.ledger)).count();
        assert!(count <= 256, "{count} at once");
        total += count;
    }
    assert!(moment < late + SECOND);
}

#[test]
fn a_peer_probed_when_down_is_probed_only_then_and_soon() {
    let (mut prober, mut bench, _) = started(ProbeMode::WhenDown, 2);
    assert_eq!(run(&mut prober, &mut bench, SECOND * 100).len(), 0);
    assert_eq!(bench.view("pbx-0").probe.next_in, None);
    bench.timeout("pbx-0");
    let down_at = bench.now;
    let sent = run(&mut prober, &mut bench, SECOND * 25);
    assert!(sent.len() >= 2);
    assert!(sent.iter().all(|(_, due)| due.peer == bench.id("pbx-0")));
    assert!(sent[0].0 - down_at <= SECOND);
    bench.probe_ok("pbx-0");
    bench.probe_ok("pbx-0");
    assert_eq!(bench.view("pbx-0").health, Health::Up);
    assert_eq!(run(&mut prober, &mut bench, SECOND * 100).len(), 0);
}

#[test]
fn a_group_whose_probes_are_off_is_not_probed() {
    let (mut prober, mut bench, _) = started(ProbeMode::Off, 3);
    assert_eq!(prober.next_timeout(), None);
    assert_eq!(run(&mut prober, &mut bench, SECOND * 100).len(), 0);
}

#[test]
fn the_view_tells_when_the_next_probe_is() {
    let (mut prober, mut bench, _) = started(ProbeMode::Always, 1);
    run(&mut prober, &mut bench, SECOND);
    let next_in = bench.view("pbx-0").probe.next_in.expect("it is probed");
    assert_eq!(Some(bench.now + next_in), prober.next_timeout());
}

#[test]
fn a_reload_moves_no_probe_of_a_peer_that_stays_and_drops_those_that_go() {
    let (mut prober, mut bench, _) = started(ProbeMode::Always, 2);
    run(&mut prober, &mut bench, SECOND * 3);
    let before = prober.next_timeout();
    bench.apply();
    prober.apply(bench.now, &bench.ledger.directory());
    assert_eq!(prober.next_timeout(), before);
    bench.topology.peers.clear();
    bench.apply();
    prober.apply(bench.now, &bench.ledger.directory());
    assert_eq!(prober.next_timeout(), None);
}
