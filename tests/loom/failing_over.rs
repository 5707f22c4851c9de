//! A slot that moves: reserve the next, then release the old, while another shard does the opposite.

use std::sync::Arc;

use tandem::balance::PeerId;

use crate::table::{Table, end, explore, outcome, own, peer, shard};

const A: PeerId = PeerId(0);
const B: PeerId = PeerId(1);

/// One call at `a` and one at `b`, each on its shard, both failing over at once. Where each of them is afterwards.
fn cross(table: &Arc<Table>) -> (Option<PeerId>, Option<PeerId>) {
    let mut first = table.call().expect("there is room");
    let mut second = table.call().expect("there is room");
    if first.peer() == B {
        std::mem::swap(&mut first, &mut second);
    }
    assert_eq!((first.peer(), second.peer()), (A, B));
    let other = Arc::clone(table);
    let other = shard(move || other.fail_over(second));
    let first = table.fail_over(first).ok();
    let second = outcome(other).ok();
    let ending = [&first, &second].map(|slot| slot.as_ref().map(|slot| slot.peer()));
    for place in [A, B] {
        let here = ending.iter().filter(|at| **at == Some(place)).count();
        table.assert_live(place, here as u64);
    }
    end([first, second].into_iter().flatten());
    for place in [A, B] {
        table.assert_live(place, 0);
    }
    (ending[0], ending[1])
}

#[test]
fn two_calls_that_change_places_where_there_is_room_both_arrive() {
    explore("change of places", &[(Some(B), Some(A))], |now| {
        let table = Table::with(now, vec![peer("a", 2), peer("b", 2)]);
        cross(&table)
    });
}

#[test]
fn of_two_calls_that_change_places_at_full_peers_neither_gets_a_place_that_is_still_held() {
    // Each holds its old place until it knows the next, so the one that asks first finds the other's still taken.
    let endings = [(None, None), (Some(B), None), (None, Some(A))];
    explore("change of places, full", &endings, |now| {
        let table = Table::with(now, vec![peer("a", 1), peer("b", 1)]);
        cross(&table)
    });
}

#[test]
fn a_call_that_fails_over_holds_one_place_or_two_and_never_none_before_it_is_refused() {
    let endings = [(Some(B), None), (Some(B), Some(A)), (None, Some(B))];
    explore("failover against a new call", &endings, |now| {
        let table = Table::with(now, vec![peer("a", 1)]);
        let old = table.call().expect("there is room");
        table.apply(vec![peer("a", 1), peer("b", 1)]);
        let caller = Arc::clone(&table);
        let caller = shard(move || caller.call());
        let moved = table.fail_over(old);
        let new = outcome(caller);
        let ending = [&moved, &new].map(|slot| slot.as_ref().ok().map(|slot| slot.peer()));
        let live = ending.iter().flatten().count();
        assert_eq!(own(&table.view(A)) + own(&table.view(B)), live as u64);
        end([moved, new].into_iter().flatten());
        table.assert_live(A, 0);
        table.assert_live(B, 0);
        (ending[0], ending[1])
    });
}
