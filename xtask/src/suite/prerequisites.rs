//! What the tests need of the machine, looked for before anything is built: nobody should wait for minutes to be told
//! that something is missing.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};

use super::Options;
use crate::{
    engine,
    host::{self, Tool},
    images,
    process::Run,
    progress::say,
    workspace::Workspace,
};

/// What all tests start.
const TOOLS: &[Tool] = &[
    Tool { program: "bash", packages: &["bash"] },
    Tool { program: "ip", packages: &["iproute2"] },
    Tool { program: "mount", packages: &["mount"] },
    Tool { program: "nsenter", packages: &["util-linux"] },
    Tool { program: "python3", packages: &["python3"] },
];

/// What the behaviour tests start besides.
const BEHAVIOUR_TOOLS: &[Tool] = &[
    Tool { program: "curl", packages: &["curl"] },
    Tool { program: "make", packages: &["make"] },
    Tool { program: "musl-gcc", packages: &["musl-tools"] },
];

const PURPOSE: &str = "for the tests";

/// Makes sure that everything is there, installing what is missing where that is allowed.
///
/// Fails where something is missing and cannot be had, saying what to do.
pub(super) fn require(workspace: &Workspace, options: &Options) -> Result<()> {
    if !host::is_root() {
        bail!(
            "the tests need root: they put runtime images together and run the init in namespaces of its own. \
             `sudo --preserve-env=HOME env \"PATH=$PATH\" cargo xtask test` has it"
        );
    }
    let behaviour = if options.unit { &[] } else { BEHAVIOUR_TOOLS };
    host::require(&[TOOLS, behaviour].concat(), PURPOSE)?;
    if options.unit {
        return Ok(());
    }
    require_virtual_environments()?;
    engine::ensure(workspace)?;
    if !options.no_images {
        images::require(workspace)?;
    }
    wish("tests of compose files", compose)?;
    wish("tests of the init for arm64", emulation)
}

fn require_virtual_environments() -> Result<()> {
    let works = || Command::new("python3").args(["-c", "import ensurepip, venv"]).succeeds();
    if !works() {
        host::install(&["python3-venv"], PURPOSE)?;
        ensure!(works(), "python3 -m venv does not work");
    }
    Ok(())
}

/// `docker compose` in either of its two forms.
fn compose() -> Result<()> {
    if engine::docker().args(["compose", "version"]).succeeds() {
        return Ok(());
    }
    host::require(&[Tool { program: "docker-compose", packages: &["docker-compose"] }], PURPOSE)
}

/// The kernel's table of interpreters for programs of other machines, and the one that runs arm64's.
const INTERPRETERS: &str = "/proc/sys/fs/binfmt_misc";
const ARM64: &str = "qemu-aarch64";

/// Programs for arm64 start as if this machine were one, in containers too.
fn emulation() -> Result<()> {
    let table = Path::new(INTERPRETERS);
    if env::consts::ARCH == "aarch64" || table.join(ARM64).exists() {
        return Ok(());
    }
    let qemu = Tool { program: "qemu-aarch64-static", packages: &["qemu-user-static"] };
    host::require(&[qemu], PURPOSE)?;
    if !table.join("register").exists() {
        Command::new("mount").args(["-t", "binfmt_misc", "binfmt_misc", INTERPRETERS]).output_text()?;
    }
    // What an init system does with this file; installing the package has done it where one runs.
    if !table.join(ARM64).exists() {
        let entry = Path::new("/usr/lib/binfmt.d").join(ARM64).with_extension("conf");
        fs::read(&entry)
            .and_then(|line| fs::write(table.join("register"), line))
            .with_context(|| format!("cannot register {ARM64}"))?;
    }
    Ok(())
}

/// What some tests need, which are skipped without; but not in CI, where nobody would notice.
fn wish(what: &str, require: impl FnOnce() -> Result<()>) -> Result<()> {
    match require() {
        Err(error) if env::var_os("CI").is_none() => {
            say(&format!("  {what} will be skipped: {error:#}"));
            Ok(())
        }
        other => other,
    }
}
