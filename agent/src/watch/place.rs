//! Where the watched folders are, and so how they can be watched.

use std::path::Path;

use nix::sys::statfs::{FsType, statfs};

/// File systems that another machine, or a host around a virtual one, writes to: the kernel that we ask for events
/// hears nothing of it. Magic numbers as in statfs(2) and, where it has them not, their drivers.
const SILENT: [(u32, &str); 15] = [
    (0x0102_1997, "9p"),
    (FUSE, "FUSE or virtiofs"),
    (0x6969, "NFS"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x517B, "SMB"),
    (0x786F_4256, "VirtualBox shared folders"),
    (0xBACB_ACBC, "VMware shared folders"),
    (0x7C7C_6673, "Parallels shared folders"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0BD0_0BD0, "Lustre"),
    (0x0116_1970, "GFS2"),
    (0x7461_636F, "OCFS2"),
];

/// Docker Desktop's osxfs, gRPC FUSE and virtiofs all are FUSE to the kernel.
const FUSE: u32 = 0x6573_5546;

/// Kernels of virtual machines that mount their host's folders. [LocalStack: init, file watcher]
const VIRTUAL: [&str; 2] = ["linuxkit", "WSL2"];

/// What matters of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileSystem {
    /// Its name, if it tells nothing of changes that are made elsewhere.
    pub silent: Option<&'static str>,
    /// Whether a file keeps its inode number as long as it is the same file.
    pub stable_inodes: bool,
}

/// Pure: what is known of a file system with this magic number.
fn file_system(magic: u32) -> FileSystem {
    FileSystem {
        silent: SILENT.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name),
        // A FUSE server may number a file anew when the kernel has forgotten it.
        stable_inodes: magic != FUSE,
    }
}

/// Pure: whether a kernel of this release runs where files are changed from outside of it.
fn is_virtual(release: &str) -> bool {
    VIRTUAL.iter().any(|word| release.contains(word))
}

/// The file system of a folder; what cannot be told is taken for a usual one.
pub(super) fn of(folder: &Path) -> FileSystem {
    statfs(folder).map_or(file_system(0), |found| file_system(magic(found.filesystem_type())))
}

/// Whether this kernel is one under a desktop's container engine.
pub(super) fn under_desktop() -> bool {
    // What `uname -r` prints.
    std::fs::read_to_string("/proc/sys/kernel/osrelease").is_ok_and(|release| is_virtual(&release))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "magic numbers have 32 bits; the type they come in depends on architecture and libc"
)]
fn magic(kind: FsType) -> u32 {
    kind.0 as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_desktops_are_known_by_their_release() {
        assert!(is_virtual("6.10.14-linuxkit\n"));
        assert!(is_virtual("5.15.167.4-microsoft-standard-WSL2"));
        assert!(!is_virtual("6.8.0-49-generic"));
    }

    #[test]
    fn file_systems_of_other_machines_are_silent() {
        assert_eq!(file_system(0x6969).silent, Some("NFS"));
        assert_eq!(file_system(FUSE), FileSystem { silent: Some("FUSE or virtiofs"), stable_inodes: false });
        for (usual, name) in [(0xEF53, "ext4"), (0x794C_7630, "overlayfs"), (0x0102_1994, "tmpfs")] {
            assert_eq!(file_system(usual), FileSystem { silent: None, stable_inodes: true }, "{name}");
        }
        assert_eq!(of(Path::new("/proc")), FileSystem { silent: None, stable_inodes: true });
    }

    #[test]
    fn magic_numbers_keep_all_their_bits() {
        let proc = statfs("/proc").unwrap();
        assert_eq!(magic(proc.filesystem_type()), 0x9FA0);
    }
}
