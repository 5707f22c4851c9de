//! The schema's versions, each a file of SQL.

use super::StoreError;

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

/// The version that was `found`, and the one that `files` lead to; an error where a later one has been at it.
pub(super) fn versions(found: Option<String>, files: &[&str]) -> Result<(u32, u32), StoreError> {
    let found = found.and_then(|text| text.parse().ok()).unwrap_or(0);
    let known = files.len() as u32;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok((found, known))
}
