//! The schema's versions, each a file of SQL.

/// The schema that this version writes.
pub const VERSION: u32 = SQLITE.len() as u32;

pub(super) const SQLITE: [&str; 4] = [
    include_str!("../../migrations/sqlite/0001_start.sql"),
    include_str!("../../migrations/sqlite/0002_feedback_identity.sql"),
    include_str!("../../migrations/sqlite/0003_events.sql"),
    include_str!("../../migrations/sqlite/0004_drain.sql"),
];

pub(super) const POSTGRES: [&str; SQLITE.len()] = [
    include_str!("../../migrations/postgres/0001_start.sql"),
    include_str!("../../migrations/postgres/0002_feedback_identity.sql"),
    include_str!("../../migrations/postgres/0003_events.sql"),
    include_str!("../../migrations/postgres/0004_drain.sql"),
];

/// Small values, the schema's version among them.
pub(super) const SETTINGS: &str =
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)";
