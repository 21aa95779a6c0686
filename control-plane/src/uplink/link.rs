//! One environment's control connection.

use std::collections::HashSet;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use lambdock_protocol::{
    Assignment, Decoder, Done, Encoded, Failed, Initialized, Invoke, ResponseEnd, ResponseStart, Shutdown,
    ToAgent, ToControlPlane,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tracing::debug;

use super::tail::Tail;
use super::{ArchiveSource, EnvironmentInfo, LogSink, TraceSink};

/// Events of an invocation that may wait for their reader. Then the connection is not read any further, so that a
/// slow reader of a streamed response slows the function instead of filling our memory.
const EVENTS_IN_FLIGHT: usize = 16;

/// Room to read into, in bytes. Larger frames make their own.
const READ_BYTES: usize = 8 * 1024;

/// Bytes of an archive that travel in one frame.
const ARCHIVE_CHUNK_BYTES: usize = 256 * 1024;

/// Something that happened during an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvocationEvent {
    /// The function began to answer.
    ResponseStart(ResponseStart),
    /// A piece of the answer.
    Chunk(Bytes),
    /// The answer is complete; with an error type it failed midway and the bytes are the error's JSON.
    ResponseEnd(ResponseEnd, Bytes),
    /// There is no answer, or no rest of it; the bytes are the payload for the caller.
    Failed(Failed, Bytes),
    /// All is over, log lines included.
    Done {
        /// What it took.
        done: Done,
        /// Last 4096 bytes of the invocation's log, and of what was written since the last one.
        log_tail: Bytes,
    },
    /// The environment is gone. What came before is all there will be.
    Lost {
        /// In words.
        reason: String,
    },
}

/// An invocation that an environment works on. Dropping it does the environment no harm: the function goes on to its
/// end, unheard.
#[derive(Debug)]
pub struct Running {
    events: mpsc::Receiver<InvocationEvent>,
    environment: Arc<EnvironmentInfo>,
}

impl Running {
    /// The next event; `None` after `Done` or `Lost`. May be cancelled and called again.
    pub async fn next(&mut self) -> Option<InvocationEvent> {
        self.events.recv().await
    }

    /// Where it runs.
    pub fn environment(&self) -> &EnvironmentInfo {
        &self.environment
    }
}

/// The connection is gone.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Lost(pub String);

/// Told by the reader what an environment's scheduler has to know, before the caller of the invocation learns it.
pub trait Observer: Send + Sync {
    /// The function has answered; it is about to be done.
    fn responded(&self);
    /// The environment takes the next invocation.
    fn done(&self);
}

/// Told how an invocation has ended, even where its caller has gone with the answer. Not told of one that was lost.
pub type Ended = Arc<dyn Fn(&Done) + Send + Sync>;

/// What a connection needs of its surroundings.
pub(super) struct Services {
    pub(super) archives: Arc<dyn ArchiveSource>,
    pub(super) logs: Arc<dyn LogSink>,
    pub(super) traces: Arc<dyn TraceSink>,
}

/// An admitted control connection.
pub struct Connection {
    /// For everything that goes to the environment.
    pub link: Link,
    /// For everything that comes from it.
    pub reader: Reader,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        early: BytesMut,
        info: Arc<EnvironmentInfo>,
        services: Services,
    ) -> Self {
        let (reading, writing) = stream.into_split();
        let link = Link {
            shared: Arc::new(LinkShared {
                info,
                writer: Arc::new(tokio::sync::Mutex::new(writing)),
                state: Mutex::new(State::Open { next: None, digests: HashSet::new() }),
            }),
        };
        let reader = Reader {
            link: link.clone(),
            reading,
            buffer: early,
            decoder: Decoder::default(),
            services,
            current: None,
            early: Tail::default(),
            undelivered: None,
        };
        Self { link, reader }
    }
}

/// The invocation being worked on.
struct Current {
    request_id: String,
    events: mpsc::Sender<InvocationEvent>,
    ended: Ended,
    tail: Tail,
}

enum State {
    Open {
        /// Sent to the environment; the reader has not heard of it yet.
        next: Option<Current>,
        /// Archives that this environment may fetch.
        digests: HashSet<String>,
    },
    Closed {
        reason: String,
    },
}

struct LinkShared {
    info: Arc<EnvironmentInfo>,
    writer: Arc<tokio::sync::Mutex<OwnedWriteHalf>>,
    state: Mutex<State>,
}

impl LinkShared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whole values are put in and taken out, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing half. Clones write to the same connection.
#[derive(Clone)]
pub struct Link {
    shared: Arc<LinkShared>,
}

impl Link {
    /// Whom it leads to.
    pub fn environment(&self) -> &Arc<EnvironmentInfo> {
        &self.shared.info
    }

    /// Tells the environment what it is. From now on it may fetch the archives named.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn assign(&self, assignment: Assignment) -> Result<(), Lost> {
        if let State::Open { digests, .. } = &mut *self.shared.state() {
            digests.extend(assignment.archives.iter().map(|archive| archive.digest.clone()));
        }
        self.send(ToAgent::Assign(Box::new(assignment)).encode()).await
    }

    /// Runs the function once. The environment must be free; it no longer is from the moment that `committing` is
    /// called, right before the first byte is written.
    ///
    /// # Errors
    /// The connection is gone; the function has not run.
    pub async fn invoke(
        &self,
        invoke: Invoke,
        payload: Bytes,
        ended: Ended,
        committing: impl FnOnce() + Send,
    ) -> Result<Running, Lost> {
        let (sender, events) = mpsc::channel(EVENTS_IN_FLIGHT);
        let current =
            Current { request_id: invoke.request_id.clone(), events: sender, ended, tail: Tail::default() };
        match &mut *self.shared.state() {
            State::Open { next, .. } => *next = Some(current),
            State::Closed { reason } => return Err(Lost(reason.clone())),
        }
        self.send_committing(ToAgent::Invoke(invoke, payload).encode(), committing).await?;
        Ok(Running { events, environment: Arc::clone(&self.shared.info) })
    }

    /// Asks the environment to end.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn shut_down(&self, shutdown: Shutdown) -> Result<(), Lost> {
        self.send(ToAgent::Shutdown(shutdown).encode()).await
    }

    /// Fails the invocation in progress, if any, and every later one.
    pub fn close(&self, reason: &str) {
        let before =
            std::mem::replace(&mut *self.shared.state(), State::Closed { reason: reason.to_owned() });
        if let State::Open { next: Some(current), .. } = before {
            current.finish(InvocationEvent::Lost { reason: reason.to_owned() });
        }
    }

    /// Writes a frame whole, or not at all: a caller that is cancelled midway does not cut it in two. A frame that
    /// fits into the socket's buffer, as nearly all do, takes one system call on the caller's own task.
    async fn send(&self, frame: Encoded) -> Result<(), Lost> {
        self.send_committing(frame, || {}).await
    }

    async fn send_committing(
        &self,
        mut frame: Encoded,
        committing: impl FnOnce() + Send,
    ) -> Result<(), Lost> {
        let mut writer = Arc::clone(&self.shared.writer).lock_owned().await;
        committing();
        match writer.try_write_vectored(&[IoSlice::new(&frame.head), IoSlice::new(&frame.body)]) {
            Ok(written) if written == frame.len() => return Ok(()),
            Ok(written) => {
                let of_head = written.min(frame.head.len());
                frame.head.advance(of_head);
                frame.body.advance(written - of_head);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(lost(&error)),
        }
        let rest = tokio::spawn(async move { writer.write_all_buf(&mut frame.head.chain(frame.body)).await });
        match rest.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(lost(&error)),
            Err(_stopped) => Err(Lost("the control plane is going down".to_owned())),
        }
    }
}

fn lost(error: &io::Error) -> Lost {
    Lost(format!("the connection to the environment was lost: {error}"))
}

impl Current {
    /// Delivers the last event without waiting for a slow reader.
    fn finish(self, event: InvocationEvent) {
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            tokio::spawn(async move { self.events.send(event).await });
        }
    }
}

/// What an environment says of itself.
#[derive(Debug)]
pub enum Heard {
    /// The init phase is over; the bytes are the error's JSON if it failed.
    Initialized(Initialized, Bytes),
    /// The environment cannot serve, says its agent.
    Unusable(String),
    /// The connection is gone, and why.
    Closed(String),
}

/// The reading half: delivers log lines, traces and the events of invocations, serves archives.
pub struct Reader {
    link: Link,
    reading: OwnedReadHalf,
    buffer: BytesMut,
    decoder: Decoder,
    services: Services,
    current: Option<Current>,
    /// What was written since the last invocation, or before the first.
    early: Tail,
    /// An event whose reader was not ready when this was cancelled.
    undelivered: Option<InvocationEvent>,
}

impl Reader {
    /// Reads until the environment says something of itself. May be cancelled and called again, except while an
    /// archive is being sent, which only the end of the environment interrupts.
    pub async fn next(&mut self, observer: &dyn Observer) -> Heard {
        loop {
            self.deliver().await;
            match ToControlPlane::decode(&self.decoder, &mut self.buffer) {
                Ok(Some(message)) => {
                    if let Some(heard) = self.take(message, observer).await {
                        return heard;
                    }
                }
                Ok(None) => {
                    if self.buffer.capacity() == self.buffer.len() {
                        self.buffer.reserve(READ_BYTES);
                    }
                    match self.reading.read_buf(&mut self.buffer).await {
                        Ok(0) => return Heard::Closed("the environment closed its connection".to_owned()),
                        Ok(_) => {}
                        Err(error) => return Heard::Closed(lost(&error).0),
                    }
                }
                Err(error) => return Heard::Closed(format!("the environment broke the protocol: {error}")),
            }
        }
    }

    async fn deliver(&mut self) {
        if self.undelivered.is_none() {
            return;
        }
        let permit = match &self.current {
            Some(current) => current.events.reserve().await.ok(),
            None => None,
        };
        // Without a permit nobody listens any more.
        if let (Some(event), Some(permit)) = (self.undelivered.take(), permit) {
            permit.send(event);
        }
    }

    async fn take(&mut self, message: ToControlPlane, observer: &dyn Observer) -> Option<Heard> {
        match message {
            ToControlPlane::Log(log, lines) => {
                match &log.request_id {
                    Some(id) => {
                        if let Some(current) = self.current(id) {
                            current.tail.push(&lines);
                        }
                    }
                    None => self.early.push_early(&log, &lines),
                }
                self.services.logs.lines(&self.link.shared.info, &log, &lines);
            }
            ToControlPlane::ResponseStart(start) => {
                if self.current(&start.request_id).is_some() {
                    self.undelivered = Some(InvocationEvent::ResponseStart(start));
                }
            }
            ToControlPlane::ResponseChunk(bytes) => self.undelivered = Some(InvocationEvent::Chunk(bytes)),
            ToControlPlane::ResponseEnd(end, error) => {
                if self.current(&end.request_id).is_some() {
                    observer.responded();
                    self.undelivered = Some(InvocationEvent::ResponseEnd(end, error));
                }
            }
            ToControlPlane::Failed(failed, payload) => {
                if self.current(&failed.request_id).is_some() {
                    observer.responded();
                    self.undelivered = Some(InvocationEvent::Failed(failed, payload));
                }
            }
            ToControlPlane::Done(done) => {
                if self.current(&done.request_id).is_some()
                    && let Some(mut current) = self.current.take()
                {
                    // The environment is free before the caller knows, so that its next call finds it free.
                    observer.done();
                    (current.ended)(&done);
                    let log_tail = std::mem::take(&mut current.tail).into_bytes();
                    current.finish(InvocationEvent::Done { done, log_tail });
                }
            }
            ToControlPlane::FetchArchive { digest } => {
                if let Err(reason) = self.send_archive(&digest).await {
                    return Some(Heard::Closed(reason));
                }
            }
            ToControlPlane::Initialized(initialized, error) => {
                return Some(Heard::Initialized(initialized, error));
            }
            ToControlPlane::Segments(segments, body) => match segments.unpack(body) {
                Some(documents) => self.services.traces.segments(&self.link.shared.info, documents),
                None => debug!("segments whose lengths contradict their bytes were dropped"),
            },
            ToControlPlane::Unusable { reason } => return Some(Heard::Unusable(reason)),
            ToControlPlane::Hello(_) => {
                return Some(Heard::Closed("the environment greeted twice".to_owned()));
            }
        }
        None
    }

    /// The invocation with this id, if it is the one in progress.
    fn current(&mut self, request_id: &str) -> Option<&mut Current> {
        if self.current.is_none()
            && let State::Open { next, .. } = &mut *self.link.shared.state()
            && let Some(mut begun) = next.take()
        {
            begun.tail = std::mem::take(&mut self.early);
            self.current = Some(begun);
        }
        let current = self.current.as_mut().filter(|current| current.request_id == request_id);
        if current.is_none() {
            debug!(request_id, "a message about an invocation that is not in progress was dropped");
        }
        current
    }

    async fn send_archive(&self, digest: &str) -> Result<(), String> {
        let assigned = match &*self.link.shared.state() {
            State::Open { digests, .. } => digests.contains(digest),
            State::Closed { reason } => return Err(reason.clone()),
        };
        if !assigned {
            return Err(format!("the environment asked for archive {digest}, which is not its own"));
        }
        let unreadable = |error: io::Error| format!("code archive {digest} cannot be read: {error}");
        let archives = Arc::clone(&self.services.archives);
        let name = digest.to_owned();
        let opened = tokio::task::spawn_blocking(move || archives.open(&name)).await;
        let file = opened.map_err(io::Error::other).and_then(|opened| opened).map_err(unreadable)?;
        let mut file = tokio::fs::File::from_std(file);
        file.set_max_buf_size(ARCHIVE_CHUNK_BYTES);
        loop {
            let mut chunk = BytesMut::with_capacity(ARCHIVE_CHUNK_BYTES);
            let last = file.read_buf(&mut chunk).await.map_err(unreadable)? == 0;
            let frame = ToAgent::ArchiveChunk { bytes: chunk.freeze(), last }.encode();
            self.link.send(frame).await.map_err(|lost| lost.0)?;
            if last {
                return Ok(());
            }
        }
    }

    /// The connection is over: fails what is in progress, for `reason`.
    pub fn close(mut self, reason: &str) {
        self.link.close(reason);
        if let Some(current) = self.current.take() {
            current.finish(InvocationEvent::Lost { reason: reason.to_owned() });
        }
    }
}
