//! Facts about the machine that a figure is worth nothing without.

use std::{fmt, fs, thread};

use serde::Serialize;

/// Where a run takes place.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// Model name of the processor.
    pub(crate) processor: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
    /// Memory in GiB.
    pub(crate) memory_gib: f64,
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// Load averages before the run: 1, 5 and 15 minutes.
    pub(crate) load: String,
    /// Name and version of the container engine.
    pub(crate) engine: String,
}

impl Machine {
    /// Reads the facts from `/proc`; `engine` is what the engine says of itself.
    pub(crate) fn read(engine: String) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let one_line = |path| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        Self {
            processor: field(&cpuinfo, "model name").unwrap_or("unknown processor").to_owned(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_gib: (field(&meminfo, "MemTotal").and_then(kibibytes).unwrap_or_default() / 1_048_576.0)
                .round(),
            kernel: one_line("/proc/sys/kernel/osrelease"),
            load: one_line("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
            engine,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, memory_gib, kernel, load, engine } = self;
        write!(f, "{cores} cores, {processor}, {memory_gib:.0} GiB, Linux {kernel}, load {load}, {engine}")
    }
}

/// The value of a `name: value` line, as the files of `/proc` have them.
pub(crate) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, v)| v.trim())
}

/// The number of a value like `1234 kB`.
pub(crate) fn kibibytes(value: &str) -> Option<f64> {
    value.strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "VmPeak:\t  10 kB\nVmRSS:\t 2048 kB\nmodel name\t: EPYC: 2\n";
        assert_eq!(field(text, "VmRSS").and_then(kibibytes), Some(2048.0));
        assert_eq!(field(text, "model name"), Some("EPYC: 2"));
        assert_eq!(field(text, "Vm"), None);
    }

    #[test]
    fn sizes_need_their_unit() {
        assert_eq!(kibibytes("12"), None);
    }
}
