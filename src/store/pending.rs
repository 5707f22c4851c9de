//! What waits to be written, by key: the newest state of each call alone.

use hashbrown::{HashMap, HashSet};

use crate::base::limits::STORE_PENDING_MAX;
use crate::call::CallRecord;
use crate::proxy::Persist;

/// What waits.
#[derive(Default)]
pub(super) struct Pending {
    /// `None`: its row is to go.
    calls: HashMap<u64, Option<Box<CallRecord>>>,
    /// The calls that have a row.
    stored: HashSet<u64>,
    /// The operator has said something.
    words: bool,
    /// Something happened.
    events: bool,
    /// More changed than is kept: nothing but a snapshot will do.
    overflowed: bool,
    /// Every shard is handing over all it has.
    gathering: bool,
}

/// What goes out in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Rows that are to go first: of calls that are over, and of those that are written anew.
    pub(super) stale: Vec<u64>,
    /// Calls to be written.
    pub(super) calls: Vec<CallRecord>,
    /// Nothing else may stay.
    pub(super) replace: bool,
    /// Whether the operator's words are to be written too.
    pub(super) words: bool,
    /// Whether something happened that is to be written too.
    pub(super) events: bool,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        let nothing_more = !self.replace && !self.words && !self.events;
        self.stale.is_empty() && self.calls.is_empty() && nothing_more
    }
}

impl Pending {
    /// Takes changes of calls.
    pub(super) fn take_in(&mut self, rows: Vec<Persist>) {
        if self.overflowed {
            return;
        }
        for row in rows {
            match row {
                Persist::Call(record) => {
                    self.calls.insert(record.id, Some(record));
                }
                // What has no row needs none any more.
                Persist::Gone(id) if !self.stored.contains(&id.0) => {
                    self.calls.remove(&id.0);
                }
                Persist::Gone(id) => {
                    self.calls.insert(id.0, None);
                }
            }
        }
        if self.calls.len() > STORE_PENDING_MAX && !self.gathering {
            self.calls = HashMap::new();
            self.overflowed = true;
        }
    }

    pub(super) fn words_changed(&mut self) {
        self.words = true;
    }

    pub(super) fn events_changed(&mut self) {
        self.events = true;
    }

    /// How many rows wait.
    pub(super) fn depth(&self) -> usize {
        self.calls.len() + usize::from(self.words) + usize::from(self.events)
    }

    /// Whether only a snapshot will do.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Everything that there is will come anew.
    pub(super) fn begin_snapshot(&mut self) {
        self.calls.clear();
        self.stored.clear();
        (self.overflowed, self.gathering) = (false, true);
    }

    /// Not everything came.
    pub(super) fn give_up_snapshot(&mut self) {
        (self.overflowed, self.gathering) = (true, false);
        self.calls = HashMap::new();
    }

    /// What is to be written now.
    pub(super) fn take_out(&mut self) -> Batch {
        let replace = std::mem::take(&mut self.gathering);
        let mut batch = Batch {
            replace,
            words: std::mem::take(&mut self.words) || replace,
            events: std::mem::take(&mut self.events) || replace,
            ..Batch::default()
        };
        // In the order of the rows, so that those which are written together lie together.
        let mut calls: Vec<_> = self.calls.drain().collect();
        calls.sort_unstable_by_key(|(id, _)| id.cast_signed());
        for (id, record) in calls {
            let stored = match &record {
                Some(_) => !self.stored.insert(id),
                None => self.stored.remove(&id),
            };
            if stored {
                batch.stale.push(id);
            }
            batch.calls.extend(record.map(|record| *record));
        }
        batch
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::call::CallId;

    pub(crate) fn record(id: u64) -> CallRecord {
        CallRecord {
            id,
            serial: id as u32,
            texts: crate::store::rows::texts([
                b"call",
                b"tag \xff",
                b"sip:a@x",
                b"sip:b@y",
                b"sip:a@127.0.0.1",
            ]),
            group: Some("pbx".into()),
            route: 3,
            peer: Some("a".into()),
            placed_by: None,
            demand: [("calls".into(), 1), ("conference".into(), 2)]
                .into_iter()
                .collect(),
            since_unix_ms: 1_700_000_000_000,
            session_until_unix_ms: Some(1_700_000_090_000),
            cseq: [7, 0],
            dialogs: Default::default(),
        }
    }

    fn up(id: u64) -> Vec<Persist> {
        vec![Persist::Call(Box::new(record(id)))]
    }

    fn gone(id: u64) -> Vec<Persist> {
        vec![Persist::Gone(CallId(id))]
    }

    fn ids(batch: &Batch) -> Vec<u64> {
        let mut ids: Vec<u64> = batch.calls.iter().map(|call| call.id).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_call_that_came_and_went_within_one_batch_is_never_written() {
        let mut pending = Pending::default();
        pending.take_in(up(1));
        pending.take_in(up(2));
        pending.take_in(gone(1));
        let batch = pending.take_out();
        assert_eq!((ids(&batch), batch.stale), (vec![2], vec![]));
        assert!(pending.take_out().is_empty());
    }

    #[test]
    fn a_call_that_changed_twice_is_written_once_in_its_newest_state() {
        let mut pending = Pending::default();
        pending.take_in(up(1));
        let mut newer = record(1);
        newer.cseq = [9, 9];
        pending.take_in(vec![Persist::Call(Box::new(newer.clone()))]);
        assert_eq!(pending.take_out().calls, vec![newer]);
    }

    #[test]
    fn the_row_of_a_call_that_was_written_goes_when_it_ends_or_changes() {
        let mut pending = Pending::default();
        pending.take_in([up(1), up(2)].concat());
        pending.take_out();
        pending.take_in([gone(1), up(2)].concat());
        let mut batch = pending.take_out();
        batch.stale.sort_unstable();
        assert_eq!((ids(&batch), batch.stale), (vec![2], vec![1, 2]));
        pending.take_in(gone(1));
        assert!(pending.take_out().is_empty(), "it went once");
    }

    #[test]
    fn more_changes_than_are_kept_leave_nothing_but_a_snapshot() {
        let mut pending = Pending::default();
        for id in 0..=STORE_PENDING_MAX as u64 {
            pending.take_in(up(id));
        }
        assert!(pending.overflowed());
        pending.take_in(up(1));
        assert_eq!(pending.depth(), 0);
        pending.begin_snapshot();
        for id in 0..STORE_PENDING_MAX as u64 + 9 {
            pending.take_in(up(id));
        }
        assert!(
            !pending.overflowed(),
            "a snapshot has no bound but the calls"
        );
        let batch = pending.take_out();
        assert!(batch.replace && batch.words && batch.stale.is_empty());
        assert_eq!(batch.calls.len(), STORE_PENDING_MAX + 9);
    }
}
