//! How much memory the container has used, as its control group and its processes tell.

mod processes;

use std::fs;

use processes::Processes;

/// Bytes and counts from the container's own control group, v2 or v1, as containers see it.
#[derive(Debug)]
pub(crate) struct Memory {
    processes: Processes,
    kills: u64,
    /// Most that the group has used when a process was ended for want of memory and no report has told yet, in bytes.
    exhausted: Option<u64>,
    /// What the largest of the processes that have ended since the last report had resident, in bytes.
    dead: Option<u64>,
}

/// Under v2 the container's group is the root of what it sees; under v1 the memory controller's is.
const V2: &str = "/sys/fs/cgroup/";
const V1: &str = "/sys/fs/cgroup/memory/";

impl Memory {
    /// Begins to watch.
    pub(crate) fn new() -> Self {
        Self { processes: Processes::new(), kills: kills().unwrap_or(0), exhausted: None, dead: None }
    }

    /// Whether the kernel has ended a process for want of memory since the last time this was asked.
    pub(crate) fn was_exhausted(&mut self) -> bool {
        let kills = kills().unwrap_or(self.kills);
        let exhausted = std::mem::replace(&mut self.kills, kills) < kills;
        if exhausted {
            self.exhausted = group_peak();
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
}

fn group_peak() -> Option<u64> {
    let number = |path| fs::read_to_string(path).ok()?.trim().parse().ok();
    number(format!("{V2}memory.peak")).or_else(|| number(format!("{V1}memory.max_usage_in_bytes")))
}

fn kills() -> Option<u64> {
    let v2 = fs::read_to_string(format!("{V2}memory.events")).ok().and_then(|text| field(&text, "oom_kill"));
    v2.or_else(|| field(&fs::read_to_string(format!("{V1}memory.oom_control")).ok()?, "oom_kill"))
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

    #[test]
    fn kernel_files_are_read() {
        assert_eq!(field("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"), Some(3));
        assert_eq!(field("low 0\noom 1\noom_kill 2\n", "oom_kill"), Some(2));
    }
}
