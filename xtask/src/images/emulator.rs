//! AWS's runtime interface emulator, which the benchmark measures beside Lambdock. It is never part of an image.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use super::python;
use crate::{
    archive,
    host::{self, Architecture},
    process::Run,
    progress::step,
    workspace::Workspace,
};

/// The package on PyPI whose wheel carries the emulator.
const PACKAGE: &str = "aws-sam-cli==1.170.0";

/// The emulator for this machine, `target/images/aws-lambda-rie`; fetched unless it is there.
pub(crate) fn fetch(workspace: &Workspace) -> Result<PathBuf> {
    let emulator = workspace.image_cache().join("aws-lambda-rie");
    if emulator.exists() {
        return Ok(emulator);
    }
    host::require(python::TOOLS, "to fetch AWS's runtime interface emulator")?;
    step("fetch AWS's runtime interface emulator", || {
        fs::create_dir_all(workspace.image_cache())?;
        let folder = tempfile::tempdir_in(workspace.image_cache())?;
        Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", PACKAGE, "--dest"])
            .arg(folder.path())
            .output_text()?;
        let wheel = fs::read_dir(folder.path())?.flatten().next().context("pip downloaded nothing")?.path();
        let name = format!("samcli/local/rapid/aws-lambda-rie-{}", Architecture::of_host()?.aws);
        archive::extract(&wheel, &name, &emulator)
    })?;
    Ok(emulator)
}
