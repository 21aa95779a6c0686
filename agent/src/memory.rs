//! How much memory the container has used, as its control group and its processes tell.

mod processes;

use std::fs::{self, File};
use std::path::Path;

use processes::{Processes, read};

/// Bytes and counts from the container's own control group, v2 or v1, as containers see it.
#[derive(Debug)]
pub(crate) struct Memory {
    processes: Processes,
    group: Group,
    /// Processes that the kernel had ended for want of memory when the invocation began.
    kills: u64,
    /// Most that the group has used when a process was ended for want of memory and no report has told yet, in bytes.
    exhausted: Option<u64>,
    /// What the largest of the processes that have ended since the last report had resident, in bytes.
    dead: Option<u64>,
}

/// Under v2 the container's group is the root of what it sees; under v1 the memory controller's is.
const V2: &str = "sys/fs/cgroup";
const V1: &str = "sys/fs/cgroup/memory";

impl Memory {
    /// Begins to watch.
    pub(crate) fn new() -> Self {
        Self::below(Path::new("/"))
    }

    fn below(root: &Path) -> Self {
        let group = Group::below(root);
        let kills = group.kills().unwrap_or(0);
        Self { processes: Processes::new(), group, kills, exhausted: None, dead: None }
    }

    /// Whether the kernel has ended a process for want of memory since the invocation began.
    pub(crate) fn was_exhausted(&mut self) -> bool {
        let kills = self.group.kills().unwrap_or(self.kills);
        let exhausted = std::mem::replace(&mut self.kills, kills) < kills;
        if exhausted {
            self.exhausted = self.group.peak();
        }
        exhausted
    }

    /// A process has ended that had `peak` bytes resident at its peak.
    pub(crate) fn died(&mut self, peak: u64) {
        self.dead = self.dead.max(Some(peak));
    }

    /// Most memory that the function's processes have used, in bytes; `None`: it cannot be told.
    ///
    /// The sum of what each process had resident at its peak. The group's own peak would count the page cache that
    /// unpacking the code has filled, which AWS's figure does not. After processes were ended for want of memory, whose
    /// figures are gone with them, the group's own peak is the limit that they ran into. Of what has died each report
    /// tells but once: a fresh runtime has used nothing yet.
    pub(crate) fn peak(&mut self) -> Option<u64> {
        let dead = self.dead.take();
        self.exhausted.take().or_else(|| self.processes.resident_peaks().max(dead))
    }

    /// An invocation is over, and has been reported: what happens from now on is the next one's.
    pub(crate) fn begin_anew(&mut self) {
        self.processes.forget_peaks();
        self.kills = self.group.kills().unwrap_or(self.kills);
    }

    /// Most that the kernel lets the container use, in bytes; `None`: it sets no limit.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.group.limit
    }
}

/// The container's control group.
#[derive(Debug)]
struct Group {
    limit: Option<u64>,
    /// The most it has used.
    peak: Option<File>,
    /// Counts, by name.
    events: Option<File>,
}

impl Group {
    fn below(root: &Path) -> Self {
        let (v2, v1) = (root.join(V2), root.join(V1));
        let open = |new, old| File::open(v2.join(new)).or_else(|_| File::open(v1.join(old))).ok();
        let text = fs::read_to_string(v2.join("memory.max"))
            .or_else(|_| fs::read_to_string(v1.join("memory.limit_in_bytes")));
        Self {
            // `max`, and under v1 a number beyond all memory, are none.
            limit: text.ok().and_then(|text| text.trim().parse().ok()),
            peak: open("memory.peak", "memory.max_usage_in_bytes"),
            events: open("memory.events", "memory.oom_control"),
        }
    }

    fn peak(&self) -> Option<u64> {
        read::<64, _>(self.peak.as_ref()?, |text| text.trim().parse().ok())
    }

    fn kills(&self) -> Option<u64> {
        read::<512, _>(self.events.as_ref()?, |text| field(text, "oom_kill"))
    }
}

/// `name value` on a line of its own.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_told_of_once() {
        let mut memory = Memory::new();
        memory.died(1 << 50);
        memory.died(1);
        assert_eq!(memory.peak(), Some(1 << 50));
        assert!(memory.peak() < Some(1 << 50) && memory.peak() > Some(0));
    }

    /// A control group whose processes were ended so many times for want of memory.
    fn group(root: &Path, version: &str, events: &str, kills: u64) {
        let folder = root.join(version);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(events), format!("oom 0\noom_kill {kills}\n")).unwrap();
    }

    #[test]
    fn only_what_was_ended_in_the_same_invocation_is_the_reason() {
        for (version, events, peak) in
            [(V2, "memory.events", "memory.peak"), (V1, "memory.oom_control", "memory.max_usage_in_bytes")]
        {
            let root = tempfile::tempdir().unwrap();
            group(root.path(), version, events, 1);
            fs::write(root.path().join(version).join(peak), "4096\n").unwrap();
            let mut memory = Memory::below(root.path());
            assert!(!memory.was_exhausted(), "that was before");
            group(root.path(), version, events, 2);
            assert!(memory.was_exhausted() && !memory.was_exhausted());
            assert_eq!(memory.peak(), Some(4096));
            // A helper of the function is ended, and the function goes on.
            group(root.path(), version, events, 3);
            memory.begin_anew();
            assert!(!memory.was_exhausted(), "it was an invocation before");
        }
    }

    #[test]
    fn a_limit_is_what_the_kernel_sets() {
        for (version, file, text, limit) in [
            (V2, "memory.max", "134217728\n", Some(128 << 20)),
            (V2, "memory.max", "max\n", None),
            (V1, "memory.limit_in_bytes", "134217728\n", Some(128 << 20)),
        ] {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join(version)).unwrap();
            fs::write(root.path().join(version).join(file), text).unwrap();
            assert_eq!(Memory::below(root.path()).limit(), limit, "{text}");
        }
        assert_eq!(Memory::below(tempfile::tempdir().unwrap().path()).limit(), None);
    }

    #[test]
    fn kernel_files_are_read() {
        assert_eq!(field("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"), Some(3));
        assert_eq!(field("low 0\noom 1\noom_kill 2\n", "oom_kill"), Some(2));
    }
}
