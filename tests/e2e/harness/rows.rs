//! The database, read by other eyes than the process's own.

use std::path::Path;

use sqlx::{Connection, PgConnection};

const CALL_IDS: &str = "SELECT call_id FROM calls ORDER BY call_id";

/// The Call-IDs of the rows in `calls` of a SQLite file, sorted.
#[track_caller]
pub fn in_sqlite(file: &Path) -> Vec<String> {
    let read = || {
        let database = rusqlite::Connection::open(file)?;
        let mut rows = database.prepare(CALL_IDS)?;
        let ids = rows.query_map([], |row| row.get(0))?;
        ids.collect::<Result<Vec<Vec<u8>>, rusqlite::Error>>()
    };
    texts(read().expect("the database can be read"))
}

/// The same, of PostgreSQL.
#[track_caller]
pub fn in_postgres(url: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let rows = runtime.block_on(async {
        let mut database = PgConnection::connect(url).await?;
        let ids = sqlx::query_scalar(CALL_IDS);
        ids.fetch_all(&mut database).await
    });
    texts(rows.expect("the database can be read"))
}

#[track_caller]
fn texts(rows: Vec<Vec<u8>>) -> Vec<String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("our Call-IDs are text");
    rows.into_iter().map(text).collect()
}
