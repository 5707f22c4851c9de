//! Health is four questions: alive, accepting, how much, wanted.

use std::time::Duration;

use tandem::balance::{
    Disable, EndCause, Failure, GroupSpec, Health, Observation, ProbeMode, ProbeSpec, Refusal,
    Select, Step,
};

use crate::bench_of_facts::{Bench, SECOND, end, group, peer};

const BUSY: Observation = Observation::Busy503 { retry_after: None };

fn failed(status: u16) -> Observation {
    Observation::Failed(Failure::Status(status))
}

fn unprobed() -> GroupSpec {
    GroupSpec {
        probe: ProbeSpec {
            mode: ProbeMode::Off,
            ..ProbeSpec::default()
        },
        ..group(Select::LeastLoaded)
    }
}

#[test]
fn a_peer_that_nothing_is_known_of_is_eligible() {
    let bench = Bench::with(vec![peer("a", 1)]);
    let view = bench.view("a");
    assert_eq!(
        (view.health, view.health.is_up(), view.eligible),
        (Health::Unknown, true, true)
    );
    assert_eq!(view.ramp, 1.0, "a peer that was never down does not ramp");
    assert_eq!(bench.next(), Ok("a".to_owned()));
}

#[test]
fn a_peer_without_an_address_is_not_eligible_and_says_so() {
    let mut nowhere = peer("a", 1);
    nowhere.addresses.clear();
    let bench = Bench::with(vec![nowhere]);
    assert_eq!(bench.next(), Err(Refusal::NoneEligible));
    assert!(bench.view("a").why_not[0].starts_with("unresolved"));
}

#[test]
fn one_unanswered_call_takes_a_peer_down_by_default() {
    let bench = Bench::with(vec![peer("a", 10), peer("b", 10)]);
    bench.timeout("a");
    let view = bench.view("a");
    assert_eq!((view.health, view.eligible), (Health::Down, false));
    assert_eq!(view.why_not, ["down: 1 call unanswered, 0 ms ago"]);
    assert!((0..20).all(|_| bench.next() == Ok("b".to_owned())));
}

#[test]
fn a_transport_failure_takes_a_peer_down_at_once() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    bench.report("a", Observation::Failed(Failure::Transport));
    bench.pass(SECOND * 3);
    assert_eq!(bench.view("a").why_not, ["down: transport failed, 3 s ago"]);
}

#[test]
fn failures_take_a_peer_down_only_in_a_row() {
    let bench = Bench::with(vec![peer("a", 10)]);
    for _ in 0..5 {
        bench.report("a", failed(500));
        bench.report("a", failed(500));
        bench.report("a", Observation::Answered(183));
        assert_eq!(bench.view("a").health, Health::Up);
        bench.report("a", Observation::Answered(486));
    }
    for _ in 0..3 {
        bench.report("a", failed(500));
    }
    assert_eq!(
        bench.view("a").why_not,
        ["down: 3 calls failed, last with 500, 0 ms ago"]
    );
}

#[test]
fn a_threshold_of_zero_never_takes_a_peer_down() {
    let never = GroupSpec {
        disable: Disable {
            after_timeouts: 0,
            after_failures: 0,
            ..Disable::default()
        },
        ..group(Select::LeastLoaded)
    };
    let bench = Bench::of(vec![never], vec![peer("a", 10)]);
    for _ in 0..100 {
        bench.timeout("a");
        bench.report("a", failed(500));
    }
    assert_eq!(bench.view("a").health, Health::Up);
}

#[test]
fn probes_take_down_and_bring_back_by_their_thresholds() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    bench.probe_failed("a");
    assert_eq!(bench.view("a").health, Health::Unknown);
    bench.probe_failed("a");
    assert_eq!(
        bench.view("a").why_not,
        ["down: 2 probes unanswered, 0 ms ago"]
    );
    bench.pass(SECOND * 10).probe_ok("a");
    assert_eq!(bench.view("a").health, Health::Down);
    bench.pass(SECOND * 10).probe_failed("a");
    bench.pass(SECOND * 10).probe_ok("a");
    assert_eq!(
        bench.view("a").health,
        Health::Down,
        "the count began again"
    );
    bench.pass(SECOND * 10).probe_ok("a");
    let view = bench.view("a");
    assert_eq!((view.health, view.eligible), (Health::Up, true));
}

#[test]
fn a_probe_is_not_failed_when_the_peer_answered_anything_since_it_was_sent() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    for _ in 0..5 {
        let sent = bench.now;
        bench.pass(SECOND).report("a", Observation::Alive);
        bench
            .pass(SECOND)
            .report("a", Observation::ProbeFailed { sent });
    }
    let view = bench.view("a");
    assert_eq!(
        (view.health, view.probe.outcomes),
        (Health::Up, [0, 0, 0, 0, 5])
    );
    for _ in 0..2 {
        let sent = bench.now;
        bench
            .pass(SECOND * 2)
            .report("a", Observation::ProbeFailed { sent });
    }
    assert_eq!(bench.view("a").health, Health::Down);
}

#[test]
fn a_probe_answered_with_a_code_that_is_not_accepted_has_failed() {
    let bench = Bench::with(vec![peer("a", 10)]);
    for status in [404, 405, 501, 204] {
        bench.report(
            "a",
            Observation::ProbeOk {
                rtt: SECOND,
                status,
            },
        );
    }
    assert_eq!(bench.view("a").health, Health::Up);
    for _ in 0..2 {
        bench.report(
            "a",
            Observation::ProbeOk {
                rtt: SECOND,
                status: 500,
            },
        );
    }
    let view = bench.view("a");
    assert_eq!(
        (view.health, view.probe.last_status),
        (Health::Down, Some(500))
    );
    assert_eq!(view.probe.rtts.count(), 6);
}

#[test]
fn a_probe_answered_503_means_alive_but_not_accepting() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    for _ in 0..5 {
        bench.pass(SECOND * 10);
        bench.report(
            "a",
            Observation::ProbeOk {
                rtt: SECOND,
                status: 503,
            },
        );
    }
    let view = bench.view("a");
    assert_eq!(
        (view.health, view.accepting, view.eligible),
        (Health::Up, false, false)
    );
    bench.pass(SECOND * 10).probe_ok("a");
    let view = bench.view("a");
    assert_eq!((view.accepting, view.eligible), (true, true));
}

#[test]
fn a_503_is_a_penalty_with_retry_after_capped_and_says_nothing_about_life() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    let retry_after = Some(SECOND * 300);
    bench.report("a", Observation::Busy503 { retry_after });
    let view = bench.view("a");
    assert_eq!(
        (view.health, view.accepting, view.eligible),
        (Health::Up, false, false)
    );
    assert_eq!(view.why_not, ["penalty for 10 s after 503"]);
    bench.pass(Duration::from_millis(2300));
    assert_eq!(bench.view("a").why_not, ["penalty for 8 s after 503"]);
    bench.pass(Duration::from_millis(7700));
    assert_eq!(bench.view("a").why_not, Vec::<String>::new());
    assert!(bench.view("a").eligible);
}

#[test]
fn however_often_a_peer_says_503_it_is_not_down() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    for _ in 0..50 {
        bench.report("a", BUSY);
        bench.report("a", failed(503));
        bench.pass(SECOND);
    }
    assert_eq!(bench.view("a").health, Health::Up);
}

#[test]
fn after_a_penalty_calls_come_back_little_by_little() {
    let mut bench = Bench::with(vec![peer("a", 1_000_000), peer("b", 1000)]);
    bench.report("a", BUSY);
    bench.pass(SECOND * 10);
    bench.call().expect("room").release(EndCause::Bye);
    let share = |bench: &Bench| {
        let slots = bench.fill(200);
        let on_a = slots
            .iter()
            .filter(|slot| slot.peer() == bench.id("a"))
            .count();
        end(slots);
        on_a
    };
    assert!((2..60).contains(&share(&bench)), "a tenth to begin with");
    bench.pass(SECOND * 25);
    assert!(share(&bench) > 190, "the emptiest again");
}

#[test]
fn a_peer_that_comes_back_gets_one_call_at_a_time_until_one_is_answered() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    bench.timeout("a");
    bench.pass(SECOND * 10).probe_ok("a");
    bench.pass(SECOND * 10).probe_ok("a");
    let trial = bench.call().expect("the trial call");
    assert_eq!(bench.call().map(|_| ()), Err(Refusal::NoneEligible));
    assert_eq!(bench.view("a").why_not, ["recovering: a trial call is out"]);
    bench.report("a", Observation::Answered(100));
    assert_eq!(
        bench.call().map(|_| ()),
        Err(Refusal::NoneEligible),
        "100 is not the PBX's word"
    );
    bench.report("a", Observation::Answered(180));
    let second = bench.call().expect("it is back");
    assert!(bench.view("a").ramp < 0.2);
    bench.pass(SECOND * 10);
    assert!((0.5..0.6).contains(&bench.view("a").ramp));
    bench.pass(SECOND * 10);
    assert_eq!(bench.view("a").ramp, 1.0);
    end(vec![trial, second]);
}

#[test]
fn a_trial_call_that_ends_without_an_answer_lets_the_next_one_try() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    bench.timeout("a");
    bench.pass(SECOND * 10).probe_ok("a");
    bench.pass(SECOND * 10).probe_ok("a");
    bench.call().expect("a trial").release(EndCause::Cancelled);
    let second = bench.call().expect("another trial");
    bench.pass(SECOND * 9);
    let third = bench.call().expect("nobody waits for a trial for ever");
    end(vec![second, third]);
}

#[test]
fn a_failed_trial_doubles_the_rest_before_the_next() {
    let mut bench = Bench::of(vec![unprobed()], vec![peer("a", 10)]);
    bench.timeout("a");
    for rest in [10, 20, 40, 80, 160, 160] {
        bench.pass(SECOND * rest - Duration::from_millis(1));
        assert_eq!(
            bench.call().map(|_| ()),
            Err(Refusal::NoneEligible),
            "{rest} s"
        );
        bench.pass(Duration::from_millis(1));
        let trial = bench.call().expect("the rest is over");
        bench.timeout("a");
        trial.release(EndCause::FailedOver);
        assert_eq!(
            bench.view("a").why_not,
            ["down: trial call unanswered, 0 ms ago"]
        );
    }
}

#[test]
fn without_probes_a_peer_comes_back_by_a_trial_call() {
    let mut bench = Bench::of(vec![unprobed()], vec![peer("a", 10)]);
    bench.timeout("a");
    bench.pass(SECOND * 10);
    let view = bench.view("a");
    assert_eq!((view.health, view.eligible), (Health::Unknown, true));
    let trial = bench.call().expect("the trial");
    bench.report("a", Observation::Answered(200));
    assert_eq!(bench.view("a").health, Health::Up);
    trial.release(EndCause::Bye);
}

#[test]
fn a_peer_that_sheds_but_answers_other_calls_comes_back_without_waiting_for_probes() {
    let bench = Bench::with(vec![peer("a", 10)]);
    bench.timeout("a");
    bench.report("a", Observation::Answered(200));
    assert_eq!(bench.view("a").health, Health::Down);
    bench.report("a", Observation::Answered(180));
    let view = bench.view("a");
    assert_eq!((view.health, view.eligible), (Health::Up, true));
    assert!(view.ramp < 1.0, "with a share of its calls");
}

#[test]
fn a_peer_that_fails_calls_is_not_brought_back_by_failing_more_of_them() {
    let mut bench = Bench::with(vec![peer("a", 10)]);
    for _ in 0..20 {
        bench.report("a", failed(500));
        bench.report("a", Observation::Alive);
    }
    assert_eq!(bench.view("a").health, Health::Down);
    bench.pass(SECOND * 10).probe_ok("a");
    bench.pass(SECOND * 10).probe_ok("a");
    assert_eq!(bench.view("a").health, Health::Up);
}

#[test]
fn a_recovering_peer_is_not_refused_when_nobody_else_is_there() {
    let bench = Bench::with(vec![peer("a", 1000)]);
    bench.timeout("a");
    bench.report("a", Observation::Answered(200));
    bench.report("a", Observation::Answered(200));
    end(bench.fill(500));
}

#[test]
fn strikes_turn_blind_choices_away_as_well() {
    let bench = Bench::of(
        vec![group(Select::Random)],
        vec![peer("a", 9999), peer("b", 9999)],
    );
    for _ in 0..2 {
        bench.report("a", failed(500));
    }
    let slots = bench.fill(900);
    let on_a = bench.own("a");
    assert!((100..250).contains(&on_a), "a third of its half: {on_a}");
    end(slots);
}

#[test]
fn the_four_questions_do_not_overwrite_each_other() {
    let mut bench = Bench::with(vec![peer("a", 1)]);
    bench
        .ledger
        .set_admin(bench.id("a"), tandem::balance::Admin::Draining);
    bench.report("a", BUSY);
    bench.timeout("a");
    let said = bench.view("a").why_not;
    assert_eq!(
        said,
        [
            "draining by operator",
            "down: 1 call unanswered, 0 ms ago",
            "penalty for 2 s after 503",
        ]
    );
    bench.pass(SECOND * 2);
    bench.report("a", Observation::Answered(200));
    bench.report("a", Observation::Answered(200));
    assert_eq!(bench.view("a").why_not, ["draining by operator"]);
    let step = bench.ask(Step::Dispatch, &bench.calls, &[]).map(|_| ());
    assert_eq!(step, Err(Refusal::NoneEligible));
}
