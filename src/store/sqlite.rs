//! SQLite, on the thread that writes: nothing is handed over, and a statement is prepared once.

use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::pending::Batch;
use super::read::{self, Gathered};
use super::schema::{self, SETTINGS};
use super::{History, Saved, StoreError, Words};
use super::{rows, sql};
use crate::base::limits::{EVENTS_KEPT, STORE_BUSY_TIMEOUT};

/// Opens a file, which is made where it is not there.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    keep_private(path);
    let connection = Connection::open(path)?;
    connection.busy_timeout(STORE_BUSY_TIMEOUT)?;
    // Written ahead and not synced with each commit: a crash of the process loses nothing.
    let mode = |row: &Row<'_>| row.get(0);
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", mode)?;
    if mode != "wal" {
        tracing::warn!(
            ?path,
            mode,
            "SQLite cannot write ahead here: each write waits for the disk"
        );
    }
    connection.pragma_update(None, "synchronous", "normal")?;
    ready(connection)
}

/// One that is gone with the process.
pub(super) fn open_in_memory() -> Result<Connection, StoreError> {
    ready(Connection::open_in_memory()?)
}

fn ready(mut connection: Connection) -> Result<Connection, StoreError> {
    migrate(&mut connection, &schema::SQLITE)?;
    Ok(connection)
}

/// The file holds the key of the cookies, and who calls whom: it is its owner's alone. SQLite gives the files beside it the
/// same mode.
fn keep_private(path: &Path) {
    // One that cannot be made is told of when it is opened.
    let mut new = std::fs::OpenOptions::new();
    let _ = new.write(true).create_new(true).mode(0o600).open(path);
    let mode = std::fs::metadata(path).map(|found| found.permissions().mode());
    if let Some(mode) = mode.ok().filter(|mode| mode & 0o077 != 0) {
        let mode = format!("{:o}", mode & 0o777);
        tracing::warn!(
            ?path,
            mode,
            "others may read or write the store, which holds secrets: chmod 600"
        );
    }
}

/// Brings the schema to the last of `files`.
fn migrate(connection: &mut Connection, files: &[&str]) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(SETTINGS)?;
    let found = setting(&transaction, "schema")?;
    let (found, known) = schema::versions(found, files)?;
    for file in files.iter().skip(found as usize) {
        transaction.execute_batch(file)?;
    }
    if found < known {
        transaction.execute(sql::SET_SCHEMA, [known.to_string()])?;
        tracing::info!(from = found, to = known, "the store's schema is brought up");
    }
    Ok(transaction.commit()?)
}

fn setting(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let value = |row: &Row<'_>| row.get(0);
    let found = connection.query_row(sql::SELECT_SETTING, [name], value);
    found.optional()
}

/// Everything that is saved. `secret` is kept from now on where there is none yet.
pub(super) fn load(connection: &Connection, secret: Option<[u8; 16]>) -> Result<Saved, StoreError> {
    if let Some(secret) = secret {
        connection.execute(sql::KEEP_SECRET, [rows::secret_text(secret)])?;
    }
    let kept = setting(connection, "secret")?;
    let (mut calls, mut events, mut words) = (Vec::new(), Vec::new(), Gathered::default());
    each(connection, sql::SELECT_CALLS, |row| {
        calls.push(read::call(row)?);
        Ok(())
    })?;
    each(connection, sql::SELECT_PEERS, |row| words.peer(row))?;
    each(connection, sql::SELECT_STATES, |row| words.state(row))?;
    each(connection, sql::SELECT_RESOURCES, |row| words.resource(row))?;
    let mut newest = connection.prepare(sql::SELECT_EVENTS)?;
    let mut found = newest.query([EVENTS_KEPT as i64])?;
    while let Some(row) = found.next()? {
        events.push(read::event(row)?);
    }
    events.reverse();
    Ok(Saved {
        calls,
        words: words.words(),
        secret: kept.as_deref().and_then(rows::secret),
        events,
    })
}

fn each(
    connection: &Connection,
    sql: &str,
    mut take: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare(sql)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        take(row)?;
    }
    Ok(())
}

/// Writes a batch in one transaction.
pub(super) fn write(
    connection: &mut Connection,
    batch: &Batch,
    words: Option<&Words>,
    history: Option<&History>,
) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    if batch.replace {
        transaction.execute_batch("DELETE FROM calls")?;
    }
    write_calls(&transaction, batch)?;
    if let Some(words) = words {
        write_words(&transaction, words)?;
    }
    if let Some(history) = history {
        let mut insert = transaction.prepare_cached(sql::INSERT_EVENT)?;
        for event in &history.events {
            let (id, at) = (event.id.cast_signed(), event.at_unix_ms.cast_signed());
            insert.execute(params![id, at, event.kind, event.data])?;
        }
        transaction.execute(sql::DELETE_EVENTS, [history.oldest.cast_signed()])?;
    }
    Ok(transaction.commit()?)
}

fn write_calls(connection: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM calls WHERE id = ?")?;
    for id in &batch.stale {
        delete.execute([id.cast_signed()])?;
    }
    let mut insert = connection.prepare_cached(sql::INSERT_CALL)?;
    for call in &batch.calls {
        insert.execute(params![
            call.id.cast_signed(),
            call.serial,
            call.texts.call_id(),
            call.texts.caller_tag(),
            call.texts.from(),
            call.texts.to(),
            call.texts.caller_target(),
            call.group.as_deref(),
            call.route,
            call.peer.as_deref(),
            call.placed_by.as_deref(),
            rows::demand_text(call),
            call.since_unix_ms.cast_signed(),
            call.session_until_unix_ms.map(u64::cast_signed),
            call.cseq[0],
            call.cseq[1],
            rows::dialogs_text(&call.dialogs),
        ])?;
    }
    Ok(())
}

fn write_words(connection: &Connection, words: &Words) -> rusqlite::Result<()> {
    for table in sql::DELETE_WORDS {
        connection.execute(table, [])?;
    }
    for peer in &words.peers {
        let spec = peer.spec.as_ref().map(ToString::to_string);
        let row = params![peer.name, peer.spec.is_none(), spec];
        connection.execute(sql::INSERT_PEER, row)?;
    }
    for row in rows::states(words) {
        connection.execute(
            sql::INSERT_STATE,
            params![
                row.peer,
                row.admin,
                row.weight,
                row.boot_id,
                row.seq,
                row.drain_since_unix_ms,
                row.drain_deadline_unix_ms,
                row.said_draining,
            ],
        )?;
    }
    for set in &words.overrides {
        for (resource, capacity) in &set.capacity {
            let row = params![set.peer, resource, rows::units(*capacity)];
            connection.execute(sql::INSERT_RESOURCE, row)?;
        }
    }
    Ok(())
}
