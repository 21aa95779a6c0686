//! The command line of the control plane.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a command-line tool says is its product"
)]

use std::io::IsTerminal;

use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use lambdock::config::{self, Config, Environment, VARIABLES};
use lambdock::executor::docker::Fault as FlagsFault;
use lambdock::logs::command;
use lambdock::{app, doctor, place};
use tikv_jemallocator::Jemalloc;
use tracing::warn;
use tracing_subscriber::EnvFilter;

/// Payloads of megabytes come and go on all threads; glibc maps each of them anew, and musl is slow throughout.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// AWS Lambda on your own Docker engine.
///
/// Without a command, serves the Lambda API until it is told to stop.
#[derive(Debug, Parser)]
#[command(name = "lambdock", version, styles = STYLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the Lambda API (the default).
    Serve,
    /// Check engine, images, port, disk and clock, and say how to mend what is wrong.
    Doctor,
    /// Show what a function logs, from a Lambdock that runs.
    Logs {
        /// Go on with what is written from now on.
        #[arg(short, long)]
        follow: bool,
        /// Nothing older: a time ago, such as 10m, or a time such as 2026-01-01T12:00:00Z.
        #[arg(long, value_parser = command::since)]
        since: Option<jiff::Timestamp>,
        /// Name or ARN of the function.
        function: String,
    },
}

const STYLES: Styles =
    Styles::styled().header(AnsiColor::Green.on_default().bold()).literal(AnsiColor::Cyan.on_default());

/// Configuration cannot be used. [sysexits: EX_CONFIG]
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let matches = Cli::command().after_help(variables()).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let in_container = place::in_container();
    let environment = Environment::of_process();
    let config = match Config::read(&environment, in_container) {
        Ok(config) => config,
        Err(faults) => {
            for fault in faults {
                eprintln!("lambdock: {fault}");
            }
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(match &cli.command {
            // What it finds is all that it says.
            Some(Command::Doctor | Command::Logs { .. }) => "error",
            Some(Command::Serve) | None => &config.log_filter,
        }))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("lambdock: cannot start threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            for warning in config::warnings(&environment) {
                warn!("{warning}");
            }
            match runtime.block_on(app::run(config, in_container, |banner| println!("{banner}"))) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("lambdock: {error:#}");
                    // A variable that only the engine's side understands.
                    let misconfigured = error.downcast_ref::<FlagsFault>().is_some();
                    if misconfigured { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
                }
            }
        }
        Command::Logs { follow, since, function } => {
            let wanted = command::Wanted { function, follow, since };
            let plain = !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some();
            let colours = if plain { command::Colours::Absent } else { command::Colours::Shown };
            let (endpoint, mut out) = (app::endpoint(&config), std::io::stdout());
            match runtime.block_on(command::show(&endpoint, &wanted, colours, &mut out)) {
                Ok(()) => ExitCode::SUCCESS,
                // Whoever read it has seen enough.
                Err(command::Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    ExitCode::SUCCESS
                }
                Err(error) => {
                    eprintln!("lambdock: {error}");
                    ExitCode::FAILURE
                }
            }
        }
        Command::Doctor => {
            let settings = match app::doctor_settings(&config, in_container) {
                Ok(settings) => settings,
                Err(error) => {
                    eprintln!("lambdock: {error:#}");
                    return ExitCode::from(EXIT_CONFIG);
                }
            };
            let findings = runtime.block_on(doctor::run(&settings));
            for finding in &findings {
                println!("{finding}");
            }
            if findings.iter().all(doctor::Finding::is_fine) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

/// The table of variables for `--help`.
fn variables() -> String {
    let mut text = String::from("Environment variables (each also with the prefix LOCALSTACK_):\n");
    for variable in VARIABLES {
        let default = if variable.default.is_empty() { "none" } else { variable.default };
        text.push_str(&format!(
            "\n  {}\n      {}\n      Default: {default}\n",
            variable.name, variable.about
        ));
    }
    text
}
