//! The function's processes: started, watched, killed. We are PID 1, so all that die here are ours to reap.

mod reaping;
mod strays;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpid};

use crate::setup::bootstrap;
use crate::setup::user::User;
pub(crate) use reaping::{Dead, reap};

/// A process that runs.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its id, which is also its group's.
    pub pid: Pid,
    /// What it writes.
    pub stdout: OwnedFd,
    /// What it writes about errors.
    pub stderr: OwnedFd,
    /// What its logger writes, if it was offered a pipe for that.
    pub messages: Option<OwnedFd>,
}

/// How a process can log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logger {
    /// On its standard output and its standard error.
    Streams,
    /// Also into a pipe for messages, which may have several lines.
    Pipe,
}

/// Names the pipe for messages. [AWS: runtime interface clients]
const LOGGER: &str = "_LAMBDA_TELEMETRY_LOG_FD";

/// The kernel should end functions before it ends us. [Linux: proc(5), oom_score_adj]
const OOM_SCORE: &str = "500";

/// Starts the runtime or an extension in a group of its own.
///
/// # Errors
/// The type of the failure in AWS's words, and what the system said.
pub(crate) fn spawn(
    command: &bootstrap::Command,
    variables: &BTreeMap<String, String>,
    user: Option<User>,
    logger: Logger,
) -> Result<Running, (&'static str, String)> {
    let (program, arguments) = command
        .arguments
        .split_first()
        .ok_or_else(|| ("Runtime.InvalidEntrypoint", "the function has no command".to_owned()))?;
    if !command.folder.is_dir() {
        let folder = command.folder.display();
        return Err(("Runtime.InvalidWorkingDir", format!("the working directory {folder} does not exist")));
    }
    let mut process = Command::new(program);
    process.args(arguments).current_dir(&command.folder).env_clear().envs(variables).process_group(0);
    process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(user) = user {
        // Supplementary groups go with it.
        process.gid(user.gid).uid(user.uid);
    }
    let pipe = match logger {
        Logger::Streams => None,
        Logger::Pipe => Some(pipe_for_messages().map_err(|error| ("Sandbox.Failure", error.to_string()))?),
    };
    if let Some((_, writer)) = &pipe {
        process.env(LOGGER, writer.as_raw_fd().to_string());
    }
    let mut child = process
        .spawn()
        .map_err(|error| (type_of(&error), format!("fork/exec {program}: {}", in_words(&error))))?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    // Without it only the choice of the kernel in need is worse.
    let _ = fs::write(format!("/proc/{pid}/oom_score_adj"), OOM_SCORE);
    match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), Some(stderr)) => {
            let messages = pipe.map(|(reader, _)| reader.into());
            Ok(Running { pid, stdout: stdout.into(), stderr: stderr.into(), messages })
        }
        _ => Err(("Sandbox.Failure", "its output cannot be read".to_owned())),
    }
}

/// A pipe whose other end the next process has, and no other: it is closed here as soon as that is started.
fn pipe_for_messages() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&writer, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok((reader, writer))
}

/// Whose fault it is that a program cannot be started: the function's, or want of processes, memory or files.
fn type_of(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) => "Sandbox.Failure",
        _ => "Runtime.InvalidEntrypoint",
    }
}

/// What the system said, as Go prints it, which is how AWS's messages have it.
fn in_words(error: &io::Error) -> String {
    let Some(number) = error.raw_os_error() else { return error.to_string() };
    let mut words = Errno::from_raw(number).desc().to_owned();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    words
}

/// Kills a group.
pub(crate) fn kill_group(pid: Pid) {
    // It may be gone already, which is what we want.
    let _ = killpg(pid, Signal::SIGKILL);
}

/// Asks a group to end.
pub(crate) fn terminate_group(pid: Pid) {
    // It may be gone already, which is what we want.
    let _ = killpg(pid, Signal::SIGTERM);
}

/// Kills everything of the function's that is left in the container: what the runtime started in groups of its own. Only
/// as PID 1: elsewhere other processes are not ours. `mark`: what tells others' processes, see [`strays`]. Returns
/// whether anything was left.
pub(crate) fn sweep(mark: Option<&[u8]>) -> bool {
    if getpid().as_raw() != 1 {
        return false;
    }
    let strays = strays::find(mark);
    strays.into_iter().fold(false, |left, pid| left | kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_processes_is_not_the_programs_fault() {
        let type_of = |number: Errno| type_of(&io::Error::from_raw_os_error(number as i32));
        assert_eq!(type_of(Errno::EAGAIN), "Sandbox.Failure");
        assert_eq!(type_of(Errno::ENOENT), "Runtime.InvalidEntrypoint");
        assert_eq!(type_of(Errno::EACCES), "Runtime.InvalidEntrypoint");
    }
}
