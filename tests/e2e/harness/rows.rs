//! The database, read by other eyes than the process's own.

use std::path::Path;

use sqlx::{Connection, PgConnection, Row, SqliteConnection};

const CALL_IDS: &str = "SELECT call_id FROM calls ORDER BY call_id";

/// The Call-IDs of the rows in `calls` of a SQLite file, sorted.
#[track_caller]
pub fn in_sqlite(file: &Path) -> Vec<String> {
    wait_for(async {
        let url = format!("sqlite://{}", file.display());
        let mut database = SqliteConnection::connect(&url).await?;
        let rows = sqlx::query(CALL_IDS).fetch_all(&mut database).await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    })
}

/// The same, of PostgreSQL.
#[track_caller]
pub fn in_postgres(url: &str) -> Vec<String> {
    wait_for(async {
        let mut database = PgConnection::connect(url).await?;
        let rows = sqlx::query(CALL_IDS).fetch_all(&mut database).await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    })
}

#[track_caller]
fn wait_for(work: impl Future<Output = Result<Vec<Vec<u8>>, sqlx::Error>>) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let rows = runtime.block_on(work).expect("the database can be read");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("our Call-IDs are text");
    rows.into_iter().map(text).collect()
}
