//! Looks after peers that are being emptied: how old their calls are, and their end once the deadline is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::clock::unix_ms;
use crate::balance::{DrainedBy, Draining, Ledger, PeerId};
use crate::base::limits::DRAIN_LOOK_EVERY;
use crate::proxy::{Answer, Command, ShardId};
use crate::shard::{Gone, Handles};

/// Until the process ends. What a shard did not hear is said again with the next look.
pub async fn look_after(ledger: Arc<Ledger>, handles: Handles) {
    let mut every = interval(DRAIN_LOOK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut spell = Spell::default();
    loop {
        every.tick().await;
        let mut look = Look {
            ledger: &ledger,
            handles: &handles,
            late: BTreeMap::new(),
        };
        for drain in ledger.drains(Instant::now()) {
            look.at(&drain).await;
        }
        if spell.begins(!look.late.is_empty()) {
            let late = look.late;
            tracing::warn!(?late, "drains go on without the shards that do not answer");
        }
    }
}

/// Looks in a row in which shards were late are one spell, and spoken of once.
#[derive(Default)]
struct Spell(bool);

impl Spell {
    fn begins(&mut self, late: bool) -> bool {
        let before = std::mem::replace(&mut self.0, late);
        late && !before
    }
}

/// One look at all drains. A shard that was late once is not waited for again in it.
struct Look<'a> {
    ledger: &'a Ledger,
    handles: &'a Handles,
    late: BTreeMap<ShardId, Gone>,
}

impl Look<'_> {
    async fn at(&mut self, drain: &Draining) {
        if drain.ages_wanted {
            let now = unix_ms();
            let began = match drain.by {
                DrainedBy::Operator(times) => times.since_unix_ms.unwrap_or(now),
                DrainedBy::Peer(time) => now.saturating_sub(millis(time)),
            };
            self.tell_ages(drain.peer, began).await;
        }
        let over = |deadline: &Instant| *deadline <= Instant::now();
        if let Some(deadline) = drain.deadline.filter(over) {
            self.empty(drain.peer, deadline).await;
        }
    }

    async fn empty(&mut self, peer: PeerId, deadline: Instant) {
        let command = |_| Command::Empty { peer, deadline };
        let mut calls = 0;
        for answer in self.handles.ask_each(&mut self.late, command).await {
            if let Answer::Done(count) = answer {
                calls += count;
            }
        }
        if calls > 0 {
            let directory = self.ledger.directory();
            let peer = directory.peer(peer).map(|peer| &*peer.name);
            tracing::info!(peer, calls, "a drain's deadline is over: calls are ended");
        }
    }

    /// A call that came after the beginning, placed by the peer or found again, is no part of the sample. Nor are those of
    /// a shard that is late: calls are spread over the shards by chance.
    async fn tell_ages(&mut self, peer: PeerId, began: u64) {
        let command = |_| Command::Begun(peer);
        let answers = self.handles.ask_each(&mut self.late, command).await;
        if answers.is_empty() {
            return;
        }
        let mut ages = Vec::new();
        for answer in answers {
            if let Answer::Begun(begun) = answer {
                ages.extend(begun.iter().filter_map(|begun| began.checked_sub(*begun)));
            }
        }
        let ages = ages.into_iter().map(Duration::from_millis).collect();
        let ran = Duration::from_millis(unix_ms().saturating_sub(began));
        self.ledger.tell_ages(Instant::now(), peer, ran, ages);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use crossbeam_channel::{Receiver, bounded};
    use parking_lot::Mutex;
    use tokio::sync::mpsc;

    use super::*;
    use crate::app::clock::moment;
    use crate::balance::{Capacity, Demand, Drain, EndCause, Mark, PeerSpec, Topology};
    use crate::io::bind::bind_all;
    use crate::proxy::{Input, Output};
    use crate::shard::{Engine, Outlets, start};

    #[test]
    fn a_shard_that_stays_late_is_spoken_of_once() {
        let mut spell = Spell::default();
        let looks = [true, true, false, false, true, true];
        let said = looks.map(|late| spell.begins(late));
        assert_eq!(said, [true, false, false, false, true, false]);
    }

    /// Answers as if it had one call; the second shard does nothing while the test keeps the channel's other end.
    struct Played {
        shard: ShardId,
        held: Receiver<()>,
        emptied: Arc<Mutex<Vec<ShardId>>>,
        outputs: VecDeque<Output>,
    }

    impl Engine for Played {
        fn handle(&mut self, _: Instant, input: Input<'_>) {
            let Input::Command { token, command } = input else {
                return;
            };
            if self.shard == ShardId(1) {
                let _ = self.held.recv();
            }
            let answer = match command {
                Command::Begun(_) => Answer::Begun(vec![0]),
                Command::Empty { .. } => {
                    self.emptied.lock().push(self.shard);
                    Answer::Done(1)
                }
                other => panic!("{other:?}"),
            };
            self.outputs.push_back(Output::Answer { token, answer });
        }

        fn poll_output(&mut self) -> Option<Output> {
            self.outputs.pop_front()
        }

        fn poll_timeout(&self) -> Option<Instant> {
            None
        }

        fn leave(self) {}
    }

    /// A ledger whose only peer holds a call, and is to be empty by now.
    fn overdue() -> (Arc<Ledger>, crate::balance::Slot) {
        let peer = PeerSpec {
            capacity: vec![("calls".into(), Capacity::Unlimited)],
            ..PeerSpec::named("a")
        };
        let topology = Topology {
            peers: vec![peer],
            groups: Vec::new(),
        };
        let ledger = Ledger::new(&topology, 1, Instant::now()).expect("sound");
        let directory = ledger.directory();
        let peer = directory.peer_named("a").expect("is there");
        let calls = directory.resource_named("calls").expect("is there");
        let slot = ledger.readmit(peer, &Demand::one(calls), Mark::Restored);
        let drain = Drain {
            since_unix_ms: Some(1),
            deadline_unix_ms: Some(2),
        };
        ledger.drain(peer, moment(), drain);
        (ledger, slot)
    }

    #[tokio::test]
    async fn a_late_shard_does_not_hold_up_the_deadline_on_the_others() {
        let (ledger, slot) = overdue();
        let anywhere = ["127.0.0.1:0".parse().expect("an address")];
        let sockets = bind_all(&anywhere, 2).expect("bound");
        let (hold, held) = bounded::<()>(0);
        let emptied = Arc::<Mutex<Vec<ShardId>>>::default();
        let outlets = Outlets {
            resolve: mpsc::channel(1).0,
            notices: mpsc::channel(1).0,
            store: Default::default(),
        };
        let played = {
            let emptied = Arc::clone(&emptied);
            move |shard| Played {
                shard,
                held: held.clone(),
                emptied: Arc::clone(&emptied),
                outputs: VecDeque::new(),
            }
        };
        let running = start(sockets, &outlets, played).expect("started");
        let mut look = Look {
            ledger: &ledger,
            handles: &running.handles,
            late: BTreeMap::new(),
        };
        look.at(&ledger.drains(Instant::now())[0]).await;
        assert_eq!(*emptied.lock(), [ShardId(0)]);
        assert_eq!(look.late, BTreeMap::from([(ShardId(1), Gone::TimedOut)]));
        let drain = ledger.drains(Instant::now())[0];
        assert!(!drain.ages_wanted, "those of the others are told");
        drop(hold);
        running.end();
        slot.release(EndCause::EndedByOperator);
    }
}
