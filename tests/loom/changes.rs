//! Reload, resize and removal while calls come and go: no account vanishes under a call, and no change undoes another.

use std::sync::Arc;

use tandem::balance::{EndCause, PeerId, Refusal};

use crate::table::{Table, end, explore, outcome, own, peer, shard};

const A: PeerId = PeerId(0);

#[test]
fn a_call_that_comes_while_its_peer_is_removed_is_refused_or_counted_to_its_end() {
    explore("call against removal", &[true, false], |now| {
        let table = Table::with(now, vec![peer("a", 1)]);
        let caller = Arc::clone(&table);
        let caller = shard(move || caller.call());
        table.apply(vec![]);
        let answer = outcome(caller);
        let granted = answer.is_ok();
        if let Err(refusal) = &answer {
            assert_eq!(*refusal, Refusal::NoneEligible);
        }
        let views = table.ledger.view(now);
        assert_eq!(
            views.len(),
            usize::from(granted),
            "it retires with its last call"
        );
        assert!(views.iter().all(|view| view.removed && own(view) == 1));
        end(answer);
        assert!(table.ledger.view(now).is_empty());
        assert_eq!(own(&table.view(A)), 0);
        granted
    });
}

#[test]
fn a_call_that_ends_while_its_peer_is_removed_and_put_back_is_counted_off_once() {
    explore(
        "release and call against removal and return",
        &[true, false],
        |now| {
            let table = Table::with(now, vec![peer("a", 1)]);
            let old = table.call().expect("there is room");
            let leaver = shard(move || old.release(EndCause::Bye));
            let caller = Arc::clone(&table);
            let caller = shard(move || caller.call());
            table.apply(vec![]);
            table.apply(vec![peer("a", 1)]);
            outcome(leaver);
            let answer = outcome(caller);
            let granted = answer.is_ok();
            table.assert_live(A, u64::from(granted));
            end(answer);
            table.assert_live(A, 0);
            end(Some(table.call().expect("the place is there again")));
            granted
        },
    );
}

#[test]
fn a_peer_that_becomes_smaller_while_calls_come_keeps_what_it_has_and_takes_no_more() {
    explore("calls against resize", &[1, 2], |now| {
        let table = Table::with(now, vec![peer("a", 2)]);
        let ask = |table: &Arc<Table>| {
            let table = Arc::clone(table);
            shard(move || table.call())
        };
        let callers = [ask(&table), ask(&table)];
        table.resize(A, 1);
        let answers = callers.map(outcome);
        let granted = answers.iter().filter(|answer| answer.is_ok()).count();
        let view = table.view(A);
        assert_eq!(own(&view), granted as u64);
        assert_eq!(
            (view.resources[0].capacity, view.resources[0].free),
            (Some(1), Some(0))
        );
        assert!(table.call().is_err(), "no place is left");
        end(answers.into_iter().flatten());
        table.assert_live(A, 0);
        granted
    });
}

#[test]
fn a_reload_and_the_operators_word_at_once_are_both_in_force() {
    explore("reload against resize", &[()], |now| {
        let table = Table::with(now, vec![peer("a", 1)]);
        let operator = Arc::clone(&table);
        let operator = shard(move || {
            operator.resize(A, 2);
            operator.ledger.set_weight(A, 3).expect("a weight");
        });
        table.apply(vec![peer("a", 1), peer("b", 1)]);
        outcome(operator);
        let views = table.ledger.view(now);
        let names: Vec<_> = views.iter().map(|view| &*view.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(
            (views[0].resources[0].capacity, views[0].weight),
            (Some(2), 3)
        );
        let slots = [(); 3].map(|()| table.call().expect("three places"));
        assert!(table.call().is_err());
        end(slots);
    });
}

#[test]
fn of_two_reloads_at_once_one_is_in_force_whole() {
    explore("reload against reload", &["b", "c"], |now| {
        let table = Table::with(now, vec![peer("a", 1)]);
        let held = table.call().expect("there is room");
        let other = Arc::clone(&table);
        let other = shard(move || other.apply(vec![peer("b", 1)]));
        table.apply(vec![peer("c", 1)]);
        outcome(other);
        let directory = table.ledger.directory();
        let names: Vec<_> = directory.peers().map(|peer| peer.name.clone()).collect();
        let next = table.call().expect("whichever is in force has room");
        assert_eq!(
            names,
            [directory.peer(next.peer()).expect("known").name.clone()]
        );
        table.assert_live(A, 1);
        end([held, next]);
        table.assert_live(A, 0);
        if &*names[0] == "b" { "b" } else { "c" }
    });
}
