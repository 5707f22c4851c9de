//! PostgreSQL.

use std::fmt::Write;
use std::str::FromStr;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions, Connection, Postgres, QueryBuilder, Row};

use super::pending::Batch;
use super::read::{self, Gathered};
use super::schema::{self, SETTINGS};
use super::{History, Saved, StoreError, Words};
use super::{rows, sql};
use crate::base::limits::{EVENTS_KEPT, STORE_ROWS_A_STATEMENT, STORE_STATEMENTS};
use crate::call::CallRecord;

type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

/// A transaction of ours whose end we did not hear may still be under way: what it writes must be seen, and deleted.
const EMPTY: &str = "LOCK TABLE calls IN EXCLUSIVE MODE; DELETE FROM calls";

/// Connects, and brings the schema up.
pub(super) async fn connect(url: &str) -> Result<PgConnection, StoreError> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("tandem")
        .statement_cache_capacity(STORE_STATEMENTS)
        .disable_statement_logging();
    let mut connection = PgConnection::connect_with(&options).await?;
    migrate(&mut connection, &schema::POSTGRES).await?;
    Ok(connection)
}

/// Brings the schema to the last of `files`.
async fn migrate(connection: &mut PgConnection, files: &[&'static str]) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(SETTINGS).execute(&mut *transaction).await?;
    let found = setting(&mut transaction, "schema").await?;
    let (found, known) = schema::versions(found, files)?;
    for file in files.iter().skip(found as usize) {
        sqlx::raw_sql(file).execute(&mut *transaction).await?;
    }
    if found < known {
        let set = sqlx::query(sql::SET_SCHEMA).bind(known.to_string());
        set.execute(&mut *transaction).await?;
        tracing::info!(from = found, to = known, "the store's schema is brought up");
    }
    Ok(transaction.commit().await?)
}

async fn setting(connection: &mut PgConnection, name: &str) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query(sql::SELECT_SETTING).bind(name);
    let row = row.fetch_optional(connection).await?;
    row.map(|row| row.try_get("value")).transpose()
}

/// Everything that is saved. `secret` is kept from now on where there is none yet.
pub(super) async fn load(
    connection: &mut PgConnection,
    secret: Option<[u8; 16]>,
) -> Result<Saved, StoreError> {
    if let Some(secret) = secret {
        let keep = sqlx::query(sql::KEEP_SECRET).bind(rows::secret_text(secret));
        keep.execute(&mut *connection).await?;
    }
    let kept = setting(connection, "secret").await?;
    let calls = all(connection, sql::SELECT_CALLS).await?;
    let mut words = Gathered::default();
    for row in all(connection, sql::SELECT_PEERS).await? {
        words.peer(&row)?;
    }
    for row in all(connection, sql::SELECT_STATES).await? {
        words.state(&row)?;
    }
    for row in all(connection, sql::SELECT_RESOURCES).await? {
        words.resource(&row)?;
    }
    let newest = sqlx::query(sql::SELECT_EVENTS).bind(EVENTS_KEPT as i64);
    let newest = newest.fetch_all(connection).await?;
    Ok(Saved {
        calls: calls.iter().map(read::call).collect::<Result<_, _>>()?,
        words: words.words(),
        secret: kept.as_deref().and_then(rows::secret),
        events: newest
            .iter()
            .rev()
            .map(read::event)
            .collect::<Result<_, _>>()?,
    })
}

async fn all(connection: &mut PgConnection, sql: &'static str) -> Result<Vec<PgRow>, sqlx::Error> {
    sqlx::query(sql).fetch_all(connection).await
}

/// Writes a batch in one transaction.
pub(super) async fn write(
    connection: &mut PgConnection,
    batch: &Batch,
    words: Option<&Words>,
    history: Option<&History>,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    if batch.replace {
        sqlx::raw_sql(EMPTY).execute(&mut *transaction).await?;
    }
    write_calls(&mut transaction, batch).await?;
    if let Some(words) = words {
        write_words(&mut transaction, words).await?;
    }
    if let Some(history) = history {
        write_history(&mut transaction, history).await?;
    }
    Ok(transaction.commit().await?)
}

async fn write_calls(connection: &mut PgConnection, batch: &Batch) -> Result<(), sqlx::Error> {
    if !batch.stale.is_empty() {
        let stale: Vec<i64> = batch.stale.iter().map(|id| id.cast_signed()).collect();
        let delete = sqlx::query("DELETE FROM calls WHERE id = ANY($1)").bind(stale);
        delete.execute(&mut *connection).await?;
    }
    for calls in pieces(&batch.calls) {
        let text = insert(calls.len());
        let query = calls.iter().fold(sqlx::query(&text), bind);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Cuts calls into pieces of few lengths, so that each statement is prepared once.
fn pieces(calls: &[CallRecord]) -> impl Iterator<Item = &[CallRecord]> {
    let mut rest = calls;
    std::iter::from_fn(move || {
        let (piece, more) = rest.split_at_checked(length(rest.len()))?;
        rest = more;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The greatest number of at most `rows` that has no more than three binary digits before its zeroes: a piece takes at least
/// four fifths of what there is.
fn length(rows: usize) -> usize {
    let rows = rows.min(STORE_ROWS_A_STATEMENT);
    let fine = rows.checked_ilog2().unwrap_or(0).saturating_sub(2);
    rows >> fine << fine
}

/// The statement for so many calls.
fn insert(calls: usize) -> String {
    let mut text = String::from(sql::INSERT_CALLS);
    for call in 0..calls {
        text.push_str(if call == 0 { "" } else { "," });
        for column in 0..sql::CALL_COLUMNS {
            let before = if column == 0 { '(' } else { ',' };
            let place = call * sql::CALL_COLUMNS + column + 1;
            // Writing to a string does not fail.
            let _ = write!(text, "{before}${place}");
        }
        text.push(')');
    }
    text
}

/// One call, in the order of the columns.
fn bind<'q>(query: Query<'q>, call: &'q CallRecord) -> Query<'q> {
    query
        .bind(call.id.cast_signed())
        .bind(i64::from(call.serial))
        .bind(call.texts.call_id())
        .bind(call.texts.caller_tag())
        .bind(call.texts.from())
        .bind(call.texts.to())
        .bind(call.texts.caller_target())
        .bind(call.group.as_deref())
        .bind(i64::from(call.route))
        .bind(call.peer.as_deref())
        .bind(call.placed_by.as_deref())
        .bind(rows::demand_text(call))
        .bind(call.since_unix_ms.cast_signed())
        .bind(call.session_until_unix_ms.map(u64::cast_signed))
        .bind(i64::from(call.cseq[0]))
        .bind(i64::from(call.cseq[1]))
        .bind(rows::dialogs_text(&call.dialogs))
}

async fn write_history(
    connection: &mut PgConnection,
    history: &History,
) -> Result<(), sqlx::Error> {
    for chunk in history.events.chunks(STORE_ROWS_A_STATEMENT) {
        let mut query = QueryBuilder::<Postgres>::new(sql::INSERT_EVENTS);
        query.push_values(chunk, |mut row, event| {
            row.push_bind(event.id.cast_signed())
                .push_bind(event.at_unix_ms.cast_signed())
                .push_bind(&event.kind)
                .push_bind(&event.data);
        });
        query.push(sql::UNLESS_THERE);
        let query = query.build().persistent(false);
        query.execute(&mut *connection).await?;
    }
    let old = sqlx::query(sql::DELETE_EVENTS).bind(history.oldest.cast_signed());
    old.execute(connection).await?;
    Ok(())
}

async fn write_words(connection: &mut PgConnection, words: &Words) -> Result<(), sqlx::Error> {
    for table in sql::DELETE_WORDS {
        sqlx::query(table).execute(&mut *connection).await?;
    }
    for peer in &words.peers {
        sqlx::query(sql::INSERT_PEER)
            .bind(&peer.name)
            .bind(i64::from(peer.spec.is_none()))
            .bind(peer.spec.as_ref().map(ToString::to_string))
            .execute(&mut *connection)
            .await?;
    }
    for row in rows::states(words) {
        sqlx::query(sql::INSERT_STATE)
            .bind(&*row.peer)
            .bind(row.admin)
            .bind(row.weight)
            .bind(row.boot_id.as_deref())
            .bind(row.seq)
            .bind(row.drain_since_unix_ms)
            .bind(row.drain_deadline_unix_ms)
            .bind(row.said_draining)
            .execute(&mut *connection)
            .await?;
    }
    for set in &words.overrides {
        for (resource, capacity) in &set.capacity {
            sqlx::query(sql::INSERT_RESOURCE)
                .bind(&*set.peer)
                .bind(&**resource)
                .bind(rows::units(*capacity))
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::pending::tests::record;
    use super::*;

    #[test]
    fn pieces_have_few_lengths_and_lose_nothing() {
        let mut lengths = std::collections::BTreeSet::new();
        for count in (0..140).chain([1000]) {
            let calls: Vec<CallRecord> = (0..count).map(record).collect();
            let pieces: Vec<&[CallRecord]> = pieces(&calls).collect();
            lengths.extend(pieces.iter().map(|piece| piece.len()));
            assert_eq!(pieces.concat(), calls);
            assert!(count as usize > STORE_ROWS_A_STATEMENT || pieces.len() <= 3);
        }
        assert!(lengths.len() <= 24 && lengths.last() == Some(&STORE_ROWS_A_STATEMENT));
    }

    #[test]
    fn a_statement_has_a_place_for_each_column_of_each_row() {
        let columns = sql::INSERT_CALLS.split(',').count();
        assert_eq!(columns, sql::CALL_COLUMNS);
        assert_eq!(sql::INSERT_CALL.matches('?').count(), sql::CALL_COLUMNS);
        let one = "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17)";
        assert!(insert(1).ends_with(&format!("VALUES {one}")));
        assert!(insert(4).ends_with(",$68)"));
    }
}
