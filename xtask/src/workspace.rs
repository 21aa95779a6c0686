//! Where things are in the repository.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The repository's folders. Everything that is built goes below `target`.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the repository from the package that cargo runs.
    pub(crate) fn locate() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().context("xtask has no parent folder")?.to_path_buf();
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder, whatever the environment says: the paths below it are documented.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Binaries to run and to ship.
    pub(crate) fn dist(&self) -> PathBuf {
        self.target().join("dist")
    }

    /// Downloads and half-built parts of images.
    pub(crate) fn image_cache(&self) -> PathBuf {
        self.target().join("images")
    }

    /// Archives of the tests' functions.
    pub(crate) fn functions(&self) -> PathBuf {
        self.target().join("functions")
    }

    /// What images are made of.
    pub(crate) fn image_sources(&self) -> PathBuf {
        self.root.join("images")
    }

    /// What the tests' functions are made of.
    pub(crate) fn function_sources(&self) -> PathBuf {
        self.root.join("tests/functions")
    }
}
