//! Drains: who begins and ends them, what is left, and what a restart knows of them.

use std::time::{Duration, Instant};

use tandem::balance::{
    Acceptance, Admin, Capacity, Demand, Drain, DrainView, DrainedBy, EndCause, Ledger, Mark,
    Moment, PeerSpec, Report, Select, Topology,
};

use crate::bench_of_facts::{Bench, SECOND, end, group, peer, reporting};

const HALF_PAST: Drain = Drain {
    since_unix_ms: Some(1_000),
    deadline_unix_ms: Some(1_800_000),
};

/// Now, and the clock on the wall at the first moment of 1970.
fn at(bench: &Bench) -> Moment {
    let now = bench.now;
    Moment { now, unix_ms: 0 }
}

fn drain(bench: &Bench, name: &str) -> DrainView {
    bench.view(name).drain.expect("it drains")
}

fn says(state: Acceptance) -> Report {
    Report {
        state: Some(state),
        ..Report::default()
    }
}

#[test]
fn a_drain_is_over_with_the_last_call_and_goes_on_when_one_more_comes() {
    let bench = Bench::with(vec![peer("a", 10)]);
    let held = bench.fill(3);
    assert_eq!(bench.view("a").drain, None);
    bench.ledger.drain(bench.id("a"), at(&bench), HALF_PAST);
    assert_eq!(drain(&bench, "a").calls_left, 3);
    assert_eq!(drain(&bench, "a").as_str(), "draining");
    assert_eq!(drain(&bench, "a").expected, None, "nobody knows their ages");
    end(held);
    assert_eq!(drain(&bench, "a").as_str(), "drained");
    assert_eq!(drain(&bench, "a").expected, Some(Duration::ZERO));
    assert!(bench.ledger.drains(bench.now).is_empty());
    let placed = tandem::balance::Mark::PlacedByPeer;
    let late = bench.ledger.readmit(bench.id("a"), &bench.calls, placed);
    assert_eq!(drain(&bench, "a").as_str(), "draining");
    late.release(EndCause::Bye);
}

#[test]
fn a_drain_that_is_said_again_keeps_its_beginning_and_any_other_word_ends_it() {
    let bench = Bench::with(vec![peer("a", 10)]);
    let a = bench.id("a");
    bench.ledger.set_deadline(a, at(&bench), Some(7));
    assert_eq!(bench.view("a").drain, None, "a deadline begins no drain");
    bench.ledger.drain(a, at(&bench), HALF_PAST);
    let again = |deadline_unix_ms| Drain {
        since_unix_ms: Some(9_000),
        deadline_unix_ms,
    };
    bench.ledger.drain(a, at(&bench), again(None));
    assert_eq!(drain(&bench, "a").by, DrainedBy::Operator(HALF_PAST));
    bench.ledger.drain(a, at(&bench), again(Some(5_000)));
    let by = drain(&bench, "a").by;
    let sooner = Drain {
        deadline_unix_ms: Some(5_000),
        ..HALF_PAST
    };
    assert_eq!(by, DrainedBy::Operator(sooner));
    assert_eq!(bench.ledger.overrides()[0].drain, sooner);
    for word in [Admin::Disabled, Admin::Enabled] {
        bench.ledger.drain(a, at(&bench), HALF_PAST);
        bench.ledger.set_admin(a, word);
        assert_eq!(bench.view("a").drain, None);
        bench.ledger.set_admin(a, Admin::Draining);
        let fresh = DrainedBy::Operator(Drain::default());
        assert_eq!(drain(&bench, "a").by, fresh, "the deadline is gone");
    }
}

#[test]
fn a_peer_drains_itself_until_it_says_otherwise_or_nothing() {
    let mut bench = Bench::with(vec![reporting("a", 10)]);
    let held = bench.fill(2);
    bench.feed("a", says(Acceptance::Draining));
    bench.pass(SECOND * 6);
    bench.feed("a", says(Acceptance::Draining));
    bench.pass(SECOND * 6);
    assert_eq!(drain(&bench, "a").by, DrainedBy::Peer(SECOND * 12));
    assert_eq!(drain(&bench, "a").calls_left, 2);
    bench.feed("a", says(Acceptance::Paused));
    assert_eq!(bench.view("a").drain, None);
    bench.feed("a", says(Acceptance::Draining));
    assert_eq!(drain(&bench, "a").by, DrainedBy::Peer(Duration::ZERO));
    bench.ledger.drain(bench.id("a"), at(&bench), HALF_PAST);
    assert_eq!(drain(&bench, "a").by, DrainedBy::Operator(HALF_PAST));
    bench.ledger.set_admin(bench.id("a"), Admin::Enabled);
    assert!(bench.view("a").drain.is_some(), "the peer still says so");
    bench.pass(SECOND * 10);
    assert_eq!(bench.view("a").drain, None, "its report has lapsed");
    assert!(bench.view("a").eligible);
    end(held);
}

#[test]
fn a_restart_believes_for_one_ttl_that_a_peer_drains_itself() {
    let before = Bench::with(vec![reporting("a", 10)]);
    before.feed("a", says(Acceptance::Draining));
    let said = before.ledger.identities();
    assert_eq!(said.len(), 1);
    let mut bench = Bench::with(vec![reporting("a", 10)]);
    bench.ledger.recall(bench.now, &said[0]);
    assert_eq!(bench.view("a").why_not, ["draining by its own report"]);
    assert!(bench.next().is_err());
    bench.pass(SECOND * 10);
    assert_eq!(bench.next().as_deref(), Ok("a"));
    bench.feed("a", says(Acceptance::Accepting));
    bench.ledger.recall(bench.now, &said[0]);
    assert!(bench.view("a").eligible, "the peer has spoken since");
}

#[test]
fn the_time_to_the_last_call_is_told_by_ages_and_forgotten_with_the_drain() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    let (a, held) = (bench.id("a"), bench.fill(1));
    bench.ledger.drain(a, at(&bench), HALF_PAST);
    assert!(bench.ledger.drains(bench.now)[0].ages_wanted);
    let ages = vec![SECOND * 300, SECOND * 20];
    bench.ledger.tell_ages(bench.now, a, SECOND * 60, ages);
    assert!(!bench.ledger.drains(bench.now)[0].ages_wanted);
    bench.pass(SECOND * 40);
    assert_eq!(drain(&bench, "a").expected, Some(SECOND * 200));
    bench.pass(SECOND * 200);
    assert_eq!(drain(&bench, "a").expected, None, "it outlasts them all");
    bench.ledger.set_admin(a, Admin::Enabled);
    assert!(bench.ledger.drains(bench.now).is_empty());
    bench.ledger.drain(a, at(&bench), HALF_PAST);
    assert!(bench.ledger.drains(bench.now)[0].ages_wanted);
    end(held);
}

#[test]
fn the_deadline_of_a_removed_peer_stays_in_force_for_the_calls_that_it_has() {
    let mut bench = Bench::with(vec![peer("a", 10), peer("b", 0)]);
    let held = bench.fill(1);
    let a = bench.id("a");
    bench.ledger.drain(a, at(&bench), HALF_PAST);
    bench.topology.peers.remove(0);
    bench.apply();
    let drains = bench.ledger.drains(bench.now);
    assert_eq!(drains[0].by, DrainedBy::Operator(HALF_PAST));
    end(held);
    assert!(bench.ledger.drains(bench.now).is_empty());
}

#[test]
fn a_deadline_is_a_span_of_time_wherever_the_clock_on_the_wall_is_set() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    let (a, held, start) = (bench.id("a"), bench.fill(1), bench.now);
    bench.ledger.drain(a, at(&bench), HALF_PAST);
    let deadline = Some(start + SECOND * 1800);
    bench.pass(SECOND * 60);
    for unix_ms in [0, HALF_PAST.deadline_unix_ms.unwrap_or(0) * 2] {
        let moment = Moment {
            now: bench.now,
            unix_ms,
        };
        let again = Drain {
            deadline_unix_ms: None,
            ..HALF_PAST
        };
        bench.ledger.drain(a, moment, again);
        assert_eq!(bench.ledger.deadline(a), deadline, "set at {unix_ms}");
    }
    assert_eq!(bench.ledger.drains(bench.now)[0].deadline, deadline);
    assert_eq!(drain(&bench, "a").deadline_in, Some(SECOND * 1740));
    end(held);
}

#[test]
fn a_start_reckons_once_how_much_of_a_deadline_is_left() {
    let bench = Bench::with(vec![peer("a", 10)]);
    let a = bench.id("a");
    let month = SECOND * 30 * 86_400;
    for (unix_ms, deadline_unix_ms, left) in [
        (1_790_000, 1_800_000, SECOND * 10),
        (9_000_000, 1_800_000, Duration::ZERO),
        (1_000, u64::MAX, month),
    ] {
        let moment = Moment {
            now: bench.now,
            unix_ms,
        };
        bench.ledger.drain(
            a,
            moment,
            Drain {
                deadline_unix_ms: Some(deadline_unix_ms),
                ..HALF_PAST
            },
        );
        assert_eq!(drain(&bench, "a").deadline_in, Some(left));
    }
}

#[test]
fn a_deadline_that_is_taken_back_leaves_the_drain_without_one() {
    let bench = Bench::with(vec![peer("a", 10)]);
    let a = bench.id("a");
    bench.ledger.drain(a, at(&bench), HALF_PAST);
    bench.ledger.set_deadline(a, at(&bench), None);
    let endless = Drain {
        deadline_unix_ms: None,
        ..HALF_PAST
    };
    assert_eq!(drain(&bench, "a").by, DrainedBy::Operator(endless));
    assert_eq!(bench.ledger.deadline(a), None);
    assert_eq!(bench.ledger.overrides()[0].drain, endless);
}

#[test]
fn a_peer_that_an_earlier_run_removed_is_known_for_its_calls_until_it_is_configured_again() {
    let mut bench = Bench::with(vec![peer("b", 1)]);
    let a = "a".into();
    for _ in 0..2 {
        bench.ledger.remember(&a, bench.now).expect("a name more");
    }
    let id = bench.ledger.directory().known_peer("a").expect("known");
    assert_eq!(bench.ledger.directory().peer_named("a"), None);
    let restored = Mark::Restored;
    let call = bench.ledger.readmit(id, &bench.calls, restored);
    bench.ledger.drain(id, at(&bench), HALF_PAST);
    bench.apply();
    assert_eq!(bench.ledger.drains(bench.now)[0].peer, id);
    assert_eq!(bench.next().as_deref(), Ok("b"));
    bench.topology.peers.push(peer("a", 10));
    bench.apply();
    assert_eq!(bench.id("a"), id);
    assert_eq!(bench.own("a"), 1);
    call.release(EndCause::Bye);
}

#[test]
fn the_calls_of_a_peer_that_an_earlier_run_removed_are_counted_though_nobody_offers_calls_any_more()
{
    let b = PeerSpec {
        capacity: vec![("channels".into(), Capacity::Limited(1))],
        ..peer("b", 0)
    };
    let topology = Topology {
        peers: vec![b],
        groups: vec![group(Select::LeastLoaded)],
    };
    let now = Instant::now();
    let ledger = Ledger::new(&topology, 7, now).expect("the topology is sound");
    assert_eq!(ledger.directory().resource_named("calls"), None);
    ledger.remember(&"a".into(), now).expect("a name more");
    let directory = ledger.directory();
    let id = directory.known_peer("a").expect("known");
    let calls = Demand::one(directory.resource_named("calls").expect("known"));
    let call = ledger.readmit(id, &calls, Mark::Restored);
    ledger.drain(id, Moment { now, unix_ms: 0 }, HALF_PAST);
    let drain = ledger.drains(now)[0];
    let deadline = now + SECOND * 1800;
    assert_eq!((drain.peer, drain.deadline), (id, Some(deadline)));
    let view = ledger.view_of(now, id).expect("known");
    assert_eq!(view.resources[0].own, 1);
    call.release(EndCause::Bye);
    assert_eq!(ledger.drains(now), []);
}
