//! What the function's processes write, cut into lines and sent up as it happens.

pub(crate) mod lines;

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use lambdock_protocol::{Log, LogSource, ToControlPlane};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::uplink::Sender;
use lines::Lines;

/// The invocation that lines belong to.
pub(crate) type Current = Rc<RefCell<Option<String>>>;

/// Reads one pipe until nobody has its other end.
pub(crate) struct Pump {
    drain: mpsc::Sender<oneshot::Sender<()>>,
}

/// Most that is read at once, in bytes; and so most that a pump holds, besides a line without end.
const READ_BYTES: usize = 64 * 1024;

impl Pump {
    /// Begins to read.
    ///
    /// # Errors
    /// The pipe cannot be watched.
    pub(crate) fn start(
        pipe: OwnedFd,
        source: LogSource,
        uplink: Sender,
        current: Current,
    ) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(pipe)?;
        let (drain, drains) = mpsc::channel(1);
        tokio::task::spawn_local(run(pipe, Way { source, uplink, current }, drains));
        Ok(Self { drain })
    }

    /// Returns when everything that was written until now has been sent up, an unfinished line included.
    pub(crate) async fn drain(&self) {
        let (done, drained) = oneshot::channel();
        if self.drain.send(done).await.is_ok() {
            // The pump may end with the pipe; then everything was sent.
            let _ = drained.await;
        }
    }
}

/// Where lines go, and as whose.
struct Way {
    source: LogSource,
    uplink: Sender,
    current: Current,
}

async fn run(pipe: Receiver, way: Way, mut drains: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut lines = Lines::default();
    let mut open = true;
    while open {
        let drained = tokio::select! {
            readable = pipe.readable() => {
                if readable.is_err() {
                    break;
                }
                None
            }
            drain = drains.recv() => match drain {
                Some(done) => Some(done),
                None => break,
            },
        };
        open = read_all(&pipe, &way, &mut lines).await;
        if drained.is_some() || !open {
            way.send(lines.finish()).await;
        }
        if let Some(done) = drained {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }
    way.send(lines.finish()).await;
}

/// Reads until there is nothing more for now; `false`: nor will there ever be.
async fn read_all(pipe: &Receiver, way: &Way, lines: &mut Lines) -> bool {
    let mut buffer = BytesMut::with_capacity(4096);
    loop {
        if buffer.capacity() == buffer.len() {
            buffer.reserve(READ_BYTES);
        }
        match pipe.try_read_buf(&mut buffer) {
            Ok(0) => return false,
            Ok(_) => way.send(lines.push(buffer.split().freeze())).await,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

impl Way {
    async fn send(&self, whole: Bytes) {
        if whole.is_empty() {
            return;
        }
        let request_id = self.current.borrow().clone();
        let log = Log { source: self.source, time_ms: clock::now_ms(), request_id };
        self.uplink.send(ToControlPlane::Log(log, whole)).await;
    }
}
