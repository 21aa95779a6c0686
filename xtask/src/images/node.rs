//! Node.js images: the real binary from npm, and AWS's runtime interface client, which is compiled once for all of
//! them: its addon uses Node's stable binary interface.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context, Result};

use super::layout::Layout;
use crate::{
    host::{Architecture, Tool},
    process::Run,
    progress::part,
    workspace::Workspace,
};

/// AWS's runtime interface client.
pub(super) const CLIENT: &str = "aws-lambda-ric@4.0.2";

pub(super) const TOOLS: &[Tool] = &[
    Tool { program: "npm", packages: &["nodejs", "npm"] },
    Tool { program: "cmake", packages: &["cmake"] },
    Tool { program: "make", packages: &["make"] },
    Tool { program: "g++", packages: &["g++"] },
    Tool { program: "autoconf", packages: &["autoconf"] },
    Tool { program: "automake", packages: &["automake"] },
    Tool { program: "libtoolize", packages: &["libtool"] },
    Tool { program: "xz", packages: &["xz-utils"] },
    Tool { program: "python3", packages: &["python3", "python3-pip"] },
];

/// What the compiled client consists of, below `node_modules`.
const CLIENT_FILES: &[&str] = &[
    "aws-lambda-ric/index.mjs",
    "aws-lambda-ric/rapid-client.node",
    "aws-lambda-ric/package.json",
    "@aws/lambda-invoke-store",
];

/// The compiled client; built by whoever needs it first, kept between runs.
pub(super) struct Client {
    folder: PathBuf,
    built: Mutex<Option<PathBuf>>,
}

impl Client {
    pub(super) fn new(workspace: &Workspace) -> Self {
        let name = CLIENT.replace(['@', '.'], "-");
        Self { folder: workspace.image_cache().join(name), built: Mutex::default() }
    }

    /// The folder with the client's `node_modules`.
    pub(super) fn build(&self) -> Result<PathBuf> {
        // Held while it is built: others wait for it.
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &*built {
            return Ok(folder.clone());
        }
        if !self.folder.exists() {
            part("compile AWS's runtime interface client for Node.js", || self.compile()).0?;
        }
        *built = Some(self.folder.clone());
        Ok(self.folder.clone())
    }

    fn compile(&self) -> Result<()> {
        let partial = self.folder.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        Command::new("npm")
            .current_dir(&partial)
            .env("MAKEFLAGS", format!("--jobs={jobs}"))
            .args([
                "install",
                "--no-save",
                "--no-package-lock",
                "--foreground-scripts",
                "--ignore-scripts=false",
            ])
            .arg("--prefix")
            .arg(&partial)
            .arg(CLIENT)
            .run_logged(&self.folder.with_extension("log"))?;
        fs::rename(&partial, &self.folder)?;
        Ok(())
    }
}

pub(super) fn add(layout: &Layout, version: &str, client: PathBuf) -> Result<()> {
    let binary = layout.path("var/lang/bin/node");
    unpack_binary(layout.cache(), version, &binary)?;
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))?;

    let modules = layout.path("var/runtime/node_modules");
    for file in CLIENT_FILES {
        let to = modules.join(file);
        fs::create_dir_all(to.parent().context("a module outside node_modules")?)?;
        Command::new("cp").arg("-r").arg(client.join("node_modules").join(file)).arg(&to).output_text()?;
    }
    let major = version.split('.').next().unwrap_or(version);
    layout.add_bootstrap("nodejs", &[("@MAJOR@", major)])
}

/// npm's package of the platform holds the real binary; the package `node` only points to it.
fn unpack_binary(cache: &Path, version: &str, to: &Path) -> Result<()> {
    let package = format!("node-linux-{}", Architecture::of_host()?.node);
    let archive = cache.join(format!("{package}-{version}.tgz"));
    if !archive.exists() {
        // Of its own, so that half a download is never taken for a whole one.
        let folder = tempfile::tempdir_in(cache)?;
        let packed = Command::new("npm")
            .current_dir(folder.path())
            .args(["pack", "--silent", &format!("{package}@{version}")])
            .output_text()?;
        let name = packed.lines().last().context("npm packed nothing")?.to_owned();
        fs::rename(folder.path().join(name), &archive)?;
    }
    let mut unpack = Command::new("tar");
    unpack
        .arg("--extract")
        .arg("--gzip")
        .arg("--to-stdout")
        .arg("--file")
        .arg(&archive)
        .arg("package/bin/node");
    let status = unpack.stdout(fs::File::create(to)?).status()?;
    anyhow::ensure!(status.success(), "{} holds no package/bin/node", archive.display());
    Ok(())
}
