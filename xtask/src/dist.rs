//! The binaries: the init for both architectures, and the control plane that carries them inside.

use std::{
    env, fs,
    io::{self, IsTerminal},
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    host::{self, Architecture, Tool},
    process::Run,
    progress::{say, step},
    workspace::Workspace,
};

/// Architectures that functions can have, as Rust names them.
const INIT_ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];

/// The init is copied into every container: it has to stay small.
const INIT_BYTES: u64 = 2 * 1024 * 1024;

/// Where the control plane's build finds the inits to embed.
pub(crate) const INIT_DIR: &str = "LAMBDOCK_INIT_DIR";

const MAKE: Tool = Tool { program: "make", packages: &["make"] };

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Also build `target/dist/lambdock-static-<architecture>`, which needs nothing of the system it runs on
    #[arg(long)]
    pub(crate) r#static: bool,
}

/// Builds everything into `target/dist`.
pub(crate) fn build(workspace: &Workspace, options: &Options) -> Result<()> {
    build_inits(workspace)?;
    build_lambdock(workspace)?;
    if options.r#static {
        build_static(workspace)?;
    }
    Ok(())
}

/// Builds the init for both architectures.
pub(crate) fn build_inits(workspace: &Workspace) -> Result<()> {
    let targets = INIT_ARCHITECTURES.map(musl_target);
    step("build the init for both architectures", || {
        let mut build = cargo(workspace);
        build.arg("build").args(voice()).args(["--profile", "init", "--package", "lambdock-init"]);
        for target in &targets {
            require_target(target)?;
            build.args(["--target", target]);
        }
        // In one go: the last step of each is the work of one core for half a minute.
        build.run()?;
        for (architecture, target) in INIT_ARCHITECTURES.iter().zip(&targets) {
            let built = workspace.target().join(target).join("init/lambdock-init");
            publish(&built, &init_path(workspace, architecture))?;
        }
        Ok(())
    })?;
    INIT_ARCHITECTURES
        .iter()
        .try_for_each(|architecture| check_size(&init_path(workspace, architecture), INIT_BYTES))
}

fn build_lambdock(workspace: &Workspace) -> Result<()> {
    host::require(&[MAKE], "for jemalloc")?;
    step("build lambdock", || {
        cargo(workspace).arg("build").args(voice()).args(["--release", "--package", "lambdock"]).run()?;
        publish(&workspace.target().join("release/lambdock"), &workspace.dist().join("lambdock"))
    })
}

/// Builds the control plane for musl, with the inits that are there, and gives back its path.
pub(crate) fn build_static(workspace: &Workspace) -> Result<std::path::PathBuf> {
    let architecture = Architecture::of_host()?.rust;
    let target = musl_target(architecture);
    let path = workspace.dist().join(format!("lambdock-static-{architecture}"));
    let c = [Tool { program: "musl-gcc", packages: &["musl-tools"] }, MAKE];
    host::require(&c, "for a static SQLite and jemalloc")?;
    step(&format!("build lambdock for {target}"), || {
        require_target(&target)?;
        cargo(workspace)
            .env(format!("CC_{}", target.replace('-', "_")), "musl-gcc")
            .arg("build")
            .args(voice())
            .args(["--release", "--package", "lambdock", "--target", &target])
            .run()?;
        publish(&workspace.target().join(&target).join("release/lambdock"), &path)
    })?;
    Ok(path)
}

/// Cargo for this workspace, with what the control plane's build needs.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    // The variable names the cargo that runs us, of the toolchain that the user chose.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .env(INIT_DIR, workspace.dist());
    command
}

/// What cargo says while it builds, which takes minutes the first time: how far it is, to a person.
fn voice() -> &'static [&'static str] {
    if io::stderr().is_terminal() && env::var_os("CI").is_none() { &[] } else { &["--quiet"] }
}

/// `init-x86_64` and `init-aarch64` in `target/dist`.
pub(crate) fn init_path(workspace: &Workspace, architecture: &str) -> std::path::PathBuf {
    workspace.dist().join(format!("init-{architecture}"))
}

pub(crate) fn musl_target(architecture: &str) -> String {
    format!("{architecture}-unknown-linux-musl")
}

/// Makes sure that Rust's standard library for a target is installed.
pub(crate) fn require_target(target: &str) -> Result<()> {
    /// Held while one is looked for: two threads may want the same.
    static ADDING: Mutex<()> = Mutex::new(());
    let _adding = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
    let library =
        Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output_text()?;
    if Path::new(&library).is_dir() {
        return Ok(());
    }
    if host::find("rustup").is_none() {
        bail!("Rust's standard library for {target} is needed; install the target with your toolchain");
    }
    step(&format!("add Rust target {target}"), || {
        Command::new("rustup").args(["target", "add", target]).output_text().map(drop)
    })
}

fn check_size(binary: &Path, limit: u64) -> Result<()> {
    let size = fs::metadata(binary)?.len();
    let name = binary.display();
    if size > limit {
        bail!("{name} is {size} bytes; the init may have {limit}, because every container gets a copy");
    }
    say(&format!("  {name}: {} kB", size / 1000));
    Ok(())
}

/// Puts a built file where it is looked for. A running copy keeps its old content; an unchanged file keeps its time,
/// so that cargo does not build again what includes it.
fn publish(built: &Path, to: &Path) -> Result<()> {
    let content = fs::read(built).with_context(|| format!("cargo left no {}", built.display()))?;
    if fs::read(to).is_ok_and(|present| present == content) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = to.with_extension("partial");
    fs::write(&partial, content)?;
    fs::set_permissions(&partial, fs::metadata(built)?.permissions())?;
    fs::rename(&partial, to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishing_the_same_content_again_leaves_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (built, to) = (folder.path().join("built"), folder.path().join("dist/init"));
        fs::write(&built, "one").unwrap();
        publish(&built, &to).unwrap();
        let modified = || fs::metadata(&to).unwrap().modified().unwrap();
        let first = modified();
        publish(&built, &to).unwrap();
        assert_eq!(modified(), first);
        fs::write(&built, "two").unwrap();
        publish(&built, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "two");
    }

    #[test]
    fn an_init_over_its_limit_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(10).unwrap();
        assert!(check_size(file.path(), 10).is_ok());
        assert!(check_size(file.path(), 9).unwrap_err().to_string().contains("10 bytes"));
    }
}
