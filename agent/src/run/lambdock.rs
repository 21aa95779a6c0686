//! Lambdock as the control plane, at the other end of the uplink.

use std::rc::Rc;

use lambdock_protocol::{Assignment, Purpose, ToAgent, ToControlPlane};
use tokio::net::TcpListener;

use super::prepare::{Surroundings, prepare};
use super::{Place, Stop, listen, serve, watched};
use crate::config::Config;
use crate::lifecycle::Reload;
use crate::log::{self, info, warn};
use crate::process::Logger;
use crate::uplink::{self, Receiver};
use crate::{Error, Platform, tunnel};

/// Runs an environment from its first connection to its end. Needs a Tokio `LocalSet` around it.
///
/// # Errors
/// The environment could not be or become one; the exit status should say so.
pub async fn run(config: Config, platform: Platform) -> Result<(), Error> {
    let mut stop = Stop::new()?;
    let (stream, buffer) = tokio::select! {
        dialled = uplink::dial(&config, Purpose::Environment) => dialled?,
        () = stop.asked() => return Ok(()),
    };
    let (sender, mut receiver) = uplink::split(stream, buffer);
    let assignment = tokio::select! {
        assignment = assigned(&mut receiver) => match assignment {
            Some(assignment) => assignment,
            None => return Ok(()),
        },
        () = stop.asked() => return Ok(()),
    };
    if let Some(level) =
        assignment.environment.get("LOCALSTACK_INIT_LOG_LEVEL").and_then(|text| log::Level::parse(text))
    {
        log::set_level(level);
    }
    info!("assigned to {}:{}", assignment.function_name, assignment.function_version);
    // Whatever folder the image names for its own command.
    let surroundings = Surroundings { logger: Logger::Pipe, folder: "/".into() };
    let prepared = tokio::select! {
        prepared = prepare(&assignment, &platform, surroundings, &sender, &mut receiver) => prepared,
        () = stop.asked() => return Ok(()),
    };
    let prepared = prepared.and_then(|runtime| Ok((runtime, watched(&assignment, &platform)?)));
    let (runtime, watch) = match prepared {
        Ok(prepared) => prepared,
        Err(reason) => {
            sender.send(ToControlPlane::Unusable { reason: reason.clone() }).await;
            return Err(Error::Unusable(reason));
        }
    };
    let api = listen(platform.api)?;
    if let Some(port) = assignment.gateway_port {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => drop(tokio::task::spawn_local(tunnel::serve(listener, Rc::new(config.clone())))),
            Err(error) => warn!("functions cannot reach the API: cannot listen on port {port}: {error}"),
        }
    }
    let place = Place { environment: config.environment, reload: Reload::Eager, runtime, watch, api };
    serve(place, assignment, &platform, sender, receiver, stop).await
}

/// Waits for the assignment; `None`: none will come.
async fn assigned(receiver: &mut Receiver) -> Option<Assignment> {
    loop {
        match receiver.receive().await? {
            ToAgent::Assign(assignment) => return Some(*assignment),
            ToAgent::Shutdown(_) => return None,
            other => warn!("the control plane sent what is not expected now: {other:?}"),
        }
    }
}
