//! Where resources are kept: SQLite, one document per resource.
//!
//! With persistence the database is a file in WAL mode, so a process killed at any moment finds whole
//! transactions when it starts again; without, the same database lives in memory. Code archives are not here but
//! in [`crate::code::Archives`]; the store knows which of them are in use.

mod attachments;
mod capacity_providers;
mod code_signing;
mod event_source_mappings;
mod functions;
mod layers;
mod providers;
mod reset;
mod resources;
mod schema;
mod usage;
mod view;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lambdock_domain::code::Digest;
use lambdock_domain::concurrency::Share;
use lambdock_domain::{Function, FunctionId};
use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;

pub use attachments::{Attached, Attachment};
pub use event_source_mappings::MappingFilter;
pub use functions::ListedVersion;
pub use providers::OnProvider;
pub use resources::Resources;
pub use usage::Usage;
pub use view::{FunctionChange, FunctionView};

/// The store cannot be read or written. Never caused by a client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite refused.
    #[error("the store cannot be used: {0}")]
    Database(#[from] rusqlite::Error),
    /// A stored resource is not what this version of Lambdock writes.
    #[error("a stored resource cannot be read: {0}")]
    Document(#[from] serde_json::Error),
    /// Written by a newer Lambdock.
    #[error(
        "the store has schema version {found}, newer than {known}, the newest this Lambdock knows; start a newer one or another state folder"
    )]
    Newer {
        /// Version found.
        found: i64,
        /// Newest version known.
        known: i64,
    },
    /// The process is going down while a request was in the store.
    #[error("the store was closed")]
    Closed,
}

/// Why a function could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is none of that name.
    #[error("no such function")]
    Missing,
    /// The change itself said no.
    #[error(transparent)]
    Refused(#[from] lambdock_domain::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<rusqlite::Error> for ChangeError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Is told of every change before another one can be made or the changed thing be read.
pub trait Observer: Send + Sync {
    /// The function was written or removed. Must be quick and must not use the store.
    fn changed(&self, id: &FunctionId);

    /// What a function keeps of its account's concurrency may have changed. As [`Observer::changed`].
    fn concurrency(&self, share: &Share);
}

/// Handle to the store; clones share it.
#[derive(Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    observer: Arc<dyn Observer>,
}

impl Store {
    /// A store in the file at `path`, made if it is not there.
    ///
    /// # Errors
    /// The file cannot be opened, is no database, or is a newer Lambdock's.
    pub fn open(path: &Path, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        Self::prepare(Connection::open(path)?, observer)
    }

    /// A store that is gone with the process.
    ///
    /// # Errors
    /// SQLite refused.
    pub fn in_memory(observer: Arc<dyn Observer>) -> Result<Self, Error> {
        Self::prepare(Connection::open_in_memory()?, observer)
    }

    fn prepare(mut connection: Connection, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        schema::prepare(&mut connection)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), observer })
    }

    /// What `read` makes of a function and what belongs to it, before anybody can change it.
    ///
    /// # Errors
    /// The store failed, or `read` did.
    pub async fn read<T, E, F>(&self, id: &FunctionId, read: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&FunctionView<'_>) -> Result<T, E> + Send + 'static,
    {
        let id = id.clone();
        self.run(move |connection| read(&FunctionView::new(connection, &id))).await?
    }

    /// Changes a function, its versions and its aliases in one transaction and returns what `change` gives.
    ///
    /// # Errors
    /// There is no such function, `change` refused, or the store failed; then nothing has changed.
    pub async fn change<T, F>(&self, id: &FunctionId, change: F) -> Result<T, ChangeError>
    where
        T: Send + 'static,
        F: FnOnce(&mut FunctionChange<'_>) -> Result<T, ChangeError> + Send + 'static,
    {
        let (id, observer) = (id.clone(), Arc::clone(&self.observer));
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let before = FunctionView::new(&transaction, &id).function()?.ok_or(ChangeError::Missing)?;
            let mut changing = FunctionChange::new(&transaction, &id, before.clone());
            let value = change(&mut changing)?;
            let FunctionChange { function, touched, .. } = changing;
            if function != before {
                functions::write_function(&transaction, &function)?;
            }
            if touched || function != before {
                let share = attachments::share(&transaction, &id)?;
                transaction.commit()?;
                observer.changed(&id);
                observer.concurrency(&share);
            }
            Ok(value)
        })
        .await
        .map_err(ChangeError::Store)?
    }

    /// Changes a function alone and returns it with what `change` gives.
    ///
    /// # Errors
    /// As [`Store::change`].
    pub async fn change_function<T, F>(
        &self,
        id: &FunctionId,
        change: F,
    ) -> Result<(Function, T), ChangeError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Function) -> Result<T, lambdock_domain::Error> + Send + 'static,
    {
        self.change(id, |changing| {
            let value = change(&mut changing.function)?;
            Ok((changing.function.clone(), value))
        })
        .await
    }

    /// Digests of all archives that some resource needs.
    ///
    /// # Errors
    /// The store failed.
    pub async fn archives_in_use(&self) -> Result<HashSet<Digest>, Error> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT DISTINCT digest FROM archive_uses")?;
            let rows = statement.query_map([], |row| row.get(0).map(Digest))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await?
    }

    /// Whether some resource needs the archive.
    ///
    /// # Errors
    /// The store failed.
    pub async fn archive_is_in_use(&self, digest: &Digest) -> Result<bool, Error> {
        let digest = digest.0.clone();
        self.run(move |connection| {
            let query = "SELECT EXISTS (SELECT 1 FROM archive_uses WHERE digest = ?1)";
            Ok(connection.prepare_cached(query)?.query_row([digest], |row| row.get(0))?)
        })
        .await?
    }

    /// Runs `work` where blocking is allowed.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (done, value) = oneshot::channel();
        // Boxed: the machinery of a task, compiled anew for every query, is a tenth of the whole program.
        self.queue(Box::new(move |connection| drop(done.send(work(connection)))));
        value.await.map_err(|_| Error::Closed)
    }

    fn queue(&self, work: Box<dyn FnOnce(&mut Connection) + Send>) {
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            // A panic in an earlier transaction rolled it back; the connection itself is sound.
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
        });
    }
}

/// Writes down which archives `owner` uses, and that it uses no others.
fn write_archive_uses<'a>(
    transaction: &Transaction<'_>,
    owner: &str,
    digests: impl IntoIterator<Item = &'a Digest>,
) -> Result<(), Error> {
    transaction.prepare_cached("DELETE FROM archive_uses WHERE owner = ?1")?.execute([owner])?;
    let mut insert =
        transaction.prepare_cached("INSERT OR IGNORE INTO archive_uses (owner, digest) VALUES (?1, ?2)")?;
    for digest in digests {
        insert.execute([owner, &digest.0])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
