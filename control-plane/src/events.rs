//! Asynchronous invocations. Who is answered 202 has an event on disk; it is run until it succeeds or AWS would give it
//! up, and those who are to hear of its end are told.
//!
//! `journal` keeps events, and what destinations are to be told, until that is done; `queue`, which is pure, says what
//! begins when; `schedule`, pure too, what follows from an attempt. [`Events`] does what they say.

mod attempt;
mod delivery;
mod ending;
mod hot;
mod journal;
mod queue;
mod record;
mod schedule;
mod work;

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lambdock_domain::{FunctionId, Timestamp};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, debug, debug_span, error, info, warn};

use crate::adjustable::Adjustable;
use crate::ambient::now;
use crate::durable::Executions;
use crate::invoke::Invoker;
use crate::metrics::{Invoked, Metric};
use crate::services::Services;
use crate::store::Store;
use hot::Hot;
use journal::{Change, Journal};
use queue::{Number, Queue, Returned};
use work::{Item, Lane, Work};

pub use journal::{Durability, Error};
pub use work::{BegunExecution, Event};

/// What asynchronous invocations go by.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// `LAMBDA_RETRY_BASE_DELAY_SECONDS`: time before the first retry; the second comes after twice as much.
    pub retry_base: Duration,
    /// `LAMBDOCK_EVENT_CONCURRENCY`: events of one function that run at the same time.
    pub parallel: usize,
}

/// Deliveries to one destination at the same time. One that hangs holds up no other.
const PARALLEL_DELIVERIES: usize = 8;

/// Time until something is tried again that the disk has refused.
const DISK_PAUSE_MS: i64 = 60_000;

/// Longest time between two looks at the clock, which may be set.
const LOOKS: Duration = Duration::from_secs(30);

/// Time between two looks for room.
const LOOKS_FOR_ROOM: Duration = Duration::from_secs(1);

/// Milliseconds between two warnings that something is tried again.
const WARNINGS_MS: i64 = 1000;

/// Time that the last changes have to be written when the process ends.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// What happened since the process began, under the names of AWS's metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// `AsyncEventsReceived`.
    pub received: AtomicU64,
    /// `AsyncEventsDropped`: given up, or their function was gone.
    pub dropped: AtomicU64,
    /// `RecursiveInvocationsDropped`: part of them.
    pub recursive: AtomicU64,
    /// `DestinationDeliveryFailures`.
    pub destination_failures: AtomicU64,
    /// `DeadLetterErrors`.
    pub dead_letter_errors: AtomicU64,
}

fn count(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

/// What waits, in memory.
struct Waiting {
    line: Mutex<Line>,
    changed: Notify,
}

struct Line {
    queue: Queue<Lane>,
    hot: Hot,
}

impl Waiting {
    fn line(&self) -> MutexGuard<'_, Line> {
        // Every change is a single step.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, items: Vec<(Number, Timestamp, Item)>) {
        let now = now();
        let mut line = self.line();
        for (number, due, item) in items {
            line.queue.push(item.work.lane(), number, due, now);
            line.hot.keep(number, item);
        }
        drop(line);
        self.changed.notify_one();
    }

    fn push(&self, lane: Lane, number: Number, due: Timestamp) {
        self.line().queue.push(lane, number, due, now());
        self.changed.notify_one();
    }
}

struct Shared {
    settings: Adjustable<Settings>,
    waiting: Arc<Waiting>,
    journal: Journal,
    invoker: Arc<Invoker>,
    executions: Executions,
    store: Store,
    services: Arc<Services>,
    counters: Counters,
    /// When somebody was last told that things are tried again.
    warned: AtomicI64,
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// All asynchronous invocations; clones are the same.
#[derive(Clone)]
pub struct Events {
    shared: Arc<Shared>,
}

impl Events {
    /// Takes up what an earlier process has left in the journal at `path`, and takes new events from now on. Needs a
    /// Tokio runtime around it.
    ///
    /// # Errors
    /// The journal cannot be used.
    pub fn start(
        path: &Path,
        durability: Durability,
        settings: Adjustable<Settings>,
        (invoker, executions): (Arc<Invoker>, Executions),
        store: Store,
        services: Arc<Services>,
    ) -> Result<Self, Error> {
        let (bounds, bound) = (Arc::clone(&invoker), settings.clone());
        let queue = Queue::new(Box::new(move |lane: &Lane| match lane {
            // What could not be admitted need not begin, and what begins does so in its order.
            Lane::Function(function) => match bounds.reserved(function) {
                Some(reserved @ 1..) => bound.get().parallel.min(reserved as usize),
                // One that reserves nothing at all fails at once.
                Some(0) | None => bound.get().parallel,
            },
            Lane::Execution(_) => 1,
            Lane::Target(_) => PARALLEL_DELIVERIES,
        }));
        let line = Mutex::new(Line { queue, hot: Hot::default() });
        let waiting = Arc::new(Waiting { line, changed: Notify::new() });
        let added = Arc::clone(&waiting);
        let journal = Journal::open(path, durability, move |items| added.add(items))?;
        let left = journal.left()?;
        if !left.is_empty() {
            info!(left = left.len(), "asynchronous invocations of an earlier process go on");
        }
        for left in left {
            waiting.push(left.lane, left.number, left.due);
        }
        let shared = Arc::new(Shared {
            settings,
            waiting,
            journal,
            invoker,
            executions,
            store,
            services,
            counters: Counters::default(),
            warned: AtomicI64::new(0),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        });
        tokio::spawn(Arc::clone(&shared).dispatch());
        Ok(Self { shared })
    }

    /// Accepts an event: once this returns it is not lost.
    ///
    /// # Errors
    /// It cannot be kept.
    pub async fn accept(&self, event: Event, payload: Bytes) -> Result<(), Error> {
        let due = event.accepted;
        let (received, qualifier) = (event.function.clone(), event.qualifier.clone());
        let item = Item { work: Work::Event(event), body: payload };
        let number = self.shared.journal.number();
        self.shared.journal.write(vec![Change::Add { number, due, item }]).await?;
        count(&self.shared.counters.received);
        self.shared.tally(&received, qualifier.as_deref(), Metric::AsyncEventsReceived, 1.0);
        Ok(())
    }

    /// Accepts an event that has begun a durable execution: once this returns, its end will be told to whoever is to
    /// hear of it.
    ///
    /// # Errors
    /// That cannot be kept; the execution goes on.
    pub async fn accept_begun(&self, begun: BegunExecution, payload: Bytes) -> Result<(), Error> {
        let (received, qualifier) = (begun.event.function.clone(), begun.event.qualifier.clone());
        let (number, due) = (self.shared.journal.number(), begun.event.accepted);
        let item = Item { work: Work::Execution(begun), body: payload };
        self.shared.journal.write(vec![Change::Add { number, due, item }]).await?;
        count(&self.shared.counters.received);
        self.shared.tally(&received, qualifier.as_deref(), Metric::AsyncEventsReceived, 1.0);
        Ok(())
    }

    /// Forgets the events of a function that was deleted. One that runs goes on.
    pub async fn forget(&self, function: &FunctionId) {
        let lane = Lane::Function(function.clone());
        let forgotten = {
            let mut line = self.shared.waiting.line();
            let forgotten = line.queue.forget(&lane);
            for number in &forgotten {
                line.hot.take(*number);
            }
            forgotten.len()
        };
        if forgotten > 0 {
            info!(function.arn = %function.arn(), forgotten, "events of a deleted function are dropped");
            self.shared.counters.dropped.fetch_add(forgotten as u64, Ordering::Relaxed);
            for _ in 0..forgotten {
                self.shared.tally(function, None, Metric::AsyncEventsDropped, 1.0);
            }
            if let Err(error) = self.shared.journal.write(vec![Change::Forget(lane)]).await {
                // They are found to have no function when they are tried.
                debug!(%error, "events of a deleted function stay in the journal");
            }
        }
    }

    /// What waits, in memory or on disk.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.line().queue.len()
    }

    /// What happened since the process began.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Begins nothing any more; what runs goes on.
    pub fn stop(&self) {
        self.shared.closing.cancel();
        self.shared.tasks.close();
    }

    /// Waits, after [`Events::stop`], until what ran has been written down. Returns how much is left to be done.
    pub async fn stopped(&self) -> usize {
        if timeout(WRITTEN_WITHIN, self.shared.tasks.wait()).await.is_err() {
            debug!(running = self.shared.tasks.len(), "some events have not ended in time");
        }
        // The writer works in order: once it has answered, everything before is written.
        if timeout(WRITTEN_WITHIN, self.shared.journal.write(Vec::new())).await.is_err() {
            warn!("the disk did not take the last changes of events in time; some may run once more");
        }
        self.shared.waiting.line().queue.len()
    }
}

impl Shared {
    /// Counts among the figures of a function, and of what was invoked of it.
    fn tally(&self, function: &FunctionId, qualifier: Option<&str>, metric: Metric, value: f64) {
        self.invoker.metrics().record(function, &Invoked::under(qualifier), &[(metric, value)]);
    }

    /// Begins what is due, until the process ends.
    async fn dispatch(self: Arc<Self>) {
        loop {
            let (wakes_at, longest) = {
                let mut line = self.waiting.line();
                let now = now();
                while let Some((lane, number)) = line.queue.next(now) {
                    self.tasks.spawn(Arc::clone(&self).perform(lane, number));
                }
                (line.queue.wakes_at(), if line.queue.is_crowded() { LOOKS_FOR_ROOM } else { LOOKS })
            };
            let until = wakes_at.map_or(longest, |due| {
                let left_ms = u64::try_from(due.0.saturating_sub(now().0)).unwrap_or_default();
                Duration::from_millis(left_ms).min(longest)
            });
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = self.waiting.changed.notified() => {}
                () = sleep(until) => self.waiting.line().queue.look_again(),
            }
        }
    }

    /// Does one thing, once.
    async fn perform(self: Arc<Self>, lane: Lane, number: Number) {
        let place = Place { shared: &self, lane: Some(lane) };
        let held = self.waiting.line().hot.take(number);
        let item = match held {
            Some(item) => Some(item),
            None => match self.journal.load(number).await {
                Ok(item) => item,
                Err(error) => {
                    error!(%error, "an event cannot be read; it is tried again later");
                    self.try_later(&place, number);
                    return;
                }
            },
        };
        match item {
            // It was forgotten in the meantime.
            None => {}
            Some(Item { work: Work::Event(event), body }) => {
                let span = debug_span!("event", request_id = %event.request_id, function.arn = %event.function.arn());
                self.run(place, number, event, body).instrument(span).await;
            }
            Some(Item { work: Work::Execution(begun), body }) => {
                self.follow(&place, number, begun, body).await;
            }
            Some(Item { work: Work::Delivery(delivery), body }) => {
                self.tell(&place, number, delivery, body).await;
            }
        }
    }

    /// Whether to say that something is tried again: with a long queue and no engine there is a lot of that.
    fn may_warn(&self) -> bool {
        let (now, last) = (now().0, self.warned.load(Ordering::Relaxed));
        now.saturating_sub(last) >= WARNINGS_MS
            && self.warned.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Writes what has become of something; what cannot be written is done again later.
    async fn settle(&self, place: &Place<'_>, number: Number, changes: Vec<Change>) {
        if let Err(error) = self.journal.write(changes).await {
            error!(%error, "what has become of an event cannot be written; it is tried again later");
            self.try_later(place, number);
        }
    }

    fn try_later(&self, place: &Place<'_>, number: Number) {
        if let Some(lane) = &place.lane {
            self.waiting.push(lane.clone(), number, after_disk_pause());
        }
    }
}

fn after_disk_pause() -> Timestamp {
    Timestamp(now().0.saturating_add(DISK_PAUSE_MS))
}

/// Writes other work in the place of something that has begun, and has it wait until `due`. What cannot be written is
/// done again as it was, later. Either way it waits once.
async fn postpone(journal: &Journal, waiting: &Waiting, number: Number, due: Timestamp, work: Work) {
    let lane = work.lane();
    let due = match journal.write(vec![Change::Postpone { number, due, work }]).await {
        Ok(()) => due,
        Err(error) => {
            error!(%error, "what has become of an event cannot be written; it is tried again later");
            after_disk_pause()
        }
    };
    waiting.push(lane, number, due);
}

/// Something that has begun, until this is dropped.
struct Place<'a> {
    shared: &'a Shared,
    lane: Option<Lane>,
}

impl Place<'_> {
    /// There is no room: what has begun waits for the end of something else of its lane.
    ///
    /// # Errors
    /// Nothing else of its lane has begun: it has to see for itself.
    fn give_back(mut self, number: Number, item: Item) -> Result<(), Self> {
        let mut line = self.shared.waiting.line();
        let returned = self.lane.as_ref().map(|lane| line.queue.give_back(lane, number));
        if returned == Some(Returned::Waits) {
            line.hot.keep(number, item);
            drop(line);
            self.lane = None;
            return Ok(());
        }
        drop(line);
        Err(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(lane) = &self.lane {
            self.shared.waiting.line().queue.ended(lane);
            self.shared.waiting.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use lambdock_domain::Scope;

    use super::*;

    fn event(failures: u32) -> Work {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        Work::Event(Event {
            request_id: "r".into(),
            function: FunctionId { scope, name: "f".into() },
            qualifier: None,
            trace: "Root=1-2-3".into(),
            tenant: None,
            accepted: Timestamp(1),
            failures,
            refusals: 0,
        })
    }

    /// A journal with one event, which has begun.
    async fn begun(path: &Path) -> (Journal, Arc<Waiting>, Number) {
        let queue = Queue::new(Box::new(|_: &Lane| 1));
        let line = Mutex::new(Line { queue, hot: Hot::default() });
        let waiting = Arc::new(Waiting { line, changed: Notify::new() });
        let added = Arc::clone(&waiting);
        let journal = Journal::open(path, Durability::Process, move |items| added.add(items)).unwrap();
        let number = journal.number();
        let item = Item { work: event(0), body: Bytes::new() };
        journal.write(vec![Change::Add { number, due: now(), item }]).await.unwrap();
        assert_eq!(waiting.line().queue.next(now()), Some((event(0).lane(), number)));
        (journal, waiting, number)
    }

    fn due(waiting: &Waiting) -> Option<Timestamp> {
        waiting.line().queue.wakes_at()
    }

    #[tokio::test]
    async fn what_is_postponed_waits_once_until_it_is_due() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, waiting, number) = begun(&folder.path().join("events.db")).await;
        let later = Timestamp(now().0 + 5000);
        postpone(&journal, &waiting, number, later, event(1)).await;
        assert_eq!(due(&waiting), Some(later));
        assert_eq!(waiting.line().queue.len(), 1);
        assert_eq!(journal.load(number).await.unwrap().map(|item| item.work), Some(event(1)));
    }

    #[tokio::test]
    async fn what_cannot_be_postponed_waits_once_too_and_is_done_again_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.db");
        let (journal, waiting, number) = begun(&path).await;
        // As on a disk without room: what is there can be read, and nothing can be written.
        let refusing = "CREATE TRIGGER full BEFORE UPDATE ON work BEGIN SELECT raise(ABORT, 'full'); END";
        rusqlite::Connection::open(&path).unwrap().execute_batch(refusing).unwrap();
        let before = now();
        postpone(&journal, &waiting, number, Timestamp(before.0 + 5000), event(1)).await;
        assert_eq!(waiting.line().queue.len(), 1, "it does not run twice");
        assert!(due(&waiting).is_some_and(|due| due.0 >= before.0 + DISK_PAUSE_MS));
        assert_eq!(journal.load(number).await.unwrap().map(|item| item.work), Some(event(0)));
    }
}
