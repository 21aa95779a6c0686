//! Functions' lines, on to CloudWatch Logs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use lambdock_domain::Scope;
use lambdock_protocol::Log;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::batch::{self, LogEvent};
use crate::services::{Call, Error, Protocol, Services};
use crate::uplink::{EnvironmentInfo, LogSink};

/// What requests to CloudWatch Logs are signed for.
const SERVICE: &str = "logs";

/// Bytes of events that wait, at most.
const WAITING_BYTES: usize = 8 << 20;

/// How long events are gathered before they are sent.
const GATHERED_FOR: Duration = Duration::from_millis(50);

/// Bytes for which nothing more is gathered.
const GATHERED_BYTES: usize = 1 << 20;

/// Streams that are written at the same time.
const PARALLEL: usize = 8;

/// Time that the service has to take a batch.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);

/// One environment's log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LogStream {
    region: String,
    account: String,
    group: String,
    name: String,
}

enum Job {
    Write(LogStream, Vec<LogEvent>),
    Flush(oneshot::Sender<()>),
}

/// Sends lines to the log groups of their functions.
pub struct LogForwarder {
    queue: Option<mpsc::UnboundedSender<Job>>,
    books: Arc<Books>,
}

#[derive(Debug, Default)]
struct Books {
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
    /// Whether somebody has been told that events are dropped.
    told: AtomicBool,
}

impl Books {
    fn drop_events(&self, events: usize, reason: &str) {
        self.dropped.fetch_add(events as u64, Ordering::Relaxed);
        if !self.told.swap(true, Ordering::Relaxed) {
            warn!(
                reason,
                "CloudWatch Logs takes no events of functions' logs; they are dropped until it does"
            );
        }
    }
}

impl LogForwarder {
    /// Sends to the upstream for CloudWatch Logs; without one, nothing. Needs a Tokio runtime around it.
    pub fn start(services: Arc<Services>) -> Self {
        let books = Arc::new(Books::default());
        let queue = services.is_named(SERVICE).then(|| {
            let (sender, jobs) = mpsc::unbounded_channel();
            tokio::spawn(work(services, jobs, Arc::clone(&books)));
            sender
        });
        Self { queue, books }
    }

    /// Events that did not arrive anywhere, until now.
    pub fn dropped(&self) -> u64 {
        self.books.dropped.load(Ordering::Relaxed)
    }

    /// Returns when everything that was taken until now has been sent, or dropped.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if let Some(queue) = &self.queue
            && queue.send(Job::Flush(done)).is_ok()
        {
            // Without an answer the task is gone, and with it all it had.
            let _ = flushed.await;
        }
    }
}

impl LogSink for LogForwarder {
    fn lines(&self, environment: &EnvironmentInfo, log: &Log, lines: &Bytes) {
        let Some(queue) = &self.queue else { return };
        let text = String::from_utf8_lossy(lines);
        let messages = crate::logs::messages(log, &text);
        let events: Vec<LogEvent> =
            messages.flat_map(|message| batch::events(log.time_ms, message)).collect();
        let bytes = cost(&events);
        if self.books.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > WAITING_BYTES {
            self.books.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return self.books.drop_events(events.len(), "too many wait already");
        }
        let mut arn = environment.function_arn.split(':').skip(3).map(str::to_owned);
        let stream = LogStream {
            region: arn.next().unwrap_or_default(),
            account: arn.next().unwrap_or_default(),
            group: environment.log_group.clone(),
            name: environment.log_stream.clone(),
        };
        // Without the task the process is ending.
        let _ = queue.send(Job::Write(stream, events));
    }
}

/// What events take in memory.
fn cost(events: &[LogEvent]) -> usize {
    events.iter().map(|event| event.message.len() + size_of::<LogEvent>()).sum()
}

#[derive(Default)]
struct Gathered {
    streams: BTreeMap<LogStream, Vec<LogEvent>>,
    bytes: usize,
    flushes: Vec<oneshot::Sender<()>>,
}

impl Gathered {
    fn take(&mut self, job: Job) {
        match job {
            Job::Write(stream, events) => {
                self.bytes += cost(&events);
                self.streams.entry(stream).or_default().extend(events);
            }
            Job::Flush(done) => self.flushes.push(done),
        }
    }

    fn is_enough(&self) -> bool {
        self.bytes >= GATHERED_BYTES || !self.flushes.is_empty()
    }
}

async fn work(services: Arc<Services>, mut jobs: mpsc::UnboundedReceiver<Job>, books: Arc<Books>) {
    while let Some(first) = jobs.recv().await {
        let mut gathered = Gathered::default();
        gathered.take(first);
        let more = async {
            while !gathered.is_enough()
                && let Some(job) = jobs.recv().await
            {
                gathered.take(job);
            }
        };
        tokio::select! {
            () = more => {}
            () = sleep(GATHERED_FOR) => {}
        }
        let Gathered { streams, bytes, flushes } = gathered;
        stream::iter(streams)
            .for_each_concurrent(PARALLEL, |(stream, events)| write(&services, stream, events, &books))
            .await;
        books.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        for done in flushes {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }
}

/// Writes events of one stream, batch after batch. Once one is not taken, the rest is not tried.
async fn write(services: &Services, stream: LogStream, events: Vec<LogEvent>, books: &Books) {
    let mut left = events.len();
    for batch in batch::batches(events) {
        let taken = timeout(TAKEN_WITHIN, put(services, &stream, &batch)).await;
        match taken.unwrap_or_else(|_elapsed| Err(Error::Unusable("it does not answer in time".to_owned()))) {
            Ok(()) => left -= batch.len(),
            Err(error) => return books.drop_events(left, &error.to_string()),
        }
        if books.told.swap(false, Ordering::Relaxed) {
            info!(dropped = books.dropped.load(Ordering::Relaxed), "CloudWatch Logs takes events again");
        }
    }
}

/// Puts a batch into its stream, which is made if it is not there.
async fn put(services: &Services, stream: &LogStream, batch: &[LogEvent]) -> Result<(), Error> {
    let scope = Scope { account: stream.account.clone(), region: stream.region.clone() };
    let call = |target, input| {
        services.call(Call { service: SERVICE, protocol: Protocol::Json1_1, target, scope: &scope, input })
    };
    let events: Vec<Value> =
        batch.iter().map(|event| json!({ "timestamp": event.time_ms, "message": event.message })).collect();
    let input = json!({ "logGroupName": stream.group, "logStreamName": stream.name, "logEvents": events });
    match call("Logs_20140328.PutLogEvents", input.clone()).await {
        Err(Error::Refused { code, .. }) if code == "ResourceNotFoundException" => {}
        put => return put.map(drop),
    }
    let group = json!({ "logGroupName": stream.group });
    unless_there(call("Logs_20140328.CreateLogGroup", group).await)?;
    let new = json!({ "logGroupName": stream.group, "logStreamName": stream.name });
    unless_there(call("Logs_20140328.CreateLogStream", new).await)?;
    call("Logs_20140328.PutLogEvents", input).await.map(drop)
}

fn unless_there(created: Result<Value, Error>) -> Result<(), Error> {
    match created {
        Err(Error::Refused { code, .. }) if code == "ResourceAlreadyExistsException" => Ok(()),
        created => created.map(drop),
    }
}
