//! Everything that happens inside a Lambda function's container.
//!
//! The init is PID 1. It dials out to the control plane over the uplink ([`lambdock_protocol`]), is told what function
//! it is for, fetches and unpacks the code, starts the runtime, and from then on stands between the two: invocations
//! come down, are handed to the runtime through Lambda's Runtime API on `127.0.0.1:9001`, and answers, log lines and
//! measurements go up as they happen.
//!
//! ```text
//! uplink ──┐                               ┌── process   start, kill, reap
//! api ─────┼─▶ driver ─▶ lifecycle (pure) ─┼── output    lines of the function, up
//! signals ─┘   one loop      events →      ├── uplink    answers, reports, up
//! processes      effects                   └── api       events, to the runtime
//! ```
//!
//! Everything that is logged, lines of processes and the platform's own, also passes [`telemetry`], for extensions
//! that subscribe to it.
//!
//! Everything runs on one thread, but for the watching of files ([`watch`]). State changes in one place,
//! [`lifecycle::Machine`], which does no I/O.

mod api;
mod clock;
pub mod config;
mod credentials;
mod driver;
mod environment;
pub mod lifecycle;
pub mod localstack;
pub mod log;
mod memory;
mod output;
mod process;
mod report;
mod run;
mod setup;
mod story;
pub mod telemetry;
mod tunnel;
mod uplink;
mod waiting;
pub mod watch;
mod xray;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use run::lambdock::run;
pub use run::localstack::run as run_for_localstack;

/// What is different between a container and a test.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Where `/var/task`, `/opt`, `/etc` and `/tmp` are.
    pub root: PathBuf,
    /// Where the Runtime API listens. [AWS: port 9001]
    pub api: SocketAddr,
    /// Where the X-Ray daemon listens. [AWS: port 2000]
    pub xray: SocketAddr,
    /// Where the init was started.
    pub folder: PathBuf,
    /// Variables of the container.
    pub variables: Vec<(String, String)>,
}

/// Why the init ends otherwise than it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection to the control plane.
    #[error(transparent)]
    Uplink(#[from] uplink::Error),
    /// The connection was lost before there was anything to do.
    #[error("the control plane is gone")]
    Abandoned,
    /// LocalStack does not take our calls.
    #[error("LocalStack cannot be told that the environment is ready: {0}")]
    LocalStack(#[source] localstack::Error),
    /// The environment cannot serve; the control plane has been told.
    #[error("{0}")]
    Unusable(String),
    /// The system refuses what the init needs.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.into();
    move |source| Error::System { what, source }
}
