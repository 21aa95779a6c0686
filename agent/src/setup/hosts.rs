//! The names that extensions know the container by.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::bootstrap::below;

/// Where telemetry is delivered. [AWS: `http://sandbox.localdomain:${PORT}`]
const NAMES: [&str; 2] = ["sandbox.localdomain", "sandbox"];

/// Lets the names lead to the loopback, so that extensions can listen on them. A name that leads somewhere already is
/// left alone.
///
/// # Errors
/// `/etc/hosts` cannot be written.
pub(crate) fn prepare(root: &Path) -> io::Result<()> {
    let path = below(root, "/etc/hosts");
    let before = fs::read_to_string(&path).unwrap_or_default();
    let missing: Vec<&str> = NAMES.into_iter().filter(|name| !is_known(&before, name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    file.write_all(format!("{gap}127.0.0.1\t{}\n", missing.join(" ")).as_bytes())
}

fn is_known(hosts: &str, name: &str) -> bool {
    hosts.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).any(|known| known == name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_added_once_on_a_line_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("etc/hosts");
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::write(&path, "127.0.0.1\tlocalhost # sandbox").unwrap();
        prepare(root.path()).unwrap();
        prepare(root.path()).unwrap();
        let hosts = fs::read_to_string(&path).unwrap();
        assert_eq!(hosts, "127.0.0.1\tlocalhost # sandbox\n127.0.0.1\tsandbox.localdomain sandbox\n");
    }

    #[test]
    fn a_name_of_the_images_own_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        let path = root.path().join("etc/hosts");
        fs::write(&path, "10.0.0.1 sandbox\n").unwrap();
        prepare(root.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "10.0.0.1 sandbox\n127.0.0.1\tsandbox.localdomain\n");
    }
}
