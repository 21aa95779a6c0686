//! One subscriber: its buffer, and the task that empties it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::buffer::{Batch, Buffer, Dropped};
use super::delivery::Route;
use super::schema::{LogsDropped, Record};
use super::subscription::{Api, Kind, Subscription};
use crate::clock;
use crate::log::{debug, warn};

/// [AWS: `platform.logsDropped`]
const REASON: &str = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.";

/// An extension that has subscribed. Its deliveries end with it.
#[derive(Debug)]
pub(super) struct Subscriber {
    name: Rc<str>,
    subscription: Rc<Subscription>,
    queue: Rc<Queue>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Queue {
    buffer: RefCell<Buffer>,
    /// There may be something to deliver.
    filled: Notify,
    /// Something was delivered or given up.
    settled: Notify,
}

impl Subscriber {
    /// Begins to deliver along `route`.
    pub(super) fn start(name: &str, subscription: Subscription, route: Route) -> Self {
        let name: Rc<str> = name.into();
        let queue = Rc::new(Queue {
            buffer: RefCell::new(Buffer::new(subscription.buffering)),
            filled: Notify::new(),
            settled: Notify::new(),
        });
        let subscription = Rc::new(subscription);
        let delivering = deliver(Rc::clone(&name), Rc::clone(&subscription), Rc::clone(&queue), route);
        Self { name, subscription, queue, task: tokio::task::spawn_local(delivering) }
    }

    /// Name of the extension.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Which API it uses.
    pub(super) fn api(&self) -> Api {
        self.subscription.api
    }

    /// Whether it gets lines of `kind`, written by the extension `from` if by one.
    pub(super) fn wants(&self, kind: Kind, from: Option<&str>) -> bool {
        self.subscription.types.contains(&kind) && from != Some(&*self.name)
    }

    /// Takes a record, if it is among what was subscribed to.
    pub(super) fn record(&self, record: &Record, time: &str, now: Instant) {
        if self.wants(Kind::Platform, None)
            && let Some(event) = record.event_for(self.subscription.schema, time)
        {
            self.event(event, now);
        }
    }

    /// Takes an event.
    pub(super) fn event(&self, event: Bytes, now: Instant) {
        let dropped = self.queue.buffer.borrow_mut().push(event, now);
        if !dropped.is_none() {
            debug!("extension {} is too slow: {} events are dropped", self.name, dropped.records);
            self.queue.settled.notify_waiters();
        }
        self.queue.filled.notify_one();
    }

    /// Notes a loss, to be told with the next events.
    pub(super) fn note(&self, dropped: Dropped) {
        self.queue.buffer.borrow_mut().note(dropped);
    }

    /// Lets nothing wait.
    pub(super) fn hurry(&self) {
        self.queue.buffer.borrow_mut().hurry();
        self.queue.filled.notify_one();
    }

    /// Ends when what is in the buffer now has been delivered or dropped.
    pub(super) fn settled(&self) -> impl Future<Output = ()> + use<> {
        let queue = Rc::clone(&self.queue);
        let goal = queue.buffer.borrow().pushed();
        async move {
            loop {
                let mut changed = std::pin::pin!(queue.settled.notified());
                changed.as_mut().enable();
                if queue.buffer.borrow().settled() >= goal {
                    return;
                }
                changed.await;
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn deliver(name: Rc<str>, subscription: Rc<Subscription>, queue: Rc<Queue>, mut route: Route) {
    loop {
        let taken = queue.buffer.borrow_mut().take(Instant::now());
        let Some(mut batch) = taken else {
            let due = queue.buffer.borrow().due().map(tokio::time::Instant::from_std);
            tokio::select! {
                () = queue.filled.notified() => {}
                () = async { sleep_until(due.unwrap_or_else(tokio::time::Instant::now)).await }, if due.is_some() => {}
            }
            continue;
        };
        let told = loss(&subscription, batch.dropped);
        let events: &mut Vec<Bytes> = &mut batch.events;
        let extra = told.is_some();
        if let Some(told) = told {
            events.insert(0, told);
        }
        let delivered = route.deliver(events).await;
        if extra {
            // It is not one of those that were pushed.
            events.remove(0);
        }
        settle(&name, &queue, &batch, delivered);
    }
}

fn settle(name: &str, queue: &Queue, batch: &Batch, delivered: Result<(), super::delivery::Error>) {
    match delivered {
        Ok(()) => queue.buffer.borrow_mut().delivered(batch),
        Err(error) => {
            let dropped = queue.buffer.borrow_mut().failed(batch);
            warn!(
                "telemetry does not reach extension {name}, {} events are dropped: {error}",
                dropped.records
            );
        }
    }
    queue.settled.notify_waiters();
}

/// The event that tells of a loss, for those who get events of the platform.
fn loss(subscription: &Subscription, dropped: Dropped) -> Option<Bytes> {
    if dropped.is_none() || !subscription.types.contains(&Kind::Platform) {
        return None;
    }
    let record = Record::LogsDropped(LogsDropped {
        dropped_bytes: dropped.bytes,
        dropped_records: dropped.records,
        reason: REASON,
    });
    record.event_for(subscription.schema, &clock::iso(clock::now_ms()))
}
