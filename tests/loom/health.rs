//! What is said of a peer's health while shards ask for it.

use std::sync::Arc;

use tandem::balance::{EndCause, Failure, Health, Observation, PeerId, PeerSpec, Refusal};

use crate::table::{SECOND, Table, end, explore, outcome, peer, shard};

const A: PeerId = PeerId(0);
const SILENCE: Observation = Observation::Failed(Failure::Timeout);

#[test]
fn a_peer_that_fails_while_a_call_is_given_to_it_keeps_the_call_counted() {
    explore("failure against call", &[true, false], |now| {
        let table = Table::with(now, vec![peer("a", 1)]);
        let caller = Arc::clone(&table);
        let caller = shard(move || caller.call());
        table.report(A, SILENCE);
        let answer = outcome(caller);
        assert_eq!(table.view(A).health, Health::Down);
        let granted = answer.is_ok();
        table.assert_live(A, u64::from(granted));
        if let Err(refusal) = &answer {
            assert_eq!(*refusal, Refusal::NoneEligible);
        }
        end(answer);
        table.assert_live(A, 0);
        granted
    });
}

#[test]
fn one_of_three_shards_gets_the_trial_call_and_gives_it_back() {
    explore("trial", &[1, 2], |now| {
        let mut table = Table::with(now, vec![peer("a", 5)]);
        table.report(A, SILENCE);
        let later = Arc::get_mut(&mut table).expect("alone so far");
        later.now += SECOND * 20;
        let status = 200;
        for rtt in [SECOND, SECOND] {
            table.report(A, Observation::ProbeOk { rtt, status });
        }
        let ask = |table: &Arc<Table>| {
            let table = Arc::clone(table);
            shard(move || table.call())
        };
        let others = [ask(&table), ask(&table)];
        let mine = table.call().map(|slot| slot.release(EndCause::Cancelled));
        let answers = others.map(outcome);
        let out = answers.iter().filter(|answer| answer.is_ok()).count();
        let trials = out + usize::from(mine.is_ok());
        assert!(out <= 1, "one trial at a time");
        table.assert_live(A, out as u64);
        assert_eq!(
            table
                .call()
                .map(|slot| slot.release(EndCause::Cancelled))
                .is_ok(),
            out == 0
        );
        end(answers.into_iter().flatten());
        table.assert_live(A, 0);
        trials
    });
}

#[test]
fn one_call_a_second_is_one_call_however_many_shards_ask() {
    explore("calls per second", &[0, 1, 2], |now| {
        let a = PeerSpec {
            cps: Some(1),
            ..peer("a", 5)
        };
        let table = Table::with(now, vec![a]);
        let ask = |table: &Arc<Table>| {
            let table = Arc::clone(table);
            shard(move || table.call())
        };
        let others = [ask(&table), ask(&table)];
        let mine = table.call();
        let [second, third] = others.map(outcome);
        let answers = [mine, second, third];
        table.assert_live(A, 1);
        let winner = answers.iter().position(Result::is_ok);
        end(answers.into_iter().flatten());
        winner.expect("one got it")
    });
}
