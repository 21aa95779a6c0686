//! The control plane's own image: the static binary and nothing else.

use std::fs;

use anyhow::{Result, bail};

use crate::{
    dist, engine,
    process::Run,
    progress::{say, step},
    workspace::Workspace,
};

const TAG: &str = "lambdock/lambdock:latest";

/// The whole image.
const LIMIT_BYTES: u64 = 30_000_000;

pub(super) fn build(workspace: &Workspace) -> Result<()> {
    dist::build_inits(workspace)?;
    let binary = dist::build_static(workspace)?;
    step(&format!("build image {TAG}"), || {
        // A context of its own: the engine is sent all of it.
        let context = tempfile::tempdir()?;
        fs::copy(&binary, context.path().join("lambdock"))?;
        fs::copy(workspace.image_sources().join("lambdock/Dockerfile"), context.path().join("Dockerfile"))?;
        engine::docker().args(["build", "--quiet", "--tag", TAG]).arg(context.path()).output_text().map(drop)
    })?;
    let size: u64 =
        engine::docker().args(["image", "inspect", "--format", "{{.Size}}", TAG]).output_text()?.parse()?;
    if size > LIMIT_BYTES {
        bail!("{TAG} is {size} bytes; it may have {LIMIT_BYTES}");
    }
    say(&format!("  {TAG}: {:.1} MB", size as f64 / 1e6));
    Ok(())
}
