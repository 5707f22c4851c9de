//! Statements over many rows, of few lengths, so that each is prepared once.

use std::sync::LazyLock;

use crate::base::limits::STORE_ROWS_A_STATEMENT;

pub(super) const CALL_COLUMNS: &str = "id, serial, call_id, caller_tag, from_uri, to_uri, caller_target, route_group, route, \
    peer, placed_by, demand, since_unix_ms, session_until_unix_ms, caller_cseq, callee_cseq, dialogs";
const COLUMNS: usize = 17;

/// Lengths are powers of two.
const LENGTHS: usize = STORE_ROWS_A_STATEMENT.ilog2() as usize + 1;

const _: () = assert!(STORE_ROWS_A_STATEMENT.is_power_of_two());
// What SQLite takes; PostgreSQL takes more.
const _: () = assert!(STORE_ROWS_A_STATEMENT * COLUMNS <= 32_766);

/// One database's statements, by the power of two of their rows.
pub(super) struct Statements {
    insert: [String; LENGTHS],
    delete: [String; LENGTHS],
}

/// SQLite looks names like `$1` up one by one each time; its own places have none.
pub(super) static SQLITE: LazyLock<Statements> =
    LazyLock::new(|| Statements::new(|_| "?".to_owned()));

pub(super) static POSTGRES: LazyLock<Statements> =
    LazyLock::new(|| Statements::new(|number| format!("${}", number + 1)));

impl Statements {
    fn new(place: impl Fn(usize) -> String) -> Self {
        let list = |places: std::ops::Range<usize>| {
            let places: Vec<String> = places.map(&place).collect();
            format!("({})", places.join(","))
        };
        let insert = |power: usize| {
            let rows = (0..1 << power).map(|row| list(row * COLUMNS..(row + 1) * COLUMNS));
            let rows: Vec<String> = rows.collect();
            format!(
                "INSERT INTO calls ({CALL_COLUMNS}) VALUES {}",
                rows.join(",")
            )
        };
        let delete =
            |power: usize| format!("DELETE FROM calls WHERE id IN {}", list(0..1 << power));
        Statements {
            insert: std::array::from_fn(insert),
            delete: std::array::from_fn(delete),
        }
    }

    /// Inserts as many calls as one of [`chunks`] has.
    pub(super) fn insert(&self, rows: usize) -> &str {
        self.insert.get(power(rows)).map_or("", |text| text)
    }

    /// Deletes as many calls as one of [`chunks`] has.
    pub(super) fn delete(&self, rows: usize) -> &str {
        self.delete.get(power(rows)).map_or("", |text| text)
    }
}

fn power(rows: usize) -> usize {
    rows.checked_ilog2().unwrap_or(0) as usize
}

/// Cuts `rows` into pieces whose lengths are powers of two.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = 1 << rows.len().min(STORE_ROWS_A_STATEMENT).checked_ilog2()?;
        let (chunk, rest) = rows.split_at_checked(length)?;
        rows = rest;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_powers_of_two_and_lose_nothing() {
        for count in [0, 1, 2, 3, 75, 128, 129, 1000] {
            let rows: Vec<usize> = (0..count).collect();
            let pieces: Vec<&[usize]> = chunks(&rows).collect();
            assert_eq!(pieces.concat(), rows);
            assert!(pieces.iter().all(
                |piece| piece.len().is_power_of_two() && piece.len() <= STORE_ROWS_A_STATEMENT
            ));
        }
    }

    #[test]
    fn a_statement_has_a_place_for_each_column_of_each_row() {
        assert_eq!(CALL_COLUMNS.split(',').count(), COLUMNS);
        let one = "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17)";
        assert!(POSTGRES.insert(1).ends_with(&format!("VALUES {one}")));
        assert!(POSTGRES.insert(4).ends_with("$68)"));
        assert!(POSTGRES.delete(2).ends_with("($1,$2)"));
        assert_eq!(SQLITE.insert(2).matches('?').count(), 2 * COLUMNS);
        assert!(SQLITE.delete(2).ends_with("(?,?)"));
    }
}
