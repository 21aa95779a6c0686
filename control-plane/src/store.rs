//! Where resources are kept: SQLite, one document per resource.
//!
//! With persistence the database is a file in WAL mode, so a process killed at any moment finds whole
//! transactions when it starts again; without, the same database lives in memory. Code archives are not here but
//! in [`crate::code::Archives`]; the store knows which of them are in use.

mod schema;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lambdock_domain::code::Digest;
use lambdock_domain::{Function, FunctionId, Scope};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

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

/// Why a function could not be added.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The name is taken.
    #[error("the function exists")]
    Exists,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
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

impl From<rusqlite::Error> for CreateError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
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

    /// Adds a function.
    ///
    /// # Errors
    /// The name is taken, or the store failed.
    pub async fn create_function(&self, function: Function) -> Result<(), CreateError> {
        let observer = Arc::clone(&self.observer);
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            if read_function(&transaction, &function.id)?.is_some() {
                return Err(CreateError::Exists);
            }
            write_function(&transaction, &function)?;
            transaction.commit()?;
            observer.changed(&function.id);
            Ok(())
        })
        .await
        .map_err(CreateError::Store)?
    }

    /// The function, if it exists.
    ///
    /// # Errors
    /// The store failed.
    pub async fn function(&self, id: &FunctionId) -> Result<Option<Function>, Error> {
        self.read_function(id, |function| function).await
    }

    /// What `read` makes of the function, before anybody can change it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn read_function<T, F>(&self, id: &FunctionId, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Option<Function>) -> T + Send + 'static,
    {
        let id = id.clone();
        self.run(move |connection| Ok(read(read_function(connection, &id)?))).await?
    }

    /// Changes a function in one transaction and returns it with what `change` gives.
    ///
    /// # Errors
    /// There is no such function, `change` refused, or the store failed; then nothing has changed.
    pub async fn change_function<T, F>(
        &self,
        id: &FunctionId,
        change: F,
    ) -> Result<(Function, T), ChangeError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Function) -> Result<T, lambdock_domain::Error> + Send + 'static,
    {
        let (id, observer) = (id.clone(), Arc::clone(&self.observer));
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let mut function = read_function(&transaction, &id)?.ok_or(ChangeError::Missing)?;
            let before = function.clone();
            let value = change(&mut function)?;
            if function != before {
                write_function(&transaction, &function)?;
                transaction.commit()?;
                observer.changed(&id);
            }
            Ok((function, value))
        })
        .await
        .map_err(ChangeError::Store)?
    }

    /// Removes a function and returns what it was.
    ///
    /// # Errors
    /// The store failed.
    pub async fn delete_function(&self, id: &FunctionId) -> Result<Option<Function>, Error> {
        let (id, observer) = (id.clone(), Arc::clone(&self.observer));
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let Some(function) = read_function(&transaction, &id)? else { return Ok(None) };
            let key = params![id.scope.account, id.scope.region, id.name];
            transaction
                .execute("DELETE FROM functions WHERE account = ?1 AND region = ?2 AND name = ?3", key)?;
            transaction.execute("DELETE FROM archive_uses WHERE owner = ?1", [id.arn()])?;
            transaction.commit()?;
            observer.changed(&id);
            Ok(Some(function))
        })
        .await?
    }

    /// Functions by name, at most `limit`, those after the name `after`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn functions(
        &self,
        scope: &Scope,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Function>, Error> {
        let (scope, after) = (scope.clone(), after.unwrap_or_default().to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT document FROM functions WHERE account = ?1 AND region = ?2 AND name > ?3 ORDER BY name LIMIT ?4",
            )?;
            let rows = statement.query_map(params![scope.account, scope.region, after, limit], |row| {
                row.get::<_, String>(0)
            })?;
            rows.map(|document| Ok(serde_json::from_str(&document?)?)).collect()
        })
        .await?
    }

    /// Functions whose last word is not said: being prepared, or failed to be created.
    ///
    /// # Errors
    /// The store failed.
    pub async fn unsettled_functions(&self) -> Result<Vec<FunctionId>, Error> {
        self.run(|connection| {
            let mut statement =
                connection.prepare("SELECT account, region, name FROM functions WHERE settled = 0")?;
            let rows = statement.query_map([], |row| {
                let scope = Scope { account: row.get(0)?, region: row.get(1)? };
                Ok(FunctionId { scope, name: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await?
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
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            // A panic in an earlier transaction rolled it back; the connection itself is sound.
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await
        .map_err(|_| Error::Closed)
    }
}

fn read_function(connection: &Connection, id: &FunctionId) -> Result<Option<Function>, Error> {
    let document: Option<String> = connection
        .prepare_cached("SELECT document FROM functions WHERE account = ?1 AND region = ?2 AND name = ?3")?
        .query_row(params![id.scope.account, id.scope.region, id.name], |row| row.get(0))
        .optional()?;
    Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
}

fn write_function(transaction: &Transaction<'_>, function: &Function) -> Result<(), Error> {
    let id = &function.id;
    let settled =
        matches!(function.latest.state, lambdock_domain::State::Active) && !function.needs_preparation();
    transaction
        .prepare_cached(
            "INSERT INTO functions (account, region, name, settled, document) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET settled = excluded.settled, document = excluded.document",
        )?
        .execute(params![
            id.scope.account,
            id.scope.region,
            id.name,
            settled,
            serde_json::to_string(function)?
        ])?;
    let owner = id.arn();
    transaction.prepare_cached("DELETE FROM archive_uses WHERE owner = ?1")?.execute([&owner])?;
    let mut insert =
        transaction.prepare_cached("INSERT OR IGNORE INTO archive_uses (owner, digest) VALUES (?1, ?2)")?;
    for digest in function.archives() {
        insert.execute([&owner, &digest.0])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
