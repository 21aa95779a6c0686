//! The benchmark: gives `lambdock-bench` everything that it measures.

use std::ffi::OsString;

use anyhow::Result;

use crate::{
    dist::{self, cargo},
    engine, functions, images,
    process::Run,
    suite,
    workspace::Workspace,
};

/// Runtimes that are measured.
const RUNTIMES: &[&str] = &["python3.12", "nodejs22.x", "provided.al2023"];

pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    dist::build_inits(workspace)?;
    // The binary of the image, which the tests have built already.
    let lambdock = dist::build_static(workspace)?;
    engine::ensure(workspace)?;
    images::ensure(workspace, RUNTIMES)?;
    functions::build(workspace)?;
    let emulator = images::fetch_emulator(workspace)?;
    cargo(workspace)
        .envs(suite::paths(workspace))
        .env("LAMBDOCK_BIN", lambdock)
        .env("LAMBDOCK_TEST_IMAGES", images::PATTERN)
        .env("LAMBDOCK_RIE", emulator)
        .env("LAMBDOCK_BENCH_REPORT", workspace.target().join("bench/report.json"))
        .args(["run", "--quiet", "--release", "--package", "lambdock-bench", "--"])
        .args(arguments)
        .run()
}
