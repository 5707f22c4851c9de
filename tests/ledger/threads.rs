//! Many shards, one ledger.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tandem::balance::{EndCause, Slot, Step};

use crate::bench_of_facts::{Bench, peer};

/// Chance that is the same in every run.
fn dice(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    *state >> 33
}

#[test]
fn threads_never_exceed_a_capacity_and_leave_every_count_at_zero() {
    let bench = Bench::with(vec![peer("a", 10), peer("b", 20), peer("c", 30)]);
    let highest = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (bench, highest) = (&bench, &highest);
            scope.spawn(move || {
                let mut state = thread + 1;
                let mut held: Vec<Slot> = Vec::new();
                for turn in 0..4000 {
                    if dice(&mut state).is_multiple_of(2) {
                        held.extend(bench.ask(Step::Balance, &bench.calls, &[]).map(|g| g.slot));
                    } else if !held.is_empty() {
                        let which = dice(&mut state) as usize % held.len();
                        held.swap_remove(which).release(EndCause::Bye);
                    }
                    if turn % 64 == 0 {
                        for view in bench.ledger.view(Instant::now()) {
                            let calls = &view.resources[0];
                            assert!(calls.own <= u64::from(calls.capacity.expect("limited")));
                            highest.fetch_max(calls.own, Ordering::Relaxed);
                        }
                    }
                }
                held.into_iter()
                    .for_each(|slot| slot.release(EndCause::Bye));
            });
        }
    });
    assert!(highest.load(Ordering::Relaxed) > 0);
    for view in bench.ledger.view(Instant::now()) {
        assert_eq!(view.resources[0].own, 0);
        assert_eq!(view.granted, view.released[EndCause::Bye.index()]);
    }
}
