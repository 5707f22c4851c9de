//! Statements over many rows, of few lengths, so that each is prepared once.

use std::fmt::Write;

use super::pending::Batch;
use crate::base::limits::STORE_ROWS_A_STATEMENT;
use crate::call::CallRecord;

pub(super) const CALL_COLUMNS: &str = "id, serial, call_id, caller_tag, from_uri, to_uri, caller_target, route_group, route, \
    peer, placed_by, demand, since_unix_ms, session_until_unix_ms, caller_cseq, callee_cseq, dialogs";
const COLUMNS: usize = 17;

pub(super) const STATE_COLUMNS: &str =
    "peer, admin, weight, boot_id, seq, drain_since_unix_ms, drain_deadline_unix_ms, said_draining";

// What SQLite takes; PostgreSQL takes more.
const _: () = assert!(STORE_ROWS_A_STATEMENT * COLUMNS <= 32_766);

/// What the databases differ in.
pub(super) struct Dialect {
    /// Writes a place's name, given its number.
    place: fn(&mut String, usize),
    /// Whether a transaction's begin and end may stand in one text with the statements: that saves a hand-over to
    /// SQLite's thread, and its answer, for each of them.
    pub(super) joins: bool,
}

/// SQLite looks names like `$1` up one by one each time; its own places have none.
pub(super) static SQLITE: Dialect = Dialect {
    place: |text, _| text.push('?'),
    joins: true,
};

pub(super) static POSTGRES: Dialect = Dialect {
    place: |text, number| {
        // Writing to a string does not fail.
        let _ = write!(text, "${number}");
    },
    joins: false,
};

/// One statement's share of a batch.
#[derive(Debug)]
pub(super) enum Piece<'b> {
    /// Rows to be deleted.
    Stale(&'b [u64]),
    /// Rows to be inserted.
    Calls(&'b [CallRecord]),
}

/// Cuts a batch into pieces of few lengths, what is to go first.
pub(super) fn pieces(batch: &Batch) -> impl Iterator<Item = Piece<'_>> {
    let stale = batch.stale.chunks(STORE_ROWS_A_STATEMENT).map(Piece::Stale);
    let mut calls = &*batch.calls;
    stale.chain(std::iter::from_fn(move || {
        let (piece, rest) = calls.split_at_checked(length(calls.len()))?;
        calls = rest;
        (!piece.is_empty()).then_some(Piece::Calls(piece))
    }))
}

/// The greatest number of at most `rows` that has no more than three binary digits before its zeroes: a piece takes at least
/// four fifths of what there is.
fn length(rows: usize) -> usize {
    let rows = rows.min(STORE_ROWS_A_STATEMENT);
    let fine = rows.checked_ilog2().unwrap_or(0).saturating_sub(2);
    rows >> fine << fine
}

impl Piece<'_> {
    /// The ids to be deleted, the last one again and again until there are a power of two.
    pub(super) fn stale(&self) -> impl Iterator<Item = u64> {
        let ids = match self {
            Piece::Stale(ids) => *ids,
            Piece::Calls(_) => &[],
        };
        let last = ids.last().copied();
        let more = ids.len().next_power_of_two() - ids.len();
        let again = last
            .into_iter()
            .flat_map(move |id| (0..more).map(move |_| id));
        ids.iter().copied().chain(again)
    }

    /// The calls to be inserted.
    pub(super) fn calls(&self) -> &[CallRecord] {
        match self {
            Piece::Stale(_) => &[],
            Piece::Calls(calls) => calls,
        }
    }

    /// The statement, behind what is to be said `before` it.
    pub(super) fn text(&self, before: &str, dialect: &Dialect) -> String {
        let mut text = String::from(before);
        let list = |text: &mut String, places: std::ops::Range<usize>| {
            let mut before = '(';
            for place in places {
                text.push(std::mem::replace(&mut before, ','));
                (dialect.place)(text, place + 1);
            }
            text.push(')');
        };
        match self {
            Piece::Stale(ids) => {
                text.push_str("DELETE FROM calls WHERE id IN ");
                list(&mut text, 0..ids.len().next_power_of_two());
            }
            Piece::Calls(calls) => {
                let _ = write!(text, "INSERT INTO calls ({CALL_COLUMNS}) VALUES ");
                for row in 0..calls.len() {
                    text.push_str(if row == 0 { "" } else { "," });
                    list(&mut text, row * COLUMNS..(row + 1) * COLUMNS);
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::pending::tests::record;
    use super::*;

    fn batch(stale: usize, calls: usize) -> Batch {
        Batch {
            stale: (0..stale as u64).collect(),
            calls: (0..calls as u64).map(record).collect(),
            ..Batch::default()
        }
    }

    #[test]
    fn pieces_have_few_lengths_and_lose_nothing() {
        let mut lengths = std::collections::BTreeSet::new();
        for count in (0..140).chain([1000]) {
            let batch = batch(count, count);
            let (mut stale, mut calls) = (Vec::new(), Vec::new());
            for piece in pieces(&batch) {
                let ids: Vec<u64> = piece.stale().collect();
                assert!(ids.is_empty() || ids.len().is_power_of_two());
                stale.extend(ids);
                lengths.extend((!piece.calls().is_empty()).then_some(piece.calls().len()));
                calls.extend(piece.calls().iter().map(|call| call.id));
            }
            assert_eq!(calls, batch.stale, "as many calls, numbered alike");
            stale.dedup();
            assert_eq!(stale, batch.stale);
        }
        assert!(lengths.len() <= 24 && lengths.last() == Some(&STORE_ROWS_A_STATEMENT));
    }

    #[test]
    fn a_usual_batch_is_one_delete_and_few_inserts() {
        for count in 1..=STORE_ROWS_A_STATEMENT {
            let batch = batch(count, count);
            let inserts = pieces(&batch).filter(|piece| !piece.calls().is_empty());
            assert!(inserts.count() <= 3, "{count}");
        }
    }

    #[test]
    fn a_statement_has_a_place_for_each_column_of_each_row() {
        assert_eq!(CALL_COLUMNS.split(',').count(), COLUMNS);
        let text = |stale, calls, dialect: &Dialect| {
            let batch = batch(stale, calls);
            let texts: Vec<String> = pieces(&batch)
                .map(|piece| piece.text("", dialect))
                .collect();
            texts.join("; ")
        };
        let one = "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17)";
        assert!(text(0, 1, &POSTGRES).ends_with(&format!("VALUES {one}")));
        assert!(text(0, 4, &POSTGRES).ends_with(",$68)"));
        assert!(text(3, 0, &POSTGRES).ends_with("($1,$2,$3,$4)"));
        assert_eq!(text(0, 2, &SQLITE).matches('?').count(), 2 * COLUMNS);
        assert!(text(2, 0, &SQLITE).ends_with("(?,?)"));
    }
}
