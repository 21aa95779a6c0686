//! Debian root file systems: only unpacked, so that no maintainer script runs and seconds are enough.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};

use super::recipe::Suite;
use crate::{
    fingerprint::Fingerprint,
    host::{self, Tool},
    process::Run,
    progress::step,
    workspace::Workspace,
};

pub(super) const TOOL: Tool =
    Tool { program: "mmdebstrap", packages: &["mmdebstrap", "debian-archive-keyring"] };

/// In every image: a shell, the tools that scripts take for granted, certificates, the locale C.UTF-8.
const BASE: &[&str] = &[
    "base-files",
    "libc6",
    "libc-bin",
    "libgcc-s1",
    "libstdc++6",
    "dash",
    "bash",
    "coreutils",
    "ca-certificates",
];

/// Debian's keys, of all releases that still have any.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Archives of root file systems, each made once however many images start from it.
pub(super) struct RootFilesystems {
    folder: PathBuf,
    mirror: String,
    made: Mutex<HashMap<String, Arc<Mutex<Option<PathBuf>>>>>,
}

impl RootFilesystems {
    pub(super) fn new(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.image_cache().join("rootfs");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, mirror: host::debian_mirror()?, made: Mutex::default() })
    }

    /// The archive of a suite with packages, made now or found from an earlier run.
    pub(super) fn get(&self, suite: Suite, packages: &[&str]) -> Result<PathBuf> {
        let suite = match suite {
            Suite::Host => host::debian_suite().context("this machine's Debian release has no name")?,
            Suite::Bookworm => "bookworm".to_owned(),
            Suite::Trixie => "trixie".to_owned(),
        };
        let include = [BASE, packages].concat().join(",");
        let key = format!("{suite}-{}", Fingerprint::default().text(&include).finish());
        let slot = Arc::clone(
            self.made.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default(),
        );
        // Held while it is made: a second image of the same base waits for it instead of making another.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(archive) = &*slot {
            return Ok(archive.clone());
        }
        let archive = self.folder.join(format!("{key}.tar"));
        if !archive.exists() {
            step(
                &format!(
                    "unpack Debian {suite} with {} packages and what they need",
                    BASE.len() + packages.len()
                ),
                || self.make(&suite, &include, &archive),
            )?;
        }
        *slot = Some(archive.clone());
        Ok(archive)
    }

    fn make(&self, suite: &str, include: &str, archive: &Path) -> Result<()> {
        let partial = archive.with_extension("partial.tar");
        Command::new(TOOL.program)
            .args(["--variant=extract", "--mode=root", "--format=tar"])
            .arg(format!("--keyring={KEYRING}"))
            .arg(format!("--include={include}"))
            // Testing suites let their release files expire.
            .arg("--aptopt=Acquire::Check-Valid-Until \"false\"")
            .arg("--aptopt=Acquire::Retries \"3\"")
            .args([Path::new(suite), &partial, Path::new(&self.mirror)])
            .run_logged(&archive.with_extension("log"))?;
        fs::rename(&partial, archive)?;
        Ok(())
    }
}
