//! What is written, when, and what becomes of it while the store is away.

use std::time::{Duration, Instant};

use tandem::balance::{Admin, Capacity, Drain, Overrides};
use tandem::store::{EventRow, Identity, PeerWord, Target, Words};

use crate::fakes::{event, found, ids, record, runtime, start, wait};
use crate::postgres::Postgres;

fn words() -> Words {
    Words {
        peers: vec![
            PeerWord {
                name: "gone".into(),
                spec: None,
            },
            PeerWord {
                name: "put".into(),
                spec: Some(serde_json::json!({ "uri": "sip:127.0.0.1", "weight": 3 })),
            },
        ],
        overrides: vec![Overrides {
            peer: "a".into(),
            admin: Admin::Draining,
            drain: Drain {
                since_unix_ms: Some(1_700_000_000_000),
                deadline_unix_ms: Some(u64::MAX),
            },
            weight: Some(9),
            capacity: vec![
                ("calls".into(), Capacity::Limited(u32::MAX)),
                ("fax".into(), Capacity::Unlimited),
            ],
        }],
        identities: vec![Identity {
            peer: "b".into(),
            boot_id: Some("run 2".into()),
            seq: Some(u64::MAX),
            draining: true,
        }],
    }
}

fn what_is_written_is_found_again(target: &Target) {
    let (process, store) = start(target);
    process.says(words());
    for id in [1, 2, u64::MAX] {
        process.up(id);
    }
    process.is_written();
    process.gone(2);
    for id in 10..1500 {
        process.up(id);
    }
    assert!(runtime().block_on(store.close()), "all is written");
    let mut saved = found(target);
    saved.calls.sort_unstable_by_key(|call| call.id);
    let expected: Vec<u64> = [1].into_iter().chain(10..1500).chain([u64::MAX]).collect();
    assert_eq!(
        saved.calls,
        expected.into_iter().map(record).collect::<Vec<_>>()
    );
    saved
        .words
        .peers
        .sort_unstable_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(saved.words, words());
    assert_eq!(saved.secret, Some([7; 16]));
}

fn the_last_events_are_found_again(target: &Target) {
    let (process, store) = start(target);
    process.keeps(100..=103);
    process.is_written();
    process.keeps(102..=700);
    process.is_written();
    assert!(runtime().block_on(store.close()));
    let expected: Vec<EventRow> = (102..=700).map(event).collect();
    assert_eq!(found(target).events, expected);
}

fn rows_are_at_most_100_ms_late(target: &Target) {
    let (process, store) = start(target);
    process.is_written();
    let before = process.intake.figures().written;
    let since = Instant::now();
    process.up(5);
    wait("the row is written", || {
        process.intake.figures().written > before
    });
    // The core has gathered for 40 ms before.
    let late = since.elapsed() + Duration::from_millis(40);
    assert!(late < Duration::from_millis(100), "{late:?} late");
    assert_eq!(ids(target), [5]);
    runtime().block_on(store.close());
}

#[test]
fn sqlite_gives_back_what_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::Sqlite(folder.path().join("tandem.db"));
    what_is_written_is_found_again(&target);
    the_last_events_are_found_again(&target);
}

#[test]
fn rows_reach_sqlite_within_100_ms() {
    let folder = tempfile::tempdir().expect("a folder");
    rows_are_at_most_100_ms_late(&Target::Sqlite(folder.path().join("tandem.db")));
}

#[test]
fn postgres_gives_back_what_was_written_and_a_snapshot_after_it_was_away() {
    let server = Postgres::start();
    let target = Target::Postgres(server.url());
    what_is_written_is_found_again(&target);
    the_last_events_are_found_again(&target);
    let (process, store) = start(&target);
    process.is_written();
    assert_eq!(
        ids(&target),
        [0; 0],
        "a snapshot leaves no row that no call has"
    );
    process.up(1);
    process.up(2);
    process.is_written();
    server.stop();
    process.gone(1);
    process.up(3);
    wait("the trouble is told", || {
        process.intake.figures().trouble.is_some()
    });
    process.up(4);
    process.gone(3);
    assert!(process.intake.figures().depth > 0);
    server.start_again();
    process.is_written();
    assert_eq!(ids(&target), [2, 4]);
    assert!(process.intake.figures().failed > 0);
    process.gone(4);
    assert!(runtime().block_on(store.close()));
    assert_eq!(ids(&target), [2]);
}

#[test]
fn a_store_that_says_nothing_is_told_of_long_before_it_is_given_up() {
    let server = Postgres::start();
    let target = Target::Postgres(server.url());
    let (process, store) = start(&target);
    process.up(1);
    process.is_written();
    server.freeze();
    process.up(2);
    wait("the trouble is told", || {
        process.intake.figures().trouble.is_some()
    });
    assert_eq!(process.intake.figures().failed, 0, "it is still waited for");
    server.thaw();
    process.is_written();
    assert_eq!(ids(&target), [1, 2]);
    runtime().block_on(store.close());
}

#[test]
fn what_a_store_held_that_was_away_at_the_start_is_taken_up_once_it_is_there() {
    let server = Postgres::start();
    let target = Target::Postgres(server.url());
    let (process, store) = start(&target);
    process.up(1);
    process.up(2);
    assert!(runtime().block_on(store.close()));
    server.stop();
    let (process, store) = start(&target);
    process.up(3);
    wait("the trouble is told", || {
        process.intake.figures().trouble.is_some()
    });
    server.start_again();
    process.is_written();
    assert_eq!(*process.restored.lock().expect("no panic"), 2);
    assert_eq!(ids(&target), [1, 2, 3]);
    runtime().block_on(store.close());
}

#[test]
fn a_sqlite_file_that_another_process_locks_delays_only_the_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tandem.db");
    let target = Target::Sqlite(path.clone());
    let (process, store) = start(&target);
    process.up(1);
    process.is_written();
    let other = rusqlite::Connection::open(&path).expect("opened");
    other.execute_batch("BEGIN EXCLUSIVE").expect("locked");
    let since = Instant::now();
    process.gone(1);
    process.up(2);
    assert!(
        since.elapsed() < Duration::from_millis(50),
        "handing over never waits"
    );
    wait("the trouble is told", || {
        process.intake.figures().trouble.is_some()
    });
    other.execute_batch("ROLLBACK").expect("unlocked");
    process.is_written();
    assert_eq!(ids(&target), [2]);
    runtime().block_on(store.close());
}
