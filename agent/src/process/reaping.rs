//! Dead children, and what they have used.
//!
//! The one place that speaks with the kernel itself: `wait4` alone tells of one child what it has used, and no safe
//! wrapper has it.

use nix::errno::Errno;
use nix::libc;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::report::Ended;

/// A child that has ended, and is off the system's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dead {
    /// Its id.
    pub pid: Pid,
    /// How it ended.
    pub ended: Ended,
    /// Most memory that it, or a child of its own, had resident, in bytes.
    pub peak: u64,
}

/// Takes one dead child off the system's list. `None`: none is dead.
pub(crate) fn reap() -> Option<Dead> {
    loop {
        return match wait() {
            Ok((WaitStatus::Exited(pid, code), peak)) => Some(Dead { pid, ended: Ended::Code(code), peak }),
            Ok((WaitStatus::Signaled(pid, signal, _), peak)) => {
                Some(Dead { pid, ended: Ended::Signal(signal as i32), peak })
            }
            Ok((WaitStatus::StillAlive, _)) | Err(Errno::ECHILD) => None,
            Err(Errno::EINTR) | Ok(_) => continue,
            Err(_) => None,
        };
    }
}

#[expect(unsafe_code, reason = "a call of the kernel that has no safe wrapper")]
fn wait() -> Result<(WaitStatus, u64), Errno> {
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to writable places of our own, of the types that wait4(2) writes.
    let pid = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG, usage.as_mut_ptr()) };
    match Errno::result(pid)? {
        0 => Ok((WaitStatus::StillAlive, 0)),
        pid => {
            // SAFETY: it consists of integers alone, for which zeroes are values.
            let usage = unsafe { usage.assume_init() };
            let peak = u64::try_from(usage.ru_maxrss).unwrap_or(0).saturating_mul(1024);
            Ok((WaitStatus::from_raw(Pid::from_raw(pid), status)?, peak))
        }
    }
}
