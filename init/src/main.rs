//! `/var/rapid/init`: PID 1 of every function container. Reads its environment, runs the agent, exits.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use lambdock_agent::config::Config;
use lambdock_agent::log::{self, Level};
use lambdock_agent::{Platform, run};
use tokio::task::LocalSet;

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
    let config = Config::read(|name| std::env::var(name).ok()).map_err(|fault| fault.to_string())?;
    log::set_level(config.log_level);
    let platform = Platform { root: "/".into(), api: API, xray: XRAY, variables: variables().collect() };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(LocalSet::new().run_until(run(config, platform))).map_err(|error| error.to_string())
}
