//! The SQL. Both databases understand the same text; only the types of their connections differ.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::{Connection, QueryBuilder, Row};

use super::pending::Batch;
use super::rows;
use super::schema::SETTINGS;
use super::sql;
use super::{EventRow, History, Identity, PeerWord, Saved, StoreError, Words};
use crate::balance::{Admin, Drain, Overrides};
use crate::base::limits::{EVENTS_KEPT, STORE_ROWS_A_STATEMENT};
use crate::call::CallRecord;

/// An override of nothing yet.
fn untouched(peer: &str) -> Overrides {
    Overrides {
        peer: peer.into(),
        admin: Admin::Enabled,
        drain: Drain::default(),
        weight: None,
        capacity: Vec::new(),
    }
}

macro_rules! backend {
    ($name:ident, $database:ty, $connection:ty, $row:ty, $dialect:expr, $empty:literal) => {
        pub(super) mod $name {
            use super::*;

            type Query<'q> =
                sqlx::query::Query<'q, $database, <$database as sqlx::Database>::Arguments<'q>>;

            /// Brings the schema to the last of `files`.
            pub(in crate::store) async fn migrate(
                connection: &mut $connection,
                files: &[&'static str],
            ) -> Result<(), StoreError> {
                let mut transaction = connection.begin().await?;
                sqlx::raw_sql(SETTINGS).execute(&mut *transaction).await?;
                let found = setting(&mut transaction, "schema").await?;
                let found: u32 = found.and_then(|text| text.parse().ok()).unwrap_or(0);
                let known = files.len() as u32;
                if found > known {
                    return Err(StoreError::Newer { found, known });
                }
                for file in files.iter().skip(found as usize) {
                    sqlx::raw_sql(file).execute(&mut *transaction).await?;
                }
                if found < known {
                    sqlx::query(
                        "INSERT INTO settings (name, value) VALUES ('schema', $1) \
                         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    )
                    .bind(known.to_string())
                    .execute(&mut *transaction)
                    .await?;
                    tracing::info!(from = found, to = known, "the store's schema is brought up");
                }
                Ok(transaction.commit().await?)
            }

            async fn setting(
                connection: &mut $connection,
                name: &str,
            ) -> Result<Option<String>, sqlx::Error> {
                let row = sqlx::query("SELECT value FROM settings WHERE name = $1").bind(name);
                let row = row.fetch_optional(connection).await?;
                row.map(|row| row.try_get("value")).transpose()
            }

            /// Everything that is saved. `secret` is kept from now on where there is none yet.
            pub(in crate::store) async fn load(
                connection: &mut $connection,
                secret: Option<[u8; 16]>,
            ) -> Result<Saved, StoreError> {
                if let Some(secret) = secret {
                    sqlx::query(
                        "INSERT INTO settings (name, value) VALUES ('secret', $1) ON CONFLICT (name) DO NOTHING",
                    )
                    .bind(rows::secret_text(secret))
                    .execute(&mut *connection)
                    .await?;
                }
                let kept = setting(connection, "secret").await?;
                let select = format!("SELECT {} FROM calls", sql::CALL_COLUMNS);
                let found = sqlx::query(&select).fetch_all(&mut *connection).await?;
                let calls: Vec<CallRecord> =
                    found.iter().map(call).collect::<Result<_, sqlx::Error>>()?;
                Ok(Saved {
                    calls,
                    words: words(connection).await?,
                    secret: kept.as_deref().and_then(rows::secret),
                    events: events(connection).await?,
                })
            }

            /// The last events, oldest first.
            async fn events(connection: &mut $connection) -> Result<Vec<EventRow>, sqlx::Error> {
                let sql = "SELECT id, at_unix_ms, kind, data FROM events ORDER BY id DESC LIMIT $1";
                let found = sqlx::query(sql).bind(EVENTS_KEPT as i64).fetch_all(connection).await?;
                let event = |row: &$row| {
                    Ok(EventRow {
                        id: row.try_get::<i64, _>("id")?.cast_unsigned(),
                        at_unix_ms: row.try_get::<i64, _>("at_unix_ms")?.cast_unsigned(),
                        kind: row.try_get("kind")?,
                        data: row.try_get("data")?,
                    })
                };
                found.iter().rev().map(event).collect()
            }

            async fn words(connection: &mut $connection) -> Result<Words, sqlx::Error> {
                let found = sqlx::query("SELECT name, removed, spec FROM peers");
                let mut peers = Vec::new();
                for row in found.fetch_all(&mut *connection).await? {
                    let spec: Option<String> = row.try_get("spec")?;
                    let removed = row.try_get::<i64, _>("removed")? != 0;
                    let spec = spec.and_then(|text| serde_json::from_str(&text).ok());
                    if removed || spec.is_some() {
                        let spec = spec.filter(|_| !removed);
                        peers.push(PeerWord {
                            name: row.try_get("name")?,
                            spec,
                        });
                    }
                }
                let (mut overrides, mut identities) = (BTreeMap::new(), Vec::new());
                let select = format!("SELECT {} FROM peer_state", sql::STATE_COLUMNS);
                let found = sqlx::query(&select);
                for row in found.fetch_all(&mut *connection).await? {
                    let peer: String = row.try_get("peer")?;
                    let admin: String = row.try_get("admin")?;
                    let weight: Option<i64> = row.try_get("weight")?;
                    let mut set = untouched(&peer);
                    set.admin = rows::admin(&admin).unwrap_or_default();
                    set.weight = weight.and_then(|weight| u32::try_from(weight).ok());
                    let number = |column: &str| row.try_get::<Option<i64>, _>(column);
                    set.drain = Drain {
                        since_unix_ms: number("drain_since_unix_ms")?.map(i64::cast_unsigned),
                        deadline_unix_ms: number("drain_deadline_unix_ms")?.map(i64::cast_unsigned),
                    };
                    let said = Identity {
                        peer: peer.as_str().into(),
                        boot_id: row.try_get::<Option<String>, _>("boot_id")?.map(Arc::from),
                        seq: number("seq")?.map(i64::cast_unsigned),
                        draining: number("said_draining")? == Some(1),
                    };
                    if said.boot_id.is_some() || said.draining {
                        identities.push(said);
                    }
                    overrides.insert(peer, set);
                }
                let found = sqlx::query("SELECT peer, resource, capacity FROM peer_resources");
                for row in found.fetch_all(&mut *connection).await? {
                    let peer: String = row.try_get("peer")?;
                    let resource: Arc<str> = row.try_get::<String, _>("resource")?.into();
                    let capacity = rows::capacity(row.try_get("capacity")?);
                    let set = overrides.entry(peer.clone());
                    let set = set.or_insert_with(|| untouched(&peer));
                    set.capacity.push((resource, capacity));
                }
                let said_nothing = |set: &Overrides| {
                    set.admin == Admin::Enabled && set.weight.is_none() && set.capacity.is_empty()
                };
                let overrides = overrides.into_values().filter(|set| !said_nothing(set));
                Ok(Words {
                    peers,
                    overrides: overrides.collect(),
                    identities,
                })
            }

            fn call(row: &$row) -> Result<CallRecord, sqlx::Error> {
                let number = |column: &str| row.try_get::<i64, _>(column);
                let small = |column: &str| number(column).map(|value| value as u32);
                let name = |column| row.try_get::<Option<String>, _>(column).map(|name| name.map(Arc::from));
                let bytes = |column| row.try_get::<Vec<u8>, _>(column);
                let texts = [
                    bytes("call_id")?,
                    bytes("caller_tag")?,
                    bytes("from_uri")?,
                    bytes("to_uri")?,
                    bytes("caller_target")?,
                ];
                let demand: String = row.try_get("demand")?;
                let dialogs: String = row.try_get("dialogs")?;
                let until: Option<i64> = row.try_get("session_until_unix_ms")?;
                Ok(CallRecord {
                    id: number("id")?.cast_unsigned(),
                    serial: small("serial")?,
                    texts: rows::texts(texts.each_ref().map(Vec::as_slice)),
                    group: name("route_group")?,
                    route: number("route")? as u16,
                    peer: name("peer")?,
                    placed_by: name("placed_by")?,
                    demand: rows::demand(&demand).unwrap_or_default(),
                    since_unix_ms: number("since_unix_ms")?.cast_unsigned(),
                    session_until_unix_ms: until.map(i64::cast_unsigned),
                    cseq: [small("caller_cseq")?, small("callee_cseq")?],
                    dialogs: rows::dialogs(&dialogs).unwrap_or_default(),
                })
            }

            /// Writes a batch in one transaction.
            pub(in crate::store) async fn write(
                connection: &mut $connection,
                batch: &Batch,
                words: Option<&Words>,
                history: Option<&History>,
            ) -> Result<(), sqlx::Error> {
                let calls_alone = !batch.replace && words.is_none() && history.is_none();
                if $dialect.joins && calls_alone {
                    return write_calls(connection, batch, ["BEGIN; ", "; COMMIT"]).await;
                }
                let mut transaction = connection.begin().await?;
                if batch.replace {
                    sqlx::raw_sql($empty).execute(&mut *transaction).await?;
                }
                write_calls(&mut transaction, batch, ["", ""]).await?;
                if let Some(words) = words {
                    write_words(&mut transaction, words).await?;
                }
                if let Some(history) = history {
                    write_history(&mut transaction, history).await?;
                }
                transaction.commit().await
            }

            /// Writes the calls of a batch. `around`: what to say with the first statement, before it, and with the last.
            async fn write_calls(
                connection: &mut $connection,
                batch: &Batch,
                around: [&str; 2],
            ) -> Result<(), sqlx::Error> {
                let mut pieces = sql::pieces(batch).peekable();
                let [mut before, after] = around;
                while let Some(piece) = pieces.next() {
                    let mut text = piece.text(std::mem::take(&mut before), &$dialect);
                    if pieces.peek().is_none() {
                        text.push_str(after);
                    }
                    let query = sqlx::query(&text);
                    let query = piece.stale().fold(query, |query, id| query.bind(id.cast_signed()));
                    let query = piece.calls().iter().fold(query, bind);
                    query.execute(&mut *connection).await?;
                }
                Ok(())
            }

            async fn write_history(
                connection: &mut $connection,
                history: &History,
            ) -> Result<(), sqlx::Error> {
                for chunk in history.events.chunks(STORE_ROWS_A_STATEMENT) {
                    let head = "INSERT INTO events (id, at_unix_ms, kind, data) ";
                    let mut query = QueryBuilder::<$database>::new(head);
                    query.push_values(chunk, |mut row, event| {
                        row.push_bind(event.id.cast_signed())
                            .push_bind(event.at_unix_ms.cast_signed())
                            .push_bind(&event.kind)
                            .push_bind(&event.data);
                    });
                    query.push(" ON CONFLICT (id) DO NOTHING");
                    query.build().persistent(false).execute(&mut *connection).await?;
                }
                let old = sqlx::query("DELETE FROM events WHERE id < $1");
                old.bind(history.oldest.cast_signed()).execute(connection).await?;
                Ok(())
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

            async fn write_words(
                connection: &mut $connection,
                words: &Words,
            ) -> Result<(), sqlx::Error> {
                for table in ["DELETE FROM peers", "DELETE FROM peer_resources", "DELETE FROM peer_state"] {
                    sqlx::query(table).execute(&mut *connection).await?;
                }
                for peer in &words.peers {
                    sqlx::query("INSERT INTO peers (name, removed, spec) VALUES ($1, $2, $3)")
                        .bind(&peer.name)
                        .bind(i64::from(peer.spec.is_none()))
                        .bind(peer.spec.as_ref().map(ToString::to_string))
                        .execute(&mut *connection)
                        .await?;
                }
                for row in rows::states(words) {
                    sqlx::query(&format!(
                        "INSERT INTO peer_state ({}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                        sql::STATE_COLUMNS
                    ))
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
                        sqlx::query(
                            "INSERT INTO peer_resources (peer, resource, capacity) VALUES ($1, $2, $3)",
                        )
                        .bind(&*set.peer)
                        .bind(&**resource)
                        .bind(rows::units(*capacity))
                        .execute(&mut *connection)
                        .await?;
                    }
                }
                Ok(())
            }
        }
    };
}

backend!(
    sqlite,
    sqlx::Sqlite,
    sqlx::SqliteConnection,
    sqlx::sqlite::SqliteRow,
    sql::SQLITE,
    "DELETE FROM calls"
);
// A transaction of ours whose end we did not hear may still be under way: what it writes must be seen, and deleted.
backend!(
    postgres,
    sqlx::Postgres,
    sqlx::PgConnection,
    sqlx::postgres::PgRow,
    sql::POSTGRES,
    "LOCK TABLE calls IN EXCLUSIVE MODE; DELETE FROM calls"
);
