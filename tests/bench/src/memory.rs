//! Resident memory of processes, as the kernel counts it.

use std::fs;

use crate::machine::{field, kibibytes};

/// Resident memory of one process, in MiB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Resident {
    /// Now (`VmRSS`).
    pub(crate) now: f64,
    /// The most since the process began (`VmHWM`).
    pub(crate) peak: f64,
}

/// Reads it for a process of this machine; `None` where the process is gone or out of sight.
pub(crate) fn resident(pid: u32) -> Option<Resident> {
    parse(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn parse(status: &str) -> Option<Resident> {
    let mebibytes = |name| field(status, name).and_then(kibibytes).map(|kib| kib / 1024.0);
    Some(Resident { now: mebibytes("VmRSS")?, peak: mebibytes("VmHWM")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_figures_come_in_mebibytes() {
        let status = "Name:\tinit\nVmHWM:\t    3072 kB\nVmRSS:\t    1536 kB\n";
        assert_eq!(parse(status), Some(Resident { now: 1.5, peak: 3.0 }));
    }

    #[test]
    fn a_kernel_thread_has_no_figures() {
        assert_eq!(parse("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn this_process_has_some() {
        let own = resident(std::process::id()).unwrap();
        assert!(own.now > 0.1 && own.peak >= own.now);
    }
}
