//! What the function's processes write, cut into lines and passed on as it happens.

mod frames;
pub(crate) mod journal;
mod levels;
pub(crate) mod lines;
pub(crate) mod stdout;

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use nix::errno::Errno;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{Mutex, oneshot};

use frames::{Frames, Written};
use journal::{Journal, Source};
use lines::Lines;

/// What is written into a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines of text.
    Lines,
    /// Messages of a logger.
    Frames,
}

/// Reads one pipe until nobody has its other end.
pub(crate) struct Pump {
    pipe: Rc<Receiver>,
    reader: Rc<Mutex<Reader>>,
    /// Goes with this, and the reading with it.
    _wanted: oneshot::Sender<()>,
}

/// Most that is read at once, in bytes; and so most that a pump holds, besides a line without end.
const READ_BYTES: usize = 64 * 1024;

/// Most that is read at once of what is left, in bytes.
const DRAIN_BYTES: usize = 8 * 1024;

/// Most that a pipe can hold, in bytes: who has read as much has read all that was in it before. [Linux: pipe(7),
/// /proc/sys/fs/pipe-max-size]
const PIPE_BYTES: usize = 1024 * 1024;

impl Pump {
    /// Begins to read what `source` writes into `pipe`.
    ///
    /// # Errors
    /// The pipe cannot be watched.
    pub(crate) fn start(pipe: OwnedFd, journal: Rc<Journal>, source: Source, form: Form) -> io::Result<Self> {
        let pipe = Rc::new(Receiver::from_owned_fd(pipe)?);
        let held = match form {
            Form::Lines => Held::Lines(Lines::default()),
            Form::Frames => Held::Frames(Frames::default()),
        };
        let reader = Rc::new(Mutex::new(Reader { journal, source, held }));
        let (wanted, unwanted) = oneshot::channel();
        tokio::task::spawn_local(run(Rc::clone(&pipe), Rc::clone(&reader), unwanted));
        Ok(Self { pipe, reader, _wanted: wanted })
    }

    /// Returns when everything that was written until now has been passed on, an unfinished line included. What is
    /// written meanwhile does not keep it.
    pub(crate) async fn drain(&self) {
        let mut reader = self.reader.lock().await;
        match reader.drain(&self.pipe).await {
            Found::End => reader.finish().await,
            Found::More => reader.finish_line().await,
        }
    }
}

async fn run(pipe: Rc<Receiver>, reader: Rc<Mutex<Reader>>, mut unwanted: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            biased;
            _ = &mut unwanted => break,
            readable = pipe.readable() => if readable.is_err() {
                break;
            },
        }
        if reader.lock().await.read(&pipe).await == Found::End {
            break;
        }
    }
    reader.lock().await.finish().await;
}

/// What reading came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// There may be more.
    More,
    /// Nobody has the other end.
    End,
}

struct Reader {
    journal: Rc<Journal>,
    source: Source,
    held: Held,
}

/// What is not finished yet.
#[derive(Debug)]
enum Held {
    Lines(Lines),
    Frames(Frames),
}

impl Reader {
    /// Reads what there is, [`READ_BYTES`] at most.
    async fn read(&mut self, pipe: &Receiver) -> Found {
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        match pipe.try_read_buf(&mut buffer) {
            Ok(0) => Found::End,
            Ok(_) => {
                self.pass_on(buffer.freeze()).await;
                Found::More
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Found::More
            }
            Err(_) => Found::End,
        }
    }

    /// Reads what was in the pipe when this was called, and perhaps some more.
    async fn drain(&mut self, pipe: &Receiver) -> Found {
        let mut read = 0;
        while read < PIPE_BYTES {
            match now(pipe) {
                Ok(bytes) if bytes.is_empty() => return Found::End,
                Ok(bytes) => {
                    read += bytes.len();
                    self.pass_on(bytes).await;
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Found::More,
                // The pipe is no more.
                Err(_) => return Found::End,
            }
        }
        Found::More
    }

    async fn pass_on(&mut self, written: Bytes) {
        match &mut self.held {
            Held::Lines(lines) => {
                let whole = Written::Lines(lines.push(written));
                self.journal.written(&self.source, whole).await;
            }
            Held::Frames(frames) => {
                for message in frames.push(written) {
                    self.journal.written(&self.source, message).await;
                }
            }
        }
    }

    /// Nothing more will be written.
    async fn finish(&mut self) {
        match &mut self.held {
            Held::Lines(_) => self.finish_line().await,
            Held::Frames(frames) => {
                if let Some(rest) = frames.finish() {
                    self.journal.written(&self.source, rest).await;
                }
            }
        }
    }

    /// A line that is not finished ends here. A message does not: it is being written.
    async fn finish_line(&mut self) {
        if let Held::Lines(lines) = &mut self.held {
            let line = Written::Lines(lines.finish());
            self.journal.written(&self.source, line).await;
        }
    }
}

/// Asks the kernel and not Tokio, which knows of what was written only once it has looked.
fn now(pipe: &Receiver) -> Result<Bytes, Errno> {
    let mut piece = [0; DRAIN_BYTES];
    let length = nix::unistd::read(pipe, &mut piece)?;
    Ok(Bytes::copy_from_slice(&piece[..length]))
}

#[cfg(test)]
mod tests;
