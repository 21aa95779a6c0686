//! The function's output on our own standard output, which is the container's log.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::log::debug;

/// Time that whoever reads the container's log has to take some of it, before it is lost.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// Our standard output.
#[derive(Debug)]
pub(super) enum Stdout {
    /// The engine's pipe, which we do not want to be stopped by.
    Pipe {
        /// Our end.
        pipe: Sender,
        /// Nobody has read for a while: what does not fit is lost.
        clogged: bool,
    },
    /// A file or a terminal.
    Other,
}

impl Stdout {
    /// Takes hold of it.
    pub(super) fn new() -> Self {
        io::stdout().as_fd().try_clone_to_owned().map_or(Self::Other, Self::of)
    }

    fn of(descriptor: OwnedFd) -> Self {
        match Sender::from_owned_fd(descriptor) {
            Ok(pipe) => Self::Pipe { pipe, clogged: false },
            Err(_) => Self::Other,
        }
    }

    /// Writes lines.
    pub(super) async fn write(&mut self, lines: &[u8]) {
        match self {
            Self::Pipe { pipe, clogged } => {
                let wait = if *clogged {
                    // Tokio hears of new room only when it has looked.
                    yield_now().await;
                    Duration::ZERO
                } else {
                    TAKEN_WITHIN
                };
                let written = timeout(wait, pipe.write_all(lines)).await;
                if written.is_err() && !*clogged {
                    debug!("nobody reads the container's log: some of it is lost");
                }
                *clogged = written.is_err();
            }
            Self::Other => {
                use std::io::Write;
                let mut stdout = io::stdout().lock();
                // There is nowhere to complain to.
                let _ = stdout.write_all(lines).and_then(|()| stdout.flush());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::Instant;

    use super::*;

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn nobody_who_reads_stops_nobody_who_writes() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut stdout = Stdout::of(writer.into());
        stdout.write(b"first\n").await;
        // More than any pipe holds.
        let flood = vec![b'x'; 4 << 20];
        let since = Instant::now();
        stdout.write(&flood).await;
        assert!(matches!(stdout, Stdout::Pipe { clogged: true, .. }));
        stdout.write(&flood).await;
        assert!(since.elapsed() < Duration::from_secs(30), "the time that it waits is not real");
        let mut held = vec![0; 64 * 1024];
        let read = reader.read(&mut held).unwrap();
        assert!(held[..read].starts_with(b"first\nxxx"));
        stdout.write(b"last\n").await;
        assert!(matches!(stdout, Stdout::Pipe { clogged: false, .. }));
        drop(stdout);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(b"last\n"));
    }
}
