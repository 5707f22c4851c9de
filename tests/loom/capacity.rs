//! Places: nobody gets one that is taken, and none is lost.

use std::sync::Arc;

use tandem::balance::{Capacity, Demand, EndCause, PeerId, PeerSpec, Refusal, Slot, Step};

use crate::table::{Answer, Table, end, explore, join, outcome, peer, shard};

const A: PeerId = PeerId(0);
const B: PeerId = PeerId(1);

/// Three shards ask at once.
fn three_calls(table: &Arc<Table>) -> [Answer; 3] {
    let ask = |table: &Arc<Table>| {
        let table = Arc::clone(table);
        shard(move || table.call())
    };
    let others = [ask(table), ask(table)];
    let mine = table.call();
    let [second, third] = others.map(outcome);
    [mine, second, third]
}

#[test]
fn the_last_place_goes_to_exactly_one_of_three_shards() {
    explore("the last place", &[0, 1, 2], |now| {
        let table = Table::with(now, vec![peer("a", 1)]);
        let answers = three_calls(&table);
        table.assert_live(A, 1);
        let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert!(refused.clone().eq([&Refusal::Exhausted; 2]));
        let winner = answers.iter().position(Result::is_ok);
        end(answers.into_iter().flatten());
        table.assert_live(A, 0);
        winner.expect("one got it")
    });
}

#[test]
fn two_last_places_go_to_two_of_three_shards_one_at_each_peer() {
    explore("two last places", &[0, 1, 2], |now| {
        let table = Table::with(now, vec![peer("a", 1), peer("b", 1)]);
        let answers = three_calls(&table);
        table.assert_live(A, 1);
        table.assert_live(B, 1);
        let loser = answers.iter().position(Result::is_err);
        end(answers.into_iter().flatten());
        table.assert_live(A, 0);
        table.assert_live(B, 0);
        loser.expect("one went away")
    });
}

#[test]
fn a_call_that_finds_one_resource_full_takes_nothing_of_the_other() {
    explore("two resources", &[0, 1], |now| {
        let capacity = [("calls", 2), ("conference", 1)];
        let capacity = capacity.map(|(name, units)| (name.into(), Capacity::Limited(units)));
        let a = PeerSpec {
            capacity: capacity.to_vec(),
            ..peer("a", 2)
        };
        let table = Table::with(now, vec![a]);
        let directory = table.ledger.directory();
        let id = |name| directory.resource_named(name).expect("a resource");
        let both = Demand::new([(id("calls"), 1), (id("conference"), 1)]).expect("a demand");
        let ask = |table: &Arc<Table>| {
            let (table, both) = (Arc::clone(table), both.clone());
            shard(move || table.ask(Step::Balance, &both, &[]))
        };
        let answers = [ask(&table), ask(&table)].map(outcome);
        let held = table
            .view(A)
            .resources
            .iter()
            .map(|r| r.own)
            .collect::<Vec<_>>();
        assert_eq!(held, [1, 1]);
        let winner = answers.iter().position(Result::is_ok);
        end(answers.into_iter().flatten());
        let held = table
            .view(A)
            .resources
            .iter()
            .map(|r| r.own)
            .collect::<Vec<_>>();
        assert_eq!(held, [0, 0]);
        winner.expect("one got both")
    });
}

#[test]
fn a_place_given_back_while_two_ask_is_neither_lost_nor_given_twice() {
    explore(
        "release against two calls",
        &[(0, 1), (1, 0), (0, 0)],
        |now| {
            let table = Table::with(now, vec![peer("a", 1)]);
            let old = table.call().expect("there is room");
            let ask = |table: &Arc<Table>| {
                let table = Arc::clone(table);
                shard(move || table.call())
            };
            let others = [ask(&table), ask(&table)];
            old.release(EndCause::Bye);
            let [first, second] = others.map(outcome);
            let ending = (u8::from(first.is_ok()), u8::from(second.is_ok()));
            let live = ending.0 + ending.1;
            table.assert_live(A, u64::from(live));
            assert_eq!(
                table.call().map(end_one).is_ok(),
                live == 0,
                "no place is lost"
            );
            end([first, second].into_iter().flatten());
            table.assert_live(A, 0);
            ending
        },
    );
}

#[test]
fn places_given_back_by_three_shards_at_once_all_come_back() {
    explore("three releases", &[()], |now| {
        let table = Table::with(now, vec![peer("a", 3)]);
        let [first, second, third] = [(); 3].map(|()| table.call().expect("there is room"));
        let others = [first, second].map(|slot| shard(move || slot.release(EndCause::Bye)));
        third.release(EndCause::Cancelled);
        join(others);
        table.assert_live(A, 0);
        let view = table.view(A);
        assert_eq!(view.released[EndCause::Bye.index()], 2);
        assert_eq!(view.released[EndCause::Cancelled.index()], 1);
    });
}

#[test]
fn calls_that_come_and_go_on_two_shards_leave_nothing_behind() {
    // Never both refused twice, and never one refused twice unless the other had both its turns.
    let endings = [(0, 2), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)];
    explore("two turns each", &endings, |now| {
        let table = Table::with(now, vec![peer("a", 1)]);
        let turns = |table: &Arc<Table>| {
            let table = Arc::clone(table);
            move || {
                (0..2)
                    .filter_map(|_| table.call().ok().map(end_one))
                    .count()
            }
        };
        let other = shard(turns(&table));
        let mine = turns(&table)();
        let ending = (mine, outcome(other));
        table.assert_live(A, 0);
        ending
    });
}

#[test]
fn calls_that_come_and_go_on_three_shards_leave_nothing_behind() {
    explore("three come and go", &[1, 2, 3], |now| {
        let table = Table::with(now, vec![peer("a", 1)]);
        let turn = |table: &Arc<Table>| {
            let table = Arc::clone(table);
            move || usize::from(table.call().map(end_one).is_ok())
        };
        let others = [shard(turn(&table)), shard(turn(&table))];
        let mine = turn(&table)();
        let ending = mine + others.map(outcome).iter().sum::<usize>();
        table.assert_live(A, 0);
        ending
    });
}

fn end_one(slot: Slot) {
    slot.release(EndCause::Bye);
}
