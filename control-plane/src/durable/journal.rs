//! Where durable executions are kept: a database of its own, with one thread that writes.
//!
//! An execution is written piece by piece, as it changes: one with thousands of operations does not write all of them
//! at each.

use std::path::Path;
use std::sync::Arc;

use lambdock_domain::durable::{Event, Execution, Head, Operation, Unsaved};
use rusqlite::{Connection, Transaction, params};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite refused.
    #[error("the journal of durable executions cannot be used: {0}")]
    Database(#[from] rusqlite::Error),
    /// Something in it is not what this version of Lambdock writes.
    #[error("a durable execution in the journal cannot be read: {0}")]
    Document(#[from] serde_json::Error),
    /// Written by a newer Lambdock.
    #[error(
        "the journal of durable executions has schema version {found}, newer than {VERSION}, the newest this Lambdock knows; start a newer one or another state folder"
    )]
    Newer {
        /// Version found.
        found: i64,
    },
    /// The system has no thread for it.
    #[error("nobody can write the journal of durable executions: {0}")]
    Thread(std::io::Error),
    /// What a transaction ended with that others took part in.
    #[error("{0}")]
    Shared(Arc<Error>),
    /// The process is going down.
    #[error("the journal of durable executions was closed")]
    Closed,
}

/// One change.
pub(super) enum Change {
    /// What has changed of an execution.
    Save(Box<Unsaved>),
    /// Nobody has to remember it any more.
    Forget(String),
}

struct Entry {
    change: Change,
    written: oneshot::Sender<Result<(), Error>>,
}

/// Changes of one transaction, at most.
const TRANSACTION: usize = 1024;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS executions (arn TEXT PRIMARY KEY, head TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS operations (
        arn TEXT NOT NULL, place INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (arn, place)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS history (
        arn TEXT NOT NULL, place INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (arn, place)
    ) WITHOUT ROWID;
";

/// The version of the schema. A journal of another one is not touched.
const VERSION: i64 = 1;

/// Handle to the journal; clones share it.
#[derive(Clone)]
pub(super) struct Journal {
    entries: mpsc::UnboundedSender<Entry>,
}

impl Journal {
    /// The journal in the file at `path`, made if it is not there, and the executions in it.
    ///
    /// # Errors
    /// The file cannot be used, or is another Lambdock's.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Execution>), Error> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > VERSION {
            return Err(Error::Newer { found });
        }
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        let left = left(&connection)?;
        let (entries, waiting) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("executions".to_owned())
            .spawn(move || write_all(connection, waiting))
            .map_err(Error::Thread)?;
        Ok((Self { entries }, left))
    }

    /// Takes a change, behind all that were taken before. It is written once the receiver says so.
    pub(super) fn take(&self, change: Change) -> oneshot::Receiver<Result<(), Error>> {
        let (written, answer) = oneshot::channel();
        // Without a thread the sender is dropped, which the receiver is told.
        let _ = self.entries.send(Entry { change, written });
        answer
    }
}

fn left(connection: &Connection) -> Result<Vec<Execution>, Error> {
    let mut heads = connection.prepare("SELECT arn, head FROM executions")?;
    let mut rows = heads.query([])?;
    let mut left = Vec::new();
    while let Some(row) = rows.next()? {
        let (arn, head): (String, String) = (row.get(0)?, row.get(1)?);
        let head: Head = serde_json::from_str(&head)?;
        let operations: Vec<Operation> =
            documents(connection, "SELECT document FROM operations WHERE arn = ?1 ORDER BY place", &arn)?;
        let events: Vec<Event> =
            documents(connection, "SELECT document FROM history WHERE arn = ?1 ORDER BY place", &arn)?;
        left.push(Execution::restored(head, operations, events));
    }
    Ok(left)
}

fn documents<T: DeserializeOwned>(connection: &Connection, query: &str, arn: &str) -> Result<Vec<T>, Error> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([arn])?;
    let mut documents = Vec::new();
    while let Some(row) = rows.next()? {
        documents.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(documents)
}

/// The thread that writes.
fn write_all(mut connection: Connection, mut waiting: mpsc::UnboundedReceiver<Entry>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut entries = vec![first];
        while entries.len() < TRANSACTION
            && let Ok(entry) = waiting.try_recv()
        {
            entries.push(entry);
        }
        let written = write(&mut connection, &entries).map_err(Arc::new);
        if let Err(error) = &written {
            tracing::error!(%error, changes = entries.len(), "durable executions cannot be written");
        }
        for entry in entries {
            // Who has asked may have gone.
            let _ = entry.written.send(written.clone().map_err(Error::Shared));
        }
    }
}

fn write(connection: &mut Connection, entries: &[Entry]) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    for entry in entries {
        match &entry.change {
            Change::Save(unsaved) => save(&transaction, unsaved)?,
            Change::Forget(arn) => {
                for table in ["executions", "operations", "history"] {
                    transaction.execute(&format!("DELETE FROM {table} WHERE arn = ?1"), [arn])?;
                }
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

fn save(transaction: &Transaction<'_>, Unsaved { head, operations, events }: &Unsaved) -> Result<(), Error> {
    let arn = head.arn();
    let document = serde_json::to_string(head)?;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO executions (arn, head) VALUES (?1, ?2)")?
        .execute(params![arn, document])?;
    let mut statement = transaction
        .prepare_cached("INSERT OR REPLACE INTO operations (arn, place, document) VALUES (?1, ?2, ?3)")?;
    for (place, operation) in operations {
        statement.execute(params![arn, i64::try_from(*place).ok(), serde_json::to_string(operation)?])?;
    }
    let mut statement = transaction
        .prepare_cached("INSERT OR REPLACE INTO history (arn, place, document) VALUES (?1, ?2, ?3)")?;
    for (place, event) in events {
        statement.execute(params![arn, i64::try_from(*place).ok(), serde_json::to_string(event)?])?;
    }
    Ok(())
}
