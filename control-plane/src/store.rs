//! Where resources are kept: SQLite, one document per resource.
//!
//! With persistence the database is a file in WAL mode, so a process killed at any moment finds whole
//! transactions when it starts again; without, the same database lives in memory. Code archives are not here but
//! in [`crate::code::Archives`]; the store knows which of them are in use.

mod attachments;
mod capacity_providers;
mod code_signing;
mod event_source_mappings;
mod layers;
mod reset;
mod resources;
mod schema;
mod usage;
mod view;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lambdock_domain::code::Digest;
use lambdock_domain::code_signing::FunctionCodeSigning;
use lambdock_domain::concurrency::Share;
use lambdock_domain::{Function, FunctionId, PublishedVersion, Scope, Version};
use rusqlite::{Connection, Transaction, params};

pub use attachments::{Attached, Attachment};
pub use event_source_mappings::MappingFilter;
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

    /// What a function keeps of its account's concurrency may have changed. As [`Observer::changed`].
    fn concurrency(&self, share: &Share);
}

/// A version among those of all functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// Its function.
    pub id: FunctionId,
    /// `None`: `$LATEST`.
    pub number: Option<u64>,
    /// The version.
    pub version: Version,
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

    /// Adds a function, with the version that is published and the code signing configuration that is attached in
    /// the same step.
    ///
    /// # Errors
    /// The name is taken, or the store failed.
    pub async fn create_function(
        &self,
        function: Function,
        version: Option<PublishedVersion>,
        code_signing: Option<FunctionCodeSigning>,
    ) -> Result<(), CreateError> {
        let observer = Arc::clone(&self.observer);
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            if FunctionView::new(&transaction, &function.id).function()?.is_some() {
                return Err(CreateError::Exists);
            }
            write_function(&transaction, &function)?;
            if let Some(version) = version {
                view::write_version(&transaction, &function.id, &version)?;
            }
            if let Some(code_signing) = code_signing {
                attachments::write(&transaction, &function.id, "$LATEST", &code_signing)?;
            }
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
        self.read(id, |view| view.function()).await
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
                write_function(&transaction, &function)?;
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

    /// Removes a function with its versions and aliases and returns what it was.
    ///
    /// # Errors
    /// The store failed.
    pub async fn delete_function(
        &self,
        id: &FunctionId,
    ) -> Result<Option<(Function, Vec<PublishedVersion>)>, Error> {
        let (id, observer) = (id.clone(), Arc::clone(&self.observer));
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let Some(function) = FunctionView::new(&transaction, &id).function()? else { return Ok(None) };
            let versions = view::remove_all(&transaction, &id)?;
            let key = params![id.scope.account, id.scope.region, id.name];
            transaction
                .execute("DELETE FROM functions WHERE account = ?1 AND region = ?2 AND name = ?3", key)?;
            write_archive_uses(&transaction, &id.arn(), [])?;
            attachments::remove_all(&transaction, &id)?;
            transaction.commit()?;
            observer.changed(&id);
            observer.concurrency(&Share { function: id, reserved: None, provisioned: 0 });
            Ok(Some((function, versions)))
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

    /// `$LATEST` of each function followed by its published versions, by name, at most `limit`, those after the
    /// version `after` of a function; 0 is `$LATEST`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn versions(
        &self,
        scope: &Scope,
        after: Option<(&str, u64)>,
        limit: usize,
    ) -> Result<Vec<ListedVersion>, Error> {
        let (name, number) = after.unwrap_or_default();
        let (scope, name, number) =
            (scope.clone(), name.to_owned(), i64::try_from(number).unwrap_or(i64::MAX));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name, 0 AS number, document FROM functions
                 WHERE account = ?1 AND region = ?2 AND name > ?3
                 UNION ALL
                 SELECT function, number, document FROM versions
                 WHERE account = ?1 AND region = ?2 AND (function, number) > (?3, ?4)
                 ORDER BY 1, 2 LIMIT ?5",
            )?;
            let mut rows = statement.query(params![scope.account, scope.region, name, number, limit])?;
            let mut listed = Vec::new();
            while let Some(row) = rows.next()? {
                let id = FunctionId { scope: scope.clone(), name: row.get(0)? };
                let document: String = row.get(2)?;
                listed.push(match row.get::<_, i64>(1)? {
                    0 => {
                        let function: Function = serde_json::from_str(&document)?;
                        ListedVersion { id, number: None, version: function.latest }
                    }
                    _ => {
                        let published: PublishedVersion = serde_json::from_str(&document)?;
                        ListedVersion { id, number: Some(published.number), version: published.version }
                    }
                });
            }
            Ok(listed)
        })
        .await?
    }

    /// Functions whose last word is not said, or that of one of their versions: being prepared, or failed to be
    /// created.
    ///
    /// # Errors
    /// The store failed.
    pub async fn unsettled_functions(&self) -> Result<Vec<FunctionId>, Error> {
        self.run(|connection| {
            let mut statement = connection.prepare(
                "SELECT account, region, name FROM functions WHERE settled = 0
                 UNION SELECT account, region, function FROM versions WHERE settled = 0",
            )?;
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
    write_archive_uses(transaction, &id.arn(), function.archives())
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
