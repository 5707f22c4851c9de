//! The connection to the store: opened when it is wanted, thrown away when anything goes wrong.

use std::future::Future;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgConnection, SqliteConnection};
use tokio::time::timeout;

use super::backend::{postgres, sqlite};
use super::pending::Batch;
use super::schema;
use super::{History, Saved, StoreError, Target, Words};
use crate::base::limits::{
    STORE_BUSY_TIMEOUT, STORE_OPEN_TIMEOUT, STORE_STATEMENTS, STORE_WRITE_TIMEOUT,
};

/// One connection at most.
pub struct Link {
    target: Target,
    secret: Option<[u8; 16]>,
    open: Option<Open>,
}

enum Open {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Opens the store and reads all that is in it. A store of a later version is refused; one that cannot be had now gives
/// `Err` beside a link that may have it later. `secret` is what is kept where the store has none yet.
pub async fn open(
    target: Target,
    secret: Option<[u8; 16]>,
) -> Result<(Link, Result<Saved, StoreError>), StoreError> {
    let mut link = Link {
        target,
        secret,
        open: None,
    };
    let loaded = link.load().await;
    if let Err(refusal @ StoreError::Newer { .. }) = loaded {
        return Err(refusal);
    }
    // The writer opens one of its own, on its own thread.
    if let Some(open) = link.open.take() {
        open.close().await;
    }
    Ok((link, loaded))
}

impl Open {
    async fn close(self) {
        let closed = match self {
            Open::Sqlite(connection) => connection.close().await,
            Open::Postgres(connection) => connection.close().await,
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "the store was not closed in good order");
        }
    }
}

impl Link {
    /// Where it leads.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Sees to it that the store answers.
    pub(super) async fn ensure(&mut self) -> Result<(), StoreError> {
        let answers = match self.open.as_mut() {
            Some(Open::Sqlite(connection)) => within(STORE_OPEN_TIMEOUT, connection.ping()).await,
            Some(Open::Postgres(connection)) => within(STORE_OPEN_TIMEOUT, connection.ping()).await,
            None => Err(StoreError::TimedOut),
        };
        if answers.is_err() {
            self.open = None;
            self.open = Some(within(STORE_OPEN_TIMEOUT, connect(&self.target)).await?);
        }
        Ok(())
    }

    /// Reads everything.
    pub(super) async fn load(&mut self) -> Result<Saved, StoreError> {
        self.ensure().await?;
        let secret = self.secret;
        let loaded = match self.open.as_mut() {
            Some(Open::Sqlite(connection)) => {
                within(STORE_WRITE_TIMEOUT, sqlite::load(connection, secret)).await
            }
            Some(Open::Postgres(connection)) => {
                within(STORE_WRITE_TIMEOUT, postgres::load(connection, secret)).await
            }
            None => Err(StoreError::TimedOut),
        };
        self.kept_if(loaded)
    }

    /// Writes a batch in one transaction.
    pub(super) async fn write(
        &mut self,
        batch: &Batch,
        words: Option<&Words>,
        history: Option<&History>,
    ) -> Result<(), StoreError> {
        if self.open.is_none() {
            self.ensure().await?;
        }
        let written = match self.open.as_mut() {
            Some(Open::Sqlite(connection)) => {
                let write = sqlite::write(connection, batch, words, history);
                within(STORE_WRITE_TIMEOUT, write).await
            }
            Some(Open::Postgres(connection)) => {
                let write = postgres::write(connection, batch, words, history);
                within(STORE_WRITE_TIMEOUT, write).await
            }
            None => Err(StoreError::TimedOut),
        };
        self.kept_if(written)
    }

    /// Ends in good order.
    pub(super) async fn close(mut self) {
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }

    /// Nobody knows in what state a connection is on which something went wrong.
    fn kept_if<T>(&mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        if done.is_err() {
            self.open = None;
        }
        done
    }
}

async fn within<T, E: Into<StoreError>>(
    time: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError> {
    match timeout(time, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(StoreError::TimedOut),
    }
}

async fn connect(target: &Target) -> Result<Open, StoreError> {
    match target {
        Target::Sqlite(path) => {
            keep_private(path);
            // Written ahead and not synced with each commit: a crash of the process loses nothing.
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .statement_cache_capacity(STORE_STATEMENTS)
                .busy_timeout(STORE_BUSY_TIMEOUT);
            open_sqlite(options).await
        }
        Target::SqliteMemory => open_sqlite(SqliteConnectOptions::new().in_memory(true)).await,
        Target::Postgres(url) => {
            let options = PgConnectOptions::from_str(url)?
                .application_name("tandem")
                .statement_cache_capacity(STORE_STATEMENTS)
                .disable_statement_logging();
            let mut connection = PgConnection::connect_with(&options).await?;
            postgres::migrate(&mut connection, &schema::POSTGRES).await?;
            Ok(Open::Postgres(connection))
        }
    }
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

async fn open_sqlite(options: SqliteConnectOptions) -> Result<Open, StoreError> {
    let options = options.disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlite::migrate(&mut connection, &schema::SQLITE).await?;
    Ok(Open::Sqlite(connection))
}
