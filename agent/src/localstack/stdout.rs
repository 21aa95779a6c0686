//! The function's output on our own standard output, which is the container's log.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;
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
        let same = io::stdout().as_fd().try_clone_to_owned();
        match same.and_then(Sender::from_owned_fd) {
            Ok(pipe) => Self::Pipe { pipe, clogged: false },
            Err(_) => Self::Other,
        }
    }

    /// Writes lines.
    pub(super) async fn write(&mut self, lines: &[u8]) {
        match self {
            Self::Pipe { pipe, clogged } => {
                let wait = if *clogged { Duration::ZERO } else { TAKEN_WITHIN };
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
