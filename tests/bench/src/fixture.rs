//! The functions that are measured. Each answers with its own event.

use std::{
    fs::{self, Permissions},
    io::{Cursor, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

/// A function of the test suite: an archive, and how to run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fixture {
    /// Name in the report.
    pub(crate) title: &'static str,
    /// Runtime identifier.
    pub(crate) runtime: &'static str,
    /// File of the archive.
    pub(crate) archive: &'static str,
    /// Handler.
    pub(crate) handler: &'static str,
    /// What the emulator runs: the bootstrap of the image, or of the function itself.
    pub(crate) bootstrap: &'static str,
}

/// A binary on the `lambda_runtime` crate: next to nothing of its time is the function's own.
pub(crate) const RUST: Fixture = Fixture {
    title: "Rust",
    runtime: "provided.al2023",
    archive: "rust-provided.zip",
    handler: "bootstrap",
    bootstrap: "/var/task/bootstrap",
};

/// Python with AWS's client.
pub(crate) const PYTHON: Fixture = Fixture {
    title: "Python",
    runtime: "python3.12",
    archive: "echo-python.zip",
    handler: "app.handler",
    bootstrap: "/var/runtime/bootstrap",
};

/// Node.js with AWS's client.
pub(crate) const NODE: Fixture = Fixture {
    title: "Node.js",
    runtime: "nodejs22.x",
    archive: "echo-node.zip",
    handler: "index.handler",
    bootstrap: "/var/runtime/bootstrap",
};

/// All of them.
pub(crate) const ALL: [Fixture; 3] = [RUST, PYTHON, NODE];

/// Memory that every function gets, in MiB: enough for a few copies of the largest event.
pub(crate) const MEMORY_MIB: u32 = 512;
/// Timeout of every function, in seconds.
pub(crate) const TIMEOUT_S: u32 = 30;

impl Fixture {
    /// The archive's bytes.
    pub(crate) fn read(&self, folder: &Path) -> Result<Vec<u8>> {
        let path = folder.join(self.archive);
        fs::read(&path)
            .with_context(|| format!("{} is missing: build it with `cargo xtask bench`", path.display()))
    }

    /// The archive with so many more files of so many bytes, half of which can be compressed. Each `seed` makes another.
    pub(crate) fn enlarged(
        &self,
        archive: &[u8],
        (files, size): (usize, usize),
        seed: u32,
    ) -> Result<Vec<u8>> {
        let mut archive = ZipWriter::new_append(Cursor::new(archive.to_vec())).context(self.archive)?;
        // What looks like chance, and is the same each time. [Knuth: MMIX]
        let mut state = u64::from(seed);
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        for number in 0..files {
            let content: Vec<u8> = (0..size).map(|at| if at % 2 == 0 { next() } else { b'x' }).collect();
            let name = format!("package-{}/module-{number}", number / 50);
            archive.start_file(name, SimpleFileOptions::default())?;
            archive.write_all(&content)?;
        }
        Ok(archive.finish()?.into_inner())
    }

    /// A folder with the archive's files, which every user may read.
    pub(crate) fn unpack(&self, archive: &[u8]) -> Result<TempDir> {
        let folder = tempfile::Builder::new().prefix("lambdock-bench-").tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let mut archive = ZipArchive::new(Cursor::new(archive)).context(self.archive)?;
        archive.extract(folder.path()).context(self.archive)?;
        ensure!(folder.path().read_dir()?.next().is_some(), "{} is empty", self.archive);
        Ok(folder)
    }
}

/// An event of exactly `size` bytes, quotes included.
pub(crate) fn event(size: usize) -> Vec<u8> {
    let mut event = vec![b'x'; size.max(2)];
    event[0] = b'"';
    if let Some(last) = event.last_mut() {
        *last = b'"';
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_of_the_size_asked_for() {
        for size in [2, 100, 1_000_000] {
            let event = event(size);
            assert_eq!(event.len(), size);
            assert_eq!(serde_json::from_slice::<String>(&event).unwrap().len(), size - 2);
        }
    }
}
