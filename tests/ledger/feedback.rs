//! What peers report of themselves: it steers choices and never a count.

use std::time::Duration;

use tandem::balance::{
    Acceptance, Capacity, CapacityMode, EndCause, FeedbackError, FeedbackSpec, PeerSpec, Refusal,
    Report, ResourceReport, ResourceView, Select,
};

use crate::bench_of_facts::{Bench, SECOND, end, group, peer, reporting};

fn used(used: u64) -> Report {
    Report {
        resources: vec![(
            "calls".into(),
            ResourceReport {
                used: Some(used),
                max: None,
            },
        )],
        ..Report::default()
    }
}

fn max(max: u64) -> Report {
    Report {
        resources: vec![(
            "calls".into(),
            ResourceReport {
                used: None,
                max: Some(max),
            },
        )],
        ..Report::default()
    }
}

fn idle(share: f64) -> Report {
    Report {
        cpu_idle: Some(share),
        ..Report::default()
    }
}

fn state(state: Acceptance) -> Report {
    Report {
        state: Some(state),
        ..Report::default()
    }
}

fn in_run(boot_id: &str, seq: u64) -> Report {
    Report {
        boot_id: Some(boot_id.into()),
        seq: Some(seq),
        ..used(0)
    }
}

fn calls(bench: &Bench, name: &str) -> ResourceView {
    bench.view(name).resources.remove(0)
}

fn mode(capacity: CapacityMode, legs_per_call: u32) -> PeerSpec {
    PeerSpec {
        feedback: Some(FeedbackSpec {
            token: "secret".into(),
            ttl: SECOND * 10,
            capacity,
            legs_per_call,
        }),
        ..peer("a", 100)
    }
}

#[test]
fn foreign_load_moves_the_next_call_away() {
    let bench = Bench::with(vec![reporting("a", 100), peer("b", 100)]);
    let held = bench.fill(2);
    bench.feed("a", used(61));
    let a = calls(&bench, "a");
    assert_eq!(
        (a.own, a.foreign, a.free, a.utilisation),
        (1, 60, Some(39), Some(0.61))
    );
    assert!((0..20).all(|_| bench.next() == Ok("b".to_owned())));
    end(held);
}

#[test]
fn our_own_calls_are_never_subtracted_twice() {
    let bench = Bench::with(vec![reporting("a", 100)]);
    let mut held = bench.fill(40);
    bench.feed("a", used(40));
    assert_eq!(
        (calls(&bench, "a").foreign, calls(&bench, "a").free),
        (0, Some(60))
    );
    held.extend(bench.fill(60));
    assert_eq!(bench.call().map(|_| ()), Err(Refusal::Exhausted));
    end(held);
}

#[test]
fn foreign_load_stays_as_it_was_when_the_report_came() {
    let bench = Bench::with(vec![reporting("a", 100)]);
    let held = bench.fill(10);
    bench.feed("a", used(30));
    end(held);
    let a = calls(&bench, "a");
    assert_eq!((a.own, a.foreign, a.free), (0, 20, Some(80)));
}

#[test]
fn a_peer_that_has_lost_calls_does_not_make_foreign_load_negative() {
    let bench = Bench::with(vec![reporting("a", 100)]);
    let held = bench.fill(10);
    bench.feed("a", used(3));
    let a = calls(&bench, "a");
    assert_eq!((a.own, a.foreign, a.free), (10, 0, Some(90)));
    end(held);
}

#[test]
fn a_peer_that_counts_legs_is_divided_by_legs_per_call() {
    let bench = Bench::with(vec![mode(CapacityMode::Min, 2)]);
    let held = bench.fill(10);
    bench.feed("a", used(31));
    assert_eq!(calls(&bench, "a").foreign, 5);
    end(held);
}

#[test]
fn low_idle_scales_the_headroom_and_not_the_capacity() {
    let bench = Bench::with(vec![reporting("a", 100), peer("b", 100)]);
    let held = bench.fill(40);
    bench.feed("a", idle(0.25));
    let a = calls(&bench, "a");
    assert_eq!(
        (a.own, a.capacity, a.free, a.utilisation),
        (20, Some(100), Some(20), Some(0.8))
    );
    assert_eq!(bench.next(), Ok("b".to_owned()));
    end(held);
}

#[test]
fn a_peer_without_any_idle_time_gets_nothing_even_where_unlimited() {
    let unlimited = PeerSpec {
        capacity: vec![("calls".into(), Capacity::Unlimited)],
        ..reporting("a", 0)
    };
    let bench = Bench::with(vec![unlimited]);
    bench.feed("a", idle(0.0));
    assert_eq!(bench.next(), Err(Refusal::Exhausted));
    bench.feed("a", idle(0.01));
    assert_eq!(bench.next(), Ok("a".to_owned()));
}

#[test]
fn draining_and_paused_move_calls_away_and_accepting_brings_them_back() {
    let bench = Bench::with(vec![reporting("a", 100), peer("b", 1)]);
    let held = bench.call().expect("room");
    for (word, why) in [
        (Acceptance::Draining, "draining by its own report"),
        (Acceptance::Paused, "paused by its own report"),
    ] {
        bench.feed("a", state(word));
        let view = bench.view("a");
        assert_eq!((view.accepting, view.eligible), (false, false));
        assert_eq!(view.why_not, [why]);
        assert_eq!(
            view.admin,
            tandem::balance::Admin::Enabled,
            "another question"
        );
    }
    bench.feed("a", state(Acceptance::Accepting));
    assert!(bench.view("a").eligible);
    held.release(EndCause::Bye);
}

#[test]
fn when_reports_stop_their_effect_ends_at_ttl() {
    let mut bench = Bench::with(vec![reporting("a", 100)]);
    for report in [used(100), idle(0.0), state(Acceptance::Paused), max(0)] {
        bench.feed("a", report);
        bench.pass(SECOND * 10 - Duration::from_millis(1));
        assert!(bench.next().is_err());
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.next(), Ok("a".to_owned()));
        assert!(!bench.view("a").feedback.expect("it has reported").fresh);
    }
}

#[test]
fn a_report_may_name_its_own_ttl() {
    let mut bench = Bench::with(vec![reporting("a", 100)]);
    let report = Report {
        ttl_seconds: Some(2.5),
        ..state(Acceptance::Paused)
    };
    bench.feed("a", report);
    bench.pass(Duration::from_millis(2499));
    assert!(bench.next().is_err());
    bench.pass(Duration::from_millis(1));
    assert!(bench.next().is_ok());
}

#[test]
fn what_a_report_leaves_out_keeps_its_value_and_its_own_time() {
    let mut bench = Bench::with(vec![reporting("a", 100)]);
    bench.feed("a", used(50));
    bench.pass(SECOND * 6);
    bench.feed("a", idle(0.5));
    assert_eq!(calls(&bench, "a").free, Some(25));
    bench.pass(SECOND * 4);
    assert_eq!(
        calls(&bench, "a").free,
        Some(50),
        "the foreign load has lapsed, the idle share not"
    );
    bench.pass(SECOND * 6);
    assert_eq!(calls(&bench, "a").free, Some(100));
}

#[test]
fn capacity_is_the_lower_one_or_the_reported_or_the_configured_by_mode() {
    for (capacity_mode, reported, in_force) in [
        (CapacityMode::Min, 50, 50),
        (CapacityMode::Min, 500, 100),
        (CapacityMode::Override, 500, 500),
        (CapacityMode::Override, 50, 50),
        (CapacityMode::Ignore, 50, 100),
    ] {
        let bench = Bench::with(vec![mode(capacity_mode, 1)]);
        bench.feed("a", max(reported));
        let capacity = calls(&bench, "a").capacity;
        assert_eq!(capacity, Some(in_force), "{capacity_mode:?} {reported}");
    }
}

#[test]
fn a_resource_that_is_not_offered_is_not_offered_by_being_reported() {
    let bench = Bench::with(vec![mode(CapacityMode::Override, 1)]);
    let said = ResourceReport {
        used: Some(1),
        max: Some(9),
    };
    let report = Report {
        resources: vec![("conference".into(), said)],
        ..Report::default()
    };
    bench.feed("a", report);
    assert_eq!(bench.view("a").resources.len(), 1);
}

#[test]
fn an_old_seq_is_refused_and_changes_nothing() {
    let bench = Bench::with(vec![reporting("a", 100)]);
    bench.feed("a", in_run("x", 17));
    for seq in [17, 16, 0] {
        let report = Report {
            boot_id: Some("x".into()),
            seq: Some(seq),
            ..used(99)
        };
        let refused = bench.ledger.feedback(bench.now, bench.id("a"), &report);
        let (got, accepted) = (seq, 17);
        assert_eq!(refused, Err(FeedbackError::OldSeq { got, accepted }));
    }
    assert_eq!(calls(&bench, "a").foreign, 0);
    assert_eq!(bench.view("a").reports, [1, 3, 0, 0, 0]);
    bench.feed("a", in_run("x", 18));
}

#[test]
fn a_new_boot_id_says_restart_and_begins_a_new_seq() {
    let bench = Bench::with(vec![reporting("a", 100)]);
    let feed = |report: Report| bench.ledger.feedback(bench.now, bench.id("a"), &report);
    assert!(!feed(in_run("x", 900)).expect("the first").restarted);
    bench.feed("a", state(Acceptance::Draining));
    let answer = feed(in_run("y", 1)).expect("another run");
    assert_eq!((answer.restarted, answer.accepted_seq), (true, Some(1)));
    assert!(
        bench.view("a").accepting,
        "what the earlier run said is over"
    );
    assert_eq!(feed(in_run("x", 901)), Err(FeedbackError::OldBoot));
    // Until somebody has seen to it: who was to end the calls may have been too busy to hear of it.
    assert!(feed(in_run("y", 2)).expect("in order").restarted);
    bench.ledger.restart_told(bench.id("a"));
    assert!(!feed(in_run("y", 3)).expect("in order").restarted);
}

#[test]
fn the_answer_tells_how_the_account_stands() {
    let bench = Bench::with(vec![reporting("a", 500)]);
    let held = bench.fill(20);
    let report = Report {
        seq: Some(17),
        cpu_idle: Some(0.64),
        ..used(120)
    };
    let answer = bench.ledger.feedback(bench.now, bench.id("a"), &report);
    let answer = answer.expect("in order");
    let expected = ResourceView {
        name: "calls".into(),
        own: 20,
        foreign: 100,
        capacity: Some(500),
        free: Some(243),
        utilisation: Some(257.0 / 500.0),
    };
    assert_eq!(
        (answer.accepted_seq, answer.resources),
        (Some(17), vec![expected])
    );
    end(held);
}

#[test]
fn impossible_values_are_refused_and_change_nothing() {
    let bench = Bench::with(vec![reporting("a", 100)]);
    let ttl = |seconds| Report {
        ttl_seconds: Some(seconds),
        ..idle(0.0)
    };
    let wrong = [
        Report::default(),
        idle(1.01),
        idle(-0.01),
        idle(f64::NAN),
        ttl(0.0),
        ttl(-1.0),
        ttl(f64::INFINITY),
        ttl(1e9),
        used(1 << 32),
        max(u64::MAX),
    ];
    for report in &wrong {
        let refused = bench.ledger.feedback(bench.now, bench.id("a"), report);
        assert!(
            matches!(refused, Err(FeedbackError::Impossible(_))),
            "{report:?}"
        );
    }
    let view = bench.view("a");
    assert_eq!(
        (view.feedback, view.reports),
        (None, [0, 0, wrong.len() as u64, 0, 0])
    );
}

#[test]
fn drift_is_our_count_less_the_peers_list_while_that_is_fresh() {
    let mut bench = Bench::with(vec![reporting("a", 100)]);
    let held = bench.fill(7);
    assert_eq!(bench.view("a").drift, None);
    let report = Report {
        calls: Some(9),
        ..Report::default()
    };
    bench.feed("a", report);
    assert_eq!(bench.view("a").drift, Some(-2));
    bench.pass(SECOND * 10);
    assert_eq!(bench.view("a").drift, None);
    end(held);
}

#[test]
fn most_free_counts_foreign_load_too() {
    let bench = Bench::of(
        vec![group(Select::MostFree)],
        vec![reporting("a", 100), peer("b", 60)],
    );
    bench.feed("a", used(50));
    assert_eq!(bench.next(), Ok("b".to_owned()));
}
