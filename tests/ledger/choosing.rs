//! Who gets the next call.

use std::collections::BTreeMap;

use tandem::balance::{
    Ask, Capacity, EndCause, Failure, GroupSpec, Observation, PeerSpec, Refusal, Select, Step,
};

use crate::bench_of_facts::{Bench, SECOND, end, group, peer};

/// How many of `count` calls, each ended at once, went where.
fn spread(bench: &Bench, count: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..count {
        *counts
            .entry(bench.next().expect("there is room"))
            .or_default() += 1;
    }
    counts
}

pub fn many(count: usize, weight: impl Fn(usize) -> u32) -> Vec<PeerSpec> {
    let one = |number| PeerSpec {
        weight: weight(number),
        ..peer(&format!("pbx-{number:02}"), 100_000)
    };
    (0..count).map(one).collect()
}

#[test]
fn least_loaded_fills_peers_in_the_proportion_of_their_capacity() {
    let bench = Bench::with(vec![peer("a", 100), peer("b", 200), peer("c", 300)]);
    let slots = bench.fill(300);
    assert_eq!(
        [bench.own("a"), bench.own("b"), bench.own("c")],
        [50, 100, 150]
    );
    end(slots);
}

#[test]
fn most_free_prefers_the_largest_free_count_to_the_lowest_utilisation() {
    let bench = Bench::of(
        vec![group(Select::MostFree)],
        vec![peer("a", 10), peer("b", 100)],
    );
    let slots = bench.fill(90);
    assert_eq!(bench.own("b"), 90, "down to ten free on both");
    end(slots);
}

#[test]
fn least_loaded_looks_at_the_tightest_demanded_resource_alone() {
    let with = |name: &str, conference| PeerSpec {
        capacity: vec![
            ("calls".into(), Capacity::Limited(100)),
            ("conference".into(), Capacity::Limited(conference)),
        ],
        ..peer(name, 0)
    };
    let bench = Bench::with(vec![with("small", 4), with("large", 40)]);
    let both = bench.demand(&[("calls", 1), ("conference", 2)]);
    let mut slots = Vec::new();
    for _ in 0..11 {
        slots.push(
            bench
                .ask(Step::Balance, &both, &[])
                .expect("there is room")
                .slot,
        );
    }
    assert_eq!((bench.own("small"), bench.own("large")), (1, 10));
    end(slots);
}

#[test]
fn a_call_that_takes_a_resource_never_lands_on_a_peer_without_it() {
    let transcoding = PeerSpec {
        capacity: vec![
            ("calls".into(), Capacity::Limited(3)),
            ("transcoding".into(), Capacity::Limited(2)),
        ],
        ..peer("b", 0)
    };
    let bench = Bench::with(vec![peer("a", 1000), transcoding]);
    let demand = bench.demand(&[("calls", 1), ("transcoding", 2)]);
    let held = bench.ask(Step::Balance, &demand, &[]).expect("b has both");
    assert_eq!(bench.name(held.peer), "b");
    let refused = bench.ask(Step::Balance, &demand, &[]).map(|_| ());
    assert_eq!(refused, Err(Refusal::Exhausted));
    let blind = bench
        .ask(Step::Dispatch, &demand, &[])
        .expect("whatever its load");
    assert_eq!(bench.name(blind.peer), "b");
    end(vec![held.slot, blind.slot]);
}

#[test]
fn ties_are_broken_at_random_and_evenly() {
    let bench = Bench::with(many(70, |_| 1));
    let counts = spread(&bench, 7000);
    assert_eq!(counts.len(), 70);
    assert!(
        counts.values().all(|count| (50..=160).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn the_same_seed_breaks_ties_in_the_same_way() {
    let order = || {
        let bench = Bench::with(many(9, |_| 1));
        (0..50)
            .map(|_| bench.next().expect("there is room"))
            .collect::<Vec<_>>()
    };
    assert_eq!(order(), order());
}

#[test]
fn round_robin_goes_round() {
    let bench = Bench::of(vec![group(Select::RoundRobin)], many(3, |_| 1));
    let order: Vec<_> = (0..6)
        .map(|_| bench.next().expect("there is room"))
        .collect();
    assert_eq!(
        order,
        ["pbx-00", "pbx-01", "pbx-02", "pbx-00", "pbx-01", "pbx-02"]
    );
}

#[test]
fn weighted_turns_are_exact_in_every_round_for_any_number_of_peers() {
    let bench = Bench::of(
        vec![group(Select::Weighted)],
        many(60, |number| 1 + number as u32 % 7),
    );
    let round: usize = (0..60).map(|number| 1 + number % 7).sum();
    for _ in 0..3 {
        let counts = spread(&bench, round);
        for (number, count) in counts.values().enumerate() {
            // The pool sorts by weight, the names do not: the count is the weight all the same.
            assert_eq!(*count, 1 + number % 7);
        }
    }
}

#[test]
fn weighted_turns_are_smooth() {
    let bench = Bench::of(
        vec![group(Select::Weighted)],
        many(3, |number| [5, 1, 1][number]),
    );
    let order: Vec<_> = (0..14)
        .map(|_| bench.next().expect("there is room"))
        .collect();
    let turns = |wanted: &str| -> Vec<usize> {
        let places = order.iter().enumerate();
        places
            .filter(|(_, name)| *name == wanted)
            .map(|(place, _)| place)
            .collect()
    };
    for light in ["pbx-01", "pbx-02"] {
        let turns = turns(light);
        assert_eq!((turns.len(), turns[1] - turns[0]), (2, 7), "{order:?}");
        assert!(
            (2..5).contains(&turns[0]),
            "within the round, not at its end: {order:?}"
        );
    }
}

#[test]
fn a_peer_that_was_away_does_not_catch_up_on_its_turns() {
    let mut bench = Bench::of(vec![group(Select::RoundRobin)], many(3, |_| 1));
    bench
        .ledger
        .set_admin(bench.id("pbx-01"), tandem::balance::Admin::Disabled);
    spread(&bench, 1000);
    bench
        .ledger
        .set_admin(bench.id("pbx-01"), tandem::balance::Admin::Enabled);
    let counts = spread(&bench, 30);
    assert!((9..=11).contains(&counts["pbx-01"]), "{counts:?}");
    bench.pass(SECOND);
}

#[test]
fn random_is_even_whatever_the_load() {
    let bench = Bench::of(
        vec![group(Select::Random)],
        vec![peer("a", 10_000), peer("b", 1_000)],
    );
    let slots = bench.fill(1000);
    assert!((400..=600).contains(&bench.own("a")), "{}", bench.own("a"));
    end(slots);
}

#[test]
fn priority_goes_lowest_first_and_least_loaded_among_equals() {
    let ranked = |name, priority| PeerSpec {
        priority,
        ..peer(name, 2)
    };
    let peers = vec![ranked("late", 9), ranked("a", 1), ranked("b", 1)];
    let bench = Bench::of(vec![group(Select::Priority)], peers);
    let mut slots = bench.fill(4);
    assert_eq!(
        [bench.own("a"), bench.own("b"), bench.own("late")],
        [2, 2, 0]
    );
    slots.extend(bench.fill(2));
    assert_eq!(bench.own("late"), 2);
    end(slots);
}

#[test]
fn no_capacity_is_ever_exceeded_by_balancing() {
    let bench = Bench::with(vec![peer("a", 3), peer("b", 4)]);
    let slots = bench.fill(7);
    assert_eq!(bench.call().map(|_| ()), Err(Refusal::Exhausted));
    assert_eq!(bench.view("a").why_not, ["full: calls 3/3"]);
    assert!(bench.view("a").eligible, "room is another question");
    end(slots);
    assert_eq!(bench.own("a") + bench.own("b"), 0);
}

#[test]
fn a_peer_in_two_groups_shares_one_capacity() {
    let both = PeerSpec {
        groups: vec!["pbx".into(), "carrier".into()],
        ..peer("a", 2)
    };
    let groups = vec![group(Select::LeastLoaded), GroupSpec::named("carrier")];
    let bench = Bench::of(groups, vec![both]);
    let carrier = Ask {
        group: bench.group("carrier"),
        demand: &bench.calls,
        step: Step::Balance,
        tried: &[],
        hash_key: b"",
    };
    let first = bench.ledger.reserve(bench.now, &carrier).expect("room");
    let second = bench.call().expect("room");
    let third = bench.ledger.reserve(bench.now, &carrier).map(|_| ());
    assert_eq!(third, Err(Refusal::Exhausted));
    end(vec![first.slot, second]);
}

#[test]
fn failover_goes_to_the_next_best_and_never_back() {
    let bench = Bench::with(vec![peer("a", 100), peer("b", 100), peer("c", 100)]);
    let mut tried = Vec::new();
    for _ in 0..3 {
        let grant = bench
            .ask(Step::Failover, &bench.calls, &tried)
            .expect("one is left");
        assert!(!tried.contains(&grant.peer));
        tried.push(grant.peer);
        grant.slot.release(EndCause::FailedOver);
    }
    let none = bench.ask(Step::Failover, &bench.calls, &tried).map(|_| ());
    assert_eq!(none, Err(Refusal::NoneEligible));
}

#[test]
fn overflow_and_dispatch_ignore_room_but_not_health_and_are_marked() {
    let bench = Bench::with(vec![peer("a", 1), peer("b", 1)]);
    let mut slots = bench.fill(2);
    bench.timeout("b");
    for step in [Step::Dispatch, Step::Overflow] {
        let grant = bench.ask(step, &bench.calls, &[]).expect("a is up");
        assert_eq!(bench.name(grant.peer), "a");
        assert!(grant.slot.is_marked());
        slots.push(grant.slot);
    }
    let view = bench.view("a");
    assert_eq!(
        (view.resources[0].own, view.resources[0].free, view.marked),
        (3, Some(0), 2)
    );
    end(slots);
    bench.timeout("a");
    let refused = bench.ask(Step::Dispatch, &bench.calls, &[]).map(|_| ());
    assert_eq!(refused, Err(Refusal::NoneEligible));
}

#[test]
fn a_capacity_of_zero_means_never_even_when_dispatching() {
    let bench = Bench::with(vec![peer("a", 0)]);
    for step in Step::ALL {
        let refused = bench.ask(step, &bench.calls, &[]).map(|_| ());
        assert_eq!(refused, Err(Refusal::NoneEligible));
    }
}

#[test]
fn unlimited_peers_come_after_limited_ones_with_room_by_own_per_weight() {
    let unlimited = |name, weight| PeerSpec {
        capacity: vec![("calls".into(), Capacity::Unlimited)],
        weight,
        ..peer(name, 0)
    };
    let bench = Bench::with(vec![unlimited("u1", 1), unlimited("u3", 3), peer("a", 2)]);
    let slots = bench.fill(2 + 8);
    assert_eq!(
        [bench.own("a"), bench.own("u1"), bench.own("u3")],
        [2, 2, 6]
    );
    let view = bench.view("u1");
    assert_eq!(
        (view.resources[0].capacity, view.resources[0].free),
        (None, None)
    );
    assert_eq!(view.resources[0].utilisation, None);
    end(slots);
}

#[test]
fn a_peer_that_fails_fast_does_not_look_emptiest() {
    let bench = Bench::with(vec![peer("good", 100), peer("bad", 100)]);
    let held = bench.fill(60);
    let on_bad = held.into_iter().filter_map(|slot| {
        if bench.name(slot.peer()) == "bad" {
            slot.release(EndCause::Rejected);
            return None;
        }
        Some(slot)
    });
    let held: Vec<_> = on_bad.collect();
    assert_eq!(
        bench.next(),
        Ok("bad".to_owned()),
        "before it fails it is the emptiest"
    );
    bench.report("bad", Observation::Failed(Failure::Status(500)));
    assert_eq!(bench.next(), Ok("good".to_owned()));
    end(held);
}

#[test]
fn a_cps_limit_lets_one_seconds_worth_through_and_then_the_rate() {
    let limited = PeerSpec {
        cps: Some(10),
        ..peer("a", 1000)
    };
    let mut bench = Bench::with(vec![limited]);
    let mut slots = bench.fill(10);
    assert_eq!(bench.call().map(|_| ()), Err(Refusal::NoneEligible));
    assert_eq!(bench.view("a").why_not, ["cps limit 10/s"]);
    assert!(!bench.view("a").eligible);
    bench.pass(SECOND / 10);
    slots.extend(bench.fill(1));
    assert_eq!(bench.call().map(|_| ()), Err(Refusal::NoneEligible));
    bench.pass(SECOND * 60);
    slots.extend(bench.fill(10));
    assert_eq!(bench.call().map(|_| ()), Err(Refusal::NoneEligible));
    end(slots);
}

#[test]
fn a_group_that_is_not_there_has_nobody() {
    let bench = Bench::with(vec![peer("a", 1)]);
    let ask = Ask {
        group: tandem::balance::GroupId(99),
        demand: &bench.calls,
        step: Step::Balance,
        tried: &[],
        hash_key: b"",
    };
    let refused = bench.ledger.reserve(bench.now, &ask).map(|_| ());
    assert_eq!(refused, Err(Refusal::NoneEligible));
}

#[test]
fn picking_for_a_request_that_begins_no_call_charges_nothing() {
    let bench = Bench::of(vec![group(Select::RoundRobin)], many(2, |_| 1));
    let ask = Ask {
        group: bench.group("pbx"),
        demand: &bench.calls,
        step: Step::Dispatch,
        tried: &[],
        hash_key: b"",
    };
    let picked = bench.ledger.pick(bench.now, &ask).expect("one is up");
    assert_eq!(bench.view(&bench.name(picked)).granted, 0);
}
