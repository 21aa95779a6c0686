//! What the kernel tells of processes.

use std::fs;
use std::path::PathBuf;

/// A process, by its folder below a `/proc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    folder: PathBuf,
}

impl Process {
    pub(super) fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn status(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.file("status")).ok()?;
        text.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
    }

    /// Resident memory in bytes, now.
    pub(crate) fn resident(&self) -> u64 {
        let kb = self.status("VmRSS").unwrap();
        kb.strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1024
    }

    /// Most resident memory since the last [`Self::forget_peak`], in bytes.
    pub(crate) fn peak(&self) -> u64 {
        let kb = self.status("VmHWM").unwrap();
        kb.strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1024
    }

    /// Begins a new peak. [Linux: proc(5), clear_refs]
    pub(crate) fn forget_peak(&self) {
        fs::write(self.file("clear_refs"), "5").unwrap();
    }

    /// Open file descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.file("fd")).unwrap().count()
    }

    /// Threads.
    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(self.file("task")).unwrap().count()
    }

    /// Dead, and nobody has asked how.
    pub(crate) fn is_zombie(&self) -> bool {
        self.status("State").is_some_and(|state| state.starts_with('Z'))
    }

    /// Its command line, arguments separated by blanks.
    pub(crate) fn command(&self) -> String {
        let line = fs::read(self.file("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ")
    }

    /// The program's own short name.
    pub(crate) fn name(&self) -> String {
        self.status("Name").unwrap_or_default()
    }
}
