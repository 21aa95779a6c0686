//! Java images: Debian's runtime and the client in `images/runtimes/java`, compiled here.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::layout::Layout;
use crate::{fingerprint, host::Tool, process::Run, workspace::Workspace};

/// The compiler, and the tool that packs its output.
pub(super) const TOOLS: &[Tool] = &[
    Tool { program: "javac", packages: &["default-jdk-headless"] },
    Tool { program: "jar", packages: &["default-jdk-headless"] },
];

/// The oldest Java that the images have.
const RELEASE: &str = "17";

pub(super) fn add(layout: &Layout, version: &str) -> Result<()> {
    // Debian would choose it by update-alternatives, which nobody has run.
    let virtual_machines = layout.path("usr/lib/jvm");
    let prefix = format!("java-{version}-openjdk-");
    let name = fs::read_dir(&virtual_machines)?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .find(|name| name.starts_with(&prefix))
        .with_context(|| format!("no Java {version} in {}", virtual_machines.display()))?;
    layout.link(&format!("/usr/lib/jvm/{name}/bin/java"), "var/lang/bin/java")?;

    let classes = tempfile::tempdir_in(layout.cache())?;
    compile(&layout.source("java/src"), classes.path())?;
    let library = layout.path("var/runtime/lib");
    fs::create_dir_all(&library)?;
    Command::new("jar")
        .arg("--create")
        .arg("--file")
        .arg(library.join("runtime-api-client.jar"))
        .arg("-C")
        .arg(classes.path())
        .arg(".")
        .output_text()?;
    layout.add_bootstrap("java", &[])
}

/// The classes of `com.amazonaws.services.lambda.runtime`, for handlers to be compiled against.
pub(crate) fn api_classes(workspace: &Workspace, to: &Path) -> Result<()> {
    crate::host::require(TOOLS, "to compile Java")?;
    compile(&workspace.image_sources().join("runtimes/java/src/com"), to)
}

fn compile(sources: &Path, to: &Path) -> Result<()> {
    compiler(&fingerprint::files(sources)?, to).output_text().map(drop)
}

/// A compilation to classes that all images can load.
pub(crate) fn compiler(sources: &[PathBuf], to: &Path) -> Command {
    let mut command = Command::new("javac");
    command.args(["--release", RELEASE, "-Xlint:all", "-Werror", "-d"]).arg(to).args(sources);
    command
}
