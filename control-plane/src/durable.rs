//! Durable executions at run time: each has a task that sleeps, invokes the function, and sleeps again.
//!
//! `lambdock_domain::durable` decides; `envelope` is what functions are given and give; `journal` keeps all of it, where
//! there is persistence; `drive` is the task.

mod drive;
pub mod envelope;
mod journal;

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lambdock_domain::durable::{Beginning, DurableConfig, End, ErrorObject, Execution, Parent};
use lambdock_domain::{FunctionId, Timestamp};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use drive::{missing, target};
pub use journal::Error;

use crate::ambient::{new_id, now};
use crate::invoke::Invoker;
use journal::{Change, Journal};

/// What is said of a durable function that is invoked without a qualifier. [AWS: seen in reports of its users]
pub const UNQUALIFIED: &str = "You cannot invoke a durable function using an unqualified ARN.";

/// How often it is looked for executions that nobody has to remember any more.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// All durable executions; clones are the same.
#[derive(Clone)]
pub struct Executions {
    shared: Arc<Shared>,
}

struct Shared {
    journal: Option<Journal>,
    invoker: Arc<Invoker>,
    known: Mutex<Known>,
    stopping: CancellationToken,
    /// Invocations whose ends are yet to be kept.
    invocations: TaskTracker,
}

#[derive(Default)]
struct Known {
    by_arn: HashMap<String, Arc<Entry>>,
    by_function: HashMap<FunctionId, OfFunction>,
}

/// Executions of one function.
#[derive(Default)]
struct OfFunction {
    by_name: HashMap<String, Arc<Entry>>,
    in_order: BTreeMap<Place, Arc<Entry>>,
}

/// Where an execution is among those of its function: when it began, and its ARN. It never changes.
pub type Place = (Timestamp, String);

impl Known {
    fn insert(&mut self, entry: &Arc<Entry>) {
        self.by_arn.insert(entry.arn.clone(), Arc::clone(entry));
        let (function, name) = entry.key();
        let of_function = self.by_function.entry(function).or_default();
        of_function.by_name.insert(name, Arc::clone(entry));
        of_function.in_order.insert(entry.place(), Arc::clone(entry));
    }

    fn find(&self, (function, name): &(FunctionId, String)) -> Option<&Arc<Entry>> {
        self.by_function.get(function)?.by_name.get(name)
    }

    /// Removes this very one: another may have come into its place.
    fn remove(&mut self, entry: &Entry) {
        if self.by_arn.remove(&entry.arn).is_none() {
            return;
        }
        let (function, name) = entry.key();
        if let Some(of_function) = self.by_function.get_mut(&function) {
            of_function.by_name.remove(&name);
            of_function.in_order.remove(&entry.place());
            if of_function.by_name.is_empty() {
                self.by_function.remove(&function);
            }
        }
    }

    fn remove_function(&mut self, function: &FunctionId) -> Vec<Arc<Entry>> {
        let removed = self.by_function.remove(function).unwrap_or_default();
        let removed: Vec<_> = removed.in_order.into_values().collect();
        for entry in &removed {
            self.by_arn.remove(&entry.arn);
        }
        removed
    }
}

/// One execution.
pub struct Entry {
    arn: String,
    execution: Mutex<Execution>,
    /// Something has happened that its task does not know of.
    changed: Notify,
    ended: watch::Sender<bool>,
    /// Nothing of it is to be kept any more. Set and read while the execution is held.
    forgotten: AtomicBool,
}

impl Entry {
    fn new(execution: Execution) -> Arc<Self> {
        let head = execution.head();
        let (arn, ended) = (head.arn(), watch::Sender::new(head.end().is_some()));
        Arc::new(Self {
            arn,
            execution: Mutex::new(execution),
            changed: Notify::new(),
            ended,
            forgotten: AtomicBool::new(false),
        })
    }

    /// Where it is among the executions of its function.
    pub fn place(&self) -> Place {
        (self.look(|execution| execution.head().started), self.arn.clone())
    }

    /// Stops it, if it has not ended; nothing of it is kept from now on.
    fn forget(&self) {
        let mut execution = self.lock();
        self.forgotten.store(true, Ordering::Relaxed);
        execution.stop(Some(ErrorObject::message("The function was deleted.")), now());
        drop(execution);
        self.ended.send_replace(true);
        self.changed.notify_one();
    }

    /// Its function and its name, which no other has.
    fn key(&self) -> (FunctionId, String) {
        let execution = self.lock();
        (execution.head().function.clone(), execution.head().name.clone())
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Looks at it.
    pub fn look<T>(&self, at: impl FnOnce(&Execution) -> T) -> T {
        at(&self.lock())
    }

    /// How it ended, once it has.
    pub async fn end(&self) -> End {
        let mut ended = self.ended.subscribe();
        loop {
            if let Some(end) = self.look(|execution| execution.head().end().cloned()) {
                return end;
            }
            // The sender is ours and does not go away.
            let _ = ended.changed().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Execution> {
        // Its steps do not panic.
        self.execution.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A durable function's version, asked to run.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "as in `Head`")]
pub struct Start {
    pub function: FunctionId,
    pub version: String,
    pub config: DurableConfig,
    /// Chosen by the caller; without one, one is made up.
    pub name: Option<String>,
    pub parent: Option<Parent>,
    pub trace: Option<String>,
    pub tenant: Option<String>,
    pub input: String,
}

/// An execution that was asked for.
pub enum Begun {
    /// It begins now.
    New(Arc<Entry>),
    /// It was begun before, in the same way.
    Known(Arc<Entry>),
}

impl Begun {
    /// The execution.
    pub fn entry(self) -> Arc<Entry> {
        match self {
            Self::New(entry) | Self::Known(entry) => entry,
        }
    }
}

/// Why an execution cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is one of that name that has begun with something else.
    #[error("a durable execution of that name has begun with another payload")]
    Other,
    /// It cannot be kept.
    #[error(transparent)]
    Journal(#[from] Error),
}

impl Executions {
    /// The executions that are kept at `path`, or none that are kept at all. Those that have not ended go on.
    ///
    /// # Errors
    /// The file cannot be used, or is another Lambdock's.
    pub fn start(path: Option<&Path>, invoker: Arc<Invoker>) -> Result<Self, Error> {
        let (journal, left) = match path {
            Some(path) => {
                let (journal, left) = Journal::open(path)?;
                (Some(journal), left)
            }
            None => (None, Vec::new()),
        };
        let shared = Arc::new(Shared {
            journal,
            invoker,
            known: Mutex::default(),
            stopping: CancellationToken::new(),
            invocations: TaskTracker::new(),
        });
        let entries: Vec<_> = left.into_iter().map(Entry::new).collect();
        for entry in &entries {
            shared.known().insert(entry);
        }
        for entry in entries {
            tokio::spawn(drive::drive(Arc::clone(&shared), entry));
        }
        tokio::spawn(forget(Arc::clone(&shared)));
        Ok(Self { shared })
    }

    /// Begins an execution, or finds the one of that name that was begun in the same way.
    ///
    /// # Errors
    /// The name is another's, or the execution cannot be kept.
    pub async fn begin(&self, start: Start) -> Result<Begun, StartError> {
        self.shared.begin(start).await
    }

    /// The execution with this ARN.
    pub fn find(&self, arn: &str) -> Option<Arc<Entry>> {
        self.shared.find(arn)
    }

    /// Executions of a function, the first that began first, those after `after`.
    pub fn of(&self, function: &FunctionId, after: Option<&Place>) -> Vec<Arc<Entry>> {
        self.between(function, (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
    }

    /// Executions of a function, the last that began first, those before `before`.
    pub fn of_reversed(&self, function: &FunctionId, before: Option<&Place>) -> Vec<Arc<Entry>> {
        let bounds = (Bound::Unbounded, before.map_or(Bound::Unbounded, Bound::Excluded));
        let mut found = self.between(function, bounds);
        found.reverse();
        found
    }

    fn between(&self, function: &FunctionId, bounds: (Bound<&Place>, Bound<&Place>)) -> Vec<Arc<Entry>> {
        let known = self.shared.known();
        let of_function = known.by_function.get(function);
        let range = of_function.into_iter().flat_map(|found| found.in_order.range::<Place, _>(bounds));
        range.map(|(_, entry)| Arc::clone(entry)).collect()
    }

    /// Forgets the executions of a function that is no more. Those that run are stopped; what of the function runs for
    /// them ends by itself.
    ///
    /// # Errors
    /// They would be there again after a restart.
    pub async fn forget_function(&self, function: &FunctionId) -> Result<(), Error> {
        let removed = self.shared.known().remove_function(function);
        self.shared.forget(removed).await
    }

    /// Forgets all executions.
    ///
    /// # Errors
    /// As of [`Executions::forget_function`].
    pub async fn forget_all(&self) -> Result<(), Error> {
        let known = std::mem::take(&mut *self.shared.known());
        self.shared.forget(known.by_arn.into_values().collect()).await
    }

    /// Changes an execution. What has changed is kept when this returns, and its task knows.
    ///
    /// # Errors
    /// It cannot be kept.
    pub async fn change<T>(&self, entry: &Entry, step: impl FnOnce(&mut Execution) -> T) -> Result<T, Error> {
        self.shared.change(entry, step).await
    }

    /// Begins nothing any more. What is under way goes on at the next start, where it is kept.
    pub fn stop(&self) -> usize {
        self.shared.stopping.cancel();
        let known = self.shared.known();
        known.by_arn.values().filter(|entry| entry.look(|execution| execution.head().end().is_none())).count()
    }

    /// Waits, once the pool has shut down, until the ends of invocations are kept that have finished by then.
    pub async fn stopped(&self) {
        self.shared.invocations.close();
        self.shared.invocations.wait().await;
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Entries are inserted and removed whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, arn: &str) -> Option<Arc<Entry>> {
        self.known().by_arn.get(arn).cloned()
    }

    async fn begin(self: &Arc<Self>, start: Start) -> Result<Begun, StartError> {
        let Start { function, version, config, name, parent, trace, tenant, input } = start;
        let id = new_id();
        let name = name.unwrap_or_else(|| id.clone());
        let key = (function.clone(), name.clone());
        let entry = {
            let mut known = self.known();
            if let Some(entry) = known.find(&key) {
                let same = entry.look(|execution| {
                    let head = execution.head();
                    execution.input() == input && head.version == version && head.tenant == tenant
                });
                return if same { Ok(Begun::Known(Arc::clone(entry))) } else { Err(StartError::Other) };
            }
            let beginning = Beginning { function, version, name, id, config, parent, trace, tenant, input };
            let entry = Entry::new(Execution::start(beginning, now()));
            known.insert(&entry);
            entry
        };
        if let Err(error) = self.change(&entry, |_| ()).await {
            self.known().remove(&entry);
            return Err(error.into());
        }
        tokio::spawn(drive::drive(Arc::clone(self), Arc::clone(&entry)));
        Ok(Begun::New(entry))
    }

    async fn change<T>(&self, entry: &Entry, step: impl FnOnce(&mut Execution) -> T) -> Result<T, Error> {
        let (value, written) = {
            let mut execution = entry.lock();
            let value = step(&mut execution);
            let written = self.take(entry, &mut execution);
            if execution.head().end().is_some() {
                entry.ended.send_replace(true);
            }
            (value, written)
        };
        entry.changed.notify_one();
        if let Some(written) = written
            && let Err(error) = written.await.unwrap_or(Err(Error::Closed))
        {
            entry.lock().save_all();
            return Err(error);
        }
        Ok(value)
    }

    async fn forget(&self, entries: Vec<Arc<Entry>>) -> Result<(), Error> {
        let mut written = Vec::new();
        for entry in entries {
            entry.forget();
            let journal = self.journal.as_ref();
            written.extend(journal.map(|journal| journal.take(Change::Forget(entry.arn.clone()))));
        }
        for written in written {
            written.await.unwrap_or(Err(Error::Closed))?;
        }
        Ok(())
    }

    /// Hands on what has changed, in the order in which it has.
    fn take(&self, entry: &Entry, execution: &mut Execution) -> Option<oneshot::Receiver<Result<(), Error>>> {
        if entry.forgotten.load(Ordering::Relaxed) {
            return None;
        }
        let journal = self.journal.as_ref()?;
        Some(journal.take(Change::Save(Box::new(execution.take_unsaved()))))
    }
}

/// Forgets what has been remembered for long enough.
async fn forget(shared: Arc<Shared>) {
    while shared.stopping.run_until_cancelled(sleep(FORGET_EVERY)).await.is_some() {
        let now = now();
        let forgotten: Vec<Arc<Entry>> = {
            let known = shared.known();
            known.by_arn.values().filter(|entry| is_forgotten(entry, now)).cloned().collect()
        };
        for entry in forgotten {
            shared.known().remove(&entry);
            if let Some(journal) = &shared.journal {
                // What cannot be removed now is at the next start.
                let _ = journal.take(Change::Forget(entry.arn.clone())).await;
            }
        }
    }
}

fn is_forgotten(entry: &Entry, now: Timestamp) -> bool {
    entry.look(|execution| execution.head().forgotten_at().is_some_and(|at| at <= now))
}
