//! The memory of this machine.

use std::fs;

/// Memory that can be had without swapping, in MB; `None` where no Linux tells.
pub(super) fn available_mb() -> Option<u64> {
    available_in(&fs::read_to_string("/proc/meminfo").ok()?)
}

/// `meminfo` has the form of `/proc/meminfo`, where numbers are in units of 1024 bytes. [Linux: proc(5)]
fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kibibytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_estimate_is_read() {
        let meminfo =
            "MemTotal:       24689764 kB\nMemFree:        20351964 kB\nMemAvailable:   23371776 kB\n";
        assert_eq!(available_in(meminfo), Some(22_824));
        assert_eq!(available_in("MemAvailable:   many kB"), None);
        assert_eq!(available_in("MemFree: 1 kB"), None);
    }
}
