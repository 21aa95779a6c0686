//! `/var/rapid/init`: PID 1 of every function container. Reads its environment, runs the agent, exits.

mod allocator;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use lambdock_agent::config::ControlPlane;
use lambdock_agent::log::{self, Level};
use lambdock_agent::{Platform, run, run_for_localstack};
use tokio::task::LocalSet;

use allocator::BySize;

#[global_allocator]
static ALLOCATOR: BySize = BySize;

/// Where runtimes find the Runtime API. [AWS; LocalStack]
const API: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9001);

/// Where SDKs find the X-Ray daemon. [AWS; LocalStack]
const XRAY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2000);

/// What the image and the engine have set; what is no text is left out.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            log::write(Level::Fatal, format_args!("init: {message}"));
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), String> {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let folder = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let control_plane =
        ControlPlane::read(|name| std::env::var(name).ok(), &arguments, &folder.to_string_lossy())
            .map_err(|fault| fault.to_string())?;
    log::set_level(control_plane.log_level());
    let platform =
        Platform { root: "/".into(), api: API, xray: XRAY, folder, variables: variables().collect() };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let ended = match control_plane {
        ControlPlane::Lambdock(config) => runtime.block_on(LocalSet::new().run_until(run(config, platform))),
        ControlPlane::LocalStack(options) => {
            runtime.block_on(LocalSet::new().run_until(run_for_localstack(*options, platform)))
        }
    };
    // Who is asked to end while code is being unpacked does not wait for that.
    runtime.shutdown_background();
    ended.map_err(|error| error.to_string())
}
