//! What the engine's errors mean to us.

use bollard::Docker as Client;
use bollard::errors::Error as EngineError;

use crate::executor::Error;

/// What to do about an engine that does not answer.
const REMEDY: &str = "start Docker or Podman; if Lambdock runs in a container, mount the engine's socket into it (docker run -v /var/run/docker.sock:/var/run/docker.sock …); if the engine is elsewhere, set DOCKER_HOST";

/// No engine, and what to do about it.
pub(super) fn unavailable(what: &str) -> Error {
    Error::Unavailable(format!("{what}; {REMEDY}"))
}

/// The status that the engine answered with, if it did.
pub(super) fn status(error: &EngineError) -> Option<u16> {
    match error {
        EngineError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// The engine's own words.
pub(super) fn message(error: &EngineError) -> String {
    match error {
        EngineError::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        EngineError::DockerStreamError { error } => error.trim().to_owned(),
        other => with_sources(other),
    }
}

/// What failed when the engine was asked, through `client`, to `action`.
pub(super) fn failure(action: &'static str, client: &Client, error: &EngineError) -> Error {
    match error {
        EngineError::RequestTimeoutError => Error::Timeout { action, limit: client.timeout() },
        EngineError::HyperLegacyError { .. }
        | EngineError::HyperResponseError { .. }
        | EngineError::IOError { .. }
        | EngineError::SocketNotFoundError(_) => {
            unavailable(&format!("the container engine stopped answering ({})", with_sources(error)))
        }
        other => Error::Refused { action, message: message(other) },
    }
}

/// Causes lie below the errors of the HTTP client.
pub(super) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
