//! Python images: an interpreter and AWS's runtime interface client from PyPI.

use std::{fs, process::Command};

use anyhow::{Context, Result};

use super::{layout::Layout, recipe::Origin};
use crate::{
    host::{self, Architecture, Tool},
    process::Run,
};

/// AWS's runtime interface client.
pub(super) const CLIENT: &str = "awslambdaric==4.2.2";

pub(super) const TOOLS: &[Tool] = &[Tool { program: "python3", packages: &["python3", "python3-pip"] }];

/// Parts of a copied Python that no function needs.
const NOT_NEEDED: &[&str] = &["test", "idlelib", "turtledemo", "ensurepip", "lib2to3", "tkinter"];

pub(super) fn add(layout: &Layout, version: &str, origin: Origin) -> Result<()> {
    let library = match origin {
        Origin::Suite => {
            layout.link(&format!("/usr/bin/python{version}"), &format!("var/lang/bin/python{version}"))?;
            format!("/usr/lib/python{version}")
        }
        Origin::Host => {
            copy(layout, version)?;
            format!("/var/lang/lib/python{version}")
        }
    };
    for alias in ["python3", "python"] {
        layout.link(&format!("python{version}"), &format!("var/lang/bin/{alias}"))?;
    }
    install_client(layout, version)?;
    // Without this every cold start compiles the standard library again.
    layout.run_inside(
        &format!("/var/lang/bin/python{version}"),
        &["-m", "compileall", "-q", &library, "/var/runtime"],
    )?;
    layout.add_bootstrap("python", &[])
}

fn copy(layout: &Layout, version: &str) -> Result<()> {
    let prefix = host::own_python(version)?;
    let library = format!("python{version}");
    // Only what runs: no headers, no static library, no packages of the machine's owner.
    Command::new("cp")
        .arg("-a")
        .arg(prefix.join("bin").join(&library))
        .arg(layout.path("var/lang/bin"))
        .output_text()?;
    Command::new("cp")
        .arg("-a")
        .arg(prefix.join("lib").join(&library))
        .arg(layout.path("var/lang/lib"))
        .output_text()?;
    for entry in fs::read_dir(prefix.join("lib"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("libpython") && name.contains(".so") {
            Command::new("cp").arg("-a").arg(entry.path()).arg(layout.path("var/lang/lib")).output_text()?;
        }
    }
    let library = layout.path("var/lang/lib").join(&library);
    for entry in fs::read_dir(&library)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if NOT_NEEDED.contains(&name.as_str()) || name.starts_with("config-") || name == "site-packages" {
            fs::remove_dir_all(&path)?;
        }
    }
    fs::create_dir(library.join("site-packages"))?;
    // The host's compiled files name the host's paths.
    let mut caches = Command::new("find");
    caches
        .arg(&library)
        .args(["-name", "__pycache__", "-prune", "-exec", "rm", "-r", "{}", "+"])
        .output_text()?;
    Ok(())
}

/// Any Python can install for any other: the client comes as a wheel.
fn install_client(layout: &Layout, version: &str) -> Result<()> {
    let platform = Architecture::of_host()?.rust;
    Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--only-binary=:all:",
            "--implementation",
            "cp",
        ])
        .args(["--python-version", version])
        .args([
            format!("--platform=manylinux2014_{platform}"),
            format!("--platform=manylinux_2_17_{platform}"),
        ])
        .arg("--target")
        .arg(layout.path("var/runtime"))
        .arg(CLIENT)
        .run_logged(&layout.cache().join(format!("{}-client.log", layout.runtime())))
        .context("AWS's runtime interface client for Python could not be installed")
}
