//! Floor 5: what outlives the process. SQLite or PostgreSQL, by URL.
//!
//! The store is written behind, by one writer. Shards hand over what changed and never wait: changes are gathered by
//! key, so that a call that came and went meanwhile is never written, and go out together in one transaction. When the
//! store fails, calls go on; the writer tries again with growing pauses, and begins anew with everything there is.
//!
//! One store belongs to one node: whoever writes it takes its rows for all there is.

mod intake;
mod link;
mod pending;
mod postgres;
mod read;
mod rows;
mod schema;
mod sql;
mod sqlite;
mod writer;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

pub use intake::{Figures, Intake};
pub use link::{Link, open};
pub use schema::VERSION;
pub use writer::Store;

pub use crate::balance::Identity;
use crate::balance::Overrides;
use crate::call::CallRecord;

/// Where the store is.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// A file, made where it is not there.
    Sqlite(PathBuf),
    /// Gone with the process.
    SqliteMemory,
    /// A server's URL, which may hold a password.
    Postgres(String),
}

/// The URL stays out of logs.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Target::SqliteMemory => f.write_str("sqlite::memory:"),
            Target::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A later version of this program has been at it.
    #[error(
        "the store has schema {found}, this version of tandem knows schemas up to {known}: start the version that wrote it, or name another store"
    )]
    Newer {
        /// What the store says.
        found: u32,
        /// The last that we know.
        known: u32,
    },
    /// PostgreSQL's own words.
    #[error("{0}")]
    Postgres(#[from] sqlx::Error),
    /// SQLite's own words.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// It said nothing in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// The rest of the process did not say what there is.
    #[error("{0}")]
    Source(String),
}

/// Everything that was saved.
#[derive(Debug, Default)]
pub struct Saved {
    /// The calls that were up.
    pub calls: Vec<CallRecord>,
    /// What the operator had set.
    pub words: Words,
    /// Keys the cookies in Record-Route, where none is configured.
    pub secret: Option<[u8; 16]>,
    /// The last events, oldest first.
    pub events: Vec<EventRow>,
}

/// Something that happened, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Grows from event to event.
    pub id: u64,
    /// When it was told.
    pub at_unix_ms: u64,
    /// What kind of event it is.
    pub kind: String,
    /// A JSON object.
    pub data: String,
}

/// Events that are to be saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Those that are asked for, oldest first.
    pub events: Vec<EventRow>,
    /// What is older than this id is forgotten.
    pub oldest: u64,
}

/// What the operator set and the peers said of themselves; it is written as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// Peers that the API put or removed.
    pub peers: Vec<PeerWord>,
    /// Admin states, weights and capacities.
    pub overrides: Vec<Overrides>,
    /// By what the peers' reports are told apart.
    pub identities: Vec<Identity>,
}

/// A peer that the API put or removed.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerWord {
    /// Its name.
    pub name: String,
    /// The body of the PUT; `None`: it was removed.
    pub spec: Option<serde_json::Value>,
}

/// A boxed future, so that [`Source`] can be used as `dyn`.
pub type Wait<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The rest of the process, as the writer asks it.
pub trait Source: Send + Sync + 'static {
    /// What the operator has set.
    fn words(&self) -> Words;

    /// By what the peers' reports are told apart.
    fn identities(&self) -> Vec<Identity>;

    /// What happened after the event `after`, as far as it is kept.
    fn history(&self, after: u64) -> History;

    /// Has every shard hand over every call; done once all have.
    fn hand_over(&self) -> Wait<'_, Result<(), String>>;

    /// Takes up what was saved, where the store could not be read at start.
    fn restore(&self, saved: Saved) -> Wait<'_, Result<(), String>>;
}
