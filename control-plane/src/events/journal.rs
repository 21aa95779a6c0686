//! Where work is kept until it is done: a database of its own, with one thread that writes.
//!
//! The thread takes everything that waits to be written into one transaction, so that many events share the wait for
//! the disk. What it was asked to write is there, whatever happens, once it has answered.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lambdock_domain::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use tokio::sync::{mpsc, oneshot};

use super::queue::Number;
use super::work::{Item, Lane, Work};

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite refused.
    #[error("the journal of events cannot be used: {0}")]
    Database(#[from] rusqlite::Error),
    /// Something in it is not what this version of Lambdock writes.
    #[error("an event in the journal cannot be read: {0}")]
    Document(#[from] serde_json::Error),
    /// Written by a newer Lambdock.
    #[error(
        "the journal of events has schema version {found}, newer than {VERSION}, the newest this Lambdock knows; start a newer one or another state folder"
    )]
    Newer {
        /// Version found.
        found: i64,
    },
    /// The system has no thread for it.
    #[error("nobody can write the journal of events: {0}")]
    Thread(std::io::Error),
    /// What a transaction ended with that others took part in.
    #[error("{0}")]
    Shared(Arc<Error>),
    /// The process is going down.
    #[error("the journal of events was closed")]
    Closed,
}

/// How sure an event is when it has been accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It outlives power failures.
    Disk,
    /// It is gone with the process, and need not wait for the disk.
    Process,
}

/// One change.
#[derive(Debug)]
pub(super) enum Change {
    /// New work.
    Add { number: Number, due: Timestamp, item: Item },
    /// Other work in its place, with the body that it has.
    Postpone { number: Number, due: Timestamp, work: Work },
    /// It is done.
    Remove(Number),
    /// Nobody is interested in it any more.
    Forget(Lane),
}

/// Work that an earlier process has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) number: Number,
    pub(super) lane: Lane,
    pub(super) due: Timestamp,
}

/// Changes that belong together, and who waits for them.
struct Entry {
    changes: Vec<Change>,
    written: oneshot::Sender<Result<(), Error>>,
}

/// Entries that wait for the writer. Who finds no room waits.
const WAITING: usize = 8192;

/// Entries and bytes of one transaction.
const TRANSACTION: (usize, usize) = (4096, 32 << 20);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS work (
        number INTEGER PRIMARY KEY,
        lane TEXT NOT NULL,
        -- Milliseconds since the Unix epoch.
        due INTEGER NOT NULL,
        document TEXT NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS work_by_lane ON work (lane);
";

/// The version of the schema. A journal of another one is not touched.
const VERSION: i64 = 1;

/// Handle to the journal; clones share it. Once all are gone and everything is written, the thread ends.
#[derive(Clone)]
pub(super) struct Journal {
    entries: mpsc::Sender<Entry>,
    reader: Arc<Mutex<Connection>>,
    last: Arc<AtomicI64>,
}

impl Journal {
    /// The journal in the file at `path`, made if it is not there. `added` is called with new work once it is written,
    /// in the order of numbers of each transaction, before anybody is told.
    ///
    /// # Errors
    /// The file cannot be used, or is another Lambdock's.
    pub(super) fn open(
        path: &Path,
        durability: Durability,
        added: impl Fn(Vec<(Number, Timestamp, Item)>) + Send + 'static,
    ) -> Result<Self, Error> {
        let writer = Connection::open(path)?;
        writer.pragma_update(None, "journal_mode", "wal")?;
        // With persistence each commit waits for the disk, in contrast to the store: who was told 202 has no way to
        // see that an event was lost, nor to send it again.
        let synchronous = if durability == Durability::Disk { "full" } else { "off" };
        writer.pragma_update(None, "synchronous", synchronous)?;
        let found: i64 = writer.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > VERSION {
            return Err(Error::Newer { found });
        }
        writer.execute_batch(SCHEMA)?;
        writer.pragma_update(None, "user_version", VERSION)?;
        let last = writer.query_row("SELECT coalesce(max(number), 0) FROM work", [], |row| row.get(0))?;
        let reader = Connection::open(path)?;
        let (entries, waiting) = mpsc::channel(WAITING);
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || write_all(writer, waiting, added))
            .map_err(Error::Thread)?;
        Ok(Self { entries, reader: Arc::new(Mutex::new(reader)), last: Arc::new(AtomicI64::new(last)) })
    }

    /// A number for new work, higher than all others.
    pub(super) fn number(&self) -> Number {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Writes changes, all or none of them.
    ///
    /// # Errors
    /// Nothing is written.
    pub(super) async fn write(&self, changes: Vec<Change>) -> Result<(), Error> {
        let (written, answer) = oneshot::channel();
        self.entries.send(Entry { changes, written }).await.map_err(|_| Error::Closed)?;
        answer.await.unwrap_or(Err(Error::Closed))
    }

    /// Everything that is written.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(super) fn left(&self) -> Result<Vec<Left>, Error> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = reader.prepare("SELECT number, lane, due FROM work ORDER BY number")?;
        let mut rows = statement.query([])?;
        let mut left = Vec::new();
        while let Some(row) = rows.next()? {
            let lane: String = row.get(1)?;
            let lane = serde_json::from_str(&lane)?;
            left.push(Left { number: row.get(0)?, lane, due: Timestamp(row.get(2)?) });
        }
        Ok(left)
    }

    /// Work that is written; `None`: it was forgotten in the meantime.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(super) async fn load(&self, number: Number) -> Result<Option<Item>, Error> {
        let reader = Arc::clone(&self.reader);
        let read = tokio::task::spawn_blocking(move || {
            let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let mut statement = reader.prepare_cached("SELECT document, body FROM work WHERE number = ?1")?;
            let columns = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?));
            let Some((document, body)) = statement.query_row([number], columns).optional()? else {
                return Ok(None);
            };
            Ok(Some(Item { work: serde_json::from_str(&document)?, body: Bytes::from(body) }))
        });
        read.await.unwrap_or(Err(Error::Closed))
    }
}

/// The thread that writes.
fn write_all(
    mut connection: Connection,
    mut waiting: mpsc::Receiver<Entry>,
    added: impl Fn(Vec<(Number, Timestamp, Item)>),
) {
    while let Some(first) = waiting.blocking_recv() {
        let mut bytes = first.bytes();
        let mut entries = vec![first];
        while entries.len() < TRANSACTION.0 && bytes < TRANSACTION.1 {
            let Ok(entry) = waiting.try_recv() else { break };
            bytes += entry.bytes();
            entries.push(entry);
        }
        match write(&mut connection, &entries) {
            Ok(()) => {
                let (changes, written): (Vec<_>, Vec<_>) =
                    entries.into_iter().map(|entry| (entry.changes, entry.written)).unzip();
                added(changes.into_iter().flatten().filter_map(new).collect());
                for written in written {
                    // Who has asked may have gone.
                    let _ = written.send(Ok(()));
                }
            }
            Err(error) => {
                tracing::error!(%error, changes = entries.len(), "events cannot be written");
                let error = Arc::new(error);
                for entry in entries {
                    let _ = entry.written.send(Err(Error::Shared(Arc::clone(&error))));
                }
            }
        }
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        let body = |change: &Change| if let Change::Add { item, .. } = change { item.body.len() } else { 0 };
        self.changes.iter().map(body).sum()
    }
}

fn new(change: Change) -> Option<(Number, Timestamp, Item)> {
    match change {
        Change::Add { number, due, item } => Some((number, due, item)),
        Change::Postpone { .. } | Change::Remove(_) | Change::Forget(_) => None,
    }
}

fn write(connection: &mut Connection, entries: &[Entry]) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    for change in entries.iter().flat_map(|entry| &entry.changes) {
        write_one(&transaction, change)?;
    }
    Ok(transaction.commit()?)
}

fn write_one(transaction: &Transaction<'_>, change: &Change) -> Result<(), Error> {
    match change {
        Change::Add { number, due, item } => {
            let lane = serde_json::to_string(&item.work.lane())?;
            let document = serde_json::to_string(&item.work)?;
            transaction
                .prepare_cached(
                    "INSERT INTO work (number, lane, due, document, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![number, lane, due.0, document, &item.body[..]])?;
        }
        Change::Postpone { number, due, work } => {
            let document = serde_json::to_string(work)?;
            transaction
                .prepare_cached("UPDATE work SET due = ?2, document = ?3 WHERE number = ?1")?
                .execute(params![number, due.0, document])?;
        }
        Change::Remove(number) => {
            transaction.prepare_cached("DELETE FROM work WHERE number = ?1")?.execute([number])?;
        }
        Change::Forget(lane) => {
            let lane = serde_json::to_string(lane)?;
            transaction.prepare_cached("DELETE FROM work WHERE lane = ?1")?.execute([lane])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use lambdock_domain::{FunctionId, Scope};

    use super::super::work::Event;
    use super::*;

    fn function(name: &str) -> FunctionId {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        FunctionId { scope, name: name.into() }
    }

    fn event(name: &str, failures: u32) -> Work {
        Work::Event(Event {
            request_id: "r".into(),
            function: function(name),
            qualifier: Some("live".into()),
            trace: "Root=1-2-3".into(),
            tenant: None,
            accepted: Timestamp(1),
            failures,
            refusals: 0,
        })
    }

    fn item(name: &str) -> Item {
        Item { work: event(name, 0), body: Bytes::from(format!("{name}'s")) }
    }

    fn open(folder: &tempfile::TempDir) -> Journal {
        Journal::open(&folder.path().join("events.db"), Durability::Disk, |_| {}).unwrap()
    }

    async fn add(journal: &Journal, name: &str) -> Number {
        let number = journal.number();
        journal.write(vec![Change::Add { number, due: Timestamp(5), item: item(name) }]).await.unwrap();
        number
    }

    #[tokio::test]
    async fn what_is_written_is_found_by_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder);
        let (one, two) = (add(&journal, "a").await, add(&journal, "b").await);
        let three = add(&journal, "c").await;
        let postponed = Change::Postpone { number: two, due: Timestamp(9), work: event("b", 1) };
        journal.write(vec![postponed, Change::Remove(one)]).await.unwrap();
        drop(journal);

        let journal = open(&folder);
        let left = |number, name: &str, due| Left {
            number,
            lane: Lane::Function(function(name)),
            due: Timestamp(due),
        };
        assert_eq!(journal.left().unwrap(), [left(two, "b", 9), left(three, "c", 5)]);
        let loaded = journal.load(two).await.unwrap().unwrap();
        assert_eq!((loaded.work, &loaded.body[..]), (event("b", 1), &b"b's"[..]));
        assert_eq!(journal.load(one).await.unwrap(), None);
        assert!(journal.number() > three);
    }

    #[tokio::test]
    async fn what_belongs_together_is_written_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder);
        let taken = add(&journal, "a").await;
        let add = |number, name| Change::Add { number, due: Timestamp(1), item: item(name) };
        let refused =
            journal.write(vec![Change::Remove(taken + 7), add(taken + 1, "b"), add(taken, "c")]).await;
        assert!(matches!(refused, Err(Error::Shared(_))), "{refused:?}");
        assert_eq!(journal.left().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_lane_is_forgotten_without_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder);
        add(&journal, "a").await;
        let kept = add(&journal, "b").await;
        journal.write(vec![Change::Forget(Lane::Function(function("a")))]).await.unwrap();
        let left: Vec<_> = journal.left().unwrap().into_iter().map(|left| left.number).collect();
        assert_eq!(left, [kept]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_share_a_transaction_and_all_are_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&seen);
        let added = move |items: Vec<(Number, Timestamp, Item)>| tell.lock().unwrap().push(items.len());
        let journal = Journal::open(&folder.path().join("events.db"), Durability::Process, added).unwrap();
        let writes = (0..500).map(|_| {
            let number = journal.number();
            journal.write(vec![Change::Add { number, due: Timestamp(1), item: item("a") }])
        });
        let written = futures_util::future::join_all(writes).await;
        assert!(written.iter().all(Result::is_ok));
        let seen = seen.lock().unwrap();
        assert_eq!(seen.iter().sum::<usize>(), 500);
        assert!(seen.len() < 500, "{} transactions", seen.len());
        assert_eq!(journal.left().unwrap().len(), 500);
    }

    #[tokio::test]
    async fn a_journal_of_a_newer_lambdock_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.db");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
        let refused = Journal::open(&path, Durability::Disk, |_| {}).err().unwrap();
        assert!(refused.to_string().contains("newer"), "{refused}");
    }
}
