//! A count is owned by slots, and by nothing else.

use tandem::balance::{Demand, DemandError, EndCause, ResourceId, Step};
use tandem::base::invariant;

use crate::bench_of_facts::{Bench, end, peer};

fn violations(name: &str) -> u64 {
    let mut counts = invariant::counts();
    counts
        .find(|(known, _)| *known == name)
        .expect("a known name")
        .1
}

#[test]
fn granted_is_released_by_cause_plus_what_is_held() {
    let bench = Bench::with(vec![peer("a", 100)]);
    for cause in EndCause::ALL {
        if cause != EndCause::Dropped {
            bench.call().expect("room").release(cause);
        }
    }
    let held = bench.fill(3);
    let view = bench.view("a");
    assert_eq!(
        (view.granted, view.released),
        (12, [1, 1, 1, 1, 1, 1, 1, 1, 1, 0])
    );
    assert_eq!(view.resources[0].own, 3);
    end(held);
}

#[test]
fn a_slot_that_is_let_go_comes_back_as_dropped_and_cries() {
    let bench = Bench::with(vec![peer("a", 1)]);
    let before = violations("slot_dropped");
    drop(bench.call().expect("room"));
    assert_eq!(violations("slot_dropped"), before + 1);
    let view = bench.view("a");
    assert_eq!(
        (
            view.resources[0].own,
            view.released[EndCause::Dropped.index()]
        ),
        (0, 1)
    );
    assert_eq!(violations("account_underflow"), 0);
}

#[test]
fn a_slot_gives_back_just_what_it_took() {
    let spec = tandem::balance::PeerSpec {
        capacity: vec![
            ("calls".into(), tandem::balance::Capacity::Limited(10)),
            ("transcoding".into(), tandem::balance::Capacity::Limited(7)),
        ],
        ..peer("a", 0)
    };
    let bench = Bench::with(vec![spec]);
    let demand = bench.demand(&[("transcoding", 3), ("calls", 1)]);
    let first = bench.ask(Step::Balance, &demand, &[]).expect("room").slot;
    let second = bench.ask(Step::Balance, &demand, &[]).expect("room").slot;
    assert!(
        bench.ask(Step::Balance, &demand, &[]).is_err(),
        "one transcoder is left"
    );
    let own = || {
        bench
            .view("a")
            .resources
            .iter()
            .map(|r| r.own)
            .collect::<Vec<_>>()
    };
    assert_eq!(own(), [2, 6]);
    first.release(EndCause::Bye);
    assert_eq!(own(), [1, 3]);
    second.release(EndCause::Bye);
    assert_eq!(own(), [0, 0]);
}

#[test]
fn a_demand_names_each_resource_once_with_at_least_one_unit() {
    let of = |items: &[(u8, u32)]| {
        Demand::new(items.iter().map(|(id, units)| (ResourceId(*id), *units)))
    };
    assert_eq!(of(&[]), Err(DemandError::Empty));
    assert_eq!(of(&[(1, 0)]), Err(DemandError::ZeroUnits));
    assert_eq!(of(&[(1, 1), (2, 1), (1, 3)]), Err(DemandError::Twice));
    let many: Vec<_> = (0..17).map(|id| (id, 1)).collect();
    assert_eq!(of(&many), Err(DemandError::TooMany));
    assert_eq!(of(&[(2, 5), (1, 3)]), of(&[(1, 3), (2, 5)]));
}
