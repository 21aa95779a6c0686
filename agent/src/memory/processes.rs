//! How much memory the processes of the function have had resident.
//!
//! Asked after each invocation, so what can be kept is kept: the files of processes that are known stay open, and the
//! list of processes is read again only when the kernel has given out a new number since.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// Processes whose files are kept open. Whoever has more is looked at anew each time.
const MOST_KNOWN: usize = 32;

/// The text of `/proc/<pid>/status` with room to spare, in bytes.
const STATUS_BYTES: usize = 4096;

/// All processes but our own.
#[derive(Debug)]
pub(super) struct Processes {
    /// Ends with the last process number that was given out. [Linux: proc(5), loadavg]
    loadavg: Option<File>,
    last: Option<u64>,
    known: Vec<Known>,
}

/// A process.
#[derive(Debug)]
struct Known {
    status: File,
    /// Where a new peak is begun; `None`: that is not ours to do, so its peak is that of its whole life.
    clear: Option<File>,
}

impl Known {
    fn open(pid: &str) -> Option<Self> {
        let status = File::open(format!("/proc/{pid}/status")).ok()?;
        let clear = File::options().write(true).open(format!("/proc/{pid}/clear_refs")).ok();
        Some(Self { status, clear })
    }

    /// Begins a new peak with what is resident now. [Linux: proc(5), clear_refs]
    fn forget_peak(&self) {
        if let Some(clear) = &self.clear {
            // It may have ended.
            let _ = clear.write_at(b"5", 0);
        }
    }
}

impl Processes {
    pub(super) fn new() -> Self {
        Self { loadavg: File::open("/proc/loadavg").ok(), last: None, known: Vec::new() }
    }

    /// The sum of what each process had resident at its peak, in bytes; `None`: it cannot be told.
    pub(super) fn resident_peaks(&mut self) -> Option<u64> {
        // Before the list is read: who comes meanwhile is seen twice rather than never.
        let last = self.loadavg.as_ref().and_then(last_number);
        if last.is_none() || self.last != last {
            self.known = others()?;
            self.last = last;
        }
        let mut sum = 0;
        // The file of a process that has ended cannot be read, and it stays so when its number is given out again.
        self.known.retain(|known| match resident_peak(&known.status) {
            Some(peak) => {
                sum += peak;
                true
            }
            None => false,
        });
        if self.known.len() > MOST_KNOWN {
            self.forget_peaks();
            self.known.clear();
            self.last = None;
        }
        Some(sum)
    }

    /// Begins a new peak of each.
    pub(super) fn forget_peaks(&self) {
        self.known.iter().for_each(Known::forget_peak);
    }
}

fn others() -> Option<Vec<Known>> {
    let entries = fs::read_dir("/proc").ok()?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let others = names.filter(|name| name.parse::<u32>().is_ok_and(|pid| pid != std::process::id()));
    Some(others.filter_map(|pid| Known::open(&pid)).collect())
}

/// Reads a small file of the kernel whole, from its beginning.
pub(super) fn read<const BYTES: usize, T>(file: &File, value: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let mut text = [0; BYTES];
    let length = file.read_at(&mut text, 0).ok()?;
    // The name of a process may be any bytes.
    value(&String::from_utf8_lossy(&text[..length]))
}

fn last_number(loadavg: &File) -> Option<u64> {
    read::<128, _>(loadavg, |text| text.split_whitespace().next_back()?.parse().ok())
}

fn resident_peak(status: &File) -> Option<u64> {
    read::<STATUS_BYTES, _>(status, peak)
}

/// `VmHWM` in bytes. [Linux: proc(5), status]
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::process::{Child, Command, Stdio};

    use super::*;

    #[test]
    fn kernel_files_are_read() {
        assert_eq!(peak("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t    1732 kB\n"), Some(1732 * 1024));
        assert_eq!(peak("Name:\tkthreadd\n"), None);
        // Numbers begin again at the kernel's limit, so it may be smaller than ours.
        assert!(last_number(&File::open("/proc/loadavg").unwrap()).unwrap() > 0);
    }

    fn cat() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn processes_that_come_and_go_are_noticed() {
        let mut child = cat();
        let status = File::open(format!("/proc/{}/status", child.id())).unwrap();
        assert!(resident_peak(&status).unwrap() > 0);
        let before = last_number(&File::open("/proc/loadavg").unwrap()).unwrap();
        let mut other = cat();
        assert_ne!(last_number(&File::open("/proc/loadavg").unwrap()).unwrap(), before);
        for child in [&mut child, &mut other] {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
        assert_eq!(resident_peak(&status), None, "it has ended");
    }

    #[test]
    fn a_peak_can_be_forgotten() {
        // Large first, then small, and it tells of both.
        let script = "import sys\nblock = b'x' * (64 << 20)\nprint()\nsys.stdout.flush()\nsys.stdin.readline()\ndel block\nprint()\nsys.stdout.flush()\nsys.stdin.readline()";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let known = Known::open(&child.id().to_string()).unwrap();
        let peak_mb = || resident_peak(&known.status).unwrap() >> 20;
        let mut newline = [0];
        output.read_exact(&mut newline).unwrap();
        assert!(peak_mb() >= 64);
        input.write_all(b"\n").unwrap();
        output.read_exact(&mut newline).unwrap();
        assert!(peak_mb() >= 64, "it has been that");
        known.forget_peak();
        assert!(peak_mb() < 64);
        drop(input);
        child.wait().unwrap();
    }

    #[test]
    fn the_sum_is_of_those_that_there_are() {
        let mut processes = Processes::new();
        assert!(processes.resident_peaks().unwrap() > 0, "this test is started by somebody");
    }

    #[test]
    fn the_files_of_many_processes_are_not_kept_open() {
        let children: Vec<_> = (0..=MOST_KNOWN).map(|_| cat()).collect();
        let mut processes = Processes::new();
        assert!(processes.resident_peaks().unwrap() > 0);
        assert!(processes.known.is_empty());
        for mut child in children {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }
}
