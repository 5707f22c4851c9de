//! The operator's word, reloads, and what people are told.

use std::sync::Arc;
use std::time::Duration;

use tandem::balance::{
    Admin, Ask, Capacity, EndCause, GroupSpec, Health, Mark, PeerSpec, Refusal, Select, Step,
    Topology, TopologyError, Verdict,
};

use crate::bench_of_facts::{Bench, SECOND, end, group, peer};

#[test]
fn a_disabled_or_draining_peer_gets_nothing_by_any_step() {
    let bench = Bench::with(vec![peer("a", 10)]);
    for (admin, why) in [
        (Admin::Disabled, "disabled by operator"),
        (Admin::Draining, "draining by operator"),
    ] {
        bench.ledger.set_admin(bench.id("a"), admin);
        for step in Step::ALL {
            let refused = bench.ask(step, &bench.calls, &[]).map(|_| ());
            assert_eq!(refused, Err(Refusal::NoneEligible));
        }
        assert_eq!(bench.view("a").why_not, [why]);
    }
}

#[test]
fn a_reload_keeps_counts_health_reports_and_the_operators_word() {
    let mut bench = Bench::with(vec![peer("a", 10), peer("b", 10), peer("c", 10)]);
    let held = bench.fill(9);
    bench.timeout("b");
    bench.ledger.set_admin(bench.id("c"), Admin::Draining);
    bench.ledger.set_weight(bench.id("a"), 5).expect("a weight");
    let more = [(Arc::from("calls"), Capacity::Limited(20))];
    bench
        .ledger
        .resize(bench.id("a"), &more)
        .expect("a capacity");
    for _ in 0..10 {
        bench.apply();
    }
    let (a, b, c) = (bench.view("a"), bench.view("b"), bench.view("c"));
    assert_eq!(
        [a.resources[0].own, b.resources[0].own, c.resources[0].own],
        [3, 3, 3]
    );
    assert_eq!((a.weight, a.resources[0].capacity), (5, Some(20)));
    assert_eq!((b.health, c.admin), (Health::Down, Admin::Draining));
    assert_eq!(a.selections[0].2, [3, 0, 0, 0]);
    let kept = bench.ledger.overrides();
    let names: Vec<_> = kept.iter().map(|kept| &*kept.peer).collect();
    assert_eq!(names, ["a", "c"]);
    assert_eq!(kept[0].capacity, more);
    end(held);
}

#[test]
fn a_removed_peer_keeps_its_calls_until_they_end_and_then_retires() {
    let mut bench = Bench::with(vec![peer("a", 10), peer("b", 10)]);
    let held = bench.fill(4);
    let gone = bench.id("a");
    bench.topology.peers.remove(0);
    bench.apply();
    assert!((0..10).all(|_| bench.next() == Ok("b".to_owned())));
    let view = bench.ledger.view(bench.now);
    let left = view
        .iter()
        .find(|view| view.id == gone)
        .expect("it holds calls");
    assert_eq!(
        (left.removed, left.resources[0].own, left.eligible),
        (true, 2, false)
    );
    assert_eq!(left.why_not[0], "removed from the configuration");
    end(held);
    let view = bench.ledger.view(bench.now);
    assert!(view.iter().all(|view| view.id != gone));
    assert_eq!(bench.ledger.directory().peer_named("a"), None);
}

#[test]
fn adding_a_name_again_revives_its_account() {
    let mut bench = Bench::with(vec![peer("a", 10), peer("b", 10)]);
    let held = bench.fill(4);
    let id = bench.id("a");
    bench.timeout("a");
    let spec = bench.topology.peers.remove(0);
    bench.apply();
    bench.topology.peers.push(spec);
    bench.apply();
    assert_eq!(bench.id("a"), id);
    let view = bench.view("a");
    assert_eq!((view.resources[0].own, view.health), (2, Health::Unknown));
    end(held);
}

#[test]
fn a_peer_that_moved_is_not_judged_by_where_it_was() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    bench.timeout("a");
    bench.apply();
    assert_eq!(bench.view("a").health, Health::Down);
    bench.topology.peers[0].uri = "sip:elsewhere.example".to_owned();
    bench.apply();
    assert_eq!(bench.view("a").health, Health::Unknown);
}

#[test]
fn a_topology_that_cannot_be_changes_nothing() {
    let bench = Bench::with(vec![peer("a", 10)]);
    let refused = |change: &dyn Fn(&mut Topology)| {
        let mut wrong = bench.topology.clone();
        change(&mut wrong);
        let error = bench
            .ledger
            .apply(&wrong, bench.now)
            .expect_err("it cannot be");
        assert_eq!(bench.ledger.directory().peers().count(), 1);
        error
    };
    let twice = refused(&|wrong| wrong.peers.push(peer("a", 1)));
    assert_eq!(twice, TopologyError::PeerTwice("a".into()));
    let nowhere = refused(&|wrong| wrong.peers[0].groups.push("nowhere".into()));
    assert!(matches!(nowhere, TopologyError::NoSuchGroup { .. }));
    let weightless = refused(&|wrong| wrong.peers[0].weight = 0);
    assert!(matches!(
        weightless,
        TopologyError::Zero { what: "weight", .. }
    ));
    let nameless = refused(&|wrong| wrong.groups.push(GroupSpec::named("")));
    assert_eq!(nameless, TopologyError::NoName);
}

#[test]
fn a_smaller_capacity_ends_no_call_and_takes_no_new_one() {
    let bench = Bench::with(vec![peer("a", 10)]);
    let mut held = bench.fill(8);
    let less = [(Arc::from("calls"), Capacity::Limited(5))];
    bench
        .ledger
        .resize(bench.id("a"), &less)
        .expect("a capacity");
    assert_eq!(bench.view("a").resources[0].free, Some(0));
    end(held.split_off(5));
    assert_eq!(bench.call().map(|_| ()), Err(Refusal::Exhausted));
    end(held.split_off(4));
    end(vec![bench.call().expect("one of five is free")]);
    end(held);
}

#[test]
fn resizing_can_offer_a_resource_that_the_configuration_does_not_name() {
    let bench = Bench::with(vec![peer("a", 10)]);
    let seats = [(Arc::from("conference"), Capacity::Limited(2))];
    bench
        .ledger
        .resize(bench.id("a"), &seats)
        .expect("a capacity");
    let demand = bench.demand(&[("calls", 1), ("conference", 2)]);
    end(vec![
        bench.ask(Step::Balance, &demand, &[]).expect("room").slot,
    ]);
}

#[test]
fn a_restored_call_is_counted_and_marked_even_beyond_capacity() {
    let bench = Bench::with(vec![peer("a", 1)]);
    let id = bench.id("a");
    let marks = [Mark::Restored, Mark::LateAnswer, Mark::PlacedByPeer];
    let slots: Vec<_> = marks
        .into_iter()
        .map(|mark| bench.ledger.readmit(id, &bench.calls, mark))
        .collect();
    let view = bench.view("a");
    assert_eq!(
        (view.resources[0].own, view.marked, view.granted),
        (3, 3, 3)
    );
    assert_eq!(bench.call().map(|_| ()), Err(Refusal::Exhausted));
    end(slots);
    assert_eq!(bench.view("a").marked, 0);
}

#[test]
fn explain_says_of_every_peer_why_and_counts_nothing() {
    let mut small = peer("small", 10);
    small.priority = 3;
    let bench = Bench::with(vec![
        peer("free", 10),
        peer("busy", 10),
        peer("off", 10),
        small,
    ]);
    let held = bench
        .ledger
        .readmit(bench.id("busy"), &bench.calls, Mark::PlacedByPeer);
    bench.ledger.set_admin(bench.id("off"), Admin::Disabled);
    let ask = Ask {
        group: bench.group("pbx"),
        demand: &bench.calls,
        step: Step::Balance,
        tried: &[bench.id("small")],
        hash_key: b"",
    };
    let verdicts = bench.ledger.explain(bench.now, &ask);
    let said: Vec<_> = verdicts.into_iter().map(|(_, verdict)| verdict).collect();
    let unfit = |why: &str| Verdict::Unfit(vec![why.to_owned()]);
    assert_eq!(
        said,
        [
            Verdict::Chosen,
            Verdict::PassedOver("more loaded: 0.100 against 0.000".to_owned()),
            unfit("disabled by operator"),
            unfit("tried before for this call"),
        ]
    );
    assert_eq!(bench.view("free").granted, 0);
    held.release(EndCause::Bye);
}

#[test]
fn explain_does_not_change_who_comes_next() {
    let order = |curious: bool| {
        let peers = (0..9).map(|n| peer(&format!("p{n}"), 100)).collect();
        let bench = Bench::of(vec![group(Select::Random)], peers);
        let one = |_| {
            let ask = Ask {
                group: bench.group("pbx"),
                demand: &bench.calls,
                step: Step::Balance,
                tried: &[],
                hash_key: b"",
            };
            if curious {
                bench.ledger.explain(bench.now, &ask);
            }
            bench.next()
        };
        (0..40).map(one).collect::<Vec<_>>()
    };
    assert_eq!(order(true), order(false));
}

#[test]
fn retry_after_is_computed_from_what_is_known() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    let wait = |bench: &Bench| {
        bench
            .ledger
            .retry_after(bench.now, bench.group("pbx"), &bench.calls)
    };
    let penalty = tandem::balance::Observation::Busy503 {
        retry_after: Some(SECOND * 7),
    };
    bench.report("a", penalty);
    assert_eq!(wait(&bench), SECOND * 7);
    bench.pass(SECOND * 7);
    let held = bench.fill(10);
    assert_eq!(wait(&bench), SECOND * 30, "no call has ended lately");
    end(held);
    let held = bench.fill(10);
    bench.pass(SECOND);
    assert_eq!(wait(&bench), Duration::from_secs_f64(2.0 / (10.0 / 18.0)));
    end(held);
    bench.ledger.set_admin(bench.id("a"), Admin::Disabled);
    bench.pass(SECOND);
    assert_eq!(wait(&bench), SECOND * 120, "only the operator can help");
}

#[test]
fn every_configured_peer_is_in_the_view_from_the_start() {
    let spec = PeerSpec::named("lonely");
    let bench = Bench::with(vec![peer("a", 10), spec]);
    let view = bench.ledger.view(bench.now);
    let names: Vec<_> = view.iter().map(|view| &*view.name).collect();
    assert_eq!(names, ["a", "lonely"]);
}

#[test]
fn a_slot_that_outlives_the_process_is_neither_released_nor_dropped() {
    let bench = Bench::with(vec![peer("a", 10)]);
    for slot in bench.fill(3) {
        slot.outlive();
    }
    let a = bench.view("a");
    assert_eq!(a.resources[0].own, 3);
    assert_eq!(a.released.iter().sum::<u64>(), 0);
}

#[test]
fn a_trial_call_that_ended_by_bye_had_been_answered() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    bench.timeout("a");
    bench.pass(SECOND * 10).probe_ok("a");
    bench.pass(SECOND * 10).probe_ok("a");
    bench.call().expect("the trial").release(EndCause::Bye);
    assert!(bench.view("a").ramp < 1.0, "it is back, and ramps");
    end(bench.fill(2));
}
