//! Whether this process runs in a container.

use std::fs;
use std::path::Path;

/// Files that engines put into their containers.
const MARKERS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// Whether this process runs in a container. A marker alone is not enough: virtual machines made from container
/// images carry it along.
pub fn in_container() -> bool {
    let marked = MARKERS.iter().any(|marker| Path::new(marker).exists());
    marked && fs::read_to_string("/proc/self/mountinfo").map_or(true, |mounts| !root_is_a_disk(&mounts))
}

/// Whether `/` is the whole of a disk's file system: on machines it is, in containers it is layers or a folder.
/// `mounts` has the form of `/proc/self/mountinfo`. [Linux: proc(5)]
fn root_is_a_disk(mounts: &str) -> bool {
    mounts.lines().any(|line| {
        let Some((mount, file_system)) = line.split_once(" - ") else { return false };
        let (mut mount, mut file_system) = (mount.split(' ').skip(3), file_system.split(' ').skip(1));
        let (folder, point, source) = (mount.next(), mount.next(), file_system.next());
        folder == Some("/") && point == Some("/") && source.is_some_and(|source| source.starts_with("/dev/"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_a_disk_at_its_root() {
        assert!(root_is_a_disk(
            "23 1 0:6 / /dev rw - devtmpfs devtmpfs rw\n27 1 254:0 / / rw,relatime - ext4 /dev/vda rw"
        ));
    }

    #[test]
    fn a_container_has_layers_or_a_folder() {
        assert!(!root_is_a_disk("111 61 0:50 / / rw,relatime master:3 - overlay overlay rw,lowerdir=/l:/m"));
        assert!(!root_is_a_disk("111 61 254:0 /var/lib/docker/vfs/dir/0a / rw - ext4 /dev/vda rw"));
        assert!(!root_is_a_disk("112 111 254:0 / /etc/hosts rw - ext4 /dev/vda rw"));
        assert!(!root_is_a_disk(""));
    }
}
