//! Reports and facts that come while calls do, and readers: every view is of one moment.

use std::sync::Arc;

use tandem::balance::{EndCause, FeedbackSpec, Mark, PeerId, PeerSpec, Refusal};

use crate::table::{SECOND, Table, assert_balanced, end, explore, join, outcome, own, peer, shard};

const A: PeerId = PeerId(0);

fn reporting(calls: u32) -> PeerSpec {
    PeerSpec {
        feedback: Some(FeedbackSpec {
            token: "secret".into(),
            ttl: SECOND * 10,
            capacity: Default::default(),
            legs_per_call: 1,
        }),
        ..peer("a", calls)
    }
}

#[test]
fn every_view_is_in_order_while_calls_come_and_go() {
    explore("readers", &[(0, 0), (0, 1), (1, 0), (1, 1)], |now| {
        let table = Table::with(now, vec![peer("a", 2)]);
        let turns = |table: &Arc<Table>| {
            let table = Arc::clone(table);
            shard(move || table.call().expect("there is room").release(EndCause::Bye))
        };
        let shards = [turns(&table), turns(&table)];
        let look = || {
            let views = table.ledger.view(now);
            views.iter().for_each(assert_balanced);
            own(&views[0])
        };
        let ending = (look().min(1), look().min(1));
        join(shards);
        table.assert_live(A, 0);
        ending
    });
}

#[test]
fn a_report_and_a_call_at_once_come_in_one_order_and_the_call_is_never_counted_twice() {
    // The peer reports one call. If ours came first it is that one; else it is another's, and fills the peer.
    explore("report against call", &[true, false], |now| {
        let table = Table::with(now, vec![reporting(1)]);
        let caller = Arc::clone(&table);
        let caller = shard(move || caller.call());
        let (foreign, own) = table.feed(A, 1);
        assert_eq!(foreign + own, 1);
        let answer = outcome(caller);
        assert_eq!(
            answer.as_ref().err().copied(),
            (foreign == 1).then_some(Refusal::Exhausted)
        );
        let view = table.view(A);
        assert_eq!(view.resources[0].foreign, foreign);
        assert_eq!(view.resources[0].free, Some(0));
        let granted = answer.is_ok();
        end(answer);
        table.assert_live(A, 0);
        granted
    });
}

#[test]
fn a_report_while_calls_end_never_makes_more_load_than_it_told() {
    explore("report against releases", &[0, 1, 2], |now| {
        let table = Table::with(now, vec![reporting(4)]);
        let slots = [(); 2].map(|()| table.call().expect("there is room"));
        let shards = slots.map(|slot| shard(move || slot.release(EndCause::Bye)));
        let (foreign, own) = table.feed(A, 2);
        assert_eq!(foreign, 2 - own, "what is not ours is another's");
        join(shards);
        table.assert_live(A, 0);
        assert_eq!(table.view(A).resources[0].foreign, foreign);
        own
    });
}

#[test]
fn a_call_that_is_a_fact_exceeds_capacity_only_with_a_mark() {
    explore("fact against call", &[true, false], |now| {
        let table = Table::with(now, vec![peer("a", 1)]);
        let fact = Arc::clone(&table);
        let fact = shard(move || fact.ledger.readmit(A, &fact.calls, Mark::PlacedByPeer));
        let answer = table.call();
        let fact = outcome(fact);
        assert_eq!(fact.is_marked(), answer.is_ok());
        let granted = answer.is_ok();
        table.assert_live(A, 1 + u64::from(granted));
        fact.release(EndCause::Bye);
        end(answer);
        table.assert_live(A, 0);
        assert_eq!(table.view(A).marked, 0);
        granted
    });
}
