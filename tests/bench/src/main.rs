//! Measures Lambdock through its real API, beside AWS's runtime interface emulator and other Lambda endpoints in the
//! same run. Figures of two runs compare badly, ratios within one run compare well.

mod budget;
mod cold_start;
mod emulator;
mod engine;
mod fixture;
mod http;
mod init;
mod interruption;
mod invocation;
mod lambda_api;
mod lambdock;
mod localstack;
mod machine;
mod measure;
mod memory;
mod options;
mod published;
mod report;
mod statistics;
mod stopwatch;
mod table;
mod uplink;

use std::fs;

use anyhow::{Context, Result};
use clap::Parser;

use crate::{engine::Engine, machine::Machine, options::Options, report::Report};

fn main() -> Result<()> {
    let options = Options::parse();
    interruption::listen()?;
    let run = std::process::id().to_string();
    let engine = Engine::from_env(&run)?;
    let machine = Machine::read(engine.describe()?);
    let rows = measure::rows(&options, &engine, &run);
    let swept = engine.sweep(&measure::containers(&run)).context("containers of this run are left");
    interruption::check()?;
    let report = Report { machine, rows: rows? };
    swept?;
    write(&report, &options)?;
    print(&if options.markdown { table::markdown(&report) } else { table::text(&report) });
    Ok(())
}

fn write(report: &Report, options: &Options) -> Result<()> {
    let path = &options.report;
    let json = serde_json::to_string_pretty(report)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    fs::write(path, json + "\n").with_context(|| format!("write {}", path.display()))
}

#[expect(clippy::print_stdout, reason = "the table is the product of this command")]
fn print(table: &str) {
    print!("{table}");
}
