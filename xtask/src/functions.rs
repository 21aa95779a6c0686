//! The tests' functions: every folder in `tests/functions` becomes `target/functions/<name>.zip`. What a folder holds
//! says how it is built.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    archive,
    dist::{musl_target, require_target},
    fingerprint::{self, Fingerprint},
    host::{self, Architecture, Tool},
    images::{java_api_classes, java_compiler},
    process::Run,
    progress::{say, step},
    workspace::Workspace,
};

const PIP: &[Tool] = &[Tool { program: "python3", packages: &["python3", "python3-pip"] }];

/// How a function's folder becomes what goes into the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `Cargo.toml`: the binary `bootstrap`, static.
    Rust,
    /// `src/`: Java classes.
    Java,
    /// `requirements.txt`: the files, and the packages that it names.
    Python,
    /// The files as they are.
    Plain,
}

impl Kind {
    fn of(folder: &Path) -> Self {
        if folder.join("Cargo.toml").exists() {
            Self::Rust
        } else if folder.join("requirements.txt").exists() {
            Self::Python
        } else if folder.join("src").is_dir() {
            Self::Java
        } else {
            Self::Plain
        }
    }
}

/// Builds the archives whose sources have changed.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let mut folders: Vec<_> = fs::read_dir(workspace.function_sources())?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().context("a folder without a name")?.to_string_lossy().into_owned();
        build_one(workspace, &folder, &name).with_context(|| format!("function {name}"))?;
    }
    say(&format!("✓ functions in {}", workspace.functions().display()));
    Ok(())
}

fn build_one(workspace: &Workspace, sources: &Path, name: &str) -> Result<()> {
    let archive = workspace.functions().join(format!("{name}.zip"));
    let stamp = workspace.functions().join(format!("{name}.fingerprint"));
    let print = Fingerprint::default().text(Architecture::of_host()?.rust).path(sources)?.finish();
    if archive.exists() && fs::read_to_string(&stamp).is_ok_and(|found| found == print) {
        return Ok(());
    }
    step(&format!("build function {name}"), || {
        let content = tempfile::tempdir()?;
        fill(workspace, sources, name, content.path())?;
        archive::pack(content.path(), &archive)?;
        fs::write(&stamp, print)?;
        Ok(())
    })
}

fn fill(workspace: &Workspace, sources: &Path, name: &str, content: &Path) -> Result<()> {
    match Kind::of(sources) {
        Kind::Rust => {
            let binary = compile_rust(workspace, sources, name)?;
            fs::copy(binary, content.join("bootstrap"))?;
        }
        Kind::Java => {
            let api = tempfile::tempdir()?;
            java_api_classes(workspace, api.path())?;
            let files = fingerprint::files(&sources.join("src"))?;
            java_compiler(&files, content).arg("-classpath").arg(api.path()).output_text()?;
        }
        Kind::Python => {
            copy(sources, content)?;
            host::require(PIP, "to install a function's packages")?;
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-compile", "--target"])
                .arg(content)
                .arg("--requirement")
                .arg(sources.join("requirements.txt"))
                .output_text()?;
        }
        Kind::Plain => copy(sources, content)?,
    }
    Ok(())
}

fn copy(sources: &Path, content: &Path) -> Result<()> {
    for file in fingerprint::files(sources)? {
        let to = content.join(file.strip_prefix(sources)?);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(&file, &to)?;
    }
    Ok(())
}

fn compile_rust(workspace: &Workspace, sources: &Path, name: &str) -> Result<PathBuf> {
    let target = musl_target(Architecture::of_host()?.rust);
    require_target(&target)?;
    let folder = workspace.target().join("functions-build").join(name);
    // From the function's folder, as a user would: a project of its own with its own lock file.
    Command::new("cargo")
        .current_dir(sources)
        .env("CARGO_TARGET_DIR", &folder)
        .args(["build", "--quiet", "--release", "--locked", "--target", &target])
        .run()?;
    Ok(folder.join(target).join("release/bootstrap"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_says_how_it_is_built() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(Kind::of(path), Kind::Plain);
        fs::create_dir(path.join("src")).unwrap();
        assert_eq!(Kind::of(path), Kind::Java);
        fs::write(path.join("Cargo.toml"), "").unwrap();
        assert_eq!(Kind::of(path), Kind::Rust);
        fs::remove_file(path.join("Cargo.toml")).unwrap();
        fs::write(path.join("requirements.txt"), "").unwrap();
        assert_eq!(Kind::of(path), Kind::Python);
    }
}
