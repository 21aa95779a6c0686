//! Finds an engine that answers and agrees with it on a version of its API.

use std::path::Path;
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker as Client};
use jiff::Timestamp;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tracing::debug;

use super::address::{Address, Hints, candidates};
use super::failure::{unavailable, with_sources};
use crate::executor::{EngineDescription, Error};

/// Time for an engine to say its version.
const GREETING: Duration = Duration::from_secs(5);

/// What an engine is, as far as it matters to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its containers are behind a bridge of the machine that it runs on.
    Docker,
    /// Its containers are in a virtual machine which forwards `host.docker.internal`.
    Desktop,
    /// Its containers are behind a network of the user.
    RootlessDocker,
    /// Like Docker.
    Podman,
    /// Its containers are behind a network of the user.
    RootlessPodman,
}

/// An engine that answers.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) client: Client,
    pub(super) address: Address,
    pub(super) kind: Kind,
    pub(super) description: EngineDescription,
}

/// The first engine that answers. `limit`: time for the answer to any one request.
pub(super) async fn find(hints: &Hints, limit: Duration) -> Result<Found, Error> {
    let addresses = candidates(hints).map_err(Error::Unavailable)?;
    let mut tried = Vec::new();
    for address in addresses {
        match timeout(GREETING, greet(&address, limit)).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(reason)) => {
                debug!(%address, reason, "no engine here");
                tried.push(format!("{address} ({reason})"));
            }
            Err(_elapsed) => tried.push(format!("{address} (no answer)")),
        }
    }
    Err(unavailable(&format!("no container engine answers at {}", tried.join(", "))))
}

async fn greet(address: &Address, limit: Duration) -> Result<Found, String> {
    let limit = limit.as_secs();
    let client = match address {
        Address::Socket(path) => {
            reachable(path).await?;
            Client::connect_with_unix(&path.to_string_lossy(), limit, API_DEFAULT_VERSION)
        }
        Address::Tcp(authority) => Client::connect_with_http(authority, limit, API_DEFAULT_VERSION),
    };
    let client = client.map_err(|error| with_sources(&error))?;
    let client = client.negotiate_version().await.map_err(|error| with_sources(&error))?;
    let version = client.version().await.map_err(|error| with_sources(&error))?;
    let info = client.info().await.map_err(|error| with_sources(&error))?;
    let clock = info.system_time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
    let is_podman = version.components.iter().flatten().any(|component| component.name.contains("Podman"));
    let rootless = info.security_options.iter().flatten().any(|option| option.contains("rootless"));
    let desktop = info.operating_system.as_deref().is_some_and(|system| system.contains("Docker Desktop"));
    let kind = match (is_podman, rootless, desktop) {
        (true, true, _) => Kind::RootlessPodman,
        (true, false, _) => Kind::Podman,
        (false, _, true) => Kind::Desktop,
        (false, true, false) => Kind::RootlessDocker,
        (false, false, false) => Kind::Docker,
    };
    let spoken = client.client_version();
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
    let description = EngineDescription {
        name: match kind {
            Kind::Docker => "Docker Engine",
            Kind::Desktop => "Docker Desktop",
            Kind::RootlessDocker => "Docker Engine (rootless)",
            Kind::Podman => "Podman",
            Kind::RootlessPodman => "Podman (rootless)",
        }
        .to_owned(),
        version: or_unknown(version.version),
        api_version: format!("{}.{}", spoken.major_version, spoken.minor_version),
        address: address.to_string(),
        platform: format!("{}/{}", or_unknown(version.os), or_unknown(version.arch)),
        clock_ahead_ms: clock.map(|clock| clock.as_millisecond() - Timestamp::now().as_millisecond()),
    };
    Ok(Found { client, address: address.clone(), kind, description })
}

/// The engine's client would say less about a socket that is not there or not ours.
async fn reachable(path: &Path) -> Result<(), String> {
    match UnixStream::connect(path).await {
        Ok(_stream) => Ok(()),
        Err(error) => Err(match error.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                "permission denied: join the group that owns it, mostly docker".to_owned()
            }
            std::io::ErrorKind::ConnectionRefused => "nobody listens".to_owned(),
            _ => error.to_string(),
        }),
    }
}
