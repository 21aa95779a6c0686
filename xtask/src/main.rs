//! `cargo xtask`: build, run, test and measure Lambdock. Everything that a newcomer, a developer and CI do is a command
//! here; `--help` lists them.

mod archive;
mod bench;
#[cfg(test)]
mod conformance;
mod dist;
mod engine;
mod fingerprint;
mod functions;
mod host;
mod images;
mod process;
mod progress;
#[cfg(test)]
mod rooms;
mod suite;
mod workspace;

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Build, run, test and measure Lambdock.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build target/dist/lambdock, init-x86_64 and init-aarch64
    Build(dist::Options),
    /// Build Lambdock and run it in the foreground
    Up {
        /// Arguments for lambdock
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Make sure that a container engine answers: install and start one where none does and the machine allows it
    Engine,
    /// Build stand-in runtime images, `lambdock-test/<runtime>`, or Lambdock's own image
    Images(images::Options),
    /// Build the tests' functions into target/functions
    Functions,
    /// Run every check and test
    Test(suite::Options),
    /// Measure Lambdock beside AWS's runtime interface emulator
    Bench {
        /// Arguments for the benchmark; `-- --help` lists them
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let workspace = Workspace::locate()?;
    match task {
        Task::Build(options) => dist::build(&workspace, &options),
        Task::Up { arguments } => up(&workspace, &arguments),
        Task::Engine => engine::ensure(&workspace),
        Task::Images(options) => images::build(&workspace, &options),
        Task::Functions => functions::build(&workspace),
        Task::Test(options) => suite::run(&workspace, &options),
        Task::Bench { arguments } => bench::run(&workspace, &arguments),
    }
}

/// Becomes `lambdock`, so that signals and the exit code are its own.
fn up(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let binary = workspace.dist().join("lambdock");
    if !binary.exists() {
        progress::say("The first build takes some minutes, later ones seconds.");
    }
    dist::build(workspace, &dist::Options::default())?;
    let error = Command::new(&binary).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}
