//! The function's output on our own standard output, which is the container's log.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::{Mode, SFlag, fstat};

/// Bytes that the engine may be behind, if the system lets us ask for it. [Linux: pipe(7), pipe-max-size]
const PIPE_BYTES: i32 = 1024 * 1024;

/// Our standard output. Nobody may ever wait for whoever reads it: what does not fit is left out, and said so.
#[derive(Debug)]
pub(crate) struct Stdout {
    descriptor: Option<OwnedFd>,
    /// Bytes that nobody has been told of; the line before may be cut.
    left_out: usize,
}

impl Stdout {
    /// Takes hold of it.
    pub(crate) fn new() -> Self {
        Self::of(io::stdout().as_fd().try_clone_to_owned().ok())
    }

    /// Nothing to write to.
    pub(crate) fn nowhere() -> Self {
        Self::of(None)
    }

    fn of(descriptor: Option<OwnedFd>) -> Self {
        let is_pipe = |descriptor: &OwnedFd| {
            fstat(descriptor)
                .is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFIFO)
        };
        // A file or a terminal stops nobody for long.
        let descriptor = descriptor.map(|descriptor| {
            if !is_pipe(&descriptor) {
                return descriptor;
            }
            // It may be as long as it was.
            let _ = fcntl(&descriptor, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
            unstoppable(descriptor)
        });
        Self { descriptor, left_out: 0 }
    }

    /// Writes whole lines, or as much as there is room for.
    pub(crate) fn write(&mut self, lines: &[u8]) {
        if self.left_out > 0 {
            let note = format!("\n[lambdock] {} bytes of output are left out here\n", self.left_out);
            // The note fits as a whole or not at all. [POSIX: PIPE_BUF]
            if self.put(note.as_bytes()) < note.len() {
                self.left_out += lines.len();
                return;
            }
            self.left_out = 0;
        }
        self.left_out += lines.len() - self.put(lines);
    }

    /// How much of it there was room for.
    fn put(&self, mut bytes: &[u8]) -> usize {
        let all = bytes.len();
        let Some(descriptor) = &self.descriptor else { return all };
        while !bytes.is_empty() {
            match nix::unistd::write(descriptor, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return all - bytes.len(),
                // Nobody will ever read it.
                Err(_) => return all,
            }
        }
        all
    }
}

/// An end of the same pipe that does not wait for room. If may be, it is another end: whoever shares ours would not
/// expect that of it.
fn unstoppable(pipe: OwnedFd) -> OwnedFd {
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    if let Ok(other) =
        open(path.as_str(), OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())
    {
        return other;
    }
    if let Ok(flags) = fcntl(&pipe, FcntlArg::F_GETFL) {
        // Without it whoever reads can stop us, which is better than not to be read.
        let _ = fcntl(&pipe, FcntlArg::F_SETFL(OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK));
    }
    pipe
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read};

    use super::*;

    fn pipe() -> (PipeReader, Stdout) {
        let (reader, writer) = io::pipe().unwrap();
        (reader, Stdout::of(Some(writer.into())))
    }

    fn everything(mut reader: PipeReader, stdout: Stdout) -> String {
        drop(stdout);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn what_is_read_in_time_is_complete() {
        let (reader, mut stdout) = pipe();
        let reading = std::thread::spawn(move || {
            let mut text = String::new();
            let mut reader = reader;
            reader.read_to_string(&mut text).unwrap();
            text
        });
        let lines = "a line\n".repeat(1000);
        stdout.write(lines.as_bytes());
        stdout.write(b"the last\n");
        drop(stdout);
        assert_eq!(reading.join().unwrap(), lines + "the last\n");
    }

    #[test]
    fn nobody_who_reads_stops_nobody_who_writes() {
        let (mut reader, mut stdout) = pipe();
        let line = vec![b'x'; 100_000];
        stdout.write(b"first\n");
        // More than any pipe holds.
        (0..100).for_each(|_| stdout.write(&line));
        let mut some = vec![0; 200_000];
        reader.read_exact(&mut some).unwrap();
        stdout.write(b"last\n");
        let text = String::from_utf8(some).unwrap() + &everything(reader, stdout);
        assert!(text.starts_with("first\nxxx"));
        let (before, after) = text.split_once("\n[lambdock] ").unwrap();
        let (left_out, after) = after.split_once(" bytes of output are left out here\n").unwrap();
        assert_eq!(after, "last\n");
        assert_eq!(before.len() + left_out.parse::<usize>().unwrap(), 6 + 100 * line.len());
    }

    #[test]
    fn a_reader_that_is_gone_stops_nobody() {
        let (reader, mut stdout) = pipe();
        drop(reader);
        stdout.write(b"a line\n");
        assert_eq!(stdout.left_out, 0);
        Stdout::nowhere().write(b"a line\n");
    }
}
