//! All checks and tests, in the order in which they are quick to fail.

mod prerequisites;

use std::{
    env,
    ffi::OsString,
    fs,
    num::NonZero,
    panic,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::Result;
use clap::Args;

use crate::{
    dist::{self, cargo},
    fingerprint::Fingerprint,
    functions,
    host::Architecture,
    images,
    process::Run,
    progress::{step, summed_up},
    workspace::Workspace,
};

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Only what needs no engine: formatting, lints, unit tests, documentation
    #[arg(long, conflicts_with = "behaviour")]
    unit: bool,
    /// Only the behaviour tests in tests/, with what they need
    #[arg(long)]
    behaviour: bool,
    /// Use runtime images that are there, or those of LAMBDA_RUNTIME_IMAGE_MAPPING
    #[arg(long)]
    no_images: bool,
    /// Arguments for pytest, for example `-- -k invoke`
    #[arg(last = true)]
    pytest: Vec<OsString>,
}

/// Runs what the options ask for; stops at the first thing that fails.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    summed_up(|| {
        prerequisites::require(workspace, options)?;
        thread::scope(|scope| {
            // Mostly downloads, so it fills the time in which compilers leave a core idle.
            let provided = (!options.unit).then(|| scope.spawn(|| provide(workspace, options)));
            // First: other builds of the control plane embed the inits.
            dist::build_inits(workspace)?;
            if !options.behaviour {
                check_rust(workspace)?;
            }
            let Some(provided) = provided else { return Ok(()) };
            // The one binary that runs everywhere; a second build of the same code for this machine alone takes
            // minutes.
            let lambdock = dist::build_static(workspace)?;
            let python = match provided.join() {
                Ok(python) => python?,
                Err(payload) => panic::resume_unwind(payload),
            };
            check_behaviour(workspace, options, &python, &lambdock)
        })
    })
}

/// Everything that behaviour tests need beside Lambdock; gives back their Python environment.
fn provide(workspace: &Workspace, options: &Options) -> Result<PathBuf> {
    let python = python(workspace)?;
    if !options.no_images {
        images::ensure(workspace, &[])?;
    }
    functions::build(workspace)?;
    Ok(python)
}

fn check_rust(workspace: &Workspace) -> Result<()> {
    let rust = |what: &str, arguments: &[&str]| {
        step(what, || cargo(workspace).env("RUSTDOCFLAGS", "-D warnings").args(arguments).run())
    };
    rust("formatting", &["fmt", "--all", "--check"])?;
    rust("lints", &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    step("unit tests", || {
        // The init's own are about the binary as it is shipped: another allocator, another C library, its real size.
        let init = dist::init_path(workspace, Architecture::of_host()?.rust);
        cargo(workspace)
            .env("LAMBDOCK_INIT", init)
            .env("RUST_TEST_THREADS", test_threads().to_string())
            .args(["test", "--quiet", "--workspace"])
            .run()
    })?;
    rust("documentation", &["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"])
}

fn check_behaviour(workspace: &Workspace, options: &Options, python: &Path, lambdock: &Path) -> Result<()> {
    step("style of the behaviour tests", || {
        let ruff = || {
            let mut command = Command::new(python.join("bin/ruff"));
            command.current_dir(workspace.root().join("tests"));
            command
        };
        ruff().args(["check", "--quiet", "."]).run()?;
        ruff().args(["format", "--quiet", "--check", "."]).run()
    })?;
    step("engine tests", || {
        // Of the whole workspace: chosen alone, its crates have other features, and all would be compiled anew.
        let arguments = ["test", "--quiet", "--workspace", "--test", "engine", "--", "--include-ignored"];
        cargo(workspace).args(arguments).run()
    })?;
    let pattern = match env::var("LAMBDA_RUNTIME_IMAGE_MAPPING") {
        Ok(mapping) if options.no_images => mapping,
        _ => images::PATTERN.to_owned(),
    };
    step("behaviour tests", || {
        let mut path = vec![python.join("bin")];
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        Command::new(python.join("bin/python"))
            .current_dir(workspace.root())
            .env("PATH", env::join_paths(path)?)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(paths(workspace))
            .env("LAMBDOCK_BIN", lambdock)
            .env("LAMBDOCK_TEST_IMAGES", &pattern)
            .args(["-m", "pytest", "tests", "-n", &workers().to_string()])
            .args(&options.pytest)
            .run()
    })
}

/// Where tests and benchmark find what was built.
pub(crate) fn paths(workspace: &Workspace) -> [(&'static str, PathBuf); 4] {
    [
        ("LAMBDOCK_BIN", workspace.dist().join("lambdock")),
        ("LAMBDOCK_INIT_X86_64", dist::init_path(workspace, "x86_64")),
        ("LAMBDOCK_INIT_AARCH64", dist::init_path(workspace, "aarch64")),
        ("LAMBDOCK_FUNCTIONS", workspace.functions()),
    ]
}

/// Those that take long wait, for limits of time and for processes, and can do so side by side.
fn test_threads() -> usize {
    3 * thread::available_parallelism().map_or(2, NonZero::get)
}

/// Tests mostly wait for containers, so two at once pay on one core; more than four only fight for the engine.
fn workers() -> usize {
    thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4))
}

/// The tests' Python environment, made anew when its requirements change.
fn python(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join("test-venv");
    let requirements = workspace.root().join("tests/requirements.txt");
    let stamp = folder.join("requirements.fingerprint");
    let print = Fingerprint::default().path(&requirements)?.finish();
    if fs::read_to_string(&stamp).is_ok_and(|found| found == print) {
        return Ok(folder);
    }
    step("install the tests' Python packages", || {
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).output_text()?;
        Command::new(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(&requirements)
            .output_text()?;
        fs::write(&stamp, print)?;
        Ok(())
    })?;
    Ok(folder)
}
