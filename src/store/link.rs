//! The connection to the store: opened when it is wanted, thrown away when anything goes wrong.

use std::future::Future;
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::pending::Batch;
use super::{History, Saved, StoreError, Target, Words};
use super::{postgres, sqlite};
use crate::base::limits::{STORE_OPEN_TIMEOUT, STORE_WRITE_TIMEOUT};

/// One connection at most.
pub struct Link {
    target: Target,
    secret: Option<[u8; 16]>,
    open: Option<Open>,
}

enum Open {
    /// Answers at once, or has the thread wait.
    Sqlite(rusqlite::Connection),
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
        let closed: Result<(), StoreError> = match self {
            Open::Sqlite(connection) => connection.close().map_err(|(_, error)| error.into()),
            Open::Postgres(connection) => connection.close().await.map_err(Into::into),
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

    /// The connection, opened where there is none.
    async fn connection(&mut self) -> Result<&mut Open, StoreError> {
        match &mut self.open {
            Some(open) => Ok(open),
            none => {
                let opened = within(STORE_OPEN_TIMEOUT, connect(&self.target)).await?;
                Ok(none.insert(opened))
            }
        }
    }

    /// Sees to it that the store answers.
    pub(super) async fn ensure(&mut self) -> Result<(), StoreError> {
        if let Some(Open::Postgres(connection)) = &mut self.open
            && within(STORE_OPEN_TIMEOUT, connection.ping()).await.is_err()
        {
            self.open = None;
        }
        self.connection().await?;
        Ok(())
    }

    /// Reads everything.
    pub(super) async fn load(&mut self) -> Result<Saved, StoreError> {
        self.ensure().await?;
        let secret = self.secret;
        let loaded = match self.connection().await? {
            Open::Sqlite(connection) => sqlite::load(connection, secret),
            Open::Postgres(connection) => {
                within(STORE_WRITE_TIMEOUT, postgres::load(connection, secret)).await
            }
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
        let written = match self.connection().await? {
            Open::Sqlite(connection) => sqlite::write(connection, batch, words, history),
            Open::Postgres(connection) => {
                let write = postgres::write(connection, batch, words, history);
                within(STORE_WRITE_TIMEOUT, write).await
            }
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
        Target::Sqlite(path) => sqlite::open(path).map(Open::Sqlite),
        Target::SqliteMemory => sqlite::open_in_memory().map(Open::Sqlite),
        Target::Postgres(url) => postgres::connect(url).await.map(Open::Postgres),
    }
}
