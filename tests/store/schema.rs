//! Schemas of other versions.

use sqlx::{Connection, PgConnection};
use tandem::store::{StoreError, Target, VERSION, open};

use crate::fakes::{found, runtime};
use crate::postgres::Postgres;

const OLD_ROWS: &str = "
    CREATE TABLE settings (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
    INSERT INTO settings VALUES ('schema', '1'), ('secret', '000102030405060708090a0b0c0d0e0f');
    INSERT INTO peer_state (peer, admin, weight) VALUES ('a', 'draining', 4);
    INSERT INTO peer_resources (peer, resource, capacity) VALUES ('a', 'calls', NULL);
    INSERT INTO calls VALUES (-1, 2, 'c', 't', 'f', 't', 'x', NULL, 1, 'a', NULL, '[[\"calls\",1]]', 5, NULL, 1, 2, '[]');";

const NEWER: &str = "UPDATE settings SET value = '99' WHERE name = 'schema'";

fn execute(target: &Target, sql: &str) {
    match target {
        Target::Sqlite(path) => {
            let connection = rusqlite::Connection::open(path).expect("opened");
            connection.execute_batch(sql).expect("executed");
        }
        Target::Postgres(url) => runtime().block_on(async {
            let mut connection = PgConnection::connect(url).await.expect("opened");
            // `'c'` is text to PostgreSQL until it is told a column's type, which VALUES does.
            let executed = sqlx::raw_sql(sql).execute(&mut connection);
            executed.await.expect("executed");
            connection.close().await.expect("closed");
        }),
        Target::SqliteMemory => panic!("nobody else can open it"),
    }
}

fn an_older_schema_is_brought_up(target: &Target, first: &str) {
    execute(target, &format!("{first}{OLD_ROWS}"));
    let saved = found(target);
    assert_eq!(saved.calls.len(), 1);
    assert_eq!((saved.calls[0].id, saved.calls[0].cseq), (u64::MAX, [1, 2]));
    assert_eq!(saved.calls[0].texts.call_id(), b"c");
    let set = &saved.words.overrides[0];
    assert_eq!(
        (&*set.peer, set.admin.as_str(), set.weight),
        ("a", "draining", Some(4))
    );
    assert_eq!(set.capacity.len(), 1);
    let secret = saved.secret.expect("the old one");
    assert_eq!(secret, std::array::from_fn(|n| n as u8));
    // The column of the second schema is there.
    execute(target, "UPDATE peer_state SET boot_id = 'b', seq = 3");
    assert_eq!(found(target).words.identities[0].seq, Some(3));
}

fn a_newer_schema_is_refused(target: &Target) {
    found(target);
    execute(target, NEWER);
    let refused = runtime().block_on(open(target.clone(), None));
    let refused = refused.err().expect("refused");
    assert!(matches!(
        refused,
        StoreError::Newer {
            found: 99,
            known: VERSION
        }
    ));
    let words = refused.to_string();
    assert!(
        words.contains("schema 99") && words.contains(&format!("up to {VERSION}")),
        "{words}"
    );
}

#[test]
fn sqlite_of_an_older_version_is_brought_up_with_all_it_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::Sqlite(folder.path().join("old.db"));
    let first = include_str!("../../migrations/sqlite/0001_start.sql");
    an_older_schema_is_brought_up(&target, first);
}

#[test]
fn sqlite_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    a_newer_schema_is_refused(&Target::Sqlite(folder.path().join("new.db")));
}

#[test]
fn postgres_of_an_older_version_is_brought_up_and_of_a_newer_one_refused() {
    let server = Postgres::start();
    let target = Target::Postgres(server.url());
    let first = include_str!("../../migrations/postgres/0001_start.sql");
    an_older_schema_is_brought_up(&target, first);
    a_newer_schema_is_refused(&target);
}
